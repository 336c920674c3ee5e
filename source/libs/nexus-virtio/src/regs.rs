//! Registers of virtio-mmio (virtio 1.2, 4.2.2), as far as an owner reads and writes them.

use nexus_mmio::{ReadOnly, Reg, WriteOnly};

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

/// Bytes in the block of registers, before the configuration space.
pub const LEN: usize = 0x100;
/// What [`MAGIC_VALUE`] holds.
pub const MAGIC: u32 = 0x7472_6976;
/// The only accepted [`VERSION`].
pub const MODERN: u32 = 2;
/// The [`VERSION`] of the legacy interface.
pub const LEGACY: u32 = 1;
