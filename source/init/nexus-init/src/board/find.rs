//! Which device of the board is meant by a device of the description.

use alloc::vec::Vec;

use nexus_abi::Error;
use nexus_proto::init::Refusal;
use nexus_sysdesc::{Device, Says, Serial};

use super::lines::Line;
use super::tree::{Node, PAGE, Range, Tree};
use nexus_devicetree::Reach;

/// What a virtio slot is called in the tree.
pub const VIRTIO_COMPATIBLE: &str = "virtio,mmio";

/// "virt", the first register of a virtio slot (virtio 1.2, 4.2.2).
const VIRTIO_MAGIC: u32 = 0x7472_6976;

/// The register layout that the owners speak; 1 is the legacy one.
const VIRTIO_VERSION: u32 = 2;

/// First registers of a virtio slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// MagicValue.
    pub magic: u32,
    /// Version.
    pub version: u32,
    /// DeviceID; 0 when the slot is empty.
    pub device_id: u32,
    /// First bytes of its configuration.
    pub config: [u8; 8],
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
    /// Its interrupt line.
    pub line: Line,
}

/// Finds devices. Slots are probed once, when the first virtio device is asked for. A device that
/// is not what the description says is a [`Refusal`]; a guess is never made.
pub struct Finder<'a> {
    /// Nodes that have or should have registers and their places in the tree, by address.
    nodes: Vec<(usize, &'a Node)>,
    devices: &'a [Device],
    slots: Option<Result<Vec<Slot>, Refusal>>,
}

/// A virtio slot that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Its place in [`Tree::nodes`].
    pub node: usize,
    /// Its window.
    pub window: Range,
    /// What it says.
    pub identity: Identity,
    /// The serial number that the device in it told when it was asked.
    pub serial: Option<Serial>,
}

/// A device of a class: its place in [`Tree::nodes`], and its slot.
type Member = (usize, Option<Slot>);
/// All of them, in order of address.
type Class = Vec<Member>;

impl<'a> Finder<'a> {
    /// Finds devices in this tree, of which the description has these.
    #[must_use]
    pub fn new(tree: &'a Tree, devices: &'a [Device]) -> Finder<'a> {
        let all = tree.nodes().iter().enumerate();
        let mut nodes: Vec<_> = all.filter(|(_, node)| node.reach != Reach::Nowhere).collect();
        nodes.sort_by_key(|(_, node)| node.ranges.first().copied());
        Finder { nodes, devices, slots: None }
    }

    /// The same with slots that were read before, of which some have told their serial numbers since.
    #[must_use]
    pub fn among(self, slots: Vec<Slot>) -> Finder<'a> {
        Finder { slots: Some(Ok(slots)), ..self }
    }

    /// The device that `wanted` means, which is one of those of the description.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&mut self, wanted: &Device, probe: &mut impl Probe) -> Result<Found, Refusal> {
        let class = self.class(wanted, probe)?;
        let (node, slot) = self.choose(wanted, &class)?;
        if slot.is_some_and(|slot| slot.identity.version != VIRTIO_VERSION) {
            return Err(Refusal::WrongDevice);
        }
        let window = self.window_of(node, wanted.base)?;
        if window.len != wanted.window_len {
            return Err(Refusal::WrongSize);
        }
        if wanted.base.is_some_and(|base| base != window.base) {
            return Err(Refusal::WrongPlace);
        }
        Ok(Found { window, node, line: self.line_of(node) })
    }

    /// Devices of the board that are of a class of the description, and that none of it means: their
    /// places in [`Tree::nodes`], their registers as far as they are known, and why nobody gets them.
    pub fn unnamed(&mut self, probe: &mut impl Probe) -> Vec<(usize, Option<Range>, Refusal)> {
        let mut unnamed = Vec::new();
        let devices = self.devices;
        for (index, device) in devices.iter().enumerate() {
            let first = devices.iter().position(|one| one.same_class(device)) == Some(index);
            let class = self.class(device, probe).unwrap_or_default();
            if !first || is_no_device(device) {
                continue;
            }
            let members = || devices.iter().filter(|one| one.same_class(device));
            let named: Vec<usize> =
                members().filter_map(|one| Some(self.choose(one, &class).ok()?.0)).collect();
            let others = class.iter().filter(|(node, _)| !named.contains(node));
            let meant = |member| members().any(|one| self.is_meant(one, member));
            let why = |member| match device.serial() {
                Some(_) if !meant(member) => Refusal::WrongSerial,
                _ => Refusal::Ambiguous,
            };
            unnamed.extend(others.map(|one| (one.0, self.first_range(one.0), why(one))));
        }
        unnamed
    }

    /// The virtio slots, once they have been read.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        self.slots.as_ref().and_then(|slots| slots.as_deref().ok()).unwrap_or_default()
    }

    /// Every slot with a device in it, whatever the description says: its place in [`Tree::nodes`], and its
    /// window. None when a slot cannot be read.
    pub fn full_slots(&mut self, probe: &mut impl Probe) -> Vec<(usize, Range)> {
        let slots = self.probed(probe).map(<[Slot]>::to_vec).unwrap_or_default();
        let full = slots.into_iter().filter(|slot| slot.identity.device_id != 0);
        full.filter_map(|slot| Some((slot.node, self.window_of(slot.node, None).ok()?))).collect()
    }

    /// Every device of the class of `wanted` that is switched on.
    fn class(&mut self, wanted: &Device, probe: &mut impl Probe) -> Result<Class, Refusal> {
        if let Some(id) = wanted.virtio_id {
            let slots = self.probed(probe)?;
            let same = slots.iter().filter(|slot| slot.identity.device_id == id);
            return Ok(same.map(|slot| (slot.node, Some(*slot))).collect());
        }
        let same = self.nodes.iter().filter(|(_, node)| node.is(&wanted.compatible));
        let class: Class =
            same.clone().filter(|(_, node)| node.enabled).map(|(node, _)| (*node, None)).collect();
        match class.is_empty() && same.count() > 0 {
            true => Err(Refusal::Disabled),
            false => Ok(class),
        }
    }

    /// True for a device at the described place, when one is described, that says what is described.
    fn is_meant(&self, wanted: &Device, (node, slot): &Member) -> bool {
        let at = |base: u64| self.ranges_of(*node).iter().any(|range| range.base == base);
        let says =
            |says: Says| slot.is_some_and(|slot| says.is_said(slot.identity.config, slot.serial));
        wanted.base.is_none_or(at) && wanted.says.is_none_or(says)
    }

    /// Which of the devices of a class is `wanted`: the one at its base, or that says what is
    /// described, if there is just one; or else, of those that nothing tells, the one in its place by address, when the description has as many of them as the
    /// board. With more or fewer, nobody can say which is which, and the first is no better than
    /// another.
    fn choose(&self, wanted: &Device, class: &Class) -> Result<Member, Refusal> {
        if class.is_empty() {
            return Err(Refusal::Absent);
        }
        let is_told = |one: &Device| one.base.is_some() || one.says.is_some();
        if is_told(wanted) {
            let mut meant = class.iter().filter(|member| self.is_meant(wanted, member));
            return match (meant.next(), meant.next()) {
                (None, _) if wanted.base.is_some() => Err(Refusal::WrongPlace),
                (None, _) if wanted.serial().is_some() => Err(Refusal::WrongSerial),
                (None, _) => Err(Refusal::WrongDevice),
                (Some(one), None) => Ok(*one),
                (Some(_), Some(_)) => Err(Refusal::Ambiguous),
            };
        }
        let members = || self.devices.iter().filter(|one| one.same_class(wanted));
        let taken =
            |member: &Member| members().any(|one| is_told(one) && self.is_meant(one, member));
        let rest: Class = class.iter().filter(|member| !taken(member)).copied().collect();
        let unfixed = || members().filter(|one| !is_told(one));
        let place = unfixed().filter(|one| one.instance < wanted.instance).count();
        if rest.is_empty() {
            return Err(Refusal::Absent);
        }
        if rest.len() != unfixed().count() && !is_no_device(wanted) {
            return Err(Refusal::Ambiguous);
        }
        rest.get(place).copied().ok_or(Refusal::Absent)
    }

    fn probed(&mut self, probe: &mut impl Probe) -> Result<&[Slot], Refusal> {
        if self.slots.is_none() {
            self.slots = Some(self.probe_slots(probe));
        }
        match &self.slots {
            Some(Ok(slots)) => Ok(slots),
            Some(Err(why)) => Err(*why),
            None => Err(Refusal::Absent),
        }
    }

    /// Every slot in use, empty ones too, in order of address. One that cannot be read leaves in
    /// doubt how many devices of a class there are, and so all of them.
    fn probe_slots(&self, probe: &mut impl Probe) -> Result<Vec<Slot>, Refusal> {
        let mut slots = Vec::new();
        let in_use = |node: &Node| node.is(VIRTIO_COMPATIBLE) && node.enabled;
        for (node, _) in self.nodes.iter().filter(|(_, node)| in_use(node)) {
            let window = self.window_of(*node, None)?;
            let identity = probe.identify(window).map_err(|_| Refusal::ProbeFailed)?;
            if identity.magic == VIRTIO_MAGIC {
                slots.push(Slot { node: *node, window, identity, serial: None });
            }
        }
        Ok(slots)
    }

    fn ranges_of(&self, index: usize) -> &'a [Range] {
        let node = self.nodes.iter().find(|(at, _)| *at == index);
        node.map_or(&[], |(_, node)| &node.ranges)
    }

    fn line_of(&self, index: usize) -> Line {
        let node = self.nodes.iter().find(|(at, _)| *at == index);
        node.map_or(Line::None, |(_, node)| node.line)
    }

    /// The first of its ranges, for people: in pages when it lies in whole ones.
    fn first_range(&self, index: usize) -> Option<Range> {
        self.ranges_of(index).first().and_then(|range| range.pages())
    }

    /// The pages of a device, if they are its own alone. Of several ranges, `base` says which.
    fn window_of(&self, index: usize, base: Option<u64>) -> Result<Range, Refusal> {
        let node = self.nodes.iter().find(|(at, _)| *at == index).ok_or(Refusal::Absent)?.1;
        if !node.enabled {
            return Err(Refusal::Disabled);
        }
        if node.reach != Reach::Whole {
            return Err(Refusal::NotOneRange);
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

/// DeviceID 0 is no device. Only a description of tests names empty slots (sysdesc refuses any other), and
/// there one is as good as another.
fn is_no_device(wanted: &Device) -> bool {
    wanted.virtio_id == Some(0)
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
