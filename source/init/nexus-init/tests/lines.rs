//! Interrupt lines of a real tree, and of broken ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use nexus_init::board::{Line, Tree};

const VIRT: &[u8] = include_bytes!("data/qemu-virt.dtb");
const SOC: &str = "/soc";
const RTC: &str = "/soc/rtc@101000";
const UART: &str = "/soc/serial@10000000";
const PLIC: &str = "/soc/plic@c000000";
/// Handles in that tree: of the controller of a CPU, and of the PLIC.
const CPU: u32 = 2;
const HANDLE: u32 = 3;

/// The real tree, changed.
fn edited(edit: impl FnOnce(&mut DeviceTree)) -> Tree {
    let mut tree = DeviceTree::from_fdt(&Fdt::new(VIRT).unwrap());
    edit(&mut tree);
    Tree::parse(&tree.to_dtb()).unwrap()
}

fn line(tree: &Tree, path: &str) -> Line {
    tree.nodes().iter().find(|node| node.path == path).unwrap().line
}

fn set(tree: &mut DeviceTree, path: &str, name: &str, cells: &[u32]) {
    let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
    set_bytes(tree, path, name, &bytes);
}

fn set_bytes(tree: &mut DeviceTree, path: &str, name: &str, bytes: &[u8]) {
    let node = if path == "/" { &mut tree.root } else { tree.find_node_mut(path).unwrap() };
    node.remove_property(name);
    node.add_property(DeviceTreeProperty::new(name, bytes).unwrap());
}

fn unset(tree: &mut DeviceTree, path: &str, name: &str) {
    tree.find_node_mut(path).unwrap().remove_property(name);
}

/// A change of a tree.
type Edit<'a> = &'a dyn Fn(&mut DeviceTree);

/// The line of the clock where this is its property, and `interrupts` is not.
fn extended(cells: &[u32]) -> Line {
    let tree = edited(|tree| {
        unset(tree, RTC, "interrupts");
        set(tree, RTC, "interrupts-extended", cells);
    });
    line(&tree, RTC)
}

/// The same of `interrupts`.
fn own(cells: &[u32]) -> Line {
    line(&edited(|tree| set(tree, RTC, "interrupts", cells)), RTC)
}

#[test]
fn lines_of_the_real_board() {
    let tree = Tree::parse(VIRT).unwrap();
    assert_eq!(line(&tree, RTC), Line::Own(11));
    assert_eq!(line(&tree, UART), Line::Own(10));
    for slot in 1..=8u16 {
        assert_eq!(line(&tree, &format!("/soc/virtio_mmio@1000{slot}000")), Line::Own(slot));
    }
    for none in ["", SOC, PLIC, "/soc/clint@2000000", "/soc/test@100000", "/soc/pci@30000000"] {
        assert_eq!(line(&tree, none), Line::None, "{none}");
    }
}

// attack 42 U: a device tree gives a device no line, several, none that there is, or a garbled one; it has none; broken: tree-line-garbled
#[test]
fn what_is_not_one_line_is_none() {
    assert_eq!(own(&[11]), Line::Own(11));
    assert_eq!([own(&[1023]), own(&[1024])], [Line::Own(1023), Line::None]);
    for odd in [&[][..], &[0], &[11, 12], &[11, 11], &[u32::MAX], &[1 << 16 | 11]] {
        assert_eq!(own(odd), Line::None, "{odd:?}");
    }
    for len in [1, 3, 5, 7] {
        let bytes = [0, 0, 0, 11, 0, 0, 0];
        let tree = edited(|tree| set_bytes(tree, RTC, "interrupts", &bytes[..len]));
        assert_eq!(line(&tree, RTC), Line::None, "{len} bytes");
    }
    assert_eq!(extended(&[HANDLE, 11]), Line::Own(11));
    let odd = [&[][..], &[HANDLE], &[HANDLE, 11, HANDLE, 12], &[HANDLE, 11, CPU, 1], &[99, 11]];
    for odd in odd {
        assert_eq!(extended(odd), Line::None, "{odd:?}");
    }
    let both = edited(|tree| set(tree, RTC, "interrupts-extended", &[HANDLE, 11]));
    assert_eq!(line(&both, RTC), Line::None, "which of the two?");
}

// attack 42 U: a line of another controller; it is none of the PLIC's; broken: tree-line-parent
#[test]
fn a_line_of_another_controller_is_none() {
    assert_eq!(extended(&[CPU, 11]), Line::None);
    let parent = |handle| edited(move |tree| set(tree, RTC, "interrupt-parent", &[handle]));
    assert_eq!(line(&parent(HANDLE), RTC), Line::Own(11));
    assert_eq!(line(&parent(CPU), RTC), Line::None);
    assert_eq!(line(&parent(99), RTC), Line::None);
    let garbled = edited(|tree| set_bytes(tree, RTC, "interrupt-parent", &[0, 0, HANDLE as u8]));
    assert_eq!(line(&garbled, RTC), Line::None);
}

#[test]
fn the_controller_is_inherited() {
    let above = |edit: Edit<'_>| {
        let tree = edited(|tree| {
            unset(tree, RTC, "interrupt-parent");
            edit(tree);
        });
        line(&tree, RTC)
    };
    assert_eq!(above(&|_| ()), Line::None, "nobody says");
    assert_eq!(above(&|tree| set(tree, SOC, "interrupt-parent", &[HANDLE])), Line::Own(11));
    assert_eq!(above(&|tree| set(tree, "/", "interrupt-parent", &[HANDLE])), Line::Own(11));
    let nearest = |tree: &mut DeviceTree| {
        set(tree, "/", "interrupt-parent", &[HANDLE]);
        set(tree, SOC, "interrupt-parent", &[CPU]);
    };
    assert_eq!(above(&nearest), Line::None, "the nearest one counts");
    let between = |tree: &mut DeviceTree| {
        set(tree, "/", "interrupt-parent", &[HANDLE]);
        set(tree, SOC, "#interrupt-cells", &[1]);
    };
    assert_eq!(above(&between), Line::None, "a controller between them");
}

/// Both of two devices, where the other one has this property.
fn shared(name: &str, cells: &[u32]) -> (Line, Line) {
    let tree = edited(|tree| {
        unset(tree, UART, "interrupts");
        set(tree, UART, name, cells);
    });
    (line(&tree, RTC), line(&tree, UART))
}

// attack 42 U: a line that the tree gives to two devices, in any way; neither has it; broken: tree-line-shared, tree-line-named
#[test]
fn a_line_of_two_devices_is_neither_ones() {
    assert_eq!(shared("interrupts", &[12]), (Line::Own(11), Line::Own(12)));
    assert_eq!(shared("interrupts", &[11]), (Line::Shared, Line::Shared));
    assert_eq!(shared("interrupts-extended", &[HANDLE, 11]), (Line::Shared, Line::Shared));
    let doubt = (Line::Shared, Line::None);
    assert_eq!(shared("interrupts", &[12, 11]), doubt, "one of several");
    assert_eq!(shared("interrupts-extended", &[CPU, 5, HANDLE, 11]), doubt);
    assert_eq!(shared("interrupts-extended", &[99, 11]), doubt, "it cannot be read on");
    assert_eq!(shared("interrupts-extended", &[HANDLE, 12, HANDLE, 11]), doubt);
    let other = (Line::Own(11), Line::None);
    assert_eq!(shared("interrupts-extended", &[CPU, 11]), other, "another controller's");
    assert_eq!(shared("interrupts-extended", &[HANDLE, 12, CPU, 11]), other);

    let off = edited(|tree| {
        set(tree, UART, "interrupts", &[11]);
        set_bytes(tree, UART, "status", b"disabled\0");
    });
    assert_eq!(line(&off, RTC), Line::Own(11), "one that is off does not count");
    let bus = edited(|tree| set(tree, RTC, "interrupts", &[33]));
    assert_eq!(line(&bus, RTC), Line::Shared, "a line of the PCI bus");
}

#[test]
fn a_map_of_lines_is_read_by_the_cells_of_both_sides() {
    // Three cells of address and one of line below, one of line above: the 3 are no handles.
    let map = |cells: &[u32]| {
        let tree = edited(|tree| set(tree, "/soc/pci@30000000", "interrupt-map", cells));
        line(&tree, RTC)
    };
    assert_eq!(map(&[0, 0, 0, 3, HANDLE, 11]), Line::Shared);
    assert_eq!(map(&[3, 11, 3, 11, HANDLE, 34]), Line::Own(11));
    assert_eq!(map(&[0, 0, 0, 1, HANDLE, 34, 0, 0, 0, 2, HANDLE, 11]), Line::Shared);
    assert_eq!(map(&[0, 0, 0, 1, CPU, 11]), Line::Own(11));
    assert_eq!(map(&[0, 0, 0, 1, 99, 11]), Line::Shared, "it cannot be read on");
    assert_eq!(map(&[11]), Line::Shared);
}

// attack 42 U: no PLIC, two, one that is off, or one whose lines or handle are in doubt; nobody has a line; broken: tree-plic
#[test]
fn without_one_plic_nobody_has_a_line() {
    let second = |tree: &mut DeviceTree| {
        let mut node = DeviceTreeNode::new("plic@d000000").unwrap();
        let compatible = DeviceTreeProperty::new("compatible", "riscv,plic0").unwrap();
        node.add_property(compatible);
        tree.find_node_mut(SOC).unwrap().add_child(node);
    };
    let edits: [(&str, Edit<'_>); 7] = [
        ("none", &|tree| set_bytes(tree, PLIC, "compatible", b"riscv,aplic\0")),
        ("two", &second),
        ("off", &|tree| set_bytes(tree, PLIC, "status", b"disabled\0")),
        ("two cells", &|tree| set(tree, PLIC, "#interrupt-cells", &[2])),
        ("no cells", &|tree| unset(tree, PLIC, "#interrupt-cells")),
        ("no handle", &|tree| unset(tree, PLIC, "phandle")),
        ("a handle of two", &|tree| set(tree, "/soc/test@100000", "phandle", &[HANDLE])),
    ];
    for (what, edit) in edits {
        let tree = edited(edit);
        assert!(tree.nodes().iter().all(|node| node.line == Line::None), "{what}");
    }
    let off = edited(|tree| {
        second(tree);
        set_bytes(tree, "/soc/plic@d000000", "status", b"disabled\0");
    });
    assert_eq!(line(&off, RTC), Line::Own(11), "a second one that is off does not count");
}
