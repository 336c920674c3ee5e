//! The standard system as it stands after three minutes, one denial, and one death. For tests, and for who looks at
//! the page without a machine (`examples/render.rs`).

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::model::{
    Card, Chain, Device, Disk, Frames, Holding, Ledger, Line, Log, Memory, Network, Page, Pool,
    Ready, Record, Ring, Rule, Service, Snapshot, Store, Time, Use, VERSION,
};

/// Name, owner, line, registers written, interrupts, bytes in reach.
type Held = (&'static str, Option<u32>, Option<u32>, Option<u32>, u64, u64);
/// Id, name, priority, frames used and allowed, whom it may call.
type Runs = (u32, &'static str, u32, u64, u64, &'static [u32]);

const DEVICES: [Held; 6] = [
    ("uart0", Some(4), Some(10), None, 41_873, 0),
    ("rtc0", Some(5), None, Some(0), 0, 0),
    ("power0", Some(6), None, Some(1), 0, 0),
    ("rng0", Some(7), Some(3), Some(2), 12, 256),
    ("blk0", Some(8), Some(4), Some(2), 20_391, 1_245_184),
    ("net0", Some(9), Some(5), Some(2), 88_102, 301_056),
];

const SERVICES: [Runs; 15] = [
    (1, "init", 20, 231, 60_416, &[2, 3, 11]),
    (2, "policyd", 22, 61, 128, &[3]),
    (3, "logd", 24, 212, 512, &[]),
    (4, "consoled", 17, 48, 128, &[1, 3]),
    (5, "rtcd", 18, 31, 64, &[1, 3]),
    (6, "powerd", 18, 30, 64, &[1, 3]),
    (7, "rngd", 16, 38, 128, &[1, 3]),
    (8, "virtioblkd", 16, 92, 512, &[1, 3]),
    (9, "virtionetd", 16, 88, 256, &[1, 3]),
    (10, "nsh", 8, 97, 256, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14]),
    (11, "busd", 22, 45, 128, &[3]),
    (12, "statefsd", 14, 1490, 2048, &[1, 3, 7, 8]),
    (13, "archived", 6, 71, 128, &[1, 3, 12]),
    (14, "netstackd", 15, 610, 1024, &[1, 3, 5, 7, 9]),
    (15, "httpd", 7, 182, 512, &[1, 2, 3, 5, 8, 9, 12, 14]),
];

const RULES: [(u32, &str, &str); 16] = [
    (
        1,
        "allow-consoled-uart0",
        "consoled is the driver of the serial port, and is told what is typed",
    ),
    (2, "allow-rtcd-rtc0", "rtcd is the driver of the clock; it reads the time, and cannot set it"),
    (3, "allow-powerd-power0", "powerd is the driver of the power finisher"),
    (4, "allow-rngd-rng0", "rngd is the driver of the entropy device"),
    (5, "allow-virtioblkd-blk0", "virtioblkd is the driver of the disk"),
    (6, "allow-virtionetd-net0", "virtionetd is the driver of the network device"),
    (7, "permit-init-distribute", "init is the one distributor of devices"),
    (8, "permit-policyd-record", "policyd records each decision before it answers"),
    (9, "permit-nsh-view", "the person at the prompt may see who holds what"),
    (10, "permit-httpd-view", "the page shows who holds what, and why"),
    (11, "ring-statefsd-disk", "statefsd keeps the store on the disk"),
    (12, "ring-nsh-store", "the person at the prompt may keep something, and look at it"),
    (13, "ring-archived-store", "archived keeps the ledgers in the store"),
    (14, "ring-netstackd-net", "netstackd speaks IP over the frames of the card"),
    (15, "ring-nsh-net", "the person at the prompt may reach the network"),
    (16, "ring-httpd-net", "the page is asked for by connections"),
];

const RINGS: [(u32, u32, u64, u32); 6] = [
    (12, 8, 266_240, 11),
    (10, 12, 8192, 12),
    (13, 12, 135_168, 13),
    (14, 9, 528_384, 14),
    (10, 14, 69_632, 15),
    (15, 14, 69_632, 16),
];

/// What would change the denial.
const NO_RULE: &str = "a reviewed rule for both in policy.toml, and a new image";

/// Records: milliseconds, asker, what, service, device, why.
const RECORDS: [(u64, &str, &str, &str, &str, &str); 14] = [
    (204, "init", "allowed", "virtioblkd", "blk0", "allow-virtioblkd-blk0"),
    (205, "", "set up", "virtioblkd", "blk0", "1245184 of 1261568 bytes in reach"),
    (206, "init", "granted", "virtioblkd", "blk0", "map read write, 2 registers, line 4"),
    (209, "init", "allowed", "virtionetd", "net0", "allow-virtionetd-net0"),
    (211, "init", "granted", "virtionetd", "net0", "map read write, 2 registers, line 5"),
    (214, "", "let go", "init", "", "window, 4 KiB"),
    (215, "virtioblkd", "shared", "statefsd", "", "260 KiB"),
    (215, "netstackd", "shared", "httpd", "", "68 KiB"),
    (388, "rtcd", "clock set", "rtcd", "", "by the hardware clock"),
    (402, "", "anchored", "archived", "", "boot 12, 214 records before"),
    (61_204, "nsh", "denied", "nsh", "net0", "no rule names this service and this device"),
    (95_011, "", "ended", "rngd", "", "load page fault"),
    (95_262, "init", "allowed", "rngd", "rng0", "allow-rngd-rng0"),
    (95_266, "init", "granted", "rngd", "rng0", "map read write, 2 registers, line 3"),
];

pub(crate) fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot {
        version: VERSION,
        uptime_ms: 192_406,
        unix_ms: Some(1_795_987_200_000),
        behind: Vec::new(),
        ready: Some(Ready {
            owners_ready: 6,
            owners_lost: 0,
            owners: 6,
            services_started: 15,
            services: 15,
            distributed: true,
            after_ms: Some(214),
        }),
        memory: Some(Memory { init: 946_176, services: 26_738_688, free: 218_103_808 }),
        times: times(),
        devices: devices(),
        services: SERVICES.iter().map(service).collect(),
        rings: RINGS
            .map(|(consumer, driver, bytes, rule)| ring(consumer, driver, bytes, rule))
            .into(),
        rules: RULES
            .map(|(number, id, reason)| Rule { number, id: id.into(), reason: reason.into() })
            .into(),
        ledger: ledger(),
        disk: Some(Disk {
            bytes: 64 << 20,
            reads: 1204,
            writes: 18_022,
            flushes: 1165,
            read_bytes: 9_871_360,
            written_bytes: 88_211_456,
            errors: 0,
            in_flight: 2,
        }),
        card: Some(Card {
            link: true,
            mac: "52:54:00:12:34:56".into(),
            consumer: Some("netstackd".into()),
            received: Frames { frames: 44_120, bytes: 4_102_883, no_buffer: 0, dropped: 3 },
            sent: Frames { frames: 43_982, bytes: 61_881_220, no_buffer: 0, dropped: 0 },
        }),
        network: Some(Network {
            link: "up".into(),
            sockets: 11,
            connections: 209,
            denied: 1,
            dropped: 3,
        }),
        store: Some(Store { standing: "ready".into(), bytes: 65_011_712, trees: 2 }),
        log: Some(Log { lines: 312, limited: 0, refused: 1, room: 812 }),
        page: Page { snapshots: 96, asked: 171, most: 512 },
        ..Snapshot::default()
    };
    snapshot.totals = snapshot.sums();
    snapshot
}

fn times() -> Vec<Time> {
    let times =
        [(Some(8), 812), (Some(15), 2104), (Some(16), 1650), (Some(20), 431), (None, 187_400)];
    let all: u64 = times.iter().map(|(_, ms)| ms).sum();
    let time = |(priority, ms)| Time { priority, ms, permille: (1000 * ms / all) as u32 };
    times.map(time).into()
}

fn devices() -> Vec<Device> {
    (0..)
        .zip(DEVICES)
        .map(|(id, (name, owner, line, registers, delivered, reach))| Device {
            id,
            name: name.into(),
            state: "held".into(),
            owner,
            rule: Some(id + 1),
            rights: if id == 1 { "map read" } else { "map read write" }.into(),
            registers,
            line: line.map(|number| Line {
                number,
                state: "armed".into(),
                delivered,
                held_back: delivered / 40,
                last_ms: Some(192_300),
            }),
            pool: (reach > 0).then(|| Pool {
                state: "in use".into(),
                bytes: reach.next_multiple_of(4096),
                reach,
            }),
        })
        .collect()
}

fn service((id, name, priority, used, most, calls): &Runs) -> Service {
    let again = *name == "rngd";
    let holds =
        [("endpoint", calls.len() as u32 + 1), ("memory", 4), ("thread", 1), ("process", 1)];
    Service {
        id: *id,
        name: (*name).into(),
        priority: *priority,
        state: if (4..=9).contains(id) { "ready" } else { "running" }.into(),
        well: true,
        lives: 1 + u32::from(again),
        deaths: u32::from(again),
        for_ms: if again { 97_140 } else { 192_390 },
        last_end: again.then(|| "load page fault".into()),
        next: None,
        memory: Some(Use { used: used * 4096, most: most * 4096 }),
        objects: Some(Use { used: 21, most: 64 }),
        holds: holds.map(|(kind, count)| Holding { kind: kind.into(), count }).into(),
        calls: calls.to_vec(),
    }
}

fn ring(consumer: u32, driver: u32, bytes: u64, rule: u32) -> Ring {
    Ring { consumer, driver, bytes, rule: Some(rule) }
}

fn ledger() -> Ledger {
    let records =
        (201..).zip(RECORDS).map(|(seq, (at_ms, asker, what, service, device, why))| Record {
            seq,
            at_ms,
            asker: asker.into(),
            what,
            service: service.into(),
            device: device.into(),
            why: why.into(),
            remedy: (what == "denied").then_some(NO_RULE),
            times: 1,
        });
    let last: Vec<Record> = records.collect();
    let refused = Record {
        seq: 198,
        at_ms: 188,
        asker: String::new(),
        what: "no access",
        service: "archived".into(),
        device: String::new(),
        why: "put, state-nsh-ledgers".into(),
        remedy: None,
        times: 12,
    };
    let denied = last.iter().find(|record| record.what == "denied").cloned();
    let chain = Chain { state: "whole", checked: 214, at_ms: Some(191_406), broken_at: None };
    let head = "9f2c41d07be5a8336d1f4b9920c7e85a13fd6602b94e7a5c8810dd3f6a27c1e4".into();
    let denials = [Some(refused), denied].into_iter().flatten().collect();
    Ledger { records: 214, head, chain, read: 214, last, denials, denied: 2 }
}

/// The same with `text` wherever somebody else says something.
pub(crate) fn said(text: &str) -> Snapshot {
    let mut all = snapshot();
    all.behind = vec![text.into()];
    for device in &mut all.devices {
        for field in [&mut device.name, &mut device.state, &mut device.rights] {
            *field = text.into();
        }
        device.line.iter_mut().for_each(|line| line.state = text.into());
        device.pool.iter_mut().for_each(|pool| pool.state = text.into());
    }
    for service in &mut all.services {
        (service.name, service.state) = (text.into(), text.into());
        (service.last_end, service.next) = (Some(text.into()), Some(text.into()));
        service.holds.iter_mut().for_each(|holding| holding.kind = text.into());
    }
    for rule in &mut all.rules {
        (rule.id, rule.reason) = (text.into(), text.into());
    }
    for record in all.ledger.last.iter_mut().chain(&mut all.ledger.denials) {
        let Record { asker, service, device, why, .. } = record;
        for field in [asker, service, device, why] {
            *field = text.into();
        }
    }
    all.ledger.head = text.into();
    all.card.iter_mut().for_each(|card| {
        (card.mac, card.consumer) = (text.into(), Some(text.into()));
    });
    all.network.iter_mut().for_each(|network| network.link = text.into());
    all.store.iter_mut().for_each(|store| store.standing = text.into());
    all
}
