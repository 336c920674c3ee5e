//! Which device of the board is meant by a device of the description.

use alloc::vec::Vec;

use nexus_abi::Error;

use super::tree::{Node, PAGE, Range, Tree};

/// What a virtio slot is called in the tree.
pub const VIRTIO_COMPATIBLE: &str = "virtio,mmio";

/// "virt", the first register of a virtio slot (virtio 1.2, 4.2.2).
const VIRTIO_MAGIC: u32 = 0x7472_6976;

/// The register layout that the owners speak; 1 is the legacy one.
const VIRTIO_VERSION: u32 = 2;

/// What the description says about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What the tree calls it.
    pub compatible: &'a str,
    /// Its virtio DeviceID, for a virtio device.
    pub virtio_id: Option<u32>,
    /// Which one of its class, in order of address, from 0.
    pub instance: u8,
    /// Bytes of its window: whole pages.
    pub window_len: u64,
}

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

/// Why a device of the description has no window. A guess is never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// The board has no such device, or not that many.
    Absent,
    /// The tree gives it no single range of registers.
    NotOneRange,
    /// Its registers do not begin on a page, or are not as many pages as the description says.
    WrongSize,
    /// Another device has registers in the same pages.
    SharedPage,
    /// The tree says that it is not to be used.
    Disabled,
    /// The registers say that it is something else, or speaks another version.
    WrongDevice,
    /// A slot could not be read, so that nobody can say which slot is the n-th of its class.
    ProbeFailed(Error),
}

/// Finds devices. Slots are probed once, when the first virtio device is asked for.
pub struct Finder<'a> {
    tree: &'a Tree,
    slots: Option<Result<Vec<Slot>, NotFound>>,
}

#[derive(Clone, Copy)]
struct Slot {
    node: usize,
    identity: Identity,
}

impl<'a> Finder<'a> {
    /// Finds devices in this tree.
    #[must_use]
    pub fn new(tree: &'a Tree) -> Finder<'a> {
        Finder { tree, slots: None }
    }

    /// The device that `wanted` means.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&mut self, wanted: &Wanted<'_>, probe: &mut impl Probe) -> Result<Found, NotFound> {
        let node = match wanted.virtio_id {
            Some(id) => self.nth_slot(id, wanted.instance, probe)?,
            None => self.nth_compatible(wanted.compatible, wanted.instance)?,
        };
        let window = self.window_of(node)?;
        if window.len != wanted.window_len {
            return Err(NotFound::WrongSize);
        }
        Ok(Found { window, node })
    }

    /// The identity of a virtio slot that has been probed.
    #[must_use]
    pub fn identity(&self, node: usize) -> Option<Identity> {
        let slots = self.slots.as_ref()?.as_ref().ok()?;
        slots.iter().find(|slot| slot.node == node).map(|slot| slot.identity)
    }

    fn nth_compatible(&self, compatible: &str, instance: u8) -> Result<usize, NotFound> {
        let mut all = self.nodes().filter(|(_, node)| node.is(compatible));
        all.nth(usize::from(instance)).map(|(index, _)| index).ok_or(NotFound::Absent)
    }

    fn nth_slot(
        &mut self,
        id: u32,
        instance: u8,
        probe: &mut impl Probe,
    ) -> Result<usize, NotFound> {
        if self.slots.is_none() {
            self.slots = Some(self.probe_slots(probe));
        }
        let slots = match &self.slots {
            Some(Ok(slots)) => slots,
            Some(Err(why)) => return Err(*why),
            None => return Err(NotFound::Absent),
        };
        let mut all = slots.iter().filter(|slot| slot.identity.device_id == id);
        let slot = all.nth(usize::from(instance)).ok_or(NotFound::Absent)?;
        if slot.identity.version != VIRTIO_VERSION {
            return Err(NotFound::WrongDevice);
        }
        Ok(slot.node)
    }

    /// Every slot in use that holds a virtio device, in order of address. One slot that cannot
    /// be read leaves the order in doubt, and so all of them.
    fn probe_slots(&self, probe: &mut impl Probe) -> Result<Vec<Slot>, NotFound> {
        let mut slots = Vec::new();
        let in_use = |node: &Node| node.is(VIRTIO_COMPATIBLE) && node.enabled;
        for (node, _) in self.nodes().filter(|(_, node)| in_use(node)) {
            let window = self.window_of(node)?;
            let identity = probe.identify(window).map_err(NotFound::ProbeFailed)?;
            if identity.magic == VIRTIO_MAGIC && identity.device_id != 0 {
                slots.push(Slot { node, identity });
            }
        }
        Ok(slots)
    }

    /// The pages of a device, if they are its own alone.
    fn window_of(&self, index: usize) -> Result<Range, NotFound> {
        let node = self.tree.nodes().get(index).ok_or(NotFound::Absent)?;
        if !node.enabled {
            return Err(NotFound::Disabled);
        }
        let [range] = node.ranges.as_slice() else { return Err(NotFound::NotOneRange) };
        if !range.base.is_multiple_of(PAGE) {
            return Err(NotFound::WrongSize);
        }
        let window = range.pages().ok_or(NotFound::WrongSize)?;
        let mut others = self.nodes().filter(|(other, _)| *other != index);
        if others.any(|(_, other)| other.ranges.iter().any(|range| range.overlaps(window))) {
            return Err(NotFound::SharedPage);
        }
        Ok(window)
    }

    fn nodes(&self) -> impl Iterator<Item = (usize, &'a Node)> + use<'a> {
        self.tree.nodes().iter().enumerate()
    }
}
