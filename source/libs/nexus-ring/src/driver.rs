//! The side that does what is asked.

use nexus_mmio::{Outside, Shared, SharedMut, TooSmall, copy_between};

use crate::attachment::Attachment;
use crate::ids::Ids;
use crate::layout::{self, DRIVER, completion, place};
use crate::side::Side;
use crate::{Completion, Ended, REFUSED, Submission};

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ops(u64);

impl Ops {
    /// These, each 0 to 63.
    ///
    /// # Panics
    /// One is above: when it is compiled, in a constant.
    #[must_use]
    pub const fn of(ops: &[u8]) -> Ops {
        let (mut set, mut rest) = (0, ops);
        while let [op, others @ ..] = rest {
            assert!(*op < 64, "an operation is 0 to 63");
            set |= 1 << *op;
            rest = others;
        }
        Ops(set)
    }

    /// True when it is one of them.
    #[must_use]
    pub const fn has(self, op: u8) -> bool {
        op < 64 && self.0 >> op & 1 == 1
    }
}

/// The attachment that a request came with is over: another began, or the consumer misbehaved. Nobody waits
/// for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;

/// The memory does not say that the caller has begun an attachment, or not one that is later than the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBegun;

/// A request that the driver has: the right to its part of the data area, and to complete it. Completing
/// takes it, so that none is completed twice:
///
/// ```compile_fail
/// # use nexus_mmio::SharedMut;
/// # use nexus_ring::{DONE, Driver, Request};
/// fn f<M: SharedMut>(ring: &mut Driver<M, 4>, request: Request) {
///     let _ = ring.complete(request, DONE, 0);
///     let _ = ring.complete(request, DONE, 0);
/// }
/// ```
#[must_use = "a request that is dropped is never completed"]
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    submission: Submission,
    attachment: Attachment,
}

impl Request {
    /// What was asked: an operation that the driver knows, with data inside the data area.
    #[must_use]
    pub const fn submission(&self) -> Submission {
        self.submission
    }
}

/// The driver's side of a ring of `N` entries: a power of two up to [`MAX_ENTRIES`](crate::MAX_ENTRIES).
#[derive(Debug)]
pub struct Driver<M, const N: usize> {
    side: Side<M, N>,
    ops: Ops,
    /// Requests taken and not completed.
    held: Ids<N>,
    refused: u64,
}

impl<M: SharedMut, const N: usize> Driver<M, N> {
    /// The driver's side of a ring in all of `memory`, in no attachment: whatever a life before has left
    /// there is over, and its consumer is to be told now. `ops` are the operations that it knows.
    ///
    /// # Errors
    /// The memory has no room for the rings.
    pub fn new(memory: M, ops: Ops) -> Result<Self, TooSmall> {
        let mut side = Side::new(memory, DRIVER)?;
        side.leave_for(Attachment::NONE);
        Ok(Driver { side, ops, held: Ids::default(), refused: 0 })
    }

    /// Joins the attachment that the consumer has begun, when that asks for it: `life` says which one of the
    /// consumer asks, as the kernel numbers it. Requests of the last attachment are [`Over`]. False, and nothing
    /// changes, when the driver is in it already.
    ///
    /// # Errors
    /// [`NotBegun`]. What there was goes on.
    pub fn attach(&mut self, life: u32) -> Result<bool, NotBegun> {
        let begun = self.begun(life)?;
        if begun == self.side.attachment {
            return Ok(false);
        }
        self.held = Ids::default();
        self.side.leave_for(Attachment::NONE);
        self.side.attachment = begun;
        self.side.say(begun);
        // The attachment, before the consumer is told.
        self.side.memory.fence();
        self.side.over = false;
        Ok(true)
    }

    /// What [`attach`](Self::attach) would join, if it is not in it already. Nothing changes.
    ///
    /// # Errors
    /// As there.
    fn begun(&self, life: u32) -> Result<Attachment, NotBegun> {
        let Side { attachment, over, .. } = self.side;
        // The call that says that it has begun, before what it has written.
        self.side.memory.fence();
        let begun = self.side.peers();
        if begun == attachment && !over {
            return Ok(begun);
        }
        // One that has begun has made nothing: what stands there is of one before.
        let is_new = begun > attachment && begun.life() == life && self.side.peer_index() == 0;
        is_new.then_some(begun).ok_or(NotBegun)
    }

    /// Requests that the driver has: at most `N`.
    #[must_use]
    pub const fn held(&self) -> u16 {
        self.held.count()
    }

    /// Requests that were [`REFUSED`] here, ever.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// The next request; `None` when there is none now. Those before it that cannot be are completed as
    /// [`REFUSED`], at most `N` in one call.
    ///
    /// # Errors
    /// Why the attachment is over, once; from then on [`Ended::Before`]. It is in none at first.
    pub fn take(&mut self) -> Result<Option<Request>, Ended> {
        self.side.in_use()?;
        let next = self.next();
        self.side.noted(next)
    }

    /// Completes a request, of whose data `len` bytes are filled, or were used. The consumer need not look
    /// before [`ring`](Self::ring).
    ///
    /// # Errors
    /// [`Over`].
    pub fn complete(&mut self, request: Request, status: u8, len: u32) -> Result<(), Over> {
        let id = request.submission.id;
        if self.is_over(&request) || !self.held.remove(id) {
            return Err(Over);
        }
        self.answer(Completion { id, status, len });
        Ok(())
    }

    /// After a batch of completions, and of [`take`](Self::take): notifies the consumer once, if it wants
    /// that. True when it did.
    ///
    /// # Errors
    /// Of `notify`. The consumer was not told, and is at the next call.
    pub fn ring<E>(&mut self, notify: impl FnOnce() -> Result<(), E>) -> Result<bool, E> {
        self.side.ring(notify)
    }

    /// True when the consumer waits for a completion that was not made yet: [`ring`](Self::ring) is going to notify it.
    /// False when what it waits for is there, when it does not wait, and when the attachment is over.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.side.is_awaited()
    }

    /// Before waiting for a notification: asks for one at the next submission. True when there has been
    /// none meanwhile, so that it will come; otherwise [`take`](Self::take) looks at something.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn may_wait(&mut self) -> Result<bool, Ended> {
        self.side.may_wait(self.room(), 0)
    }

    /// Copies bytes of a request's data from `offset` on into `to`.
    ///
    /// # Errors
    /// They are not all its own, or it is [`Over`].
    pub fn read(&self, request: &Request, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        self.side.memory.copy_out(self.place(request, offset, to.len())?, to)
    }

    /// Copies `from` to the bytes of a request's data from `offset` on.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn write(&mut self, request: &Request, offset: usize, from: &[u8]) -> Result<(), Outside> {
        self.side.memory.copy_in(self.place(request, offset, from.len())?, from)
    }

    /// Copies `len` bytes of a request's data from `offset` on to `to_offset` of other memory, each once.
    ///
    /// # Errors
    /// As [`read`](Self::read), or they are not all inside `to`. Nothing was copied.
    pub fn copy_to(
        &self,
        request: &Request,
        offset: usize,
        to: &mut impl SharedMut,
        to_offset: usize,
        len: usize,
    ) -> Result<(), Outside> {
        let at = self.place(request, offset, len)?;
        copy_between(&self.side.memory, at, to, to_offset, len)
    }

    /// The other way round: from `from_offset` of other memory to a request's data.
    ///
    /// # Errors
    /// As [`copy_to`](Self::copy_to).
    pub fn copy_from(
        &mut self,
        request: &Request,
        offset: usize,
        from: &impl Shared,
        from_offset: usize,
        len: usize,
    ) -> Result<(), Outside> {
        let at = self.place(request, offset, len)?;
        copy_between(from, from_offset, &mut self.side.memory, at, len)
    }

    /// Where in the memory `len` bytes of a request's data are.
    fn place(&self, request: &Request, offset: usize, len: usize) -> Result<usize, Outside> {
        let Submission { offset: start, len: has, .. } = request.submission;
        if self.is_over(request) {
            return Err(Outside);
        }
        place(start, has, offset, len)
    }

    fn is_over(&self, request: &Request) -> bool {
        self.side.over || request.attachment != self.side.attachment
    }

    /// Submissions that an honest consumer can have made that were not taken.
    const fn room(&self) -> u16 {
        Ids::<N>::ALL - self.held.count()
    }

    fn next(&mut self) -> Result<Option<Request>, Ended> {
        let mut next = self.side.take(layout::submission, self.room())?;
        while let Some(entry) = next {
            let (submission, zero) = Submission::from_words(entry);
            if zero && self.can_be(submission) && self.held.insert(submission.id) {
                return Ok(Some(Request { submission, attachment: self.side.attachment }));
            }
            self.refused = self.refused.wrapping_add(1);
            self.answer(Completion { id: submission.id, status: REFUSED, len: 0 });
            // Of those that the consumer had made by now: it goes on making others meanwhile.
            next = self.side.take_seen(layout::submission);
        }
        Ok(None)
    }

    /// True when the driver knows the operation, and the data is inside.
    fn can_be(&self, submission: Submission) -> bool {
        let Submission { op, len, offset, .. } = submission;
        self.ops.has(op) && place(0, self.side.data_len, offset as usize, len as usize).is_ok()
    }

    fn answer(&mut self, done: Completion) {
        self.side.make(completion, done.to_words());
    }
}
