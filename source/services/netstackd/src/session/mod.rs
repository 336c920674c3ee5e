//! A client: its ring, its sockets, and what it waits for.
//!
//! A request stays in hand until it is done, however long that takes. All that wait are looked at in the order in which they
//! were made, so that bytes of one connection go, and come, in that order. A turn of a client is over when it has made so
//! many requests, or moved so many bytes.

pub(crate) mod ask;
pub(crate) mod askers;
mod begin;
mod call;
pub mod desk;
mod held;
mod listener;
mod names;
pub mod purse;
mod rows;
mod steps;

use alloc::vec::Vec;

use nexus_mmio::SharedMut;
use nexus_proto::socket::Wait;
use nexus_proto::socket::ring::{self as wire, ENTRIES, OPS};
use nexus_ring::{DONE, Driver, Ended, NotBegun, Ops, Request};
use nexus_rt::{ReplyTo, Tell};
use smoltcp::time::Instant;

use crate::numbers::Source;
use crate::rules::Rules;
use crate::stack::{Query, Stack, Stream};
use ask::{Ask, HEAD};
use call::Call;
use desk::{Desk, Ports};
use held::Held;
pub(crate) use held::Socket;
use steps::{Job, Step};

/// Requests of one client in a turn.
pub const SHARE: usize = 16;
/// Bytes of what it sends and receives, after which its turn is over.
pub const SHARE_BYTES: usize = 128 << 10;

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
    call: Call,
    held: Held,
    waiting: Vec<Waiting>,
    /// Why its attachment is over, until that is told.
    over: Option<Ended>,
}

/// A request that is not done.
#[derive(Debug)]
struct Waiting {
    request: Request,
    pending: Pending,
}

/// How far it is.
#[derive(Debug)]
enum Pending {
    /// Nothing of it was begun, and nothing is to be undone.
    Fresh(Ask),
    /// Of so many bytes so many were taken.
    Sending { socket: u64, len: usize, sent: usize },
    /// A connection is asked for, until then.
    Connecting { handle: Stream, until: Instant },
    /// Somebody is asked for a name, since then.
    Resolving { query: Query, room: usize, asked: Instant },
    /// An echo is waited for, until then.
    Pinging { ident: u16, until: Instant },
}

/// What one turn of a client came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// There may be more for it to do now.
    pub more: bool,
    /// Why its attachment is over.
    pub ended: Option<Ended>,
}

impl<M: SharedMut> Session<M> {
    /// The client with this service id, by this side of its ring, with as much as the rules let it have. It is told that
    /// this life is none that it was attached to.
    #[must_use]
    pub fn new(service: u32, side: Side<M>, tell: Tell, rules: &Rules) -> Session<M> {
        // Nobody to tell when it is gone.
        let _ = tell.tell();
        let held = Held::new(rules.sockets(service));
        let call = Call::default();
        Session { service, side, tell, call, held, waiting: Vec::new(), over: None }
    }

    /// Its service id.
    #[must_use]
    pub const fn service(&self) -> u32 {
        self.service
    }

    /// Joins the attachment that this life of the client has begun. True when that is a new one: what was of the last one
    /// is to [end](Self::end).
    ///
    /// # Errors
    /// [`NotBegun`].
    pub fn attach(&mut self, life: u32) -> Result<bool, NotBegun> {
        let new = self.side.attach(life)?;
        if new {
            self.over = None;
            // Whoever waited in the attachment before this is told that it is over.
            self.call = Call::default();
        }
        Ok(new)
    }

    /// True when it has something, and has ended for good.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let has = !self.waiting.is_empty() || self.held.all().next().is_some();
        has && self.tell.is_over()
    }

    /// Ends what it has and waits for: its peers are told.
    pub fn end(&mut self, stack: &mut Stack, ports: &mut Ports, now: Instant) {
        self.call = Call::default();
        for Waiting { pending, .. } in core::mem::take(&mut self.waiting) {
            self.undo(pending, stack, now);
        }
        self.held.end(stack, ports, now);
    }

    /// Does what it asks, and what it waits for, as far as that can be done and its share goes.
    pub fn turn<S: Source>(&mut self, desk: &mut Desk<'_, S>) -> Taken {
        let mut taken = Taken::default();
        match self.take() {
            Ok(more) => taken.more = more,
            Err(why) => {
                taken.ended = Some(why).filter(|why| *why != Ended::Before);
                if taken.ended.is_some() {
                    self.end(desk.stack, desk.ports, desk.now);
                }
            }
        }
        taken.more |= self.steps(desk);
        taken
    }

    /// Takes out what it has let go and is over, and goes on with what is held back. When it is time to look again.
    pub fn settle(
        &mut self,
        stack: &mut Stack,
        ports: &mut Ports,
        now: Instant,
    ) -> Option<Instant> {
        self.held.settle(stack, ports, now)
    }

    /// Puts back what peers have let go of its listening sockets.
    pub fn keep(&mut self, rules: &Rules, stack: &mut Stack, now: Instant) {
        let service = self.service;
        let (sockets, store) = self.held.each();
        for socket in sockets {
            if let Socket::Listener(one) = socket {
                one.keep(service, rules, store, stack, now);
            }
        }
    }

    /// Refuses all that it asks: there is no network yet.
    pub fn refuse(&mut self) -> Taken {
        for _ in 0..SHARE {
            match self.over.take().map_or_else(|| self.side.take(), Err) {
                // Nobody waits for it when the attachment is over.
                Ok(Some(request)) => {
                    self.call.is_loud();
                    let _ = self.side.complete(request, wire::UNREACHABLE, 0);
                }
                Ok(None) => return Taken::default(),
                Err(why) => {
                    let ended = Some(why).filter(|why| *why != Ended::Before);
                    return Taken { more: false, ended };
                }
            }
        }
        Taken { more: true, ended: None }
    }

    /// Tells the client of what was answered, if it wants to be told.
    pub fn ring(&mut self) {
        self.call.ring(&mut self.side, self.tell);
    }

    /// The client has asked for something, and waits in a call for what comes of it. When that is so in this turn, it is
    /// [`due`](Self::due).
    pub fn wait(&mut self, reply: ReplyTo, ask: Wait) {
        self.call.begin(reply, ask, &self.side);
    }

    /// The end of that turn: the right to answer the call, when it is to be answered.
    pub fn due(&mut self) -> Option<ReplyTo> {
        self.call.end()
    }

    /// Before waiting. False when it has asked something meanwhile, or its attachment is over.
    pub fn may_wait(&mut self) -> bool {
        self.side.may_wait().unwrap_or_else(|why| {
            self.over = Some(why).filter(|why| *why != Ended::Before);
            self.over.is_none()
        })
    }

    /// True when a datagram waits for room in its socket.
    #[must_use]
    pub fn waits_for_room(&self) -> bool {
        let waits = |one: &Waiting| matches!(one.pending, Pending::Fresh(Ask::SendTo { .. }));
        self.waiting.iter().any(waits)
    }

    /// Takes what it asks, up to its share. True when there may be more.
    fn take(&mut self) -> Result<bool, Ended> {
        for _ in 0..SHARE {
            let next = self.over.take().map_or_else(|| self.side.take(), Err);
            let Some(request) = next? else { return Ok(false) };
            let asked = self.parse(&request);
            match asked {
                Some(ask) => {
                    self.waiting.push(Waiting { request, pending: Pending::Fresh(ask) });
                }
                // Nobody waits for it when the attachment is over.
                None => {
                    self.call.is_loud();
                    let _ = self.side.complete(request, wire::MALFORMED, 0);
                }
            }
        }
        Ok(true)
    }

    /// Copies the head of a request out of the ring: each byte is loaded once, and what it says is looked at in the copy.
    fn parse(&self, request: &Request) -> Option<Ask> {
        let asked = request.submission();
        let len = asked.len as usize;
        let mut head = [0; HEAD];
        let head = head.get_mut(..len.min(HEAD))?;
        self.side.read(request, 0, head).ok()?;
        Ask::parse(asked.op, asked.arg, head, len).ok()
    }

    /// Goes on with all that waits, in order. True when its share is used up.
    fn steps<S: Source>(&mut self, desk: &mut Desk<'_, S>) -> bool {
        let mut left = SHARE_BYTES;
        let mut waiting = core::mem::take(&mut self.waiting);
        let mut at = 0;
        while let Some(one) = waiting.get(at) {
            // Most do: they are left where they are.
            if self.held.stands(&one.pending, desk.stack) {
                at += 1;
                continue;
            }
            let Waiting { request, pending } = waiting.remove(at);
            let Session { service, side, held, .. } = self;
            let before = waiting.get(..at).unwrap_or_default();
            let mut job = Job { service: *service, side, held, desk, waiting: before, moved: 0 };
            let step = job.step(&request, pending);
            left = left.saturating_sub(job.moved);
            let (status, len) = match step {
                Ok(Step::Wait(pending)) => {
                    waiting.insert(at, Waiting { request, pending });
                    at += 1;
                    continue;
                }
                Ok(Step::Done(len)) => (DONE, len),
                Err(status) => (status, 0),
            };
            self.call.note(&request, status);
            // Nobody waits for it when the attachment is over.
            let _ = self.side.complete(request, status, u32::try_from(len).unwrap_or(0));
            if left == 0 {
                break;
            }
        }
        self.waiting = waiting;
        left == 0
    }

    /// Lets go what was begun for a request that nobody waits for.
    fn undo(&mut self, pending: Pending, stack: &mut Stack, now: Instant) {
        match pending {
            Pending::Fresh(_) | Pending::Sending { .. } => {}
            Pending::Connecting { handle, .. } => self.held.store.leave(handle, true, stack, now),
            Pending::Resolving { query, .. } => stack.forget(query),
            Pending::Pinging { ident, .. } => stack.echoes.forget(&mut stack.sockets, ident),
        }
    }
}
