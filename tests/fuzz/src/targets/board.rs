//! The device tree, as the kernel and as init read it.

use neuron::layout::{DIRECT_END, PHYS_END};
use neuron::range::{Range as KernelRange, RangeSet};
use neuron::tree::Board;
use nexus_abi::Error;
use nexus_init::board::{Finder, Identity, PAGE, Probe, Range, Tree, view};
use nexus_sysdesc::Profile;

use crate::system::{DEVICE_TREE, description};

/// Slots by address: every fourth one holds the device of that number.
struct Slots;

impl Probe for Slots {
    fn identify(&mut self, window: Range) -> Result<Identity, Error> {
        let device_id = u32::try_from(window.base / PAGE % 8).unwrap_or(0);
        Ok(Identity { magic: 0x7472_6976, version: 2, device_id, config: [0; 8] })
    }
}

// attack 42 Z: a malformed device tree; refused, or read without a window over RAM or a shared page
// attack 79 Z: a tree in which anything is odd; no window over what is kept, or beside what nodes name
// attack 7 Z: a tree whose devices lie in RAM; the kernel makes no window of them
/// Windows are whole pages that nobody shares, and none of them is memory.
pub fn board(data: &[u8]) {
    let mut told = 0;
    if let Ok(board) = Board::read(data, 0, &mut |_| told += 1) {
        kernel(&board, &named(data));
    }
    if let Ok(tree) = Tree::parse(data) {
        init(&tree);
    }
}

/// The pages that nodes name which are on.
fn named(data: &[u8]) -> RangeSet {
    let mut named = RangeSet::default();
    let tree = nexus_devicetree::Tree::parse(data).expect("the kernel has read it");
    let visit = &mut |node: &nexus_devicetree::Node<'_, '_>| {
        if node.on() {
            node.registers(&mut |range| named.cover(KernelRange::from(range).pages_outward()));
        }
    };
    tree.walk(visit).expect("the kernel has read it");
    named
}

fn kernel(board: &Board, named: &RangeSet) {
    let whole = |range: &KernelRange| {
        range.start < range.end && (range.start | range.end).is_multiple_of(PAGE)
    };
    for window in board.windows.iter() {
        assert!(whole(&window) && window.end <= PHYS_END);
        assert!(named.contains(window), "no node names {window}");
        assert!(!board.kept.touches(window), "{window} is kept");
    }
    for ram in board.ram.iter() {
        assert!(whole(&ram) && ram.end <= DIRECT_END);
        assert!(board.banks.contains(ram) && board.kept.contains(ram), "{ram} is no bank");
    }
    assert!(board.kept.contains(board.initrd));
}

fn init(tree: &Tree) {
    let devices = &description(Profile::Test).devices;
    let mut finder = Finder::new(tree, devices);
    let mut places = Vec::new();
    for device in devices {
        let found = finder.find(device, &mut Slots);
        places.push(found.ok().map(|found| found.node));
        let Ok(found) = found else { continue };
        let Range { base, len } = found.window;
        assert!(base.is_multiple_of(PAGE) && len == device.window_len);
        assert!(base.checked_add(len - 1).is_some());
        assert!(device.base.is_none_or(|fixed| fixed == base));
        let ranges = tree.nodes().iter().flat_map(|node| &node.ranges);
        assert_eq!(ranges.filter(|range| range.overlaps(found.window)).count(), 1);
    }
    let _pieces = view(tree, finder.slots(), &places, &[]);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let cut = DEVICE_TREE[..DEVICE_TREE.len() / 2].to_vec();
    let mut lies = DEVICE_TREE.to_vec();
    // The size of the whole.
    lies[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    vec![("virt".into(), DEVICE_TREE.to_vec()), ("cut".into(), cut), ("lies".into(), lies)]
}
