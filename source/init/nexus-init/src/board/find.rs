//! Which device of the board is meant by a device of the description.

use alloc::vec::Vec;

use nexus_abi::Error;
use nexus_proto::init::Refusal;
use nexus_sysdesc::Device;

use super::tree::{Node, PAGE, Range, Tree};

/// What a virtio slot is called in the tree.
pub const VIRTIO_COMPATIBLE: &str = "virtio,mmio";

/// "virt", the first register of a virtio slot (virtio 1.2, 4.2.2).
const VIRTIO_MAGIC: u32 = 0x7472_6976;

/// The register layout that the owners speak; 1 is the legacy one.
const VIRTIO_VERSION: u32 = 2;

/// First registers of a virtio slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// MagicValue.
    pub magic: u32,
    /// Version.
    pub version: u32,
    /// DeviceID; 0 when the slot is empty.
    pub device_id: u32,
}

/// Reads the identity of a slot, and lets go of it again before it returns.
pub trait Probe {
    /// The identity registers of the slot in `window`.
    ///
    /// # Errors
    /// What the kernel refused.
    fn identify(&mut self, window: Range) -> Result<Identity, Error>;
}

/// A device that is what the description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its window: whole pages.
    pub window: Range,
    /// Its place in [`Tree::nodes`].
    pub node: usize,
}

/// Finds devices. Slots are probed once, when the first virtio device is asked for. A device that
/// is not what the description says is a [`Refusal`]; a guess is never made.
pub struct Finder<'a> {
    /// Nodes with registers and their places in the tree, by address.
    nodes: Vec<(usize, &'a Node)>,
    slots: Option<Result<Vec<Slot>, Refusal>>,
}

/// A virtio slot that has been read.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Its place in [`Tree::nodes`].
    pub node: usize,
    /// What it says.
    pub identity: Identity,
}

impl<'a> Finder<'a> {
    /// Finds devices in this tree.
    #[must_use]
    pub fn new(tree: &'a Tree) -> Finder<'a> {
        let all = tree.nodes().iter().enumerate();
        let mut nodes: Vec<_> = all.filter(|(_, node)| !node.ranges.is_empty()).collect();
        nodes.sort_by_key(|(_, node)| node.ranges.first().copied());
        Finder { nodes, slots: None }
    }

    /// The device that `wanted` means.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&mut self, wanted: &Device, probe: &mut impl Probe) -> Result<Found, Refusal> {
        let node = match wanted.virtio_id {
            Some(id) => self.nth_slot(id, wanted.instance, probe)?,
            None => self.nth_compatible(&wanted.compatible, wanted.instance)?,
        };
        let window = self.window_of(node, wanted.base)?;
        if window.len != wanted.window_len {
            return Err(Refusal::WrongSize);
        }
        if wanted.base.is_some_and(|base| base != window.base) {
            return Err(Refusal::WrongPlace);
        }
        Ok(Found { window, node })
    }

    /// The virtio slots, once they have been read.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        self.slots.as_ref().and_then(|slots| slots.as_deref().ok()).unwrap_or_default()
    }

    fn nth_compatible(&self, compatible: &str, instance: u8) -> Result<usize, Refusal> {
        let mut all = self.nodes.iter().filter(|(_, node)| node.is(compatible));
        all.nth(usize::from(instance)).map(|(index, _)| *index).ok_or(Refusal::Absent)
    }

    fn nth_slot(
        &mut self,
        id: u32,
        instance: u8,
        probe: &mut impl Probe,
    ) -> Result<usize, Refusal> {
        if self.slots.is_none() {
            self.slots = Some(self.probe_slots(probe));
        }
        let slots = match &self.slots {
            Some(Ok(slots)) => slots,
            Some(Err(why)) => return Err(*why),
            None => return Err(Refusal::Absent),
        };
        let mut all = slots.iter().filter(|slot| slot.identity.device_id == id);
        let slot = all.nth(usize::from(instance)).ok_or(Refusal::Absent)?;
        if slot.identity.version != VIRTIO_VERSION {
            return Err(Refusal::WrongDevice);
        }
        Ok(slot.node)
    }

    /// Every slot in use, empty ones too, in order of address. One that cannot be read leaves the
    /// order in doubt, and so all of them.
    fn probe_slots(&self, probe: &mut impl Probe) -> Result<Vec<Slot>, Refusal> {
        let mut slots = Vec::new();
        let in_use = |node: &Node| node.is(VIRTIO_COMPATIBLE) && node.enabled;
        for (node, _) in self.nodes.iter().filter(|(_, node)| in_use(node)) {
            let window = self.window_of(*node, None)?;
            let identity = probe.identify(window).map_err(|_| Refusal::ProbeFailed)?;
            if identity.magic == VIRTIO_MAGIC {
                slots.push(Slot { node: *node, identity });
            }
        }
        Ok(slots)
    }

    /// The pages of a device, if they are its own alone. Of several ranges, `base` says which.
    fn window_of(&self, index: usize, base: Option<u64>) -> Result<Range, Refusal> {
        let node = self.nodes.iter().find(|(at, _)| *at == index).ok_or(Refusal::Absent)?.1;
        if !node.enabled {
            return Err(Refusal::Disabled);
        }
        let range = one_range(&node.ranges, base)?;
        if !range.base.is_multiple_of(PAGE) {
            return Err(Refusal::WrongSize);
        }
        let window = range.pages().ok_or(Refusal::WrongSize)?;
        let everywhere = self.nodes.iter().flat_map(|(_, node)| &node.ranges);
        if everywhere.filter(|range| range.overlaps(window)).count() > 1 {
            return Err(Refusal::SharedPage);
        }
        Ok(window)
    }
}

/// The only range, or the one that begins at `base`.
fn one_range(ranges: &[Range], base: Option<u64>) -> Result<Range, Refusal> {
    match (ranges, base) {
        ([range], _) => Ok(*range),
        (_, None) => Err(Refusal::NotOneRange),
        (ranges, Some(base)) => {
            let range = ranges.iter().find(|range| range.base == base);
            range.copied().ok_or(Refusal::WrongPlace)
        }
    }
}
