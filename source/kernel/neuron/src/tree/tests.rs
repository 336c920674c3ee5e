use dtoolkit::ToPropertyValue;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use super::*;
use crate::range::MAX_RANGES;

fn node(name: &str) -> DeviceTreeNode {
    DeviceTreeNode::new(name).unwrap()
}

fn set(node: &mut DeviceTreeNode, name: &str, value: impl ToPropertyValue) {
    node.add_property(DeviceTreeProperty::new(name, value).unwrap());
}

fn device(name: &str, compatible: &str, reg: &[u32]) -> DeviceTreeNode {
    let mut device = node(name);
    set(&mut device, "compatible", compatible);
    set(&mut device, "reg", reg);
    device
}

fn cells(node: &mut DeviceTreeNode, address: u32, size: u32) {
    set(node, "#address-cells", address);
    set(node, "#size-cells", size);
}

/// A board like QEMU's `virt`, with a second bus that moves addresses.
fn board() -> DeviceTree {
    let mut tree = DeviceTree::new();
    let root = &mut tree.root;
    cells(root, 2, 2);

    let mut chosen = node("chosen");
    set(&mut chosen, "linux,initrd-start", 0x8420_0000_u32);
    set(&mut chosen, "linux,initrd-end", 0x8430_0000_u64);
    root.add_child(chosen);

    let mut memory = node("memory@80000000");
    set(&mut memory, "device_type", "memory");
    set(&mut memory, "reg", [0_u32, 0x8000_0000, 0, 0x800_0000]);
    root.add_child(memory);

    let mut reserved = node("reserved-memory");
    cells(&mut reserved, 2, 2);
    let mut firmware = node("mmode_resv0@80000000");
    set(&mut firmware, "reg", [0_u32, 0x8000_0000, 0, 0x7_ff01]);
    reserved.add_child(firmware);
    root.add_child(reserved);

    let mut cpus = node("cpus");
    cells(&mut cpus, 1, 0);
    set(&mut cpus, "timebase-frequency", 10_000_000_u32);
    let mut cpu = node("cpu@0");
    set(&mut cpu, "reg", 0_u32);
    set(&mut cpu, "riscv,isa", "rv64imafdc_zicsr_sstc");
    let mut local = node("interrupt-controller");
    set(&mut local, "interrupt-controller", [0_u8; 0]);
    cpu.add_child(local);
    cpus.add_child(cpu);
    root.add_child(cpus);

    let mut soc = node("soc");
    cells(&mut soc, 2, 2);
    set(&mut soc, "ranges", [0_u8; 0]);
    soc.add_child(device("serial@10000000", "ns16550a", &[0, 0x1000_0000, 0, 0x100]));
    soc.add_child(device("clint@2000000", "riscv,clint0", &[0, 0x200_0000, 0, 0x1_0000]));
    let mut plic = device("plic@c000000", "any,name", &[0, 0xc00_0000, 0, 0x60_0000]);
    set(&mut plic, "interrupt-controller", [0_u8; 0]);
    soc.add_child(plic);
    let mut moved = node("bus@40000000");
    cells(&mut moved, 1, 1);
    set(&mut moved, "ranges", [0_u32, 0, 0x4000_0000, 0x1_0000]);
    moved.add_child(device("iommu@1000", "riscv,iommu", &[0x1000, 0x1000]));
    moved.add_child(device("iommu@20000", "riscv,iommu", &[0x2_0000, 0x1000]));
    soc.add_child(moved);
    root.add_child(soc);
    tree
}

fn list(set: &RangeSet) -> Vec<(u64, u64)> {
    set.iter().map(|range| (range.start, range.end)).collect()
}

/// The board as hart 0 reads it, and what is told of it.
fn read(tree: &DeviceTree) -> (Result<Board, TreeError>, Vec<String>) {
    let mut told = Vec::new();
    let board = Board::read(&tree.to_dtb(), 0, &mut |line| told.push(line.to_string()));
    (board, told)
}

/// The board with one change.
fn changed(change: impl FnOnce(&mut DeviceTree)) -> Result<Board, TreeError> {
    told(change).0
}

/// The same, and what is told of it.
fn told(change: impl FnOnce(&mut DeviceTree)) -> (Result<Board, TreeError>, Vec<String>) {
    let mut tree = board();
    change(&mut tree);
    read(&tree)
}

/// A board that is usable, and the one line that is told of it.
fn one_line(change: impl FnOnce(&mut DeviceTree)) -> (Board, String) {
    let (board, mut lines) = told(change);
    assert_eq!(lines.len(), 1, "{lines:?}");
    (board.unwrap(), lines.remove(0))
}

fn at<'a>(tree: &'a mut DeviceTree, path: &str) -> &'a mut DeviceTreeNode {
    tree.find_node_mut(path).unwrap()
}

const MEMORY: &str = "/memory@80000000";
const SERIAL: &str = "/soc/serial@10000000";
const PLIC: &str = "/soc/plic@c000000";
/// The windows of the board as it is.
const WINDOWS: [(u64, u64); 1] = [(0x1000_0000, 0x1000_1000)];

fn removed(path: &str, name: &str) -> TreeError {
    let result = changed(|tree| {
        let node = tree.find_node_mut(path).unwrap();
        assert!(node.remove_property(name).is_some() || node.remove_child(name).is_some());
    });
    result.unwrap_err()
}

#[test]
fn memory_devices_and_windows_are_found() {
    let (board, told) = read(&board());
    let board = board.unwrap();
    assert_eq!(list(&board.banks), [(0x8000_0000, 0x8800_0000)]);
    assert_eq!(list(&board.ram), [(0x8008_0000, 0x8800_0000)]);
    assert_eq!(
        list(&board.kept),
        [
            (0x200_0000, 0x201_0000),
            (0xc00_0000, 0xc60_0000),
            (0x4000_1000, 0x4000_2000),
            (0x8000_0000, 0x8800_0000),
        ]
    );
    assert_eq!(list(&board.windows), WINDOWS, "what is named, and nothing beside it");
    assert_eq!((board.initrd.start, board.initrd.end), (0x8420_0000, 0x8430_0000));
    assert_eq!((board.timebase_hz, board.sstc), (10_000_000, true));
    assert_eq!(told, [""; 0]);
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(removed("/", "chosen"), TreeError::Missing("chosen node"));
    assert_eq!(removed("/chosen", "linux,initrd-end"), TreeError::Missing("linux,initrd-end"));
    assert_eq!(removed("/", "memory@80000000"), TreeError::Missing("memory node"));
    assert_eq!(removed("/", "cpus"), TreeError::Missing("cpus node"));
    assert_eq!(removed("/cpus", "timebase-frequency"), TreeError::Missing("timebase-frequency"));
    let text = removed("/chosen", "linux,initrd-start").to_string();
    assert_eq!(text, "the device tree has no usable linux,initrd-start");
}

#[test]
fn an_empty_initrd_and_one_that_is_no_memory_are_refused() {
    let empty = changed(|tree| set(at(tree, "/chosen"), "linux,initrd-end", 0x8420_0000_u32));
    assert_eq!(empty.unwrap_err(), TreeError::Missing("initrd in chosen"));
    let device = changed(|tree| set(at(tree, "/chosen"), "linux,initrd-start", 0x1000_0000_u32));
    assert_eq!(device.unwrap_err(), TreeError::Missing("memory where its initrd is"));
}

// attack 79 U: reserved memory, by both ways and with any status, the boot archive in it too; it is never handed out; broken: tree-reserved
#[test]
fn what_is_reserved_is_no_ram_and_in_no_window() {
    for status in [None, Some("okay"), Some("disabled"), Some("fail"), Some("nonsense")] {
        let board = changed(|tree| {
            let firmware = at(tree, "/reserved-memory/mmode_resv0@80000000");
            status.iter().for_each(|status| set(firmware, "status", *status));
            tree.memory_reservations.push(MemoryReservation::new(0x8420_0800, 0x10_0000));
        });
        let board = board.unwrap();
        let ram = [(0x8008_0000, 0x8420_0000), (0x8430_1000, 0x8800_0000)];
        assert_eq!(list(&board.ram), ram, "{status:?}");
        assert_eq!((board.initrd.start, board.initrd.end), (0x8420_0000, 0x8430_0000));
    }
    let device = one_line(|tree| {
        tree.memory_reservations.push(MemoryReservation::new(0x1000_0800, 8));
    });
    assert_eq!(list(&device.0.windows), []);
    assert_eq!(device.1, format!("{SERIAL}: not usable: it overlaps what the kernel keeps"));
}

#[test]
fn a_reservation_that_wraps_reaches_to_the_end_and_one_that_cannot_be_read_ends_the_boot() {
    let path = "/reserved-memory/mmode_resv0@80000000";
    let with = |cells: &[u32]| changed(|tree| set(at(tree, path), "reg", cells));
    let wraps = with(&[0, 0x8700_0000, u32::MAX, u32::MAX]).unwrap();
    assert_eq!(list(&wraps.ram), [(0x8000_0000, 0x8700_0000)]);
    for unreadable in [vec![0, 0x8000_0000, 0], vec![1]] {
        let error = with(&unreadable).unwrap_err();
        assert_eq!(error, TreeError::Missing("reg of what it reserves"));
    }
    let dynamic = changed(|tree| {
        at(tree, path).remove_property("reg");
    });
    assert_eq!(list(&dynamic.unwrap().ram), [(0x8000_0000, 0x8800_0000)], "names no place");
}

#[test]
fn an_initrd_beside_the_banks_is_read_and_in_no_window() {
    let board = changed(|tree| set(at(tree, MEMORY), "reg", [0_u32, 0x8000_0000, 0, 0x100_0000]));
    let board = board.unwrap();
    assert!(!board.ram.touches(board.initrd) && board.kept.contains(board.initrd));
    let across = changed(|tree| set(at(tree, MEMORY), "reg", [0_u32, 0x8000_0000, 0, 0x428_0000]));
    assert!(!across.unwrap().ram.touches(Range { start: 0x8428_0000, end: 0x8430_0000 }));
    let half = changed(|tree| {
        set(at(tree, MEMORY), "reg", [0_u32, 0x8000_0000, 0, 0x428_0000]);
        at(tree, "/soc").add_child(device("spy@842ff000", "a,b", &[0, 0x842f_f000, 0, 0x1000]));
    });
    assert_eq!(half.unwrap_err(), TreeError::Missing("memory where its initrd is"));
}

/// A second bank, with one property more.
fn bank(tree: &mut DeviceTree, reg: &[u32], name: &str, value: impl ToPropertyValue) {
    let mut bank = device("memory@90000000", "a,bank", reg);
    set(&mut bank, "device_type", "memory");
    set(&mut bank, name, value);
    tree.root.add_child(bank);
}

// attack 79 U: a bank that is off, in doubt, or too high; it is not used, and in no window; broken: tree-bank-status
#[test]
fn a_bank_in_doubt_is_not_used_and_in_no_window() {
    const REG: [u32; 4] = [0, 0x9000_0000, 0, 0x10_0000];
    for status in ["disabled", "reserved", "fail", "fail-ecc", "unheard-of", ""] {
        let (board, line) = one_line(|tree| {
            bank(tree, &REG, "status", status);
        });
        assert_eq!(list(&board.banks), [(0x8000_0000, 0x8800_0000)], "{status}");
        assert!(board.kept.contains(Range { start: 0x9000_0000, end: 0x9010_0000 }));
        assert_eq!(line, "/memory@90000000: memory that is not used: its status");
    }
    let used = changed(|tree| bank(tree, &REG, "status", "ok")).unwrap();
    assert_eq!(list(&used.banks), [(0x8000_0000, 0x8800_0000), (0x9000_0000, 0x9010_0000)]);
    let (board, line) = one_line(|tree| bank(tree, &REG[..3], "status", "okay"));
    assert_eq!(list(&board.banks), [(0x8000_0000, 0x8800_0000)]);
    assert!(line.ends_with("its reg, or a ranges above it, is malformed"), "{line}");
    let high = [0x100, 0, 0, 0x10_0000];
    let (board, line) = one_line(|tree| bank(tree, &high, "status", "okay"));
    assert_eq!(list(&board.banks), [(0x8000_0000, 0x8800_0000)]);
    assert!(line.ends_with("is not used: too high"), "{line}");
}

#[test]
fn banks_may_lie_far_apart_and_be_few() {
    let far = [0x3e, 0, 0, 0x400_0000];
    let (board, lines) = told(|tree| bank(tree, &far, "status", "okay"));
    let board = board.unwrap();
    assert_eq!(list(&board.banks), [(0x8000_0000, 0x8800_0000), (0x3e_0000_0000, 0x3e_0400_0000)]);
    assert_eq!(lines, [""; 0]);
    let (board, lines) = told(|tree| {
        let reg: Vec<u32> = (1..9).flat_map(|number| [number, 0, 0, 0x1000]).collect();
        bank(tree, &reg, "status", "okay");
    });
    let board = board.unwrap();
    assert_eq!(board.banks.iter().count(), MAX_BANKS);
    let one = "/memory@90000000: memory at 0x800000000..0x800001000 is not used: too many banks";
    assert_eq!(lines, [one]);
    let unused = Range { start: 0x8_0000_0000, end: 0x8_0000_1000 };
    assert!(board.kept.contains(unused) && !board.ram.touches(unused));
}

#[test]
fn a_bank_that_is_off_takes_its_part_of_one_that_is_on() {
    let half = [0, 0x8400_0000, 0, 0x400_0000];
    let (board, _) = one_line(|tree| bank(tree, &half, "status", "disabled"));
    assert_eq!(list(&board.ram), [(0x8008_0000, 0x8400_0000)]);
    assert_eq!(board.initrd.start, 0x8420_0000, "which is memory, if not to be used");
}

#[test]
fn of_a_bank_only_whole_pages_are_used_and_none_of_its_pages_is_in_a_window() {
    let odd = [0, 0x9000_0801, 0, 0x2000];
    let board = changed(|tree| {
        bank(tree, &odd, "status", "okay");
        at(tree, "/soc").add_child(device("a@90002000", "a,b", &[0, 0x9000_2c00, 0, 0x100]));
    });
    let board = board.unwrap();
    assert!(board.banks.contains(Range { start: 0x9000_1000, end: 0x9000_2000 }));
    assert!(!board.banks.touches(Range { start: 0x9000_0000, end: 0x9000_1000 }));
    assert!(!board.banks.touches(Range { start: 0x9000_2000, end: 0x9000_3000 }));
    assert_eq!(list(&board.windows), WINDOWS);
}

#[test]
fn without_any_bank_there_is_no_boot() {
    let off = changed(|tree| set(at(tree, MEMORY), "status", "disabled"));
    assert_eq!(off.unwrap_err(), TreeError::Missing("memory node"));
    let reserved = changed(|tree| {
        tree.memory_reservations.push(MemoryReservation::new(0, u64::MAX));
    });
    assert_eq!(reserved.unwrap_err(), TreeError::Missing("memory node"));
}

#[test]
fn memory_below_a_bus_is_not_used_and_in_no_window() {
    let (board, line) = one_line(|tree| {
        let mut memory = device("memory@50000000", "a,b", &[0, 0x5000_0000, 0, 0x1000]);
        set(&mut memory, "device_type", "memory");
        at(tree, "/soc").add_child(memory);
    });
    assert_eq!(list(&board.windows), WINDOWS);
    assert!(line.ends_with("it is not a child of the root"), "{line}");
}

// attack 79 U: a device whose node is off, in doubt, or in part out of reach; in no window, nor is what it covers; broken: tree-doubt-in-window
#[test]
fn a_device_in_doubt_is_in_no_window() {
    let off = changed(|tree| set(at(tree, SERIAL), "status", "reserved")).unwrap();
    assert_eq!(list(&off.windows), []);
    let bus = changed(|tree| set(at(tree, "/soc"), "status", "fail")).unwrap();
    assert_eq!(list(&bus.windows), [], "nor what is on a bus that is off");
    assert!(bus.kept.touches(Range { start: 0xc00_0000, end: 0xc00_1000 }), "the kernel's stays");
    let wraps = [u32::MAX, u32::MAX, 0, 2];
    let (board, line) = one_line(|tree| set(at(tree, SERIAL), "reg", wraps));
    assert_eq!(list(&board.windows), []);
    assert_eq!(line, format!("{SERIAL}: not usable: its reg, or a ranges above it, is malformed"));
    let (board, line) = one_line(|tree| {
        let half = device("half@f000", "a,b", &[0xf000, 0x2000]);
        at(tree, "/soc/bus@40000000").add_child(half);
        let beside = device("beside@4000f000", "a,b", &[0, 0x4000_f000, 0, 0x100]);
        at(tree, "/soc").add_child(beside);
    });
    assert_eq!(list(&board.windows), WINDOWS, "nor a second device that it covers");
    assert!(line.ends_with("the buses above it reach it in part, or in pieces"), "{line}");
    let high = changed(|tree| set(at(tree, SERIAL), "reg", [0x100_0000_u32, 0, 0, 0x1000]));
    assert_eq!(list(&high.unwrap().windows), [], "past what a page table can name");
}

#[test]
fn a_device_of_the_kernel_that_is_off_or_in_doubt_is_kept_all_the_same() {
    for change in ["status", "reg"] {
        let (board, lines) = told(|tree| match change {
            "status" => set(at(tree, PLIC), "status", "disabled"),
            _ => set(at(tree, PLIC), "reg", [u32::MAX, u32::MAX, 0, 2]),
        });
        assert_eq!(list(&board.unwrap().windows), WINDOWS);
        assert_eq!(lines.len(), usize::from(change == "reg"), "{lines:?}");
    }
}

// attack 79 U: a device of the kernel's smaller than a page, and another in the same page; the page is the kernel's; broken: kernel-device-page
#[test]
fn the_whole_page_of_a_small_kernel_device_is_kept() {
    let (board, line) = one_line(|tree| {
        let timer = device("timer@10000800", "riscv,aclint-mtimer", &[0, 0x1000_0800, 0, 0x10]);
        at(tree, "/soc").add_child(timer);
    });
    assert!(board.kept.contains(Range { start: 0x1000_0000, end: 0x1000_1000 }));
    assert_eq!(list(&board.windows), [], "the serial port has its registers in that page");
    assert_eq!(line, format!("{SERIAL}: not usable: it overlaps what the kernel keeps"));
}

// attack 7 U: a node whose registers lie in RAM, in use or not; in no window
#[test]
fn a_node_over_ram_is_in_no_window_with_none_of_its_ranges() {
    let (board, line) = one_line(|tree| {
        let reg = [0, 0x5000_0000, 0, 0x1000, 0, 0x87ff_f000, 0, 0x1000];
        at(tree, "/soc").add_child(device("spy@50000000", "a,spy", &reg));
    });
    assert_eq!(list(&board.windows), WINDOWS);
    assert_eq!(line, "/soc/spy@50000000: not usable: it overlaps what the kernel keeps");
}

#[test]
fn more_devices_than_there_is_room_for_are_told_and_the_rest_is_usable() {
    let (board, lines) = told(|tree| {
        for number in 0..MAX_RANGES as u32 + 3 {
            let base = 0x5000_0000 + number * 0x2000;
            let name = format!("d@{base:x}");
            at(tree, "/soc").add_child(device(&name, "a,b", &[0, base, 0, 0x10]));
        }
    });
    assert_eq!(board.unwrap().windows.iter().count(), MAX_RANGES);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let (board, _) = told(|tree| {
        for number in 0..2 * MAX_RANGES as u64 {
            let at = 0x8500_0000 + number * 0x2000;
            tree.memory_reservations.push(MemoryReservation::new(at, 1));
        }
    });
    let board = board.unwrap();
    for number in 0..2 * MAX_RANGES as u64 {
        let start = 0x8500_0000 + number * 0x2000;
        assert!(!board.ram.touches(Range { start, end: start + 1 }), "{number}");
    }
    assert!(board.ram.len() > 64 << 20);
}

#[test]
fn sstc_is_what_the_node_of_this_hart_says() {
    let says = |isa: Option<&str>, extensions: &[&str], hart: u64| {
        let mut tree = board();
        let cpu = at(&mut tree, "/cpus/cpu@0");
        cpu.remove_property("riscv,isa");
        isa.iter().for_each(|isa| set(cpu, "riscv,isa", *isa));
        if !extensions.is_empty() {
            set(cpu, "riscv,isa-extensions", extensions);
        }
        let mut other = node("cpu@1");
        set(&mut other, "reg", 1_u32);
        set(&mut other, "riscv,isa", "rv64imac_sstc");
        set(&mut other, "status", "disabled");
        at(&mut tree, "/cpus").add_child(other);
        let mut told = 0;
        (Board::read(&tree.to_dtb(), hart, &mut |_| told += 1).unwrap().sstc, told)
    };
    assert_eq!(says(Some("rv64imac_zicsr_sstc"), &[], 0), (true, 0));
    assert_eq!(says(Some("rv64imac_sstcx"), &[], 0), (false, 0));
    assert_eq!(says(None, &["i", "m", "sstc"], 0), (true, 0));
    assert_eq!(says(None, &["i", "m"], 0), (false, 0));
    assert_eq!(says(Some("rv64imac_sstc"), &["i", "m"], 0), (false, 0), "the newer one counts");
    assert_eq!(says(None, &[], 0), (false, 1), "the base");
    assert_eq!(says(Some("rv64imac_sstc"), &[], 1), (false, 1), "a node that is off");
    assert_eq!(says(Some("rv64imac_sstc"), &[], 7), (false, 1), "no node");
}

#[test]
fn the_timebase_may_be_at_the_hart() {
    let own = changed(|tree| {
        at(tree, "/cpus").remove_property("timebase-frequency");
        set(at(tree, "/cpus/cpu@0"), "timebase-frequency", 4_u32);
    });
    assert_eq!(own.unwrap().timebase_hz, 4);
    let zero = changed(|tree| set(at(tree, "/cpus"), "timebase-frequency", 0_u32));
    assert_eq!(zero.unwrap_err(), TreeError::Missing("timebase-frequency"));
}

#[test]
fn deep_nesting_is_refused() {
    let result = changed(|tree| {
        let mut inner = node("n");
        for _ in 0..20 {
            let mut outer = node("n");
            outer.add_child(inner);
            inner = outer;
        }
        tree.root.add_child(inner);
    });
    assert_eq!(result.unwrap_err(), TreeError::Tree(nexus_devicetree::TreeError::TooDeep));
}

#[test]
fn a_damaged_tree_is_an_error_and_never_a_panic() {
    let whole = board().to_dtb();
    let read = |bytes: &[u8]| Board::read(bytes, 0, &mut |_| {});
    assert!(matches!(read(&[]).unwrap_err(), TreeError::Tree(_)));
    for len in 0..whole.len() {
        assert!(matches!(read(&whole[..len]), Err(TreeError::Tree(_))), "{len}");
    }
    for at in 0..whole.len() {
        for value in [0, 3, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let _ = read(&damaged);
        }
    }
}

/// The controller of the board, for the hart whose own has handle 7.
fn with_plic(change: impl FnOnce(&mut DeviceTree)) -> (Board, Vec<String>) {
    let (board, lines) = told(|tree| {
        set(at(tree, "/cpus/cpu@0/interrupt-controller"), "phandle", 7_u32);
        let plic = at(tree, PLIC);
        set(plic, "compatible", "sifive,plic-1.0.0");
        set(plic, "riscv,ndev", 96_u32);
        // Machine mode of the hart, supervisor mode, and another hart's.
        set(plic, "interrupts-extended", [7_u32, 11, 7, 9, 8, 9]);
        change(tree);
    });
    (board.unwrap(), lines)
}

#[test]
fn the_interrupt_controller_is_found_with_the_context_of_the_hart() {
    let (board, told) = with_plic(|_| {});
    let plic = board.plic.unwrap();
    assert_eq!((plic.lines, told), (96, Vec::new()));
    assert_eq!(plic.pages(), [0xc00_0000, 0xc00_2000, 0xc20_1000]);
    assert_eq!((plic.priority(1), plic.priority(96)), (0xc00_0004, 0xc00_0180));
    assert_eq!((plic.enables(31), plic.enables(32)), (0xc00_2080, 0xc00_2084));
    assert_eq!((plic.threshold(), plic.claim()), (0xc20_1000, 0xc20_1004));
    let kept = plic.pages().map(|start| Range { start, end: start + 0x1000 });
    assert!(kept.iter().all(|page| board.kept.contains(*page)), "in no window");
    let (older, _) = with_plic(|tree| set(at(tree, PLIC), "compatible", "riscv,plic0"));
    assert_eq!(older.plic, Some(plic));
    let (one, _) = with_plic(|tree| set(at(tree, PLIC), "interrupts-extended", [7_u32, 9]));
    assert_eq!(one.plic.unwrap().claim(), 0xc20_0004);
}

// attack 79 U: an interrupt controller that is off, lies or is there twice; the machine boots, and nobody gets a line; broken: tree-plic-doubt, tree-plic-twice
#[test]
fn without_a_controller_beyond_doubt_there_are_no_lines() {
    type Change = fn(&mut DeviceTree);
    let changes: [(&str, Change); 16] = [
        ("off", |tree| set(at(tree, PLIC), "status", "disabled")),
        ("no number of lines", |tree| drop(at(tree, PLIC).remove_property("riscv,ndev"))),
        ("no lines", |tree| set(at(tree, PLIC), "riscv,ndev", 0_u32)),
        ("too many lines", |tree| set(at(tree, PLIC), "riscv,ndev", 1024_u32)),
        ("no contexts", |tree| drop(at(tree, PLIC).remove_property("interrupts-extended"))),
        ("half a context", |tree| set(at(tree, PLIC), "interrupts-extended", [7_u32, 9, 7])),
        ("machine mode", |tree| set(at(tree, PLIC), "interrupts-extended", [7_u32, 11])),
        ("another hart", |tree| set(at(tree, PLIC), "interrupts-extended", [8_u32, 9])),
        ("twice", |tree| set(at(tree, PLIC), "interrupts-extended", [7_u32, 9, 7, 9])),
        ("no phandle", |tree| {
            let local = at(tree, "/cpus/cpu@0/interrupt-controller");
            drop(local.remove_property("phandle"));
        }),
        ("a phandle of two cells", |tree| {
            set(at(tree, "/cpus/cpu@0/interrupt-controller"), "phandle", [1_u32, 7]);
        }),
        ("too small", |tree| set(at(tree, PLIC), "reg", [0_u32, 0xc00_0000, 0, 0x20_1000])),
        ("unaligned", |tree| set(at(tree, PLIC), "reg", [0_u32, 0xc00_0800, 0, 0x60_0000])),
        ("too high", |tree| set(at(tree, PLIC), "reg", [0x100_u32, 0, 0, 0x60_0000])),
        ("in memory", |tree| set(at(tree, PLIC), "reg", [0_u32, 0x8500_0000, 0, 0x60_0000])),
        ("two ranges", |tree| {
            let reg = [0_u32, 0xc00_0000, 0, 0x60_0000, 0, 0xd00_0000, 0, 0x1000];
            set(at(tree, PLIC), "reg", reg);
        }),
    ];
    for (what, change) in changes {
        let (board, told) = with_plic(change);
        assert_eq!(board.plic, None, "{what}");
        assert!(told.iter().any(|line| line.contains("no interrupt lines")), "{what}: {told:?}");
    }
    let (two, told) = with_plic(|tree| {
        let mut other = device("plic@d000000", "riscv,plic0", &[0, 0xd00_0000, 0, 0x60_0000]);
        set(&mut other, "riscv,ndev", 5_u32);
        set(&mut other, "interrupts-extended", [7_u32, 9]);
        at(tree, "/soc").add_child(other);
    });
    assert_eq!(
        (two.plic, told),
        (None, vec!["no interrupt lines: of 2 controllers, none beyond doubt".to_string()])
    );
    let (none, told) = with_plic(|tree| drop(at(tree, "/soc").remove_child("plic@c000000")));
    assert_eq!((none.plic, told), (None, Vec::new()));
}

#[test]
fn as_many_lines_and_contexts_as_a_controller_can_have() {
    let context = |before: usize, len: u32| {
        let (board, _) = with_plic(|tree| {
            let mut contexts = vec![u32::MAX; 2 * before];
            contexts.extend([7, 9]);
            let plic = at(tree, PLIC);
            set(plic, "riscv,ndev", 1023_u32);
            set(plic, "interrupts-extended", contexts.as_slice());
            set(plic, "reg", [0, 0xc00_0000, 0, len]);
        });
        board.plic.map(|plic| plic.threshold())
    };
    assert_eq!(context(3, 0x20_4000), Some(0xc20_3000));
    assert_eq!(context(3, 0x20_3000), None);
    assert_eq!(context(15_871, 0x400_0000), Some(0xfff_f000));
    assert_eq!(context(15_872, 0x4000_0000), None);
}
