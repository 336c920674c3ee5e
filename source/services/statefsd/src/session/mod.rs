//! A client: its ring, what it may, and what it has begun.

pub(crate) mod ask;
mod asked;
mod begun;
mod carry;
mod reply;

use alloc::vec::Vec;
use core::ops::Range;

use nexus_mmio::SharedMut;
use nexus_proto::state::Wait;
use nexus_proto::state::ring::{ENTRIES, OPS};
use nexus_proto::{Operation, ServiceError};
use nexus_ring::{DONE, Driver, Ended, NotBegun, Ops, Request, Submission};
use nexus_rt::{ReplyTo, Tell};
use nexus_store::{Key, MAX_BATCH, MAX_VALUE, PAGE, Ticket, TreeId};
use zerocopy::IntoBytes;

use crate::keeper::Keeper;
use crate::trees::{Access, Refusal, Trees};
use ask::{Ask, Bad};
use asked::{Asked, One};
use begun::Begun;
use carry::{Desk, Page, Reply};
use reply::{ANSWER, Fail, Head};

/// Requests of one client in a turn.
pub const SHARE: usize = 16;
/// Bytes of them, of their answers, and of what was read for them, after which its turn is over.
pub const SHARE_BYTES: usize = 2 * MAX_VALUE;
/// Bytes for which each row counts that a request changes, at least: it is to be found, and folded.
pub const ROW_BYTES: usize = SHARE_BYTES / MAX_BATCH;

/// This side of the ring of a client.
pub type Side<M> = Driver<M, ENTRIES>;

/// The side of the ring in all of this memory.
///
/// # Errors
/// There is no room for it.
pub fn side<M: SharedMut>(memory: M) -> Result<Side<M>, nexus_mmio::TooSmall> {
    const KNOWN: Ops = Ops::of(&OPS);
    Driver::new(memory, KNOWN)
}

/// A client that shares a ring.
#[derive(Debug)]
pub struct Session<M> {
    service: u32,
    side: Side<M>,
    tell: Tell,
    access: Access,
    /// What it has asked, and what was not carried out yet.
    asked: Asked,
    /// Something was carried out in this turn.
    served: bool,
    begun: Begun,
    waiting: Vec<Waiting>,
    /// A call of the client that is answered when it is to be told of something.
    call: Option<ReplyTo>,
    /// Such a call, when that is so in the turn in which it came.
    due: Option<ReplyTo>,
    /// It came in this turn.
    called: bool,
    /// Why its attachment is over, until that is told.
    over: Option<Ended>,
}

/// A request that is done when a sync is.
#[derive(Debug)]
struct Waiting {
    request: Request,
    ticket: Ticket,
    head: Head,
}

/// What was done: the head of its answer, and the sync that it waits for.
struct Done {
    head: Head,
    waits: Option<Ticket>,
}

/// Memory that one request after the other is looked at in.
#[derive(Debug, Default)]
pub struct Scratch {
    asked: Vec<u8>,
    body: Vec<u8>,
    rows: Page,
}

/// What one turn of a client came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Requests that changed nothing.
    pub looks: u64,
    /// Requests that changed something.
    pub changes: u64,
    /// Requests that wait for a sync.
    pub waits: u64,
    /// Bytes of what was changed: [`ROW_BYTES`] for each row, at least.
    pub changed: usize,
    /// Pages were read for it by themselves.
    pub read: bool,
    /// Why its attachment is over.
    pub ended: Option<Ended>,
}

/// The state of the store that a session works with: open, or why not.
pub type Opened<'a, S> = Result<&'a mut S, (nexus_proto::state::Reason, u64)>;

impl<M: SharedMut> Session<M> {
    /// The client with this service id, which may see so much, by this side of its ring. It is told that this life
    /// is none that it was attached to.
    #[must_use]
    pub fn new(service: u32, side: Side<M>, tell: Tell, access: Access) -> Session<M> {
        // Nobody to tell when it is gone.
        let _ = tell.tell();
        let (begun, waiting) = (Begun::default(), Vec::new());
        let (asked, served, over) = (Asked::default(), false, None);
        let (call, due, called) = (None, None, false);
        Session {
            service,
            side,
            tell,
            access,
            asked,
            served,
            begun,
            waiting,
            call,
            due,
            called,
            over,
        }
    }

    /// Its service id.
    #[must_use]
    pub const fn service(&self) -> u32 {
        self.service
    }

    /// Joins the attachment that this life of the client has begun. What was of the last one ends.
    ///
    /// # Errors
    /// [`NotBegun`].
    pub fn attach(&mut self, life: u32, store: Option<&mut impl Keeper>) -> Result<(), NotBegun> {
        if self.side.attach(life)? {
            self.end(store);
            self.over = None;
        }
        Ok(())
    }

    /// True when it has begun something, and has ended for good.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.begun.is_empty() && self.tell.is_over()
    }

    /// Drops what it has begun, and what it waits for: a call that waits fails.
    pub fn end(&mut self, store: Option<&mut impl Keeper>) {
        self.asked.clear();
        self.waiting.clear();
        (self.call, self.due) = (None, None);
        match store {
            Some(store) => self.begun.end(store),
            None => self.begun = Begun::default(),
        }
    }

    /// Takes what it asks out of its ring, up to its share, when it has not had that in this turn, which `begins` or goes
    /// on; how many keys it asks for, at most. None: it asks nothing.
    pub fn look(&mut self, begins: bool) -> Option<usize> {
        self.served &= !begins;
        if self.served {
            return None;
        }
        if self.over.is_none() {
            let filled = self.asked.fill(&mut self.side);
            self.over = filled.err().filter(|why| *why != Ended::Before);
        }
        self.has_asked().then_some(self.asked.keys())
    }

    /// True when [`take`](Self::take) has something to do in this turn.
    pub fn is_due(&self) -> bool {
        !self.served && self.has_asked()
    }

    /// Something that it asks is to be carried out, or the end of its attachment is to be told.
    fn has_asked(&self) -> bool {
        !self.asked.is_empty() || self.over.is_some()
    }

    /// Shows `show` the keys that it asks for and may, whatever else is wrong with a request.
    pub fn wanted<'a>(&'a self, trees: &Trees, mut show: impl FnMut(TreeId, Key<'a>)) {
        for ask in self.asked.asks() {
            ask.keys(|owner, right, key| {
                if let Ok(tree) = self.access.to(trees, owner, right, [Some(key)]) {
                    show(tree, key);
                }
            });
        }
    }

    /// Carries out what was taken, up to its share, of which `read` bytes for each key are used up. `denied` is told of
    /// each denial.
    pub fn take<S: Keeper>(
        &mut self,
        mut store: Opened<'_, S>,
        trees: &Trees,
        scratch: &mut Scratch,
        read: usize,
        mut denied: impl FnMut(Refusal),
    ) -> Taken {
        let mut taken = Taken { ended: self.over.take(), ..Taken::default() };
        if taken.ended.is_some() {
            self.end(store.ok());
            return taken;
        }
        let mut cost = self.asked.take_keys().saturating_mul(read);
        self.asked.swap(&mut scratch.asked);
        while let Some(one) = self.asked.next() {
            self.served = true;
            let store = store.as_mut().map(|store| &mut **store).map_err(|why| *why);
            let one = self.carry(one, store, trees, scratch, &mut taken, &mut denied);
            cost = cost.saturating_add(one);
            if cost >= SHARE_BYTES {
                break;
            }
        }
        self.asked.swap(&mut scratch.asked);
        taken
    }

    /// Carries out a request; what it cost, in bytes.
    fn carry<S: Keeper>(
        &mut self,
        one: One,
        mut store: Opened<'_, S>,
        trees: &Trees,
        scratch: &mut Scratch,
        taken: &mut Taken,
        denied: &mut impl FnMut(Refusal),
    ) -> usize {
        let One { request, bytes } = one;
        let len = bytes.as_ref().map_or(0, Range::len);
        let (before, changed) = (pages_read(&store), taken.changed);
        let opened = store.as_mut().map(|store| &mut **store).map_err(|why| *why);
        let done = self.done(&request, bytes, opened, trees, scratch, taken);
        let read = (pages_read(&store) - before).saturating_mul(PAGE);
        taken.read |= read > 0;
        let Scratch { body, rows, .. } = scratch;
        let cost = len.max(taken.changed - changed).saturating_add(read);
        let (status, head) = match done {
            Ok(Done { head, waits: Some(ticket) }) => {
                taken.waits += 1;
                self.waiting.push(Waiting { request, ticket, head });
                return cost;
            }
            Ok(Done { head, waits: None }) => (DONE, head),
            Err(why) => {
                if let Fail::Refused(refusal) = why {
                    denied(refusal);
                }
                rows.clear();
                reply::failed(why, body)
            }
        };
        let rows = rows.as_bytes();
        let body = if rows.is_empty() { body.as_slice() } else { rows };
        cost.saturating_add(self.answer(request, status, head, body))
    }

    fn done<S: Keeper>(
        &mut self,
        request: &Request,
        bytes: Result<Range<usize>, Bad>,
        store: Opened<'_, S>,
        trees: &Trees,
        scratch: &mut Scratch,
        taken: &mut Taken,
    ) -> Result<Done, Fail> {
        let Submission { op, arg, len, .. } = request.submission();
        let Scratch { asked, body, rows } = scratch;
        body.clear();
        rows.clear();
        let asked = bytes.and_then(|bytes| asked.get(bytes).ok_or(Bad::Malformed));
        let ask = asked.and_then(|asked| Ask::parse(op, arg, asked));
        let changes = ask.as_ref().is_ok_and(Ask::is_change);
        *(if changes { &mut taken.changes } else { &mut taken.looks }) += 1;
        let ask = ask.map_err(Fail::Bad)?;
        let store = store.map_err(Fail::NoStore)?;
        let Session { access, begun, .. } = self;
        let room = len as usize - ANSWER;
        let mut desk = Desk { store: &mut *store, trees, access, begun, room, rows };
        let Reply { head, waits } = desk.carry(&ask, body)?;
        taken.changed += match ask.rows() {
            0 => 0,
            rows => asked.map_or(0, <[u8]>::len).max(rows * ROW_BYTES),
        };
        Ok(Done { head, waits: waits.then(|| store.ticket()) })
    }

    /// Answers; what that cost. Nobody waits for it when the attachment is over.
    fn answer(&mut self, request: Request, status: u8, head: Head, body: &[u8]) -> usize {
        let room = (request.submission().len as usize).saturating_sub(ANSWER);
        let body = body.get(..room).unwrap_or(body);
        let len = u32::try_from(body.len()).unwrap_or(0);
        let head = Head { len, ..head };
        // What the store had to read for it.
        let cost = body.len().max(usize::try_from(head.size).unwrap_or(MAX_VALUE).min(MAX_VALUE));
        let written = self.side.write(&request, 0, head.as_bytes());
        if written.and_then(|()| self.side.write(&request, ANSWER, body)).is_ok() {
            let _ = self.side.complete(request, status, ANSWER as u32 + len);
        }
        cost
    }

    /// True when something waits for a sync.
    #[must_use]
    pub const fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Answers all that waits for a sync, which ended so.
    pub fn settle(&mut self, store: &impl Keeper, synced: &Result<(), nexus_store::Error>) {
        for waiting in core::mem::take(&mut self.waiting) {
            let Waiting { request, ticket, head } = waiting;
            let mut body = Vec::new();
            // Who waits for what was made durable before has what it waited for.
            match store.settled(ticket).unwrap_or_else(|| synced.clone()) {
                Ok(()) => self.answer(request, DONE, head, &body),
                Err(why) => {
                    let (status, head) = reply::failed(why.into(), &mut body);
                    self.answer(request, status, head, &body)
                }
            };
        }
    }

    /// Keeps a call of the client until it is to be told of something. When that is so in this turn it is [`due`](Self::due).
    ///
    /// # Errors
    /// `Busy`: another one waits.
    pub fn wait(&mut self, call: ReplyTo) -> Result<(), (ServiceError, ReplyTo)> {
        self.keep(call)?;
        self.called = true;
        Ok(())
    }

    /// The same of one that came while the disk was waited for: it is answered at once when it is due.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn waited(&mut self, call: ReplyTo) -> Result<(), (ServiceError, ReplyTo)> {
        self.keep(call)?;
        self.answer_due();
        Ok(())
    }

    fn keep(&mut self, call: ReplyTo) -> Result<(), (ServiceError, ReplyTo)> {
        if self.call.is_some() || self.due.is_some() {
            return Err((ServiceError::Busy, call));
        }
        let place = if self.side.is_awaited() { &mut self.call } else { &mut self.due };
        *place = Some(call);
        Ok(())
    }

    /// The end of the turn in which a call came: the call, when it is to be answered.
    pub fn due(&mut self) -> Option<ReplyTo> {
        self.called = false;
        self.due.take()
    }

    /// Answers a call that is due before the turn goes on to what takes long.
    pub fn answer_due(&mut self) {
        if let Some(call) = self.due.take() {
            // Who has given it up does not wait in this attachment any more.
            let _ = call.send(&Wait {}.answer(Ok(())));
        }
    }

    /// Tells the client of what was answered, if it wants to be told: by the answer to its call, if one waits.
    pub fn ring(&mut self) {
        let Session { side, tell, call, due, called, .. } = self;
        // Nobody to tell when it is gone.
        let _ = side.ring(|| match call.take() {
            Some(call) if *called => {
                *due = Some(call);
                Ok(())
            }
            // A call that its client has given up takes no answer: then it waits in another way.
            Some(call) => call.send(&Wait {}.answer(Ok(()))).or_else(|_| tell.tell()),
            None => tell.tell(),
        });
    }

    /// Before waiting. False when it has asked something meanwhile, or its attachment is over: what it told of while the
    /// disk was waited for is told no second time, so that this is asked in each turn.
    pub fn may_wait(&mut self) -> bool {
        if self.has_asked() {
            return false;
        }
        self.side.may_wait().unwrap_or_else(|why| {
            self.over = Some(why).filter(|why| *why != Ended::Before);
            self.over.is_none()
        })
    }
}

/// Pages that the store has read so far.
fn pages_read<S: Keeper>(store: &Opened<'_, S>) -> usize {
    let read = store.as_ref().map_or(0, |store| store.asked_of_disk().pages_read);
    usize::try_from(read).unwrap_or(usize::MAX)
}
