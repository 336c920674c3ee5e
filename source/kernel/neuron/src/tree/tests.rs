use dtoolkit::ToPropertyValue;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use super::*;

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

/// The board with one change.
fn changed(change: impl FnOnce(&mut DeviceTree)) -> Result<Board, TreeError> {
    let mut tree = board();
    change(&mut tree);
    Board::read(&tree.to_dtb())
}

fn removed(path: &str, name: &str) -> TreeError {
    let result = changed(|tree| {
        let node = tree.find_node_mut(path).unwrap();
        assert!(node.remove_property(name).is_some() || node.remove_child(name).is_some());
    });
    result.unwrap_err()
}

#[test]
fn memory_devices_and_windows_are_found() {
    let board = Board::read(&board().to_dtb()).unwrap();
    assert_eq!(list(&board.ram), [(0x8000_0000, 0x8800_0000)]);
    assert_eq!(list(&board.reserved), [(0x8000_0000, 0x8008_0000)]);
    assert_eq!(
        list(&board.devices),
        [(0x200_0000, 0x201_0000), (0xc00_0000, 0xc60_0000), (0x4000_1000, 0x4000_2000)]
    );
    assert_eq!(
        list(&board.windows().unwrap()),
        [
            (0, 0x200_0000),
            (0x201_0000, 0xc00_0000),
            (0xc60_0000, 0x4000_1000),
            (0x4000_2000, 0x8000_0000),
            (0x8800_0000, 1 << 56),
        ]
    );
    assert_eq!((board.initrd.start, board.initrd.end), (0x8420_0000, 0x8430_0000));
    assert_eq!((board.timebase_hz, board.sstc), (10_000_000, true));
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(removed("/", "chosen"), TreeError::Missing("chosen node"));
    assert_eq!(removed("/chosen", "linux,initrd-end"), TreeError::Missing("linux,initrd-end"));
    assert_eq!(removed("/", "memory@80000000"), TreeError::Missing("memory node"));
    assert_eq!(removed("/", "cpus"), TreeError::Missing("cpus node"));
    assert_eq!(removed("/cpus", "timebase-frequency"), TreeError::Missing("timebase-frequency"));
    assert_eq!(removed("/cpus", "cpu@0"), TreeError::Missing("cpu node"));
    assert_eq!(removed("/cpus/cpu@0", "riscv,isa"), TreeError::Missing("riscv,isa"));
    let text = removed("/chosen", "linux,initrd-start").to_string();
    assert_eq!(text, "the device tree has no usable linux,initrd-start");
}

#[test]
fn a_reg_that_wraps_or_does_not_divide_is_refused() {
    let wraps = changed(|tree| {
        let plic = tree.find_node_mut("/soc/plic@c000000").unwrap();
        set(plic, "reg", [u32::MAX, u32::MAX, 0, 2]);
    });
    assert_eq!(wraps.unwrap_err(), TreeError::Missing("reg of a kernel device"));
    let odd = changed(|tree| {
        let memory = tree.find_node_mut("/memory@80000000").unwrap();
        set(memory, "reg", [0_u32, 0x8000_0000, 0]);
    });
    assert_eq!(odd.unwrap_err(), TreeError::Missing("memory reg"));
}

#[test]
fn a_hart_without_sstc_and_an_empty_initrd_are_noticed() {
    let board = changed(|tree| {
        let cpu = tree.find_node_mut("/cpus/cpu@0").unwrap();
        set(cpu, "riscv,isa", "rv64imac_sstcx");
    });
    assert!(!board.unwrap().sstc);
    let empty = changed(|tree| {
        let chosen = tree.find_node_mut("/chosen").unwrap();
        set(chosen, "linux,initrd-end", 0x8420_0000_u32);
    });
    assert_eq!(empty.unwrap_err(), TreeError::Missing("initrd in chosen"));
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
    assert_eq!(result.unwrap_err(), TreeError::TooDeep);
}

#[test]
fn a_damaged_tree_is_an_error_and_never_a_panic() {
    let whole = board().to_dtb();
    assert_eq!(Board::read(&[]).unwrap_err(), TreeError::Damaged);
    for len in 0..whole.len() {
        let _ = Board::read(&whole[..len]);
    }
    for at in 0..whole.len() {
        for value in [0, 1, 2, 3, 9, 0x7f, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let _ = Board::read(&damaged);
        }
    }
}
