//! Discovery against a real tree and against broken ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use nexus_abi::Error;
use nexus_init::board::{Finder, Identity, Probe, Range, Tree, TreeError};
use nexus_proto::init::Refusal;
use nexus_sysdesc::{Danger, Device};
use proptest::prelude::*;

const VIRT: &[u8] = include_bytes!("data/qemu-virt.dtb");
const MAGIC: u32 = 0x7472_6976;

/// Slots by base address; all others are empty.
struct Slots(Vec<(u64, Result<Identity, Error>)>);

impl Probe for Slots {
    fn identify(&mut self, window: Range) -> Result<Identity, Error> {
        let empty = Ok(Identity { magic: MAGIC, version: 2, device_id: 0 });
        self.0.iter().find(|slot| slot.0 == window.base).map_or(empty, |slot| slot.1)
    }
}

fn device(device_id: u32) -> Result<Identity, Error> {
    Ok(Identity { magic: MAGIC, version: 2, device_id })
}

fn plain(compatible: &str) -> Device {
    Device {
        id: 0,
        name: "wanted".into(),
        compatible: compatible.into(),
        virtio_id: None,
        instance: 0,
        base: None,
        window_len: 4096,
        dma: false,
        danger: Danger::Low,
    }
}

fn virtio(id: u32, instance: u8) -> Device {
    Device { virtio_id: Some(id), instance, ..plain("virtio,mmio") }
}

fn find(tree: &Tree, wanted: &Device) -> Result<Range, Refusal> {
    Finder::new(tree).find(wanted, &mut Slots(vec![])).map(|found| found.window)
}

fn page(base: u64) -> Range {
    Range { base, len: 4096 }
}

/// The real tree, changed.
fn edited(edit: impl FnOnce(&mut DeviceTree)) -> Tree {
    let mut tree = DeviceTree::from_fdt(&Fdt::new(VIRT).unwrap());
    edit(&mut tree);
    Tree::parse(&tree.to_dtb()).unwrap()
}

fn reg(cells: &[u32]) -> DeviceTreeProperty {
    let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
    DeviceTreeProperty::new("reg", bytes.as_slice()).unwrap()
}

#[test]
fn devices_of_the_real_board() {
    let tree = Tree::parse(VIRT).unwrap();
    assert_eq!(find(&tree, &plain("ns16550a")), Ok(page(0x1000_0000)), "0x100 bytes, one page");
    assert_eq!(find(&tree, &plain("google,goldfish-rtc")), Ok(page(0x10_1000)));
    assert_eq!(find(&tree, &plain("sifive,test0")), Ok(page(0x10_0000)), "second in its list");
    assert_eq!(find(&tree, &plain("no,such-device")), Err(Refusal::Absent));
    let second = Device { instance: 1, ..plain("ns16550a") };
    assert_eq!(find(&tree, &second), Err(Refusal::Absent));
    let here = Device { base: Some(0x1000_0000), ..plain("ns16550a") };
    assert_eq!(find(&tree, &here), Ok(page(0x1000_0000)));
    let elsewhere = Device { base: Some(0x1000_1000), ..plain("ns16550a") };
    assert_eq!(find(&tree, &elsewhere), Err(Refusal::WrongPlace));
    for window_len in [0, 4095, 4097, 8192, u64::MAX] {
        let wanted = Device { window_len, ..plain("ns16550a") };
        assert_eq!(find(&tree, &wanted), Err(Refusal::WrongSize));
    }
}

#[test]
fn of_several_ranges_the_base_says_which() {
    const BANK: u64 = 0x200_0000;
    let tree = Tree::parse(VIRT).unwrap();
    let bank = |base, window_len| Device { base, window_len, ..plain("cfi-flash") };
    for base in [0x2000_0000, 0x2200_0000] {
        assert_eq!(find(&tree, &bank(Some(base), BANK)), Ok(Range { base, len: BANK }));
        assert_eq!(find(&tree, &bank(Some(base), 4096)), Err(Refusal::WrongSize));
        assert_eq!(find(&tree, &bank(Some(base), 2 * BANK)), Err(Refusal::WrongSize));
    }
    assert_eq!(find(&tree, &bank(None, BANK)), Err(Refusal::NotOneRange), "no guess");
    for base in [0, 0x2000_1000, 0x2100_0000, 0x2400_0000, u64::MAX] {
        assert_eq!(find(&tree, &bank(Some(base), BANK)), Err(Refusal::WrongPlace), "{base:#x}");
    }
}

#[test]
fn ranges_of_one_device_that_overlap_are_nobodys() {
    let tree = edited(|tree| {
        let node = tree.find_node_mut("/soc/rtc@101000").unwrap();
        node.remove_property("reg");
        node.add_property(reg(&[0, 0x10_1000, 0, 0x100, 0, 0x10_1100, 0, 0x100]));
    });
    let wanted = Device { base: Some(0x10_1000), ..plain("google,goldfish-rtc") };
    assert_eq!(find(&tree, &wanted), Err(Refusal::SharedPage));
}

#[test]
fn slots_count_by_address_whatever_the_order_in_the_tree() {
    let tree = Tree::parse(VIRT).unwrap();
    let mut slots = Slots(vec![
        (0x1000_8000, device(2)),
        (0x1000_1000, device(4)),
        (0x1000_5000, device(2)),
        (0x1000_2000, device(1)),
    ]);
    let mut finder = Finder::new(&tree);
    let mut base = |wanted: Device| finder.find(&wanted, &mut slots).map(|found| found.window.base);
    assert_eq!(base(virtio(2, 0)), Ok(0x1000_5000));
    assert_eq!(base(virtio(2, 1)), Ok(0x1000_8000));
    assert_eq!(base(virtio(2, 2)), Err(Refusal::Absent));
    assert_eq!(base(virtio(4, 0)), Ok(0x1000_1000));
    assert_eq!(base(virtio(1, 0)), Ok(0x1000_2000));
    assert_eq!(base(virtio(3, 0)), Err(Refusal::Absent));
    assert_eq!(base(virtio(0, 0)), Ok(0x1000_3000), "an empty slot, where one is asked for");
    assert_eq!(base(virtio(0, 3)), Ok(0x1000_7000));
    assert_eq!(base(virtio(0, 4)), Err(Refusal::Absent));
}

// attack 42 U: another device in the slot; refused
#[test]
fn wrong_device_in_the_slot_is_a_refusal() {
    let tree = Tree::parse(VIRT).unwrap();
    let slot = 0x1000_3000;
    let at = |identity| {
        let mut slots = Slots(vec![(slot, identity)]);
        Finder::new(&tree).find(&virtio(4, 0), &mut slots).map(|found| found.window.base)
    };
    assert_eq!(at(device(4)), Ok(slot));
    assert_eq!(at(device(1)), Err(Refusal::Absent));
    assert_eq!(at(device(0)), Err(Refusal::Absent));
    let legacy = Ok(Identity { magic: MAGIC, version: 1, device_id: 4 });
    assert_eq!(at(legacy), Err(Refusal::WrongDevice));
    let not_virtio = Ok(Identity { magic: 0, version: 2, device_id: 4 });
    assert_eq!(at(not_virtio), Err(Refusal::Absent));
}

// attack 42 F: a slot cannot be read; no guess which device is which
#[test]
fn one_unreadable_slot_leaves_all_in_doubt() {
    let tree = Tree::parse(VIRT).unwrap();
    let mut slots = Slots(vec![(0x1000_1000, device(4)), (0x1000_7000, Err(Error::NoMemory))]);
    let result = Finder::new(&tree).find(&virtio(4, 0), &mut slots);
    assert_eq!(result, Err(Refusal::ProbeFailed));
}

// attack 42 U: two devices in one page; nobody gets it
#[test]
fn a_page_with_two_devices_goes_to_nobody() {
    let tree = edited(|tree| {
        let soc = tree.find_node_mut("/soc").unwrap();
        let mut node = DeviceTreeNode::new("serial@10000100").unwrap();
        node.add_property(reg(&[0, 0x1000_0100, 0, 0x100]));
        node.add_property(DeviceTreeProperty::new("compatible", "ns16550a").unwrap());
        soc.add_child(node);
    });
    assert_eq!(find(&tree, &plain("ns16550a")), Err(Refusal::SharedPage));
    let second = Device { instance: 1, ..plain("ns16550a") };
    assert_eq!(find(&tree, &second), Err(Refusal::WrongSize));
    assert_eq!(find(&tree, &plain("google,goldfish-rtc")), Ok(page(0x10_1000)), "others remain");
}

#[test]
fn registers_off_a_page_boundary_or_too_long_are_refused() {
    let with = |cells: [u32; 4]| {
        edited(|tree| {
            let node = tree.find_node_mut("/soc/serial@10000000").unwrap();
            node.remove_property("reg");
            node.add_property(reg(&cells));
        })
    };
    let uart = plain("ns16550a");
    assert_eq!(find(&with([0, 0x1100_0004, 0, 0x100]), &uart), Err(Refusal::WrongSize));
    assert_eq!(find(&with([0, 0x1100_0000, 0, 0x1001]), &uart), Err(Refusal::WrongSize));
    assert_eq!(find(&with([0, 0x1100_0000, 0, 0x1000]), &uart), Ok(page(0x1100_0000)));
    assert_eq!(find(&with([0, 0x1100_0000, 0, 1]), &uart), Ok(page(0x1100_0000)));
    assert_eq!(find(&with([0, 0x1100_0000, 0, 0]), &uart), Err(Refusal::Absent));
    let top = with([0xffff_ffff, 0xffff_f000, 0, 0x1000]);
    assert_eq!(find(&top, &uart), Err(Refusal::WrongSize), "ends where addresses end");
}

#[test]
fn a_disabled_device_is_not_there() {
    let tree = edited(|tree| {
        let node = tree.find_node_mut("/soc/rtc@101000").unwrap();
        node.add_property(DeviceTreeProperty::new("status", "disabled").unwrap());
    });
    assert_eq!(find(&tree, &plain("google,goldfish-rtc")), Err(Refusal::Disabled));
}

#[test]
fn addresses_go_through_the_bus() {
    let on_bus = |name: &str, at: u32| {
        edited(|tree| {
            let bus = tree.find_node_mut("/platform-bus@4000000").unwrap();
            let mut node = DeviceTreeNode::new(name).unwrap();
            node.add_property(reg(&[at, 0x1000]));
            node.add_property(DeviceTreeProperty::new("compatible", "test,device").unwrap());
            bus.add_child(node);
        })
    };
    let wanted = plain("test,device");
    assert_eq!(find(&on_bus("dev@3000", 0x3000), &wanted), Ok(page(0x400_3000)));
    assert_eq!(find(&on_bus("dev@1fff000", 0x1ff_f000), &wanted), Ok(page(0x5ff_f000)));
    assert_eq!(find(&on_bus("dev@2000000", 0x200_0000), &wanted), Err(Refusal::Absent), "off it");
    let unreachable = edited(|tree| {
        let mut node = DeviceTreeNode::new("dev@0").unwrap();
        node.add_property(reg(&[0, 0x1000]));
        node.add_property(DeviceTreeProperty::new("compatible", "test,device").unwrap());
        tree.find_node_mut("/soc/rtc@101000").unwrap().add_child(node);
    });
    assert_eq!(find(&unreachable, &wanted), Err(Refusal::Absent), "no ranges, no way to it");
}

#[test]
fn errors_name_the_place() {
    let mut tree = DeviceTree::from_fdt(&Fdt::new(VIRT).unwrap());
    let node = tree.find_node_mut("/soc/rtc@101000").unwrap();
    node.remove_property("reg");
    node.add_property(reg(&[0, 0x10_1000, 0]));
    let error = Tree::parse(&tree.to_dtb()).unwrap_err();
    assert_eq!(error, TreeError::BadReg("/soc/rtc@101000".into()));
    assert_eq!(error.to_string(), "/soc/rtc@101000: malformed reg");

    let mut wraps = DeviceTree::from_fdt(&Fdt::new(VIRT).unwrap());
    let node = wraps.find_node_mut("/soc/rtc@101000").unwrap();
    node.remove_property("reg");
    node.add_property(reg(&[0xffff_ffff, 0xffff_f000, 0, 0x1001]));
    assert!(matches!(Tree::parse(&wraps.to_dtb()), Err(TreeError::BadReg(_))));

    let mut deep = DeviceTreeNode::new("n").unwrap();
    for _ in 0..40 {
        let mut parent = DeviceTreeNode::new("n").unwrap();
        parent.add_child(deep);
        deep = parent;
    }
    let mut tree = DeviceTree::new();
    tree.root.add_child(deep);
    assert_eq!(Tree::parse(&tree.to_dtb()), Err(TreeError::TooLarge));
}

// attack 42 P: a device tree cut at every length; refused
#[test]
fn every_cut_of_a_tree_is_an_error() {
    for len in 0..VIRT.len() {
        assert!(matches!(Tree::parse(&VIRT[..len]), Err(TreeError::Malformed(_))), "{len}");
    }
    let mut longer = VIRT.to_vec();
    longer.resize(VIRT.len() + 5000, 0xaa);
    assert_eq!(Tree::parse(&longer), Tree::parse(VIRT), "memory comes in pages");
}

proptest! {
    // attack 42 P: a damaged device tree; an error and never a panic
    #[test]
    fn damaged_trees_never_panic(damage in prop::collection::vec((0..VIRT.len(), any::<u8>()), 1..12)) {
        let mut bytes = VIRT.to_vec();
        for (at, value) in damage {
            bytes[at] = value;
        }
        if let Ok(tree) = Tree::parse(&bytes) {
            let mut slots = Slots(vec![(0x1000_1000, device(4))]);
            let mut finder = Finder::new(&tree);
            for wanted in [plain("ns16550a"), virtio(4, 0), plain("cfi-flash")] {
                if let Ok(found) = finder.find(&wanted, &mut slots) {
                    prop_assert_eq!(found.window.base % 4096, 0);
                    prop_assert_eq!(found.window.len, wanted.window_len);
                }
            }
        }
    }
}
