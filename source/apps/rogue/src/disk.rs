//! The disk, used as nobody would.

use alloc::vec::Vec;

use nexus_abi::{Handle, Role};
use nexus_mmio::{Bus, ReadOnly, ReadWrite, Shared, SharedMemory, SharedMut};
use nexus_rt::{DeviceWindow, StartError, owner, startup, sys};
use nexus_sysdesc::Description;
use nexus_sysdesc::layout::{Layout, QueueLayout};

use crate::attempts::Handles;
use crate::random::Random;

/// QueueNotify (virtio 1.2, 4.2.2).
const NOTIFY: usize = 0x50;
/// Where the index is in both rings, and where the entries of the available ring begin (virtio 1.2, 2.7).
const INDEX: usize = 2;
const ENTRIES: usize = 4;
/// Heads that are given to the device: so many batches of so many.
const BATCHES: u32 = 1_563;
const BATCH: u16 = 64;
/// Looks at the used ring before the device counts as stuck.
const LOOKS: u32 = 5_000_000;
/// Rounds of nonsense.
const ROUNDS: u32 = 20_000;
/// Types of requests: read, write, flush, and the serial number (virtio 1.2, 5.2.6). A discard with other
/// data than one range has QEMU give the device up.
const TYPES: [u32; 4] = [0, 1, 4, 8];

/// What this process has of it.
pub(crate) struct Disk {
    pub(crate) handles: Handles,
    window: DeviceWindow,
    pool: SharedMemory<ReadWrite>,
    used: SharedMemory<ReadOnly>,
    queue: QueueLayout,
    given: u16,
}

impl Disk {
    pub(crate) fn take() -> Result<Disk, StartError> {
        let start = startup();
        let entry = start.window()?;
        let handle = |role| {
            let cap = start.block().with_role(role).next();
            cap.map(|cap| Handle(cap.handle)).ok_or(StartError::NoMemory)
        };
        let (pool, used) = (handle(Role::Pool)?, handle(Role::Used)?);
        let handles = Handles { window: Handle(entry.handle), pool, used };
        let described = start.map_memory(Role::Description)?;
        let description =
            Description::decode(described.bytes()).map_err(|_| StartError::BadMemory)?;
        let service = description.service(start.block().service_id);
        let need = service.and_then(|service| service.needs.first());
        let layout = need.and_then(|need| Layout::of(&need.queues));
        let queue = layout.and_then(|layout| layout.queues.into_iter().next());
        let memory = start.device_memory(entry.index)?;
        Ok(Disk {
            handles,
            window: owner::window()?,
            pool: memory.map_pool()?,
            used: memory.map_used()?,
            queue: queue.ok_or(StartError::BadMemory)?,
            given: 0,
        })
    }

    /// Gives the device 100,032 heads, any of them, each with a request that may be wrong. How many it is
    /// done with; `None` when it is stuck.
    pub(crate) fn requests(&mut self, random: &mut Random) -> Option<u32> {
        let slots: Vec<usize> = self.queue.heads.iter().map(first_piece).collect();
        for _ in 0..BATCHES {
            for _ in 0..BATCH {
                let head = random.below(slots.len() as u64) as usize;
                let slot = slots.get(head).copied()?;
                self.scribble(random, slot);
                self.give(head as u16);
            }
            self.pool.fence();
            self.pool.write16(INDEX, self.given);
            self.pool.fence();
            self.window.write32(NOTIFY, 0);
            self.wait()?;
        }
        Some(BATCHES * u32::from(BATCH))
    }

    /// A request in the first piece of a slot, and eight bytes somewhere among the slots.
    fn scribble(&mut self, random: &mut Random, slot: usize) {
        let kind = TYPES.get(random.below(4) as usize).copied().unwrap_or(0);
        let sector = if random.below(4) == 0 { random.next() } else { random.below(40_000) };
        // Both are in the pool: a piece has its place by the layout.
        let _ = self.pool.copy_in(slot, &u64::from(kind).to_le_bytes());
        let _ = self.pool.copy_in(slot + 8, &sector.to_le_bytes());
    }

    fn give(&mut self, head: u16) {
        let place = usize::from(self.given % self.queue.size);
        self.pool.write16(ENTRIES + 2 * place, head);
        self.given = self.given.wrapping_add(1);
    }

    fn wait(&self) -> Option<()> {
        for _ in 0..LOOKS {
            if self.used.read16(INDEX) == self.given {
                return Some(());
            }
            let _ = sys::yield_now();
        }
        nexus_rt::error!("stuck: {} of {} heads", self.used.read16(INDEX), self.given);
        None
    }

    /// Writes anything to the ring and the slots, and any number to the doorbell: the device gives up its
    /// queue at the first head or index that cannot be, and nothing else happens.
    pub(crate) fn nonsense(&mut self, random: &mut Random) {
        let end = self.pool.len() as u64 - 8;
        for round in 0..ROUNDS {
            let near = if round % 2 == 0 { 512 } else { end };
            let place = random.below(near) as usize & !7;
            let _ = self.pool.copy_in(place, &random.next().to_le_bytes());
            self.pool.fence();
            let queue = if random.below(2) == 0 { 0 } else { random.next() as u32 };
            self.window.write32(NOTIFY, queue);
        }
    }
}

fn first_piece(head: &nexus_sysdesc::layout::Head) -> usize {
    head.segments.first().and_then(|piece| usize::try_from(piece.offset).ok()).unwrap_or(0)
}
