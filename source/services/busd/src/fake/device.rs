//! The registers of a virtio device.

use std::boxed::Box;
use std::vec::Vec;

use nexus_virtio::regs::{DRIVER_OK, FEATURES_OK, MAGIC, MODERN};

use crate::Role;

const REQUIRED: u64 = 1 << 32 | 1 << 28;

/// What a device says at an offset, in the place of what is there.
pub type Lie = Box<dyn FnMut(usize, u32) -> u32>;

/// A queue, as its device knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Most entries.
    pub most: u32,
    /// Entries.
    pub size: u32,
    /// QueueReady.
    pub ready: bool,
    /// Which memory its three parts are in, and where there: descriptors, driver area, device area.
    pub parts: [Option<(Role, u64)>; 3],
}

/// How a disk answers when it is asked for its serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tells {
    /// What it writes in the place of the number, and as status.
    pub serial: [u8; 20],
    /// The status.
    pub status: u8,
    /// What it adds to the head that it completes, to the bytes that it says it has written, and to the
    /// completions that it says it has made.
    pub more: [u32; 3],
    /// How often one looks before it has answered; `u32::MAX` when it never does.
    pub after: u32,
}

impl Tells {
    /// An honest disk with this serial number.
    ///
    /// # Panics
    /// It is longer than 20 bytes.
    #[must_use]
    pub fn honest(text: &str) -> Tells {
        let mut serial = [0; 20];
        serial[..text.len()].copy_from_slice(text.as_bytes());
        Tells { serial, status: 0, more: [0; 3], after: 1 }
    }
}

/// A device that does what the specification says, but for what it is told to do instead.
pub struct FakeDevice {
    /// MagicValue.
    pub magic: u32,
    /// Version.
    pub version: u32,
    /// DeviceID.
    pub id: u32,
    /// What it offers.
    pub offers: u64,
    /// What the driver took.
    pub taken: u64,
    /// Status.
    pub status: u32,
    /// Its queues.
    pub queues: Vec<QueueState>,
    /// How often Status is read before a reset is over; `u32::MAX` for a device that does not reset.
    pub resets_after: u32,
    /// It takes no features.
    pub refuses: bool,
    /// What it says instead.
    pub lie: Option<Lie>,
    /// What it tells of itself.
    pub tells: Tells,
    /// It was told of new heads, and has been looked at so often since.
    pub asked: Option<u32>,
    /// Every store: offset and value.
    pub stores: Vec<(usize, u32)>,
    /// How many loads there were.
    pub loads: usize,
    /// It was told to work though it never said that it takes the features.
    pub misled: bool,
    /// The status that it said last.
    told: u32,
    resetting: Option<u32>,
    selected: [u32; 3],
}

impl FakeDevice {
    /// A device that some firmware has left running, with so many entries in its queues at most.
    #[must_use]
    pub fn new(id: u32, features: u64, queues: &[u32]) -> FakeDevice {
        let queue = |most: &u32| QueueState { most: *most, ..QueueState::default() };
        FakeDevice {
            magic: MAGIC,
            version: MODERN,
            id,
            offers: features | REQUIRED,
            taken: 0,
            status: 0xf,
            queues: queues.iter().map(queue).collect(),
            resets_after: 0,
            refuses: false,
            lie: None,
            tells: Tells::honest("nexus-1"),
            asked: None,
            stores: Vec::new(),
            loads: 0,
            misled: false,
            told: 0,
            resetting: None,
            selected: [0; 3],
        }
    }

    /// True while it may read and write memory.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status & DRIVER_OK != 0
    }

    /// A load.
    pub fn load(&mut self, offset: usize) -> u32 {
        self.loads += 1;
        let honest = self.honest(offset);
        let said = match &mut self.lie {
            Some(lie) => lie(offset, honest),
            None => honest,
        };
        if offset == 0x70 {
            self.told = said;
        }
        said
    }

    fn honest(&mut self, offset: usize) -> u32 {
        let [half, _, queue] = self.selected;
        let queue = self.queues.get(queue as usize);
        match offset {
            0x00 => self.magic,
            0x04 => self.version,
            0x08 => self.id,
            0x10 => (self.offers >> (32 * half.min(1))) as u32,
            0x34 => queue.map_or(0, |queue| queue.most),
            0x44 => queue.map_or(0, |queue| queue.ready.into()),
            0x70 => self.read_status(),
            _ => 0,
        }
    }

    fn read_status(&mut self) -> u32 {
        match self.resetting {
            Some(0) => self.reset(),
            Some(left) if left != u32::MAX => self.resetting = Some(left - 1),
            _ => {}
        }
        self.status
    }

    fn reset(&mut self) {
        let fresh = |queue: &QueueState| QueueState { most: queue.most, ..QueueState::default() };
        self.queues = self.queues.iter().map(fresh).collect();
        (self.status, self.taken, self.resetting) = (0, 0, None);
        self.asked = None;
    }

    /// A store.
    pub fn store(&mut self, offset: usize, value: u32) {
        self.stores.push((offset, value));
        let [_, half, queue] = self.selected;
        let queue = self.queues.get_mut(queue as usize);
        match (offset, queue) {
            (0x14, _) => self.selected[0] = value,
            (0x24, _) => self.selected[1] = value,
            (0x30, _) => self.selected[2] = value,
            (0x20, _) if half == 0 => self.taken = self.taken >> 32 << 32 | u64::from(value),
            (0x20, _) => self.taken = self.taken & 0xffff_ffff | u64::from(value) << 32,
            (0x38, Some(queue)) => queue.size = value,
            (0x44, Some(queue)) => queue.ready = value == 1,
            (0x50, _) if self.status & DRIVER_OK != 0 => self.asked = Some(0),
            (0x70, _) if value == 0 && self.resets_after == 0 => self.reset(),
            (0x70, _) if value == 0 => self.resetting = Some(self.resets_after),
            (0x70, _) => self.write_status(value),
            _ => {}
        }
    }

    fn write_status(&mut self, value: u32) {
        self.misled |= value & DRIVER_OK != 0 && self.told & FEATURES_OK == 0;
        let refused = self.refuses || self.taken & !self.offers != 0;
        self.status = if refused { value & !FEATURES_OK } else { value };
    }

    /// Somebody looks whether it has answered; true when it does now.
    pub fn answers(&mut self) -> bool {
        let Some(looks) = self.asked else { return false };
        self.asked = Some(looks.saturating_add(1)).filter(|_| looks != self.tells.after);
        looks == self.tells.after && looks != u32::MAX
    }

    /// The kernel writes where a part of the chosen queue is.
    pub fn point(&mut self, part: usize, role: Role, at: u64) {
        if let Some(queue) = self.queues.get_mut(self.selected[2] as usize) {
            queue.parts[part] = Some((role, at));
        }
    }
}
