//! Memory and answers of QEMU of one device as it must be, and one lie each.

use super::super::tests::{Build, ROOT};
use super::*;
use crate::protocol::Root;
use nexus_sysdesc::{Queue as Described, Shape};

const BASE: u64 = 0x8000_0000;
const TABLES: u64 = BASE + 0x20_0000;
const POOL: u64 = BASE + 0x29_0000;
const USED: u64 = BASE + 0x32_0000;
const KERNEL: Range<u64> = BASE..BASE + 0x8_0000;
const OWNER: u32 = 8;
/// V R W U A D, and the same without W.
const WRITABLE: u64 = 0xd7;
const READABLE: u64 = 0x53;

fn layout() -> Layout {
    let shape = |heads, reads: &[u32], writes: &[u32]| Shape {
        heads,
        reads: reads.into(),
        writes: writes.into(),
    };
    let first = vec![shape(2, &[16], &[4096, 1]), shape(1, &[16, 4096], &[1])];
    let queue = |shapes| Described { shapes };
    Layout::of(&[queue(first), queue(vec![shape(5, &[], &[64])])]).unwrap()
}

/// A device that is set up, in a machine whose owner maps pool and used rings.
struct Machine {
    build: Build,
    device: Device,
    reach: Reach,
}

impl Machine {
    fn new() -> Machine {
        let layout = layout();
        let queues = layout.queues.iter().map(|queue| Queue {
            size: queue.size.into(),
            table: TABLES + queue.table,
            avail: POOL + queue.avail,
            used: USED + queue.used,
        });
        let serial = Some(String::from("nexus-1"));
        let (in_reset, queues) = (false, queues.collect());
        let device = Device { name: "blk0".into(), in_reset, queues, serial: serial.clone() };
        let mut build = Build::new();
        let root = build.page();
        assert_eq!(root, ROOT);
        for one in layout.descriptors() {
            let base = if one.of_tables { TABLES } else { POOL };
            put(&mut build, one.index, base + one.offset, one.len, one.flags, one.next);
        }
        build.map(ROOT, 0x4000_0000, POOL, WRITABLE);
        build.map(ROOT, 0x4000_1000, POOL + 4096, WRITABLE);
        build.map(ROOT, 0x4001_0000, USED, READABLE);
        let recorded = Some(layout.digest());
        let (name, number, owner) = ("blk0".into(), 1, OWNER);
        let reach = Reach { device: name, number, owner, serial, layout, recorded };
        Machine { build, device, reach }
    }

    fn found(self) -> Vec<String> {
        let Machine { build, device, reach } = self;
        found(build, &[reach], &[device], std::slice::from_ref(&KERNEL))
    }

    /// What is wrong with its tables, and with nothing else.
    fn found_in_tables(self) -> Vec<String> {
        let Machine { build, device, reach } = self;
        let mut found = Vec::new();
        let mut say = |what| found.push(what);
        let places = Places::of(&reach.layout, &device, &mut say).unwrap();
        check_tables(&build.ram(), &reach, &places, &mut say);
        found
    }

    #[track_caller]
    fn finds(self, expected: &str) {
        let found = self.found();
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:#?}");
    }
}

fn found(
    build: Build,
    reaches: &[Reach],
    devices: &[Device],
    forbidden: &[Range<u64>],
) -> Vec<String> {
    let roots = [Root { service: OWNER, phys: ROOT }];
    let claims =
        Claims { services: &[OWNER], roots: &roots, caps: &[], forbidden, reaches, devices };
    check(&build.ram(), &claims)
}

/// A descriptor, as the device reads it (virtio 1.2, 2.7.5).
fn put(build: &mut Build, index: u64, address: u64, len: u32, flags: u16, next: u16) {
    build.set(TABLES, 2 * index, address);
    let word = u64::from(len) | u64::from(flags) << 32 | u64::from(next) << 48;
    build.set(TABLES, 2 * index + 1, word);
}

#[test]
fn test_a_device_that_reaches_what_the_image_says() {
    assert_eq!(Machine::new().found(), Vec::<String>::new());
    let (name, queues) = ("net0".into(), vec![Queue::default(); 3]);
    let idle = Device { name, in_reset: true, queues, serial: None };
    let Machine { build, device, reach } = Machine::new();
    assert_eq!(found(build, &[reach], &[idle, device], &[]), Vec::<String>::new());
    // A third queue that QEMU has and nobody set up.
    let mut machine = Machine::new();
    machine.device.queues.push(Queue { size: 64, ..Queue::default() });
    assert_eq!(machine.found(), Vec::<String>::new());
}

// attack 80 H: the disk that somebody has is not the one with the described serial number, or another has it too; found; broken: witness-serial
#[test]
fn test_a_disk_has_the_serial_number_that_it_is_known_by() {
    let mut machine = Machine::new();
    machine.device.serial = Some("foreign".into());
    machine.finds("its serial number is `foreign`, and `nexus-1` is described");
    let mut machine = Machine::new();
    machine.device.serial = None;
    machine.finds("its serial number is ``, and `nexus-1` is described");
    let Machine { build, device, reach } = Machine::new();
    let twin = Device { name: "disk2".into(), in_reset: true, queues: vec![], ..device.clone() };
    let found = self::found(build, &[reach], &[device, twin], std::slice::from_ref(&KERNEL));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("2 disks have the serial number `nexus-1`"), "{found:?}");
    let Machine { build, device, mut reach } = Machine::new();
    reach.serial = None;
    let device = Device { serial: Some("whatever".into()), ..device };
    let found = self::found(build, &[reach], &[device], std::slice::from_ref(&KERNEL));
    assert_eq!(found, Vec::<String>::new(), "where it is not known by it");
}

// attack 88 H: one descriptor names other memory, more of it, another direction, or nothing; found; broken: witness-reach
#[test]
fn test_each_descriptor_counts() {
    let laid: Vec<Descriptor> = layout().descriptors().collect();
    for one in laid {
        let base = if one.of_tables { TABLES } else { POOL };
        let right = (base + one.offset, one.len, one.flags, one.next);
        let lies = [
            (BASE, right.1, right.2, right.3),
            (right.0 + 8, right.1, right.2, right.3),
            (right.0, right.1 + 1, right.2, right.3),
            (right.0, right.1, right.2 ^ WRITE, right.3),
            (right.0, right.1, right.2 ^ NEXT, right.3),
            (right.0, right.1, right.2, right.3 + 1),
            (USED, right.1, right.2, right.3),
            (0, 0, 0, 0),
        ];
        for (address, len, flags, next) in lies {
            let mut machine = Machine::new();
            put(&mut machine.build, one.index, address, len, flags, next);
            let found = machine.found_in_tables();
            assert!(!found.is_empty(), "{one:?} as {address:#x} {len} {flags} {next}");
        }
    }
    let mut machine = Machine::new();
    put(&mut machine.build, 4 + 8, BASE, 16, NEXT, 1);
    machine.finds("names neither pool nor tables");
    let mut machine = Machine::new();
    put(&mut machine.build, 4 + 8, POOL + 4096, 17, NEXT, 1);
    machine.finds("reaches [reads 17 at 0x1000], which the image does not say");
}

// attack 88 H: a descriptor behind those of the image, in the tables and behind them; found; broken: witness-stray
#[test]
fn test_nothing_stands_where_nothing_was_placed() {
    let layout = layout();
    let placed = layout.descriptors().count() as u64;
    let free = (0..).find(|index| layout.descriptors().all(|one| one.index != *index)).unwrap();
    assert_eq!(free, 3, "three heads in a ring of four");
    for index in [free, placed + 9, 255, 256, 128 * 256 + 255] {
        let mut machine = Machine::new();
        put(&mut machine.build, index, POOL, 1, 0, 0);
        machine.finds(&format!("there is something at descriptor {index}"));
    }
}

// attack 88 H: something was written behind the pool, or the used rings; found; broken: witness-behind
#[test]
fn test_nothing_was_written_behind_the_pieces() {
    let layout = layout();
    for (end, name) in [(POOL + layout.pool, "the pool"), (USED + layout.used, "the used rings")] {
        for offset in [0, 4096 + 8, GUARD - 8] {
            let mut machine = Machine::new();
            machine.build.set(end, offset / 8, 1);
            machine.finds(&format!("there is something behind {name} of blk0"));
        }
    }
}

// attack 88 H: the tables are not those that were recorded; found; broken: witness-digest
#[test]
fn test_the_digest_is_the_recorded_one() {
    let mut machine = Machine::new();
    machine.reach.recorded = Some(1);
    machine.finds("the record 0000000000000001");
    machine = Machine::new();
    machine.reach.recorded = None;
    machine.finds("the record none");
}

// attack 88 H: QEMU has a queue elsewhere, or one that nobody described; found; broken: witness-queues
#[test]
fn test_queues_are_where_the_layout_has_them() {
    type Change = fn(&mut Vec<Queue>);
    let changes: [(&str, Change); 7] = [
        ("queue 1 is", |queues| queues[1].table += 16),
        ("queue 1 is", |queues| queues[1].avail += 16),
        ("queue 1 is", |queues| queues[1].used += 16),
        ("queue 0 is", |queues| queues[0].size = 8),
        ("queue 2 is", |queues| queues.push(Queue { size: 4, table: BASE, avail: 0, used: 0 })),
        ("queue 2 is", |queues| queues.push(Queue { size: 4, table: 0, avail: 0, used: BASE })),
        ("1 queues, and the image has more", |queues| queues.truncate(1)),
    ];
    for (expected, change) in changes {
        let mut machine = Machine::new();
        change(&mut machine.device.queues);
        machine.finds(expected);
    }
    // All of it elsewhere, in one piece.
    let mut machine = Machine::new();
    for queue in &mut machine.device.queues {
        queue.table += 4096;
    }
    assert!(!machine.found().is_empty());
}

// attack 88 H: tables or used rings are mapped, or a pool by another; found; broken: witness-mapped
#[test]
fn test_who_maps_what() {
    for (pa, flags, expected) in [
        (TABLES, READABLE, "maps the tables"),
        (TABLES, WRITABLE, "maps the tables"),
        (USED, WRITABLE, "maps the used rings"),
    ] {
        let mut machine = Machine::new();
        machine.build.map(ROOT, 0x4002_0000, pa, flags);
        machine.finds(expected);
    }
    let mut machine = Machine::new();
    machine.reach.owner = 9;
    machine.finds("service 8 maps the pool");
}

// attack 88 H: pools overlap, or are not memory that devices have; found; broken: witness-apart
#[test]
fn test_pieces_are_apart() {
    let Machine { build, device, reach } = Machine::new();
    let twin = Device { name: "net0".into(), ..device.clone() };
    let other = Reach { device: "net0".into(), number: 2, ..reach.clone() };
    let found =
        found(build, &[reach, other], &[device, twin], std::slice::from_ref(&(POOL..POOL + 4096)));
    for expected in
        ["the tables of blk0 and the tables of net0 overlap", "in kernel or firmware memory"]
    {
        assert!(found.iter().any(|one| one.contains(expected)), "{found:#?}");
    }
    let mut machine = Machine::new();
    for queue in &mut machine.device.queues {
        queue.used += 16;
    }
    machine.finds("the used rings of blk0 are not whole pages of memory");
    machine = Machine::new();
    for queue in &mut machine.device.queues {
        queue.used = BASE + (64 << 20);
    }
    assert!(!machine.found().is_empty());
}

#[test]
fn test_what_is_beside_a_piece_is_not_the_piece() {
    let ends = |start: u64, len: u64| [start - 4096, start + len];
    let laid = layout();
    let beside = [ends(TABLES, laid.tables), ends(POOL, laid.pool), ends(USED, laid.used)];
    let mut machine = Machine::new();
    machine.reach.owner = 9;
    // Nobody has the pieces themselves.
    machine.build = Build::new();
    let root = machine.build.page();
    for one in laid.descriptors() {
        let base = if one.of_tables { TABLES } else { POOL };
        put(&mut machine.build, one.index, base + one.offset, one.len, one.flags, one.next);
    }
    for (page, pa) in (0..).zip(beside.into_iter().flatten()) {
        machine.build.map(root, 0x4000_0000 + page * 4096, pa, WRITABLE);
    }
    assert_eq!(machine.found(), Vec::<String>::new());
}

/// What is said of these pieces in RAM of 64 KiB.
fn apart(pieces: &[Range<u64>], forbidden: &[Range<u64>]) -> Vec<String> {
    let named =
        pieces.iter().enumerate().map(|(index, one)| (format!("piece {index}"), one.clone()));
    let mut found = Vec::new();
    let ram = Ram::new(BASE, vec![0; 16 * 4096]);
    check_apart(&ram, &named.collect::<Vec<_>>(), forbidden, &mut found);
    found
}

#[test]
fn test_pieces_may_touch_and_are_whole_pages() {
    let pages = |from: u64, to: u64| BASE + from * 4096..BASE + to * 4096;
    let neighbours = [pages(2, 4), pages(1, 2), pages(4, 16)];
    let forbidden = [pages(0, 1), pages(16, 20)];
    assert_eq!(apart(&neighbours, &forbidden), Vec::<String>::new());
    for (first, second) in [(pages(2, 4), pages(3, 5)), (pages(3, 5), pages(2, 4))] {
        assert_eq!(apart(&[first.clone(), second.clone()], &[]), ["piece 0 and piece 1 overlap"]);
        assert_eq!(apart(&[first], &[second]).len(), 1);
    }
    for torn in [BASE + 8..BASE + 4096, BASE..BASE + 4088, BASE..BASE + 17 * 4096] {
        let found = apart(&[torn], &[]);
        assert!(found.len() == 1 && found[0].contains("not whole pages of memory"), "{found:?}");
    }
}

/// Each that is no descriptor of this device differs from one that is by one thing.
#[test]
fn test_a_descriptor_is_whole_in_pool_or_tables() {
    let one = |address: u64, len: u32, flags: u16| {
        let mut build = Build::new();
        put(&mut build, 1, address, len, flags, 0);
        let places = Places {
            tables: TABLES..TABLES + 8192,
            pool: POOL..POOL + 8192,
            used: USED..USED + 64,
        };
        let read = super::read(&build.ram(), &places, 1);
        read.map(|one| (one.of_tables, one.offset, one.len, one.flags))
    };
    let end = POOL + 8192;
    assert_eq!(one(POOL, 1, 0), Some((false, 0, 1, 0)));
    assert_eq!(one(end - 16, 16, NEXT | WRITE), Some((false, 8176, 16, NEXT | WRITE)));
    assert_eq!(one(TABLES + 16, 48, INDIRECT), Some((true, 16, 48, INDIRECT)));
    for (address, len, flags, why) in [
        (POOL, 0, 0, "of no bytes"),
        (end, 1, 0, "behind the pool"),
        (end - 16, 17, 0, "past its end"),
        (POOL - 1, 2, 0, "before it"),
        (POOL, 16, 8, "with a flag that there is not"),
        (TABLES, 16, INDIRECT | NEXT, "a table with a next one"),
        (TABLES, 16, INDIRECT | WRITE, "a table that is written"),
        (TABLES, 16, 0, "tables as data"),
        (POOL, 16, INDIRECT, "data as a table"),
    ] {
        assert_eq!(one(address, len, flags), None, "{why}");
    }
}

#[test]
fn test_a_chain_is_described_by_its_first_segments() {
    let segments: Vec<Segment> = (0..5)
        .map(|index| Segment { offset: u64::from(index) * 16, len: index, writes: index == 1 })
        .collect();
    assert_eq!(describe(segments[..0].iter()), "nothing");
    assert_eq!(describe(segments[..2].iter()), "[reads 0 at 0x0][writes 1 at 0x10]");
    let four = "[reads 0 at 0x0][writes 1 at 0x10][reads 2 at 0x20][reads 3 at 0x30]";
    assert_eq!(describe(segments[..4].iter()), four);
    assert_eq!(describe(segments.iter()), format!("{four} ..."));
}

// attack 87 H: a device without an owner runs, or QEMU does not show one that has an owner; found; broken: witness-reset
#[test]
fn test_devices_of_nobody_are_in_reset() {
    let mut machine = Machine::new();
    let Machine { build, device, .. } = Machine::new();
    assert_eq!(
        found(build, &[], &[device], &[]),
        ["blk0: nobody may use it, and it is not in reset"]
    );
    machine.device.name = "blk1".into();
    machine.finds("blk0: QEMU shows no such device");
    // With an owner that has no queues it is in reset as well.
    machine = Machine::new();
    machine.reach.layout = Layout::of(&[]).unwrap();
    machine.finds("nobody may use it");
    machine = Machine::new();
    machine.device = Device { in_reset: true, queues: vec![Queue::default(); 2], ..machine.device };
    assert!(!machine.found().is_empty(), "an owner whose device is not set up");
    machine = Machine::new();
    machine.device.queues.clear();
    assert!(!machine.found().is_empty());
}
