//! The board as it is shown to people.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::Name;
use nexus_proto::init::{BoardEntry, BoardKind};
use nexus_proto::log::NO_DEVICE;

use super::find::Slot;
use super::tree::{Node, Range, Tree};

/// One line of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Piece {
    /// What it is.
    pub kind: BoardKind,
    /// Depth in the picture, from 0.
    pub depth: u8,
    /// Registers or memory; `None` for a bus.
    pub range: Option<Range>,
    /// Number in the description; [`NO_DEVICE`] when it has none here.
    pub device: u16,
    /// virtio DeviceID; 0 when it is not a virtio device.
    pub virtio_id: u32,
    /// Name of the node.
    pub name: String,
}

impl Piece {
    /// As it travels. `next` is the cursor of the next piece; `addresses` shows where it is.
    #[must_use]
    pub fn entry(&self, next: u32, addresses: bool) -> BoardEntry {
        BoardEntry {
            next,
            device: self.device,
            kind: self.kind,
            depth: self.depth,
            base: self.range.filter(|_| addresses).map_or(0, |range| range.base),
            len: self.range.map_or(0, |range| range.len),
            virtio_id: self.virtio_id,
            zero: nexus_proto::Zero::ZERO,
            name: Name::new(&self.name),
        }
    }
}

/// The nodes with registers or memory, and the buses that they are on, depth first.
/// `devices` are the places in the tree of the devices of the description; `roots` is what init
/// could hand out.
#[must_use]
pub fn view(tree: &Tree, slots: &[Slot], devices: &[Option<usize>], roots: &[Range]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (index, node) in tree.nodes().iter().enumerate() {
        if node.ranges.is_empty() {
            if leads_somewhere(&tree.nodes()[index..]) {
                pieces.push(bus(node));
            }
            continue;
        }
        let device = devices.iter().position(|place| *place == Some(index));
        let device = device.and_then(|device| u16::try_from(device).ok()).unwrap_or(NO_DEVICE);
        let slot = slots.iter().find(|slot| slot.node == index);
        for range in &node.ranges {
            pieces.push(Piece {
                kind: kind(node, *range, device, slot, roots),
                depth: node.depth,
                range: Some(*range),
                device,
                virtio_id: slot.map_or(0, |slot| slot.identity.device_id),
                name: node.name().to_string(),
            });
        }
    }
    pieces
}

/// True when a node below the first of `nodes` has registers.
fn leads_somewhere(nodes: &[Node]) -> bool {
    let Some((first, rest)) = nodes.split_first() else { return false };
    let mut below = rest.iter().take_while(|node| node.depth > first.depth);
    below.any(|node| !node.ranges.is_empty())
}

fn bus(node: &Node) -> Piece {
    let name = match node.name() {
        "" => node.compatible.first().map_or("board", String::as_str),
        name => name,
    };
    Piece {
        kind: BoardKind::Bus,
        depth: node.depth,
        range: None,
        device: NO_DEVICE,
        virtio_id: 0,
        name: name.to_string(),
    }
}

fn kind(node: &Node, range: Range, device: u16, slot: Option<&Slot>, roots: &[Range]) -> BoardKind {
    let reachable = roots.iter().any(|root| root.overlaps(range));
    if node.memory {
        BoardKind::Memory
    } else if device != NO_DEVICE {
        BoardKind::Device
    } else if !reachable {
        BoardKind::Kernel
    } else if slot.is_some_and(|slot| slot.identity.device_id == 0) {
        BoardKind::EmptySlot
    } else {
        BoardKind::Unused
    }
}
