//! The entropy device as a source: heads that it fills, from its queue into the generator.

use core::time::Duration;

use nexus_rt::mmio::{Shared, SharedMut};
use nexus_virtio::{Doorbell, Head, Misbehaved, Queue, Slots};
use zeroize::Zeroizing;

use crate::generator::Generator;

/// Most bytes that are taken from one head.
pub const SLOT_BYTES: usize = 64;
/// The one piece of a head, which the device writes.
const PIECE: usize = 0;

/// The device: its one queue, with `HEADS` heads.
pub struct Source<A, U, M, const HEADS: usize> {
    queue: Queue<A, U, HEADS>,
    slots: Slots<M>,
    /// Heads that the device does not have.
    idle: [Option<Head>; HEADS],
}

impl<A: SharedMut, U: Shared, M: SharedMut, const HEADS: usize> Source<A, U, M, HEADS> {
    /// A device that has nothing to do.
    #[must_use]
    pub fn new(queue: Queue<A, U, HEADS>, slots: Slots<M>, heads: [Head; HEADS]) -> Self {
        Source { queue, slots, idle: heads.map(Some) }
    }

    /// Asks the device for what `generator` wants, less what it was asked for before.
    ///
    /// # Errors
    /// Of the doorbell; it is rung at the next call.
    pub fn ask<D: Doorbell>(
        &mut self,
        now: Duration,
        generator: &Generator,
        doorbell: &mut D,
    ) -> Result<(), D::Error> {
        let wanted = generator.wants(now).div_ceil(SLOT_BYTES);
        let more = wanted.saturating_sub(self.queue.in_flight().into());
        for place in self.idle.iter_mut().filter(|head| head.is_some()).take(more) {
            let Some(head) = place.take() else { continue };
            // A device that says it wrote what it did not has written zeroes, which fail.
            *place = match self.slots.clear(&head, PIECE, 0) {
                Ok(()) => self.queue.post(head).err(),
                Err(_) => Some(head),
            };
        }
        self.queue.ring(doorbell).map(|_| ())
    }

    /// Feeds `generator` what the device has written since the last time.
    ///
    /// # Errors
    /// What the device did. It gives nothing any more.
    pub fn take(&mut self, now: Duration, generator: &mut Generator) -> Result<(), Misbehaved> {
        for _ in 0..HEADS {
            let Some(done) = self.queue.pop()? else { break };
            let mut buffer = Zeroizing::new([0; SLOT_BYTES]);
            let (bytes, _) = buffer.split_at_mut((done.len() as usize).min(SLOT_BYTES));
            if self.slots.read(done.head(), PIECE, 0, bytes).is_ok() {
                generator.feed(now, bytes);
            }
            let place = self.idle.get_mut(usize::from(done.head().index()));
            if let Some(place) = place {
                *place = Some(done.into_head());
            }
        }
        Ok(())
    }

    /// True while the device has something to do.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.queue.in_flight() > 0
    }

    /// Asks for an interrupt; true when it will come. See [`Queue::may_wait`].
    ///
    /// # Errors
    /// What the device did.
    pub fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        self.queue.may_wait()
    }
}
