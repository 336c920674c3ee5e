//! The disk, used as nobody would.

use alloc::vec::Vec;

use nexus_abi::{Handle, Role};
use nexus_mmio::{Bus, ReadOnly, ReadWrite, Shared, SharedMemory, SharedMut};
use nexus_rt::{DeviceWindow, StartError, owner, startup, sys};
use nexus_sysdesc::Description;
use nexus_sysdesc::layout::{Head, Layout, QueueLayout, Segment};

use crate::attempts::Handles;
use crate::canary::Canary;
use crate::random::Random;

/// Status and QueueNotify (virtio 1.2, 4.2.2), and the bit by which a device says that it has given up.
const STATUS: usize = 0x70;
const NOTIFY: usize = 0x50;
const NEEDS_RESET: u32 = 0x40;
/// QueueSel, QueueReady, and the halves of QueueDevice: where its used ring is.
const SELECT: u64 = 0x30;
const READY: u64 = 0x44;
const USED: [u64; 2] = [0xa0, 0xa4];
/// Where memory of the machine is, as far as it is tried, and how far apart.
const MEMORY: core::ops::Range<u64> = 0x8080_0000..0x8800_0000;
const STEP: usize = 0x8_0000;
/// Where the index is in both rings, and where the entries of the available ring begin (virtio 1.2, 2.7).
const INDEX: usize = 2;
const ENTRIES: usize = 4;
/// Heads that are given at once.
const BATCH: u32 = 64;
/// Looks at the used ring before the device counts as stuck.
const LOOKS: u32 = 5_000_000;
/// Discard and write-zeroes (virtio 1.2, 5.2.6), which carry 16 bytes: of another length, QEMU gives up.
const WITH_RANGE: [u32; 2] = [11, 13];
const RANGE: u32 = 16;

/// What this process has of it.
#[derive(Debug)]
pub struct Disk {
    /// Its capabilities.
    pub handles: Handles,
    window: DeviceWindow,
    pool: SharedMemory<ReadWrite>,
    used: SharedMemory<ReadOnly>,
    queue: QueueLayout,
    given: u16,
}

/// The description of the system.
fn description() -> Result<Description, StartError> {
    let described = startup().map_memory(Role::Description)?;
    Description::decode(described.bytes()).map_err(|_| StartError::BadMemory)
}

/// How many checks a service must prove something by: how much it is to do. 0 when it has to prove nothing, as
/// in the system in use.
///
/// # Errors
/// The description cannot be read.
pub fn must_prove(service: u32, name: &str) -> Result<u32, StartError> {
    let description = description()?;
    let proofs = description.service(service).map(|service| service.must_prove.iter());
    let mut proofs = proofs.into_iter().flatten();
    Ok(proofs.find(|proof| proof.name == name).map_or(0, |proof| proof.checks))
}

impl Disk {
    /// The one device of this process.
    ///
    /// # Errors
    /// Something is missing in the startup block, or cannot be mapped.
    pub fn take() -> Result<Disk, StartError> {
        let start = startup();
        let entry = start.window()?;
        let handle = |role| {
            let cap = start.block().with_role(role).next();
            cap.map(|cap| Handle(cap.handle)).ok_or(StartError::NoMemory)
        };
        let (pool, used) = (handle(Role::Pool)?, handle(Role::Used)?);
        let handles = Handles { window: Handle(entry.handle), pool, used };
        let description = description()?;
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

    /// True when nothing is left of whoever had the device before.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let mut words = (0..self.pool.len() / 4).map(|word| self.pool.read32(4 * word));
        let mut used = (0..self.used.len() / 4).map(|word| self.used.read32(4 * word));
        words.all(|word| word == 0) && used.all(|word| word == 0)
    }

    /// True when the device has given up: until it is reset it does nothing more.
    #[must_use]
    pub fn has_given_up(&self) -> bool {
        self.window.read32(STATUS) & NEEDS_RESET != 0
    }

    /// Bytes of the pool.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pool.len()
    }

    /// Entries of its queue.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.queue.size
    }

    /// Gives the device so many heads, or a few more, any of them, each with a request that may be wrong, of
    /// one of `types`. How many it is done with; `None` when it is stuck, or gives up.
    pub fn requests(&mut self, random: &mut Random, count: u32, types: &[u32]) -> Option<u32> {
        let slots: Vec<Slot> = self.queue.heads.iter().map(Slot::of).collect();
        let mut done = 0;
        while done < count {
            for _ in 0..BATCH {
                let head = random.below(slots.len() as u64) as usize;
                let slot = slots.get(head).copied()?;
                let kind = random.one_of(types);
                let fits = slot.range.is_some() || !WITH_RANGE.contains(&kind);
                self.scribble(random, slot, if fits { kind } else { 0 });
                self.give(head as u16);
            }
            self.publish(self.given);
            self.ring(0);
            self.wait()?;
            done += BATCH;
        }
        Some(done)
    }

    /// A request in the first piece of a slot, and a sector, how many of them, and flags in the second, if
    /// that is for them.
    fn scribble(&mut self, random: &mut Random, slot: Slot, kind: u32) {
        let sector = if random.below(4) == 0 { random.next() } else { random.below(40_000) };
        self.store(slot.first, u64::from(kind));
        self.store(slot.first + 8, sector);
        if let Some(range) = slot.range {
            self.store(range, random.below(40_000));
            self.store(range + 8, random.next() & random.next());
        }
    }

    /// Any request, to any head, whether or not it takes it.
    pub fn give_any(&mut self, random: &mut Random, types: &[u32]) {
        let head = random.below(self.queue.heads.len() as u64) as usize;
        let Some(slot) = self.queue.heads.get(head).map(Slot::of) else { return };
        let kind = random.one_of(types);
        self.scribble(random, slot, kind);
        self.give(head as u16);
        self.publish(self.given);
    }

    /// Names a head in the next place of the available ring.
    pub fn give(&mut self, head: u16) {
        let place = usize::from(self.given % self.queue.size);
        self.pool.write16(ENTRIES + 2 * place, head);
        self.given = self.given.wrapping_add(1);
    }

    /// Tells the device that the available ring ends here.
    pub fn publish(&mut self, index: u16) {
        self.pool.fence();
        self.pool.write16(INDEX, index);
        self.pool.fence();
    }

    /// Where the available ring ends, as this process counts.
    #[must_use]
    pub const fn given(&self) -> u16 {
        self.given
    }

    /// Stores eight bytes in the pool, if they are in it.
    pub fn store(&mut self, place: usize, value: u64) {
        let _ = self.pool.copy_in(place, &value.to_le_bytes());
    }

    /// The doorbell, with any number.
    pub fn ring(&mut self, queue: u32) {
        self.pool.fence();
        self.window.write32(NOTIFY, queue);
    }

    fn wait(&self) -> Option<()> {
        for _ in 0..LOOKS {
            if self.used.read16(INDEX) == self.given {
                return Some(());
            }
            if self.has_given_up() {
                break;
            }
            let _ = sys::yield_now();
        }
        nexus_rt::error!("stuck: {} of {} heads", self.used.read16(INDEX), self.given);
        None
    }

    /// Tries to tell the device that its used ring is elsewhere. How many registers it could not write: all.
    /// Where it can, it has the device write all over memory, until the canary is hit.
    pub fn aim(&mut self, canary: &Canary) -> u32 {
        let window = self.handles.window;
        let [low, high] = USED;
        let refused =
            [SELECT, READY, low, high].map(|register| sys::mmio_write(window, register, 0));
        let elsewhere = MEMORY.step_by(STEP).filter(|_| refused.iter().all(Result::is_ok));
        for place in elsewhere {
            for (register, value) in [(SELECT, 0), (READY, 0), (low, place), (high, 0), (READY, 1)]
            {
                let _ = sys::mmio_write(window, register, value);
            }
            self.give(0);
            self.publish(self.given);
            self.ring(0);
            if !canary.is_whole() {
                nexus_rt::error!("SELFTEST: rogue canary FAILED: hit at {place:#x}");
                break;
            }
        }
        refused.iter().map(|result| u32::from(result.is_err())).sum()
    }
}

/// Where pieces of a head are.
#[derive(Clone, Copy, Debug)]
struct Slot {
    first: usize,
    /// Its second one, if the device reads [`RANGE`] bytes of it.
    range: Option<usize>,
}

impl Slot {
    fn of(head: &Head) -> Slot {
        let place = |piece: &Segment| usize::try_from(piece.offset).unwrap_or(0);
        let second = head.segments.get(1).filter(|piece| !piece.writes && piece.len == RANGE);
        Slot { first: head.segments.first().map_or(0, place), range: second.map(place) }
    }
}
