//! The side that makes requests.

use nexus_mmio::{Outside, SharedMut, TooSmall};

use crate::attachment::Attachment;
use crate::ids::Ids;
use crate::layout::{CONSUMER, completion, place, submission};
use crate::side::Side;
use crate::{Completion, Ended, Submission};

/// Why a request was not submitted. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its id is in flight, or the ring has no such id.
    Id,
    /// Its data is not all inside the data area.
    Outside,
    /// Both sides are not in the same attachment: attach again.
    Over,
}

/// The consumer's side of a ring of `N` entries: a power of two up to [`MAX_ENTRIES`](crate::MAX_ENTRIES).
#[derive(Debug)]
pub struct Consumer<M, const N: usize> {
    side: Side<M, N>,
    /// Which life of the consumer this is.
    life: u32,
    /// It has begun an attachment, and has not seen yet that the driver is in it.
    waits: bool,
    in_flight: Ids<N>,
    /// The length of each that is in flight.
    lens: [u32; N],
}

impl<M: SharedMut, const N: usize> Consumer<M, N> {
    /// A new attachment to a ring in all of `memory`, before the driver hears of it. `life` says which one of the
    /// consumer this is, as the kernel numbers it on its messages.
    ///
    /// # Errors
    /// The memory has no room for the rings.
    pub fn new(memory: M, life: u32) -> Result<Self, TooSmall> {
        let mut side = Side::new(memory, CONSUMER)?;
        // An earlier attachment of this life; whatever else stands there is of no life, or of another.
        side.attachment = side.said().believed();
        let (waits, in_flight) = (true, Ids::default());
        let mut consumer = Consumer { side, life, waits, in_flight, lens: [0; N] };
        // Of this object there were none.
        let _ = consumer.begin();
        Ok(consumer)
    }

    /// Leaves the attachment, and begins the next with the same memory, before the driver hears of it. The ids
    /// of the requests that were in flight, the lowest first: whether they were done is unknown, and no
    /// completion of them comes any more.
    pub fn begin(&mut self) -> impl Iterator<Item = u16> + use<M, N> {
        let next = Attachment::after(self.side.attachment, self.life);
        self.side.attachment = next;
        self.side.leave_for(next);
        self.waits = true;
        core::mem::take(&mut self.in_flight).each()
    }

    /// The driver has answered that it is in the attachment, too: from now on it is in use.
    ///
    /// # Errors
    /// [`Ended::PeerGone`]: it is not, or no more: begin the next. [`Ended::Before`]: this side has left it.
    pub fn attached(&mut self) -> Result<(), Ended> {
        if !self.waits {
            return self.side.in_use();
        }
        self.side.agreed()?;
        // The attachment, before whatever is of it.
        self.side.memory.fence();
        (self.side.over, self.waits) = (false, false);
        Ok(())
    }

    /// Bytes of the data area.
    #[must_use]
    pub const fn data_len(&self) -> u32 {
        self.side.data_len
    }

    /// Requests that the driver has: at most `N`.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.in_flight.count()
    }

    /// The lowest id that is not in flight; `None` when all `N` are.
    #[must_use]
    pub fn free_id(&self) -> Option<u16> {
        self.in_flight.first_free()
    }

    /// Gives a request to the driver, with what stands in its part of the data area. The driver may begin
    /// at once; it need not look before [`ring`](Self::ring).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn submit(&mut self, request: Submission) -> Result<(), Refused> {
        if self.side.over {
            return Err(Refused::Over);
        }
        place(0, self.side.data_len, request.offset as usize, request.len as usize)
            .map_err(|Outside| Refused::Outside)?;
        let len = self.lens.get_mut(usize::from(request.id)).ok_or(Refused::Id)?;
        if !self.in_flight.insert(request.id) {
            return Err(Refused::Id);
        }
        *len = request.len;
        self.side.make(submission, request.to_words());
        Ok(())
    }

    /// After a batch of submissions: notifies the driver once, if it wants that. True when it did.
    ///
    /// # Errors
    /// Of `notify`. The driver was not told, and is at the next call.
    pub fn ring<E>(&mut self, notify: impl FnOnce() -> Result<(), E>) -> Result<bool, E> {
        self.side.ring(notify)
    }

    /// The next request that the driver is done with; `None` when there is none now.
    ///
    /// # Errors
    /// Why the attachment is over, once; from then on [`Ended::Before`].
    pub fn pop(&mut self) -> Result<Option<Completion>, Ended> {
        self.side.in_use()?;
        let next = self.next();
        self.side.noted(next)
    }

    /// Before waiting for a notification: asks for one at the next completion. True when there has been
    /// none meanwhile, so that it will come; otherwise [`pop`](Self::pop) has something.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn may_wait(&mut self) -> Result<bool, Ended> {
        self.side.may_wait(self.in_flight.count(), 0)
    }

    /// The same, and asks for the notification when all that is in flight is completed: who has nothing to do before
    /// is woken once. It comes earlier when the driver leaves, as always.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn may_wait_for_all(&mut self) -> Result<bool, Ended> {
        let flight = self.in_flight.count();
        self.side.may_wait(flight, flight.saturating_sub(1))
    }

    /// Copies bytes of the data area from `offset` on into `to`.
    ///
    /// # Errors
    /// They are not all inside.
    pub fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), Outside> {
        self.side.memory.copy_out(place(0, self.side.data_len, offset as usize, to.len())?, to)
    }

    /// Copies `from` to the bytes of the data area from `offset` on.
    ///
    /// # Errors
    /// They are not all inside.
    pub fn write(&mut self, offset: u32, from: &[u8]) -> Result<(), Outside> {
        self.side.memory.copy_in(place(0, self.side.data_len, offset as usize, from.len())?, from)
    }

    fn next(&mut self) -> Result<Option<Completion>, Ended> {
        let Some(entry) = self.side.take(completion, self.in_flight.count())? else {
            return Ok(None);
        };
        let done = Completion::from_words(entry);
        let none = Ended::NotInFlight { id: done.id };
        if !self.in_flight.remove(done.id) {
            return Err(none);
        }
        let had = self.lens.get(usize::from(done.id)).ok_or(none)?;
        Ok(Some(Completion { len: done.len.min(*had), ..done }))
    }
}
