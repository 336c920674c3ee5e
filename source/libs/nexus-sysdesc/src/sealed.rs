//! What can be sealed (RFC-0004): classes of devices whose requests carry no addresses, and the
//! registers that their owners write.

/// The `compatible` of virtio's register windows.
pub const VIRTIO_MMIO: &str = "virtio,mmio";
/// The DeviceID of a disk (virtio 1.2, section 5.2).
pub const DISK: u32 = 2;

/// QueueNotify: new heads are in the available ring (virtio 1.2, 4.2.2).
pub const QUEUE_NOTIFY: u8 = 0x50;
/// InterruptACK: an interrupt was seen.
pub const INTERRUPT_ACK: u8 = 0x64;
/// The mask of the registers that the owner of a sealed device may write: these two. No other register
/// of the window is without addresses, features, or the status.
pub const OWNERS_REGISTERS: u64 = 1 << (QUEUE_NOTIFY / 4) | 1 << (INTERRUPT_ACK / 4);

/// A class of virtio devices that can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its DeviceID (virtio 1.2, section 5).
    pub virtio_id: u32,
    /// What such a device is.
    pub name: &'static str,
    /// How many queues a driver sets up that takes none of the features that add some.
    pub queues: usize,
    /// Most entries of each of its queues, as QEMU makes them where it is not told otherwise.
    pub entries: u16,
}

/// Every one. The payloads of others carry addresses (gpu, balloon, memory, IOMMU, persistent memory),
/// or are the requests of a whole file system.
pub const CLASSES: [Class; 5] = [
    Class { virtio_id: 1, name: "network device", queues: 2, entries: 256 },
    Class { virtio_id: DISK, name: "disk", queues: 1, entries: 256 },
    Class { virtio_id: 3, name: "console", queues: 2, entries: 128 },
    Class { virtio_id: 4, name: "entropy device", queues: 1, entries: 8 },
    Class { virtio_id: 18, name: "input device", queues: 2, entries: 64 },
];

#[cfg(feature = "alloc")]
impl Class {
    /// True for the queues of such a device: as many as it has, none with more heads than entries.
    #[must_use]
    pub fn has(&self, queues: &[crate::Queue]) -> bool {
        let fits = |queue: &crate::Queue| queue.heads() <= u32::from(self.entries);
        queues.len() == self.queues && queues.iter().all(fits)
    }
}

/// The class with this DeviceID; `None` for one that cannot be sealed.
#[must_use]
pub fn class(virtio_id: u32) -> Option<Class> {
    CLASSES.into_iter().find(|class| class.virtio_id == virtio_id)
}

/// True for a mask that the owner of a sealed device can have: of no other register.
#[must_use]
pub const fn is_owners(registers: u64) -> bool {
    registers & !OWNERS_REGISTERS == 0
}
