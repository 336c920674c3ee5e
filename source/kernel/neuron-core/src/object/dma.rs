//! Memory that a device reaches.

use crate::object::endpoint::Vmo;
use crate::object::window::Window;
use crate::store::addr::Frame;
use crate::store::pool::Id;

/// What memory of a device is for. What the device reads as addresses, no process can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Tables of descriptors: the device reads addresses from them.
    Table,
    /// What descriptors of the table name, and the rings that the driver writes.
    Pool,
    /// Rings that the device writes.
    Used,
}

impl Role {
    /// From a register word.
    pub(crate) const fn from_code(code: u64) -> Option<Role> {
        match code {
            0 => Some(Role::Table),
            1 => Some(Role::Pool),
            2 => Some(Role::Used),
            _ => None,
        }
    }

    /// The role of what is named by the pair of registers at this byte offset (virtio 1.2, 4.2.2): queue
    /// descriptors, driver area, device area.
    pub(crate) const fn at_register(offset: u64) -> Option<Role> {
        match offset {
            0x80 => Some(Role::Table),
            0x90 => Some(Role::Pool),
            0xa0 => Some(Role::Used),
            _ => None,
        }
    }
}

/// Those six registers, as a mask has them, and the one at 0x40 by which a device of the older layout is
/// told where its queue is.
pub(crate) const ADDRESSES: u64 = 0x333 << 32 | 1 << 16;

/// The status register: 0 once a reset is over.
pub(crate) const STATUS: u64 = 0x70;

/// Memory of one role of one device. There is never another for both, also when nobody holds this any
/// more.
#[derive(Debug, Hash)]
pub struct DeviceMemory {
    /// The window that it was made by: the device.
    pub device: Window,
    /// What it is for.
    pub role: Role,
    /// The object, until nobody holds it.
    pub vmo: Id<Vmo>,
}

/// Entries of the table of such memory, of which the first is not used: for 21 devices.
pub const DEVICE_MEMORIES: u32 = 64;

/// Frames behind each object that nobody has: as far as a device reads or writes past the beginning of a
/// ring, whatever length it was told (32,768 descriptors).
pub const GUARD: u32 = 128;

/// RAM set aside for devices at boot, cleared, of which each object takes a part for good.
#[derive(Debug, Hash)]
pub struct Reserve {
    /// The first frame that no object has.
    pub next: Frame,
    /// How many there are.
    pub left: u32,
}

impl Reserve {
    /// Nothing.
    pub(crate) const EMPTY: Reserve = Reserve { next: Frame::from_number(0), left: 0 };

    /// Takes so many frames, and what stays free behind them. `None`, and nothing taken, when there are
    /// fewer.
    pub(crate) fn take(&mut self, count: u32) -> Option<Frame> {
        let all = count.checked_add(GUARD)?;
        self.left = self.left.checked_sub(all)?;
        let first = self.next;
        self.next = first.plus(u64::from(all));
        Some(first)
    }
}
