//! The receive queue: buffers that the device has, and the frames that come in them.

use nexus_mmio::{Outside, Shared, SharedMut};
use nexus_proto::net::{Counters, MIN_FRAME};
use nexus_virtio::{Completion, Doorbell, Driven, Head, Misbehaved, Queue, Slots};

use crate::frame::{Dropped, Mac, count};

/// Number of the queue (virtio 1.2, 5.1.2).
pub const QUEUE: u16 = 0;
/// Its heads: a buffer each.
pub const HEADS: usize = 64;

/// Bytes of the header before a frame (virtio 1.2, 5.1.6): the first piece of a buffer.
pub const HEADER: usize = 12;
/// The pieces of a buffer, and of what is sent.
pub(crate) const HEADER_PIECE: usize = 0;
pub(crate) const FRAME_PIECE: usize = 1;
/// Where in the header it stands in how many buffers the frame is (`num_buffers`, 2 bytes).
const BUFFERS: usize = 10;

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
        let (mut queue, heads, slots) = parts;
        for head in heads {
            // A new queue takes all its heads.
            let _ = queue.post(head);
        }
        Receiver { queue, slots, mac, longest, counters: Counters::default() }
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
            // It was just taken from this queue.
            let _ = self.queue.post(done.into_head());
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

    /// The frame in a buffer. What the device says of it is not believed.
    fn look<'a>(&'a self, done: &'a Completion) -> Result<Arrival<'a, P>, Dropped> {
        let head = done.head();
        let len = usize::try_from(done.len()).unwrap_or(usize::MAX);
        let len =
            len.checked_sub(HEADER).filter(|len| *len >= MIN_FRAME).ok_or(Dropped::TooShort)?;
        if len > self.longest {
            return Err(Dropped::TooLong);
        }
        let (mut buffers, mut to) = ([0; 2], [0; 6]);
        let frame = Arrival { slots: &self.slots, head, len };
        let header = self.slots.read(head, HEADER_PIECE, BUFFERS, &mut buffers);
        header.map_err(|Outside| Dropped::Split)?;
        // QEMU before 9.2.1 leaves it 0 where it must be 1.
        if u16::from_le_bytes(buffers) > 1 {
            return Err(Dropped::Split);
        }
        frame.read(0, &mut to).map_err(|Outside| Dropped::TooLong)?;
        if self.mac.takes(Mac(to)) { Ok(frame) } else { Err(Dropped::NotForUs) }
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

    /// Copies bytes of it from `offset` on.
    ///
    /// # Errors
    /// They are not all in its buffer.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        self.slots.read(self.head, FRAME_PIECE, offset, to)
    }
}
