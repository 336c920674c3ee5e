//! Registers of virtio-mmio (virtio 1.2, 4.2.2): those that an owner reads and writes, and those that the
//! bus sets a device up by. None of them holds an address: those are the kernel's to write (RFC-0004).

use nexus_mmio::{ReadOnly, ReadWrite, Reg, WriteOnly};

/// "virt", little endian.
pub const MAGIC_VALUE: Reg<u32, ReadOnly, 0x000> = Reg::NEW;
/// 2; 1 is the legacy interface.
pub const VERSION: Reg<u32, ReadOnly, 0x004> = Reg::NEW;
/// Which device it is; 0 for an empty slot.
pub const DEVICE_ID: Reg<u32, ReadOnly, 0x008> = Reg::NEW;
/// Who made it.
pub const VENDOR_ID: Reg<u32, ReadOnly, 0x00c> = Reg::NEW;
/// There are new heads in the queue of this number.
pub const QUEUE_NOTIFY: Reg<u32, WriteOnly, 0x050> = Reg::NEW;
/// Why there is an interrupt: bit 0 a queue, bit 1 the configuration.
pub const INTERRUPT_STATUS: Reg<u32, ReadOnly, 0x060> = Reg::NEW;
/// These bits of [`INTERRUPT_STATUS`] have been seen.
pub const INTERRUPT_ACK: Reg<u32, WriteOnly, 0x064> = Reg::NEW;

/// 32 bits of what the device offers, those that [`DEVICE_FEATURES_SEL`] says.
pub const DEVICE_FEATURES: Reg<u32, ReadOnly, 0x010> = Reg::NEW;
/// 0 for features 0 to 31, 1 for 32 to 63.
pub const DEVICE_FEATURES_SEL: Reg<u32, WriteOnly, 0x014> = Reg::NEW;
/// 32 bits of what the driver takes.
pub const DRIVER_FEATURES: Reg<u32, WriteOnly, 0x020> = Reg::NEW;
/// Which 32 bits.
pub const DRIVER_FEATURES_SEL: Reg<u32, WriteOnly, 0x024> = Reg::NEW;
/// Which queue the next three registers are about, and where its parts are.
pub const QUEUE_SEL: Reg<u32, WriteOnly, 0x030> = Reg::NEW;
/// Most entries of the rings of the queue; 0 for a queue that there is not.
pub const QUEUE_NUM_MAX: Reg<u32, ReadOnly, 0x034> = Reg::NEW;
/// How many entries its rings have.
pub const QUEUE_NUM: Reg<u32, WriteOnly, 0x038> = Reg::NEW;
/// 1 while the device uses the queue.
pub const QUEUE_READY: Reg<u32, ReadWrite, 0x044> = Reg::NEW;
/// How far the driver has come; 0 resets the device, and reads as 0 when the reset is over.
pub const STATUS: Reg<u32, ReadWrite, 0x070> = Reg::NEW;

/// Steps of [`STATUS`] (virtio 1.2, 2.1): the device has been seen.
pub const ACKNOWLEDGE: u32 = 1;
/// There is a driver for it.
pub const DRIVER: u32 = 2;
/// It may work.
pub const DRIVER_OK: u32 = 4;
/// The features are agreed, when it reads back.
pub const FEATURES_OK: u32 = 8;

/// Bytes in the block of registers, before the configuration space.
pub const LEN: usize = 0x100;
/// What [`MAGIC_VALUE`] holds.
pub const MAGIC: u32 = 0x7472_6976;
/// The only accepted [`VERSION`].
pub const MODERN: u32 = 2;
/// The [`VERSION`] of the legacy interface.
pub const LEGACY: u32 = 1;
