//! Discovery against a real tree and against broken ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use nexus_abi::Error;
use nexus_init::board::{Finder, Identity, MAX_NODES, Probe, Range, Tree, TreeError, view};
use nexus_proto::init::{BoardKind, Refusal};
use nexus_sysdesc::{Device, Says, testing};
use proptest::prelude::*;

const VIRT: &[u8] = include_bytes!("data/qemu-virt.dtb");
const MAGIC: u32 = 0x7472_6976;

/// Slots by base address; all others are empty.
struct Slots(Plugged);
type Plugged = Vec<(u64, Result<Identity, Error>)>;

impl Probe for Slots {
    fn identify(&mut self, window: Range) -> Result<Identity, Error> {
        let empty = Ok(Identity { magic: MAGIC, version: 2, device_id: 0, config: [0; 8] });
        self.0.iter().find(|slot| slot.0 == window.base).map_or(empty, |slot| slot.1)
    }
}

fn device(device_id: u32) -> Result<Identity, Error> {
    Ok(Identity { magic: MAGIC, version: 2, device_id, config: [0; 8] })
}

fn plain(compatible: &str) -> Device {
    Device { compatible: compatible.into(), ..testing::device(0, "wanted") }
}

fn virtio(id: u32, instance: u8) -> Device {
    Device { virtio_id: Some(id), instance, ..plain("virtio,mmio") }
}

/// Where `wanted` is, when the description has no other device.
fn find(tree: &Tree, wanted: &Device) -> Result<Range, Refusal> {
    find_in(tree, &[], wanted, vec![])
}

/// The same beside others, with these slots.
fn find_in(
    tree: &Tree,
    others: &[Device],
    wanted: &Device,
    slots: Plugged,
) -> Result<Range, Refusal> {
    let devices = [others, std::slice::from_ref(wanted)].concat();
    Finder::new(tree, &devices).find(wanted, &mut Slots(slots)).map(|found| found.window)
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
    let both = find_in(&tree, &[plain("ns16550a")], &second, vec![]);
    assert_eq!(
        both,
        Err(Refusal::Ambiguous),
        "of two that are described the board has one: which?"
    );
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
fn as_many_as_are_described_count_by_address_whatever_the_order_in_the_tree() {
    let tree = Tree::parse(VIRT).unwrap();
    let slots = || {
        let plugged = [(0x1000_8000, 2), (0x1000_1000, 4), (0x1000_5000, 2), (0x1000_2000, 1)];
        plugged.map(|(base, id)| (base, device(id))).to_vec()
    };
    let others = [virtio(2, 0), virtio(2, 1), virtio(4, 0), virtio(1, 0)];
    let base = |wanted: &Device| {
        let others: Vec<_> = others.iter().filter(|one| *one != wanted).cloned().collect();
        find_in(&tree, &others, wanted, slots()).map(|found| found.base)
    };
    assert_eq!(base(&virtio(2, 0)), Ok(0x1000_5000));
    assert_eq!(base(&virtio(2, 1)), Ok(0x1000_8000));
    assert_eq!(base(&virtio(4, 0)), Ok(0x1000_1000));
    assert_eq!(base(&virtio(1, 0)), Ok(0x1000_2000));
    assert_eq!(base(&virtio(3, 0)), Err(Refusal::Absent));
}

/// Which devices are found, and where those are that nobody gets.
fn all(tree: &Tree, devices: &[Device], slots: Plugged) -> (Vec<Result<u64, Refusal>>, Vec<u64>) {
    let mut finder = Finder::new(tree, devices);
    let mut slots = Slots(slots);
    let found = devices.iter().map(|device| finder.find(device, &mut slots));
    let found = found.map(|found| found.map(|found| found.window.base)).collect();
    let unnamed = finder.unnamed(&mut slots).into_iter();
    (found, unnamed.filter_map(|(_, range, _)| Some(range?.base)).collect())
}

// attack 80 U: a second device of a kind, below or above the first; none of them is given, and each is told; broken: lowest-of-a-kind
#[test]
fn with_more_of_a_kind_than_are_described_none_is_given() {
    const AMBIGUOUS: Result<u64, Refusal> = Err(Refusal::Ambiguous);
    let tree = Tree::parse(VIRT).unwrap();
    for second in [0x1000_1000, 0x1000_8000] {
        let slots = vec![(0x1000_4000, device(2)), (second, device(2)), (0x1000_5000, device(4))];
        let mut both = vec![0x1000_4000, second];
        both.sort_unstable();
        let one = all(&tree, &[virtio(2, 0), virtio(4, 0)], slots.clone());
        assert_eq!(one, (vec![AMBIGUOUS, Ok(0x1000_5000)], both), "other kinds are not concerned");
        let fixed = Device { base: Some(0x1000_4000), ..virtio(2, 0) };
        let named = all(&tree, &[fixed], slots.clone());
        assert_eq!(named, (vec![Ok(0x1000_4000)], vec![second]), "its base says which it is");
        let legacy = Ok(Identity { magic: MAGIC, version: 1, device_id: 2, config: [0; 8] });
        let old = all(&tree, &[virtio(2, 0)], vec![(0x1000_4000, device(2)), (second, legacy)]);
        assert_eq!(old.0, [AMBIGUOUS], "one of an older layout counts");
    }
    let three = (0..3).map(|slot| (0x1000_1000 + slot * 0x1000, device(2))).collect();
    let two = all(&tree, &[virtio(2, 0), virtio(2, 1)], three);
    assert_eq!(two, (vec![AMBIGUOUS; 2], vec![0x1000_1000, 0x1000_2000, 0x1000_3000]));
}

// attack 80 U: one of two described devices is gone; the other does not take its place; broken: lowest-of-a-kind
#[test]
fn with_fewer_of_a_kind_than_are_described_none_is_given() {
    let tree = Tree::parse(VIRT).unwrap();
    let left = all(&tree, &[virtio(2, 0), virtio(2, 1)], vec![(0x1000_4000, device(2))]);
    assert_eq!(left, (vec![Err(Refusal::Ambiguous); 2], vec![0x1000_4000]));
    let none = all(&tree, &[virtio(2, 0), virtio(2, 1)], vec![]);
    assert_eq!(none, (vec![Err(Refusal::Absent); 2], vec![]));
}

// attack 80 U: two disks of which a size is described; the one that says it, and none when both do; broken: says-ignored
#[test]
fn what_a_device_says_chooses_among_several_and_two_alike_are_refused() {
    let tree = Tree::parse(VIRT).unwrap();
    let disk = |base, sectors: u64| {
        let config = sectors.to_le_bytes();
        (base, Ok(Identity { magic: MAGIC, version: 2, device_id: 2, config }))
    };
    let sized = |bytes| Device { says: Some(Says::Capacity(bytes)), ..virtio(2, 0) };
    let two = || vec![disk(0x1000_1000, 8), disk(0x1000_5000, 16)];
    let small = all(&tree, &[sized(4096)], two());
    assert_eq!(small, (vec![Ok(0x1000_1000)], vec![0x1000_5000]));
    let rest = all(&tree, &[sized(8192), Device { instance: 1, ..virtio(2, 0) }], two());
    assert_eq!(rest, (vec![Ok(0x1000_5000), Ok(0x1000_1000)], vec![]));
    let other = all(&tree, &[sized(512)], vec![disk(0x1000_1000, 8)]);
    assert_eq!(other.0, [Err(Refusal::WrongDevice)], "the only one is not taken for it");
    let alike = all(&tree, &[sized(4096)], vec![disk(0x1000_1000, 8), disk(0x1000_5000, 8)]);
    assert_eq!(alike, (vec![Err(Refusal::Ambiguous)], vec![0x1000_1000, 0x1000_5000]));
    let placed = Device { base: Some(0x1000_5000), ..sized(4096) };
    assert_eq!(all(&tree, &[placed], two()).0, [Err(Refusal::WrongPlace)], "both must be true");
    let net = |base, last: u8| {
        let config = [0x52, 0x54, 0, 0x12, 0x34, last, 1, 0];
        (base, Ok(Identity { magic: MAGIC, version: 2, device_id: 1, config }))
    };
    let mac = Says::Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    let addressed = Device { says: Some(mac), ..virtio(1, 0) };
    let found = all(&tree, &[addressed], vec![net(0x1000_1000, 0x57), net(0x1000_5000, 0x56)]);
    assert_eq!(found, (vec![Ok(0x1000_5000)], vec![0x1000_1000]));
}

fn serial(tree: &mut DeviceTree, base: u32) -> &mut DeviceTreeNode {
    let soc = tree.find_node_mut("/soc").unwrap();
    let name = format!("serial@{base:x}");
    let mut node = DeviceTreeNode::new(name.as_str()).unwrap();
    node.add_property(reg(&[0, base, 0, 0x100]));
    node.add_property(DeviceTreeProperty::new("compatible", "ns16550a").unwrap());
    soc.add_child(node);
    soc.child_mut(&name).unwrap()
}

// attack 80 U: a second serial port; the described place is kept, without one none is given; broken: lowest-of-a-kind
#[test]
fn a_second_serial_port_is_nobodys() {
    let two = edited(|tree| {
        serial(tree, 0x0f00_0000);
    });
    assert_eq!(find(&two, &plain("ns16550a")), Err(Refusal::Ambiguous));
    let fixed = Device { base: Some(0x1000_0000), ..plain("ns16550a") };
    let found = all(&two, std::slice::from_ref(&fixed), vec![]);
    assert_eq!(found, (vec![Ok(0x1000_0000)], vec![0x0f00_0000]));
    let off = edited(|tree| {
        let off = DeviceTreeProperty::new("status", "disabled").unwrap();
        serial(tree, 0x0f00_0000).add_property(off);
    });
    let one = all(&off, &[plain("ns16550a")], vec![]);
    assert_eq!(one, (vec![Ok(0x1000_0000)], vec![]), "one that is off does not count");
    let doubt = edited(|tree| {
        let cut = DeviceTreeProperty::new("reg", [0u8; 4].as_slice()).unwrap();
        serial(tree, 0x0f00_0000).add_property(cut);
    });
    assert_eq!(find(&doubt, &plain("ns16550a")), Err(Refusal::Ambiguous), "one in doubt does");
}

// attack 42 U: another device in the slot; refused
#[test]
fn wrong_device_in_the_slot_is_a_refusal() {
    let tree = Tree::parse(VIRT).unwrap();
    let slot = 0x1000_3000;
    let at = |identity| {
        let mut slots = Slots(vec![(slot, identity)]);
        let devices = [virtio(4, 0)];
        Finder::new(&tree, &devices).find(&devices[0], &mut slots).map(|found| found.window.base)
    };
    assert_eq!(at(device(4)), Ok(slot));
    assert_eq!(at(device(1)), Err(Refusal::Absent));
    assert_eq!(at(device(0)), Err(Refusal::Absent));
    let legacy = Ok(Identity { magic: MAGIC, version: 1, device_id: 4, config: [0; 8] });
    assert_eq!(at(legacy), Err(Refusal::WrongDevice));
    let not_virtio = Ok(Identity { magic: 0, version: 2, device_id: 4, config: [0; 8] });
    assert_eq!(at(not_virtio), Err(Refusal::Absent));
}

// attack 42 F: a slot cannot be read; no guess which device is which
#[test]
fn one_unreadable_slot_leaves_all_in_doubt() {
    let tree = Tree::parse(VIRT).unwrap();
    let slots = vec![(0x1000_1000, device(4)), (0x1000_7000, Err(Error::NoMemory))];
    assert_eq!(find_in(&tree, &[], &virtio(4, 0), slots), Err(Refusal::ProbeFailed));
}

// attack 42 U: two devices in one page; nobody gets it
#[test]
fn a_page_with_two_devices_goes_to_nobody() {
    let tree = edited(|tree| {
        serial(tree, 0x1000_0100);
    });
    let first = Device { base: Some(0x1000_0000), ..plain("ns16550a") };
    assert_eq!(find(&tree, &first), Err(Refusal::SharedPage));
    let second = Device { base: Some(0x1000_0100), ..plain("ns16550a") };
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
fn a_malformed_node_is_no_reason_to_refuse_the_others() {
    let odd = |path: &str, name: &str, cells: &[u32]| {
        edited(|tree| {
            let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
            let node = tree.find_node_mut(path).unwrap();
            node.add_property(DeviceTreeProperty::new(name, bytes.as_slice()).unwrap());
        })
    };
    let rtc = plain("google,goldfish-rtc");
    for tree in [
        odd("/soc/rtc@101000", "reg", &[0, 0x10_1000, 0]),
        odd("/soc/rtc@101000", "reg", &[u32::MAX, 0xffff_f000, 0, 0x1001]),
        odd("/soc/rtc@101000", "reg", &[0, 0x10_1000, 0, 0x1000, 1, 0, u32::MAX, 0]),
    ] {
        assert_eq!(find(&tree, &rtc), Err(Refusal::NotOneRange));
        assert_eq!(find(&tree, &plain("ns16550a")), Ok(page(0x1000_0000)));
    }
    let bus = odd("/soc", "ranges", &[0, 0, 1]);
    assert_eq!(find(&bus, &rtc), Err(Refusal::NotOneRange), "nor a bus");
}

#[test]
fn large_trees_are_read_and_larger_ones_refused_by_name() {
    let with = |more: usize| {
        let mut tree = DeviceTree::new();
        for number in 1..more {
            tree.root.add_child(DeviceTreeNode::new(format!("n{number}")).unwrap());
        }
        Tree::parse(&tree.to_dtb())
    };
    assert_eq!(with(MAX_NODES).unwrap().nodes().len(), MAX_NODES);
    let error = with(MAX_NODES + 1).unwrap_err();
    assert_eq!(error, TreeError::TooLarge(MAX_NODES + 1));
    assert_eq!(error.to_string(), "the device tree has 4097 nodes, more than 4096");
}

// attack 42 P: a device tree cut at every length; refused
#[test]
fn every_cut_of_a_tree_is_an_error() {
    for len in 0..VIRT.len() {
        assert!(matches!(Tree::parse(&VIRT[..len]), Err(TreeError::Unread(_))), "{len}");
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
            let devices = [plain("ns16550a"), virtio(4, 0), plain("cfi-flash")];
            let mut finder = Finder::new(&tree, &devices);
            for wanted in &devices {
                if let Ok(found) = finder.find(wanted, &mut slots) {
                    prop_assert_eq!(found.window.base % 4096, 0);
                    prop_assert_eq!(found.window.len, wanted.window_len);
                }
            }
        }
    }
}

/// An empty slot is as good as another to a description of tests that asks for some.
#[test]
fn empty_slots_are_the_first_ones() {
    let tree = Tree::parse(VIRT).unwrap();
    let two = all(&tree, &[virtio(0, 0), virtio(0, 1)], vec![(0x1000_1000, device(2))]);
    assert_eq!(two, (vec![Ok(0x1000_2000), Ok(0x1000_3000)], vec![]));
}

#[test]
fn the_picture_has_what_has_registers_and_the_buses_that_lead_there() {
    let tree = edited(|tree| {
        let soc = tree.find_node_mut("/soc").unwrap();
        let mut empty = DeviceTreeNode::new("empty").unwrap();
        empty.add_child(DeviceTreeNode::new("leaf").unwrap());
        soc.add_child(empty);
        serial(tree, 0x0f00_0000);
    });
    let pieces = view(&tree, &[], &[], &[]);
    let named = |name: &str| pieces.iter().filter(|piece| piece.name == name).count();
    assert_eq!(["soc", "rtc@101000", "serial@f000000"].map(named), [1; 3]);
    assert_eq!(["empty", "leaf", "chosen"].map(named), [0; 3]);
    let soc = pieces.iter().find(|piece| piece.name == "soc").unwrap();
    assert_eq!((soc.kind, soc.range), (BoardKind::Bus, None));
}
