//! Devices of the board.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{GUID_LEN, Serial};

/// One device, by what it is and not by where it is: init finds it in the device tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Device {
    /// Its number: the index in [`crate::Description::devices`].
    pub id: u16,
    /// For people.
    pub name: String,
    /// The `compatible` string of its node in the device tree.
    pub compatible: String,
    /// The virtio DeviceID that its register must hold, for a virtio-mmio device.
    pub virtio_id: Option<u32>,
    /// Which one of its class (`compatible` and `virtio_id`), in order of address, from 0.
    pub instance: u8,
    /// Physical address of its registers, where the board fixes it. A device of this class that
    /// is found elsewhere is refused.
    pub base: Option<u64>,
    /// What it must say of itself, where that is described.
    pub says: Option<Says>,
    /// The GUID of the partition that is the store, on a disk that holds it: in the order of bytes on the disk.
    pub store: Option<[u8; GUID_LEN]>,
    /// Bytes of its window: whole pages.
    pub window_len: u64,
    /// True when it has an interrupt line.
    pub irq: bool,
    /// True when it can reach memory by itself: page tables do not confine its driver.
    pub dma: bool,
    /// What harm its owner can do with it.
    pub danger: Danger,
}

impl Device {
    /// True when both are found by the same search, instance apart.
    #[must_use]
    pub fn same_class(&self, other: &Device) -> bool {
        self.compatible == other.compatible && self.virtio_id == other.virtio_id
    }

    /// The serial number that it is known by.
    #[must_use]
    pub const fn serial(&self) -> Option<Serial> {
        match self.says {
            Some(Says::Serial(serial)) => Some(serial),
            _ => None,
        }
    }
}

/// What a virtio device says of itself. That is no proof of who it is: it chooses among devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Says {
    /// A network device: its address.
    Mac([u8; 6]),
    /// A disk: its bytes, a multiple of 512.
    Capacity(u64),
    /// A disk: its serial number. It stands in no register: the device is asked for it (RFC-0004).
    Serial(Serial),
}

impl Says {
    /// The DeviceID of devices that say such a thing (virtio 1.2, section 5).
    #[must_use]
    pub const fn virtio_id(self) -> u32 {
        match self {
            Says::Mac(_) => 1,
            Says::Capacity(_) | Says::Serial(_) => 2,
        }
    }

    /// True for a device whose configuration begins with these bytes and that has told this serial
    /// number, if it was asked for one, when that says this.
    #[must_use]
    pub fn is_said(self, config: [u8; 8], serial: Option<Serial>) -> bool {
        match self {
            Says::Mac(mac) => config.starts_with(&mac),
            Says::Capacity(bytes) => u64::from_le_bytes(config).checked_mul(512) == Some(bytes),
            Says::Serial(wanted) => serial == Some(wanted),
        }
    }
}

/// What harm the owner of a device can do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Danger {
    /// Wrong data.
    Low,
    /// It sees what people type, or can end the machine.
    Medium,
    /// It can take over the system; every device that reaches memory by itself is here.
    High,
}

impl Danger {
    /// Every class, least first.
    pub const ALL: [Danger; 3] = [Danger::Low, Danger::Medium, Danger::High];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Danger::Low => "low",
            Danger::Medium => "medium",
            Danger::High => "high",
        }
    }
}
