//! The receive queue: buffers that the device has, and the frames that come in them.

use nexus_mmio::{Outside, Shared, SharedMut};
use nexus_proto::net::{Counters, MIN_FRAME};
use nexus_virtio::net::{FRAME_PIECE, HEADER, Mac, expect_one_buffer, in_one_buffer};
use nexus_virtio::{Completion, Doorbell, Driven, Head, Misbehaved, Part, Queue, Slots};

use crate::frame::{Dropped, count, is_for};

/// Heads of the queue: a buffer each.
pub const HEADS: usize = 64;

/// The queue. The device has all its heads but while one is looked at.
#[derive(Debug)]
pub struct Receiver<P, U> {
    queue: Queue<P, U, HEADS>,
    slots: Slots<P>,
    mac: Mac,
    /// Most bytes of a frame.
    longest: usize,
    counters: Counters,
}

/// A frame that came, where the device has put it.
#[derive(Debug)]
pub struct Arrival<'a, P> {
    slots: &'a Slots<P>,
    head: &'a Head,
    len: usize,
}

impl<P: SharedMut, U: Shared> Receiver<P, U> {
    /// Gives all buffers to the device. Frames to `mac` and to groups, of at most `longest` bytes, are
    /// delivered.
    #[must_use]
    pub fn new(parts: Driven<P, U, HEADS>, mac: Mac, longest: usize) -> Receiver<P, U> {
        let (queue, heads, slots) = parts;
        let mut receiver = Receiver { queue, slots, mac, longest, counters: Counters::default() };
        heads.into_iter().for_each(|head| receiver.post(head));
        receiver
    }

    /// What came, and what was dropped.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes at most `most` frames, and has those that are for this card delivered; `deliver` is false when
    /// nobody has a buffer. The buffers go back to the device, which [`Self::ring`] tells. True when there
    /// may be more.
    ///
    /// # Errors
    /// What the device did that no device does.
    pub fn take(
        &mut self,
        most: usize,
        mut deliver: impl FnMut(&Arrival<'_, P>) -> bool,
    ) -> Result<bool, Misbehaved> {
        for _ in 0..most {
            let Some(done) = self.queue.pop()? else { return Ok(false) };
            let outcome = self
                .look(&done)
                .and_then(|frame| deliver(&frame).then_some(frame.len).ok_or(Dropped::NoBuffer));
            count(&mut self.counters, outcome);
            self.post(done.into_head());
        }
        Ok(true)
    }

    /// After a batch: tells the device of its buffers, once.
    ///
    /// # Errors
    /// Of the doorbell.
    pub fn ring<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<bool, D::Error> {
        self.queue.ring(doorbell)
    }

    /// Before waiting: asks for an interrupt at the next frame. False when one has come.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        self.queue.may_wait()
    }

    /// Gives a buffer to the device.
    fn post(&mut self, head: Head) {
        // It is of this queue, and has a header: `look` drops the frame in one that has none.
        let _ = expect_one_buffer(&mut self.slots, &head);
        let _ = self.queue.post(head);
    }

    /// The frame in a buffer. What the device says of it is not believed.
    fn look<'a>(&'a self, done: &'a Completion) -> Result<Arrival<'a, P>, Dropped> {
        let head = done.head();
        let len = usize::try_from(done.len()).unwrap_or(usize::MAX);
        let len =
            len.checked_sub(HEADER).filter(|len| *len >= MIN_FRAME).ok_or(Dropped::TooShort)?;
        if len > self.longest {
            return Err(Dropped::TooLong);
        }
        if !in_one_buffer(&self.slots, head) {
            return Err(Dropped::Split);
        }
        let (frame, mut to) = (Arrival { slots: &self.slots, head, len }, [0; 6]);
        frame.read(&mut to).map_err(|Outside| Dropped::TooLong)?;
        if is_for(self.mac, Mac(to)) { Ok(frame) } else { Err(Dropped::NotForUs) }
    }
}

impl<P: Shared> Arrival<'_, P> {
    /// Bytes of the frame: a header at least.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the first bytes of it.
    ///
    /// # Errors
    /// They are not all in its buffer.
    pub fn read(&self, to: &mut [u8]) -> Result<(), Outside> {
        self.slots.read(self.head, FRAME_PIECE, 0, to)
    }

    /// Its buffer, to be copied from to other memory: the frame stands at the start of it.
    ///
    /// # Errors
    /// There is none.
    pub fn buffer(&self) -> Result<Part<'_, &P>, Outside> {
        self.slots.part(self.head, FRAME_PIECE)
    }
}
