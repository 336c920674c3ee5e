//! The service: turns in which so many frames come and go, and every client has its share.
//!
//! A turn looks at what came, one frame after the other; does what each client asks and waits for, who comes first goes round;
//! sends what there is to send; and then tells the driver and the clients, each once. What is left is for the next turn,
//! between which and this one calls are answered. After a turn in which as many frames came as may, nothing is done for
//! as long as that one took: whoever is below this process has half of the time at least, however many frames come.

mod told;
mod wait;

use alloc::vec::Vec;

use nexus_mmio::SharedMut;
use nexus_proto::ServiceError;
use nexus_proto::socket::{NetStats, Request, Socket as Protocol};
use nexus_ring::{Ended, NotBegun};
use nexus_rt::abi::Sender;
use nexus_rt::refusals::{Counted, Denied, Refusals};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, info, ns_of_ticks, ticks, ticks_of_ns, warn};
use nexus_sysdesc::NetworkSays;
use smoltcp::time::{Duration, Instant};

use crate::card::{Card, TURN};
use crate::numbers::{Numbers, Seeds, Source};
use crate::road::Road;
use crate::rules::Rules;
use crate::session::Session;
use crate::session::desk::{Desk, Ports};
use crate::stack::{Stack, Way};

/// What a test run must see once there is an address.
const PROOF: &str = "network-up";
/// For so long what clients ask first waits for a card, and for numbers; then it is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// At least so long nothing is done when smoltcp says that something is due, and then does nothing.
const IDLE: Duration = Duration::from_millis(1);
/// At least so long nothing is done when nothing can go: there is no driver, or it takes nothing.
const NO_CARD: Duration = Duration::from_millis(100);
/// At least so often it is looked for those who have not gone on with a connection.
const KEEP: Duration = Duration::from_millis(100);
/// At most so long nothing is done after a turn in which as many frames came as may.
const REST_NS: u64 = 2_000_000;

/// The service.
#[derive(Debug)]
pub struct Server<M, R, S, T> {
    card: Card<M, R>,
    stack: Option<Stack>,
    says: NetworkSays,
    rules: Rules,
    numbers: Numbers<S>,
    ports: Ports,
    sessions: Vec<Session<M>>,
    /// Whose turn is first.
    first: usize,
    refusals: Counted<T>,
    denied: Vec<Denied>,
    /// What had become of streams, and when, as listening sockets were looked at last.
    kept: (u64, Instant),
    turns: u64,
    connections: u64,
    /// It was told that there is an address.
    told: bool,
    /// Until then clients wait for the stack.
    patient: Option<Instant>,
    /// When the stack has something to do by time alone, as it said last.
    timer: Option<Instant>,
    next: Deadline,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Frames that came.
    pub came: u16,
    /// When the next is due; `None`: when somebody tells of something.
    pub next: Option<Instant>,
}

impl<M: SharedMut, R: Road, S: Source, T: Refusals> Server<M, R, S, T> {
    /// Serves these clients by this card, as the description says.
    pub fn new(
        card: Card<M, R>,
        says: NetworkSays,
        rules: Rules,
        numbers: Numbers<S>,
        sessions: Vec<Session<M>>,
        refusals: T,
    ) -> Self {
        Server {
            card,
            stack: None,
            says,
            rules,
            numbers,
            ports: Ports::default(),
            sessions,
            first: 0,
            refusals: Counted::new(refusals),
            denied: Vec::new(),
            kept: (0, Instant::ZERO),
            turns: 0,
            connections: 0,
            told: false,
            patient: None,
            timer: None,
            next: Deadline::at(0),
        }
    }

    /// The card.
    pub const fn card(&mut self) -> &mut Card<M, R> {
        &mut self.card
    }

    /// The stack, once there is a card and there are numbers.
    pub const fn stack(&mut self) -> Option<&mut Stack> {
        self.stack.as_mut()
    }

    /// Where numbers come from.
    pub const fn numbers(&mut self) -> &mut Numbers<S> {
        &mut self.numbers
    }

    /// What was denied to whom.
    pub const fn refusals(&mut self) -> &mut Counted<T> {
        &mut self.refusals
    }

    /// The clients.
    pub fn sessions(&self) -> &[Session<M>] {
        &self.sessions
    }

    /// What was done.
    #[must_use]
    pub fn stats(&self) -> NetStats {
        let frames = self.card.frames();
        NetStats {
            frames_in: frames.came,
            frames_out: frames.went,
            bytes_in: frames.came_bytes,
            bytes_out: frames.went_bytes,
            dropped: frames.dropped,
            connections: self.connections,
            denied: u32::try_from(self.refusals.total()).unwrap_or(u32::MAX),
            lives: self.card.lives(),
            turns: self.turns,
        }
    }

    /// This life of a service has begun an attachment.
    ///
    /// # Errors
    /// `Denied`: it shares no ring. `BadState`: it has begun none.
    pub fn attach(&mut self, who: Sender, now: Instant) -> Result<(), ServiceError> {
        let mut sessions = self.sessions.iter_mut();
        let session = sessions.find(|session| session.service() == who.service_id);
        let session = session.ok_or(ServiceError::Denied)?;
        let new = session.attach(who.incarnation).map_err(|NotBegun| ServiceError::BadState)?;
        if let Some(stack) = self.stack.as_mut().filter(|_| new) {
            session.end(stack, &mut self.ports, now);
        }
        Ok(())
    }

    /// What clients have that have ended for good ends.
    pub fn bury(&mut self, now: Instant) {
        let Some(stack) = &mut self.stack else { return };
        for session in &mut self.sessions {
            if session.is_over() {
                session.end(stack, &mut self.ports, now);
            }
        }
    }

    /// One turn.
    pub fn turn(&mut self, now: Instant) -> Turn {
        self.turns += 1;
        self.numbers.begin();
        self.card.begin(now);
        if self.stack.is_none() {
            self.begin(now);
        }
        let before = self.card.frames();
        self.ingress(now);
        // Nobody tells of what is over by time alone: it is so before clients are looked at.
        if self.timer.take_if(|due| *due <= now).is_some() {
            self.egress(now);
        }
        self.stack.iter_mut().for_each(|stack| stack.settle(now));
        let clients = self.clients(now);
        self.egress(now);
        let left = self.settle(now);
        self.sessions.iter_mut().for_each(Session::ring);
        self.tell();
        let after = self.card.frames();
        let came = u16::try_from(after.came - before.came).unwrap_or(TURN);
        let idle = after.went == before.went;
        // Each, since each is told when it has asked.
        let asked = self.sessions.iter_mut().filter_map(|one| (!one.may_wait()).then_some(()));
        let asked = asked.count() > 0 && self.stack.is_some();
        // Where something went there is room for what waits to go, and nobody tells of that.
        let room = !idle && self.sessions.iter().any(Session::waits_for_room);
        let more = !self.card.end() || room || asked || clients.more;
        let next = if more {
            Some(now)
        } else {
            self.due(now, idle, clients.due.into_iter().chain(left).min())
        };
        Turn { came, next }
    }

    /// Makes the stack, once it is known what the card is and there are numbers.
    #[cold]
    fn begin(&mut self, now: Instant) {
        let Some(card) = self.card.says() else { return };
        let drawn = [(); 4].map(|()| self.numbers.draw());
        let [Some(a), Some(b), Some(c), Some(d)] = drawn else { return };
        // Of one card alone; smoltcp has no interface for another.
        let [kind, ..] = card.mac;
        if kind & 1 == 0 && card.mac != [0; 6] {
            self.stack = Some(Stack::new(card.mac, &self.says, Seeds::new([a, b, c, d]), now));
        }
    }

    /// Looks at what came.
    fn ingress(&mut self, now: Instant) {
        let Some(stack) = &mut self.stack else { return };
        stack.begin(now);
        // There may be room since the last turn.
        if self.kept.0 != stack.streams.changes() || now >= self.kept.1 + KEEP {
            keep(&mut self.sessions, &self.rules, stack, now);
            self.kept = (stack.streams.changes(), now);
        }
        while let Some(came) = self.card.look(now) {
            match stack.way(&came, &self.ports) {
                Way::Heard => stack.ingress(now, &came.head, &mut self.card),
                Way::Opens if stack.open(now, &came.head, &mut self.card) => {
                    keep(&mut self.sessions, &self.rules, stack, now);
                }
                Way::Dropped | Way::Opens => self.card.drop_it(),
            }
        }
        stack.maintain(now);
    }

    /// Does what clients ask and wait for.
    fn clients(&mut self, now: Instant) -> Clients {
        let mut done = Clients::default();
        let patient = *self.patient.get_or_insert(now + PATIENCE);
        if self.stack.is_none() && now < patient {
            return done;
        }
        self.first += 1;
        if self.first >= self.sessions.len() {
            self.first = 0;
        }
        let Server { stack, rules, numbers, ports, sessions, denied, first, .. } = self;
        let mut desk = stack.as_mut().map(|stack| {
            let (due, stood) = (None, 0);
            Desk { stack, ports, rules, numbers, denied, now, due, stood }
        });
        let (before, after) = sessions.split_at_mut(*first);
        for session in after.iter_mut().chain(before) {
            let taken = match &mut desk {
                Some(desk) => session.turn(desk),
                None => session.refuse(),
            };
            done.more |= taken.more;
            let service = session.service();
            match taken.ended {
                Some(Ended::PeerGone) => info!("service {service} attaches again"),
                Some(why) => warn!("the ring of service {service} is given up: {why}"),
                None => {}
            }
        }
        if let Some(desk) = desk {
            done.due = desk.due;
            self.connections += desk.stood;
        }
        for denied in self.denied.drain(..) {
            self.refusals.add(denied);
        }
        self.refusals.to().again();
        done
    }

    /// Sends what there is, as much as may go in this turn. When there is more, the stack says that it is due.
    fn egress(&mut self, now: Instant) {
        let Some(stack) = &mut self.stack else { return };
        if self.card.may_send() {
            stack.ask_neighbours(now, &mut self.card);
        }
        for _ in 0..TURN {
            if !stack.egress(now, &mut self.card) {
                return;
            }
        }
    }

    /// Takes out what clients have let go and is over. When it is time to look again.
    fn settle(&mut self, now: Instant) -> Option<Instant> {
        let Server { stack, ports, sessions, .. } = self;
        let stack = stack.as_mut()?;
        sessions.iter_mut().filter_map(|session| session.settle(stack, ports, now)).min()
    }

    /// When something is due.
    fn due(&mut self, now: Instant, idle: bool, clients: Option<Instant>) -> Option<Instant> {
        let least = match (idle, self.card.may_send()) {
            (false, _) => now,
            (true, true) => now + IDLE,
            (true, false) => now + NO_CARD,
        };
        self.timer = self.stack.as_mut().and_then(|stack| stack.next(now));
        let polled = self.timer.map(|at| at.max(least));
        // Without a stack it is looked for one again.
        let begin = self.stack.is_none().then(|| now + Duration::from_millis(100));
        [polled, clients, self.card.due(), begin].into_iter().flatten().min()
    }

    /// One turn, now.
    fn round(&mut self) {
        let began = ticks();
        let turn = self.turn(instant(began));
        let ended = ticks();
        let refusals = self.refusals.to().due();
        self.next = turn.next.map_or(Deadline::NEVER, deadline).min(refusals);
        if turn.came >= TURN {
            self.next = rested(began, ended);
        }
    }
}

/// When there is a turn after one in which as many frames came as may.
fn rested(began: u64, ended: u64) -> Deadline {
    let rest = (ended - began).min(ticks_of_ns(REST_NS));
    Deadline::at(ended.saturating_add(rest))
}

/// What clients came to.
#[derive(Clone, Copy, Debug, Default)]
struct Clients {
    more: bool,
    due: Option<Instant>,
}

/// Puts back what peers have let go of listening sockets.
fn keep<M: SharedMut>(sessions: &mut [Session<M>], rules: &Rules, stack: &mut Stack, now: Instant) {
    sessions.iter_mut().for_each(|session| session.keep(rules, stack, now));
}

/// A tick as smoltcp has it.
fn instant(ticks: u64) -> Instant {
    Instant::from_micros(i64::try_from(ns_of_ticks(ticks) / 1000).unwrap_or(i64::MAX))
}

/// The other way round: not before it.
fn deadline(at: Instant) -> Deadline {
    let micros = u64::try_from(at.total_micros()).unwrap_or(0);
    Deadline::at(ticks_of_ns(micros.saturating_mul(1000)).saturating_add(1))
}

impl<M: SharedMut, R: Road, S: Source, T: Refusals> Service for Server<M, R, S, T> {
    type Protocol = Protocol;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let now = instant(ticks());
        match request {
            Request::Info(op) => reply.answer(&op, Ok(self.info(now))),
            Request::Attach(op) => reply.answer(&op, self.attach(sender, now)),
            Request::Stats(op) => reply.answer(&op, Ok(self.stats())),
            Request::Address(op) => reply.answer(&op, self.address(op.index)),
            Request::Row(op) => reply.answer(&op, self.row(sender, op.index)),
            Request::Server(op) => reply.answer(&op, self.server(op.index, now)),
            Request::Wait(op) => self.wait(sender, op, reply, Self::round),
        }
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.round();
    }

    fn notified(&mut self, _bits: u64) {
        self.bury(instant(ticks()));
        self.round();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_as_long_as_the_turn_and_has_a_longest() {
        let most = ticks_of_ns(REST_NS);
        for (took, rest) in [(0, 0), (7, 7), (most, most), (most + 1, most), (100 * most, most)] {
            assert_eq!(rested(1_000, 1_000 + took), Deadline::at(1_000 + took + rest), "{took}");
        }
    }

    #[test]
    fn ticks_are_times_and_come_back() {
        for ms in [0, 1, 250, 3_600_000] {
            let at = instant(ticks_of_ns(ms * 1_000_000));
            assert_eq!(at, Instant::from_millis(ms as i64));
            assert_eq!(
                deadline(at),
                Deadline::at(ticks_of_ns(ms * 1_000_000) + 1),
                "not before it"
            );
        }
    }
}
