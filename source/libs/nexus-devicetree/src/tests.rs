use dtoolkit::ToPropertyValue;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use super::*;

fn node(name: &str, properties: &[(&str, &[u32])]) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new(name).unwrap();
    for (name, cells) in properties {
        set(&mut node, name, *cells);
    }
    node
}

fn set(node: &mut DeviceTreeNode, name: &str, value: impl ToPropertyValue) {
    node.add_property(DeviceTreeProperty::new(name, value).unwrap());
}

/// A tree of one-cell addresses and sizes: these nodes, one below the other.
fn chain(nodes: Vec<DeviceTreeNode>) -> Vec<u8> {
    let mut tree = DeviceTree::new();
    let cells = [("#address-cells", [1_u32]), ("#size-cells", [1_u32])];
    let mut below: Option<DeviceTreeNode> = None;
    for mut node in nodes.into_iter().rev() {
        for (name, value) in cells {
            if node.property_mut(name).is_none() {
                set(&mut node, name, value);
            }
        }
        if let Some(child) = below.take() {
            node.add_child(child);
        }
        below = Some(node);
    }
    cells.iter().for_each(|(name, value)| set(&mut tree.root, name, *value));
    tree.root.add_child(below.unwrap());
    tree.to_dtb()
}

/// Of the deepest node: whether it is on, where its registers are, and how much of them that is.
fn deepest(nodes: Vec<DeviceTreeNode>) -> (bool, Vec<(u64, u64)>, Reach) {
    let bytes = chain(nodes);
    let mut found = (false, Vec::new(), Reach::Nowhere);
    let mut visit = |node: &Node<'_, '_>| {
        let mut ranges = Vec::new();
        let reach = node.registers(&mut |range| ranges.push((range.base, range.len)));
        found = (node.on(), ranges, reach);
    };
    Tree::parse(&bytes).unwrap().walk(&mut visit).unwrap();
    found
}

fn device(reg: &[u32]) -> DeviceTreeNode {
    node("device@0", &[("reg", reg)])
}

fn bus(ranges: &[u32]) -> DeviceTreeNode {
    node("bus", &[("ranges", ranges)])
}

fn registers(nodes: Vec<DeviceTreeNode>) -> (Vec<(u64, u64)>, Reach) {
    let (_, ranges, reach) = deepest(nodes);
    (ranges, reach)
}

// attack 79 U: a status that is neither absent, `ok` nor `okay`, here or above; switched off; broken: tree-status
#[test]
fn only_absent_ok_and_okay_are_on() {
    let with = |status: &[u8]| {
        let mut node = device(&[0x1000, 0x1000]);
        set(&mut node, "status", status);
        node
    };
    for on in [b"ok\0".as_slice(), b"okay\0"] {
        assert!(deepest(vec![with(on)]).0);
    }
    assert!(deepest(vec![device(&[0x1000, 0x1000])]).0);
    let off: [&[u8]; 13] = [
        b"disabled\0",
        b"reserved\0",
        b"fail\0",
        b"fail-sss\0",
        b"fail-busy\0",
        b"okay",
        b"",
        b"\0",
        b"OKAY\0",
        b" okay\0",
        b"okay\0disabled\0",
        b"\xff\xfe\0",
        b"on\0",
    ];
    for status in off {
        assert!(!deepest(vec![with(status)]).0, "{status:?}");
        let mut above = bus(&[]);
        set(&mut above, "status", status);
        let (on, ranges, _) = deepest(vec![above, device(&[0x1000, 0x1000])]);
        assert!(!on, "below {status:?}");
        assert_eq!(ranges, [(0x1000, 0x1000)], "what it covers is known all the same");
    }
}

#[test]
fn registers_go_up_through_every_bus() {
    let there = |nodes| registers(nodes);
    let whole = |base, len| (vec![(base, len)], Reach::Whole);
    assert_eq!(there(vec![device(&[0x1000, 0x100])]), whole(0x1000, 0x100));
    assert_eq!(there(vec![bus(&[]), device(&[0x1000, 0x100])]), whole(0x1000, 0x100));
    let inner = bus(&[0, 0x10_0000, 0x1_0000]);
    let outer = bus(&[0x10_0000, 0x8000_0000, 0x1_0000]);
    let twice = vec![outer.clone(), inner.clone(), device(&[0xf000, 0x1000])];
    assert_eq!(there(twice), whole(0x8000_f000, 0x1000), "the last page of both");
    let two = vec![inner, device(&[0, 0x10, 0x20, 0x10])];
    assert_eq!(there(two), (vec![(0x10_0000, 0x10), (0x10_0020, 0x10)], Reach::Whole));
    assert_eq!(
        there(vec![device(&[0x1000, 0])]),
        (vec![], Reach::Nowhere),
        "no size, no registers"
    );
}

#[test]
fn without_ranges_there_is_no_way() {
    let nowhere = (vec![], Reach::Nowhere);
    assert_eq!(registers(vec![node("i2c", &[]), device(&[0x1000, 0x1000])]), nowhere);
    let above = vec![node("i2c", &[]), bus(&[]), device(&[0x1000, 0x1000])];
    assert_eq!(registers(above), nowhere, "nor further up");
    let mut pci = bus(&[0, 0, 0, 0x1000, 0x1000]);
    set(&mut pci, "#address-cells", 3_u32);
    assert_eq!(registers(vec![pci, device(&[0, 0, 0x1000, 0x1000])]), nowhere);
    let off = vec![bus(&[0, 0x1000, 0x1000]), device(&[0x1000, 0x1000])];
    assert_eq!(registers(off), nowhere, "beside all windows of the bus");
}

// attack 79 U: registers that a bus leads up to in part, in two pieces, or twice; unusable, and what they cover is known; broken: tree-partly
#[test]
fn what_is_reached_in_part_is_not_whole() {
    let half = vec![bus(&[0, 0x8000, 0x1000]), device(&[0x800, 0x1000])];
    assert_eq!(registers(half), (vec![(0x8800, 0x800)], Reach::Partly));
    let one_of_two = vec![bus(&[0, 0x8000, 0x1000]), device(&[0, 0x1000, 0x1000, 0x1000])];
    assert_eq!(registers(one_of_two), (vec![(0x8000, 0x1000)], Reach::Partly));
    let torn = vec![bus(&[0, 0x8000, 0x1000, 0x1000, 0xa000, 0x1000]), device(&[0, 0x2000])];
    assert_eq!(registers(torn), (vec![(0x8000, 0x1000), (0xa000, 0x1000)], Reach::Partly));
    let twice = vec![bus(&[0, 0x8000, 0x1000, 0, 0xa000, 0x1000]), device(&[0, 0x1000])];
    assert_eq!(registers(twice), (vec![(0x8000, 0x1000), (0xa000, 0x1000)], Reach::Partly));
    let above = vec![bus(&[0, 0x8000, 0x800]), bus(&[0, 0, 0x1000]), device(&[0, 0x1000])];
    assert_eq!(registers(above), (vec![(0x8000, 0x800)], Reach::Partly), "at the second bus");
}

// attack 79 U: `reg` or `ranges` that wraps, or does not fit its cells; unusable, and the tree is read on; broken: tree-malformed
#[test]
fn what_is_malformed_is_unusable_and_covers_what_it_can() {
    assert_eq!(registers(vec![device(&[0x1000])]), (vec![], Reach::Malformed));
    let wide = [("#address-cells", [2_u32].as_slice()), ("#size-cells", &[2]), ("ranges", &[])];
    let wraps = vec![node("bus", &wide), device(&[u32::MAX, 0xffff_f000, 0, 0x2000])];
    assert_eq!(registers(wraps), (vec![(u64::MAX - 0xfff, 0xfff)], Reach::Malformed));
    let end = vec![node("bus", &wide), device(&[u32::MAX, u32::MAX, 0, 2])];
    assert_eq!(registers(end), (vec![], Reach::Malformed));
    let up = vec![bus(&[0, 0x1000]), device(&[0, 0x1000])];
    assert_eq!(registers(up), (vec![], Reach::Malformed), "ranges of two cells");
    let mut wide = bus(&[0, 0, u32::MAX, u32::MAX, 0, 0x1000]);
    set(&mut wide, "#address-cells", 2_u32);
    let wraps = vec![node("root", &[("#address-cells", &[2]), ("ranges", &[])]), wide];
    let nodes = [wraps, vec![device(&[0, 0, 0x1000])]].concat();
    assert_eq!(registers(nodes).1, Reach::Malformed, "ranges that wrap");
}

#[test]
fn many_ranges_that_overlap_take_bounded_time() {
    let entries: Vec<u32> = (0..40).flat_map(|_| [0, 0, 0x1000]).collect();
    let mut nodes = vec![bus(&entries); 12];
    nodes.push(device(&[0, 0x1000]));
    assert_eq!(registers(nodes).1, Reach::Malformed);
}

#[test]
fn reservations_are_told_as_they_stand() {
    let mut tree = DeviceTree::new();
    for (base, len) in [(0x8000_0000, 0x1000), (u64::MAX - 1, 8), (5, 0)] {
        tree.memory_reservations.push(MemoryReservation::new(base, len));
    }
    let bytes = tree.to_dtb();
    let told: Vec<Range> = Tree::parse(&bytes).unwrap().reservations().collect();
    let range = |base, len| Range { base, len };
    assert_eq!(told, [range(0x8000_0000, 0x1000), range(u64::MAX - 1, 1)]);
}

#[test]
fn memory_is_known_by_kind_and_by_name() {
    let memory = |node: DeviceTreeNode| {
        let bytes = chain(vec![node]);
        let mut memory = false;
        Tree::parse(&bytes).unwrap().walk(&mut |node| memory = node.is_memory()).unwrap();
        memory
    };
    let mut kind = device(&[0, 1]);
    set(&mut kind, "device_type", "memory");
    assert!(memory(kind) && memory(node("memory@80000000", &[])) && memory(node("memory", &[])));
    assert!(!memory(device(&[0, 1])) && !memory(node("memory-controller@1000", &[])));
}

#[test]
fn paths_are_shown_and_names_that_cannot_be_are_refused() {
    let shown = |name: &str| {
        let bytes = chain(vec![bus(&[]), DeviceTreeNode::new_unchecked(name)]);
        let mut shown = String::new();
        Tree::parse(&bytes)?.walk(&mut |node| shown = node.to_string())?;
        Ok::<_, TreeError>(shown)
    };
    assert_eq!(shown("device@0").unwrap(), "/bus/device@0");
    assert!(matches!(shown("de\u{1b}[2Jvice@0"), Err(TreeError::Malformed(_))));
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |count| chain((0..count).map(|_| bus(&[])).collect());
    assert!(Tree::parse(&nested(MAX_DEPTH.into())).is_ok());
    let refused = Tree::parse(&nested(usize::from(MAX_DEPTH) + 1)).unwrap_err();
    assert_eq!(refused, TreeError::TooDeep);
    assert_eq!(refused.to_string(), "the device tree is nested too deeply");
}
