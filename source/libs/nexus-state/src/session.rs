//! Requests in the ring and their answers, whichever life of statefsd gives them.

use alloc::vec::Vec;
use core::mem;

use nexus_mmio::SharedMut;
use nexus_proto::ServiceError;
use nexus_proto::state::ring::{self as wire, ENTRIES};
use nexus_ring::{Completion, Consumer, DONE, Ended, Refused, Submission};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};
use zerocopy::IntoBytes;

use crate::answer::Done;
use crate::error::answer;
use crate::request::Ask;
use crate::{Error, Link};

/// How often what may be asked twice is asked, when statefsd ends each time.
const MOST: u32 = 8;
/// What a request's data begins at.
const ALIGN: usize = 8;

/// A ring with statefsd.
#[derive(Debug)]
pub(crate) struct Session<L, M> {
    link: L,
    side: Consumer<M, ENTRIES>,
    /// statefsd has joined the attachment.
    attached: bool,
    /// Changes were answered, and no sync after them.
    dirty: bool,
    /// That was so when statefsd ended, and was not told yet.
    lost: bool,
    /// What is in flight: which request, and where its data is.
    flying: [Option<(usize, u32)>; ENTRIES],
    /// Where there is room in the data area.
    free: usize,
    /// Memory for the next answer.
    spare: Vec<u8>,
}

/// What whoever attaches to statefsd is told, while that opens the store: nothing, or that too many wait.
const fn may_be_opening(why: CallError) -> bool {
    matches!(why, CallError::Kernel(KernelError::TimedOut) | CallError::Service(ServiceError::Busy))
}

/// Why requests ended before they were answered.
enum Broken {
    /// Another life of statefsd.
    Gone,
    /// For good.
    Error(Error),
}

impl From<Error> for Broken {
    fn from(why: Error) -> Broken {
        Broken::Error(why)
    }
}

impl From<Ended> for Broken {
    fn from(why: Ended) -> Broken {
        match why {
            Ended::PeerGone | Ended::Before => Broken::Gone,
            Ended::Index { .. } | Ended::NotInFlight { .. } => Broken::Error(Error::Garbled),
        }
    }
}

impl From<KernelError> for Broken {
    fn from(why: KernelError) -> Broken {
        match why {
            KernelError::TimedOut => Broken::Error(Error::TimedOut),
            // For good: nobody answers the next call.
            KernelError::PeerGone | KernelError::BadHandle => Broken::Gone,
            why => Broken::Error(Error::Call(CallError::Kernel(why))),
        }
    }
}

impl<L: Link<M>, M: SharedMut> Session<L, M> {
    pub(crate) fn new(link: L, memory: M, life: u32) -> Result<Self, Error> {
        let side = Consumer::new(memory, life).map_err(|_| Error::NoRing(None))?;
        let (attached, dirty, lost) = (false, false, false);
        let (flying, free, spare) = ([None; ENTRIES], 0, Vec::new());
        Ok(Session { link, side, attached, dirty, lost, flying, free, spare })
    }

    /// Bytes of the ring's data.
    pub(crate) const fn data_len(&self) -> usize {
        self.side.data_len() as usize
    }

    /// Asks all, within so many milliseconds, as many at a time as there is room for, and gives each answer to `each` with the number of its
    /// request. The order in which they are done is that of the requests.
    ///
    /// # Errors
    /// Not of an answer. What was in flight is unknown then.
    pub(crate) fn ask(
        &mut self,
        asks: &[Ask<'_>],
        patience_ms: u64,
        mut each: impl FnMut(usize, Done),
    ) -> Result<(), Error> {
        let has = self.data_len();
        if let Some(needs) = asks.iter().map(Ask::needs).find(|needs| *needs > has) {
            return Err(Error::NoRoom { needs, has });
        }
        if mem::take(&mut self.lost) {
            return Err(Error::Lost);
        }
        let changes = asks.iter().any(Ask::is_change);
        let again = asks.iter().all(Ask::again);
        let mut deadline = Deadline::after_ms(patience_ms);
        for _ in 0..MOST {
            deadline = self.attach(deadline, patience_ms)?;
            let why = match self.carry(asks, deadline, &mut each) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            let lost = self.leave();
            match why {
                Broken::Error(why) => {
                    self.lost = lost;
                    return Err(why);
                }
                Broken::Gone if changes => return Err(Error::Unknown),
                // A sync of the next life is none of what this one has lost.
                Broken::Gone if lost => return Err(Error::Lost),
                Broken::Gone if !again => return Err(Error::NoDraft),
                Broken::Gone => {}
            }
        }
        Err(Error::Call(CallError::Kernel(KernelError::PeerGone)))
    }

    /// Attaches, if it is not attached. A store that is being opened is waited for, as long as that takes: then the
    /// deadline is a later one.
    fn attach(&mut self, mut deadline: Deadline, patience_ms: u64) -> Result<Deadline, Error> {
        while !self.attached {
            match self.link.attach(&mut self.side, deadline) {
                Ok(()) => self.attached = true,
                Err(why) if may_be_opening(why) && self.link.is_opening() => {
                    deadline = Deadline::after_ms(patience_ms);
                }
                Err(why) => return Err(why.into()),
            }
        }
        Ok(deadline)
    }

    /// Begins the next attachment; whether changes were not synced in this one.
    fn leave(&mut self) -> bool {
        drop(self.side.begin());
        self.attached = false;
        self.flying = [None; ENTRIES];
        self.free = 0;
        mem::take(&mut self.dirty)
    }

    fn carry(
        &mut self,
        asks: &[Ask<'_>],
        deadline: Deadline,
        each: &mut impl FnMut(usize, Done),
    ) -> Result<(), Broken> {
        let mut given = 0;
        let mut done = 0;
        while done < asks.len() {
            while let Some(ask) = asks.get(given)
                && self.give(given, ask)?
            {
                given += 1;
            }
            done += self.answers(asks, deadline, each)?;
        }
        Ok(())
    }

    /// Submits a request; false when there is no room now.
    fn give(&mut self, number: usize, ask: &Ask<'_>) -> Result<bool, Broken> {
        let needs = ask.needs().next_multiple_of(ALIGN).min(self.data_len());
        let Some(id) = self.side.free_id() else { return Ok(false) };
        if needs > self.data_len() - self.free {
            return Ok(false);
        }
        let (offset, len) = (self.free as u32, needs as u32);
        let key = offset + size_of::<wire::Head>() as u32;
        let value = key + ask.key.len() as u32;
        let head = ask.head();
        let parts = [(offset, head.as_bytes()), (key, ask.key.as_bytes()), (value, ask.value)];
        for (at, bytes) in parts {
            // There is room for it: `needs`.
            self.side.write(at, bytes).map_err(|_| Error::Garbled)?;
        }
        let submission = Submission { id, op: ask.op, len, offset, arg: ask.arg };
        self.side.submit(submission).map_err(|why| match why {
            Refused::Over => Broken::Gone,
            Refused::Id | Refused::Outside => Broken::Error(Error::Garbled),
        })?;
        if let Some(place) = self.flying.get_mut(usize::from(id)) {
            *place = Some((number, offset));
        }
        self.free += needs;
        Ok(true)
    }

    /// Tells of what was asked, waits until something was done, and takes all that was; how many.
    fn answers(
        &mut self,
        asks: &[Ask<'_>],
        deadline: Deadline,
        each: &mut impl FnMut(usize, Done),
    ) -> Result<usize, Broken> {
        let mut count = 0;
        loop {
            while let Some(done) = self.side.pop()? {
                let (number, answer) = self.answer(done)?;
                if answer.status == DONE {
                    self.note(asks.get(number..).unwrap_or_default());
                }
                each(number, answer);
                count += 1;
            }
            if count > 0 {
                break;
            }
            // Whoever tells waits in the same step, and so says first that it waits. Who need not be told is at work, and
            // finds what was asked.
            let Session { side, link, .. } = self;
            if side.may_wait()? && !side.ring(|| link.tell_and_wait(deadline))? {
                link.wait(deadline)?;
            }
        }
        if self.side.in_flight() == 0 {
            self.free = 0;
        }
        Ok(count)
    }

    /// The first of these was done: what is durable now, and what is not yet.
    fn note(&mut self, asks: &[Ask<'_>]) {
        let Some((ask, later)) = asks.split_first() else { return };
        if !ask.is_sync() {
            self.dirty |= ask.is_change();
        } else if !later.iter().any(Ask::is_change) {
            self.dirty = false;
        }
    }

    fn answer(&mut self, done: Completion) -> Result<(usize, Done), Broken> {
        let flying = self.flying.get_mut(usize::from(done.id)).and_then(Option::take);
        let (number, offset) = flying.ok_or(Error::Garbled)?;
        let mut bytes = mem::take(&mut self.spare);
        bytes.resize(done.len as usize, 0);
        self.side.read(offset, &mut bytes).map_err(|_| Error::Garbled)?;
        if done.len == 0 && done.status != DONE {
            return Ok((number, Done { status: done.status, ..Done::default() }));
        }
        let head = answer(&bytes).ok_or(Error::Garbled)?;
        Ok((number, Done { status: done.status, head, bytes }))
    }

    /// The next answer may lie in this memory.
    pub(crate) fn reuse(&mut self, memory: Vec<u8>) {
        self.spare = memory;
    }
}
