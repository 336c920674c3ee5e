//! The device tree, as the kernel and as init read it.

use neuron::layout::PHYS_END;
use neuron::range::Range as KernelRange;
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
        Ok(Identity { magic: 0x7472_6976, version: 2, device_id })
    }
}

// attack 42 Z: a malformed device tree; refused, or read without a window over RAM or a shared page
// attack 7 Z: a tree whose devices lie in RAM; the kernel makes no window of them
/// Windows are whole pages that nobody shares, and none of them is memory.
pub fn board(data: &[u8]) {
    if let Ok(board) = Board::read(data)
        && let Ok(windows) = board.windows()
    {
        kernel(&board, &windows.iter().collect::<Vec<_>>());
    }
    if let Ok(tree) = Tree::parse(data) {
        init(&tree);
    }
}

fn kernel(board: &Board, windows: &[KernelRange]) {
    let apart = |one: &KernelRange, other: KernelRange| {
        one.end <= other.start || other.end <= one.start || other.is_empty()
    };
    for window in windows {
        assert!(window.start < window.end && window.end <= PHYS_END);
        assert!(window.start.is_multiple_of(PAGE) && window.end.is_multiple_of(PAGE));
        let taken = board.ram.iter().chain(board.reserved.iter()).chain(board.devices.iter());
        taken.for_each(|other| assert!(apart(window, other), "{window:x?} {other:x?}"));
    }
}

fn init(tree: &Tree) {
    let mut finder = Finder::new(tree);
    let mut places = Vec::new();
    for device in &description(Profile::Test).devices {
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
