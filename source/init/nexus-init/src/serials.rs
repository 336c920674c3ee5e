//! Disks that are known by their serial numbers. busd asks them when it is given them; which of them is which
//! is decided here, when all have been asked, and by nobody before (RFC-0004, IN8).

use alloc::vec::Vec;

use nexus_abi::{Error, Received, Sender};
use nexus_proto::bus::{Take, Taken};
use nexus_proto::init::{BoardKind, Refusal};
use nexus_proto::log::NO_DEVICE;
use nexus_sysdesc::bounds::STRANGERS;
use nexus_sysdesc::{SERIAL_LEN, Serial};

use crate::board::{Finder, Line, Node, Probe, Range, Slot, Tree};
use crate::grant::is_done;
use crate::init::{Init, Machine};

/// DeviceID of a disk.
const DISK: u32 = 2;

/// What is known of the disks once they have been asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Every virtio slot.
    slots: Vec<Slot>,
    /// Why nobody can tell which disk is which: one of them could not be asked.
    doubt: Option<Refusal>,
}

impl Asked {
    /// Before anybody has asked.
    pub(crate) fn of(slots: &[Slot]) -> Asked {
        Asked { slots: slots.to_vec(), doubt: None }
    }

    /// A device was given to busd, which told this of it. What a disk does wrong is its own matter: then it
    /// has told nothing. But where busd could not ask, another may have the same serial number.
    pub(crate) fn told(
        &mut self,
        device: u16,
        window: Range,
        told: Result<Option<Serial>, Refusal>,
    ) {
        let is_it = |slot: &&mut Slot| slot.window == window && slot.identity.device_id == DISK;
        let slot = self.slots.iter_mut().find(is_it).filter(|_| device == NO_DEVICE);
        match (slot, told) {
            (Some(slot), Ok(serial)) => slot.serial = serial,
            (Some(_), Err(why)) if why != Refusal::BusRefused => self.doubt = Some(why),
            _ => {}
        }
    }

    /// Why none is given: one could not be asked, or there are more than there is memory to ask.
    fn doubt(&self, described: usize) -> Option<Refusal> {
        let disks = self.slots.iter().filter(|slot| slot.identity.device_id == DISK).count();
        let most = u64::try_from(described).unwrap_or(u64::MAX).saturating_add(STRANGERS);
        let many = u64::try_from(disks).unwrap_or(u64::MAX) > most;
        self.doubt.or(many.then_some(Refusal::Ambiguous))
    }
}

/// The serial number in what busd answers when it was given a device; `None` when it did not ask.
///
/// # Errors
/// As [`is_done`]; `BusGarbled` for what is no serial number.
pub(crate) fn serial_of(
    busd: Sender,
    answer: Result<Received, Error>,
) -> Result<Option<Serial>, Refusal> {
    let Taken { serial, .. } = is_done::<Take>(busd, answer)?;
    if serial == [0; SERIAL_LEN] {
        return Ok(None);
    }
    Serial::try_from(serial).map(Some).map_err(|_| Refusal::BusGarbled)
}

impl<M: Machine + Probe> Init<M> {
    /// Once busd has all devices: looks for each disk that is known by its serial number. `tree` is that of
    /// [`Init::locate`].
    pub fn tell_apart(&mut self, tree: &Tree) {
        let devices = self.registry.description().devices.clone();
        let known = devices.iter().filter(|device| device.serial().is_some());
        if known.clone().count() == 0 {
            return;
        }
        let doubt = self.asked.doubt(known.clone().count());
        let mut finder = Finder::new(tree, &devices).among(self.asked.slots.clone());
        for device in known {
            let found = finder.find(device, &mut self.machine);
            let found = doubt.map_or(found, Err);
            let record = self.registry.device_mut(device.id);
            if let Some(record) = record {
                record.window = found.ok().map(|found| found.window);
                record.line = found.map_or(Line::None, |found| found.line);
                record.missing = found.err();
            }
            let at = found.ok().map(|found| found.window);
            for piece in self.board.iter_mut().filter(|piece| at.is_some() && piece.range == at) {
                (piece.device, piece.kind) = (device.id, BoardKind::Device);
            }
        }
        match doubt {
            None => {
                let name = |node: usize| tree.nodes().get(node).map_or("", Node::name).into();
                let unnamed = finder.unnamed(&mut self.machine).into_iter();
                self.unnamed = unnamed.map(|(node, range, why)| (name(node), range, why)).collect();
            }
            Some(doubt) => {
                let disks =
                    self.unnamed.iter_mut().filter(|(.., why)| *why == Refusal::WrongSerial);
                disks.for_each(|(.., why)| *why = doubt);
            }
        }
    }
}
