//! The device as a service: interrupts, and requests.

use core::fmt;
use core::time::Duration;

use nexus_rt::abi::Sender;
use nexus_rt::mmio::{Shared, SharedMut};
use nexus_rt::proto::device::{Device, Identity, Request};
use nexus_rt::{Answer, Deadline, ReplyTo, Service};
use nexus_virtio::{Doorbell, Misbehaved, acknowledge};

use crate::events::{Events, Key};
use crate::pace::{Pace, Rest};

/// Batches of events before a request is looked at.
const BATCHES: usize = 4;
/// Time between two looks at a device without an interrupt line.
const LOOK: Duration = Duration::from_millis(10);

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A key was pressed or released.
    Key(Key),
    /// So much was left out.
    Rest(Rest),
    /// The device is of no use any more.
    Failed(Misbehaved),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Key(key) => key.fmt(f),
            Line::Rest(Rest { untold, dropped }) => {
                write!(f, "left out: {untold} keys, and {dropped} events of a wrong length")
            }
            Line::Failed(why) => write!(f, "no events any more: {why}"),
        }
    }
}

/// The service. `D` are the registers of the device, `T` tells a line, the rest is as for [`Events`].
#[derive(Debug)]
pub struct Server<D, P, U, T> {
    doorbell: D,
    identity: Identity,
    events: Events<P, U>,
    has_line: bool,
    /// Time since boot.
    clock: fn() -> Duration,
    tell: T,
    pace: Pace,
    next: Deadline,
    failed: bool,
}

impl<D: Doorbell, P: SharedMut, U: Shared, T: FnMut(Line)> Server<D, P, U, T> {
    /// Serves `events`, and tells the device of its heads. `has_line`: its interrupts come; else it is looked
    /// at from time to time.
    pub fn new(
        (doorbell, identity): (D, Identity),
        events: Events<P, U>,
        has_line: bool,
        clock: fn() -> Duration,
        tell: T,
    ) -> Self {
        let mut server = Server {
            doorbell,
            identity,
            events,
            has_line,
            clock,
            tell,
            pace: Pace::default(),
            next: Deadline::NEVER,
            failed: false,
        };
        server.turn();
        server
    }

    /// Heads that the device has; 0 when it is of no use.
    #[must_use]
    pub const fn posted(&self) -> u16 {
        if self.failed { 0 } else { self.events.posted() }
    }

    /// Takes what the device has, and tells what is due.
    fn turn(&mut self) {
        let now = (self.clock)();
        let is_done = self.failed
            || self.exchange(now).unwrap_or_else(|why| {
                self.failed = true;
                (self.tell)(Line::Failed(why));
                true
            });
        if let Some(rest) = self.pace.rest(now) {
            (self.tell)(Line::Rest(rest));
        }
        let due = self.pace.due().map(|end| end.saturating_sub(now));
        let look = (!self.has_line && !self.failed).then_some(LOOK);
        self.next = match due.into_iter().chain(look).min() {
            _ if !is_done => Deadline::at(0),
            Some(time) => Deadline::after_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
            None => Deadline::NEVER,
        };
    }

    /// Batches of events. True when nothing is left to do: an interrupt tells of more.
    fn exchange(&mut self, now: Duration) -> Result<bool, Misbehaved> {
        for _ in 0..BATCHES {
            let (pace, tell) = (&mut self.pace, &mut self.tell);
            self.events.take(|event| match event.map(|event| event.key()) {
                Some(Some(key)) if pace.may_tell(now) => tell(Line::Key(key)),
                Some(_) => {}
                None => pace.drop_one(now),
            })?;
            // A store to a register of the window is made, or ends the process.
            let _ = self.events.ring(&mut self.doorbell);
            if self.events.may_wait()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<D: Doorbell, P: SharedMut, U: Shared, T: FnMut(Line)> Service for Server<D, P, U, T> {
    type Protocol = Device;

    fn handle(&mut self, _: Sender, request: Request, reply: ReplyTo) -> Answer {
        reply.message(nexus_virtio::answer(&self.identity, &request))
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.turn();
    }

    fn interrupt(&mut self) {
        // Before the look at the queue: what comes after it raises the interrupt again. As above.
        let _ = acknowledge(&mut self.doorbell);
        self.turn();
    }
}
