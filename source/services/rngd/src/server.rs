//! Answers with random bytes, and has the device seed the generator again in the background.
//!
//! Who asks before the first seed waits for it: that takes a few turns of the device, and otherwise each
//! caller would have to ask again and again, or do without. They are few, and wait for a bounded time, so
//! that a device which gives nothing holds nobody for ever. Nobody waits later: what the generator cannot
//! give is refused at once.

use core::time::Duration;

use nexus_rt::abi::Sender;
use nexus_rt::mmio::{Shared, SharedMut};
use nexus_rt::proto::entropy::{Entropy, Random, Request};
use nexus_rt::proto::{Operation, ServiceError, Text};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, error, info};
use nexus_virtio::{Doorbell, Misbehaved, acknowledge};
use zeroize::Zeroizing;

use crate::generator::{Generator, Refused, SEED_WANTED_AGE};
use crate::health::STARTUP_BYTES;
use crate::source::Source;
use crate::waiting::Waiting;

/// Turns of the device between two looks at requests.
const TURNS: usize = 8;
/// Time between two looks at a device that is asked, when it has an interrupt line.
const LOOK_WITH_LINE: Duration = Duration::from_secs(1);
/// The same without a line.
const LOOK: Duration = Duration::from_millis(10);
/// What a test run must see once there are random bytes.
const PROOF: &str = "random-seeded";

/// The service. `D` are the registers of the device, the rest is as for [`Source`].
pub struct Server<D, P, U, const HEADS: usize> {
    doorbell: D,
    source: Source<P, U, P, HEADS>,
    generator: Generator,
    waiting: Waiting,
    /// Time since boot.
    clock: fn() -> Duration,
    /// Time between two looks at a device that is asked.
    look: Duration,
    next: Deadline,
    told: Told,
}

/// What was told of the generator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Seeded,
    Failed,
}

impl<D: Doorbell, P: SharedMut, U: Shared, const HEADS: usize> Server<D, P, U, HEADS> {
    /// Serves `source`. Its device is asked at the first tick, which is at once. `has_line`: its interrupts
    /// come; else it is looked at from time to time.
    #[must_use]
    pub fn new(
        doorbell: D,
        source: Source<P, U, P, HEADS>,
        has_line: bool,
        clock: fn() -> Duration,
    ) -> Self {
        Server {
            doorbell,
            source,
            generator: Generator::default(),
            waiting: Waiting::default(),
            clock,
            look: if has_line { LOOK_WITH_LINE } else { LOOK },
            next: Deadline::at(0),
            told: Told::Nothing,
        }
    }

    fn random(&mut self, now: Duration, op: &Random) -> Result<Text, Refused> {
        let mut buffer = Zeroizing::new([0; Text::MAX]);
        let len = usize::try_from(op.len).ok().filter(|len| *len > 0).ok_or(Refused::BadLength)?;
        let (bytes, _) = buffer.split_at_mut_checked(len).ok_or(Refused::BadLength)?;
        self.generator.random(now, bytes)?;
        Ok(Text::piece(bytes))
    }

    /// Takes what the device has given, and asks it for what is wanted; then for whoever waits.
    fn turn(&mut self) {
        let now = (self.clock)();
        let is_done = self.work(now).unwrap_or_else(|misbehaved| {
            error!("{misbehaved}");
            self.generator.give_up();
            true
        });
        self.answer_waiting(now);
        self.tell();
        let busy = self.source.is_asked() && self.generator.failure().is_none();
        self.next = if !is_done {
            Deadline::at(0)
        } else if busy || self.waiting.first().is_some() {
            after(self.look)
        } else if self.generator.failure().is_some() {
            Deadline::NEVER
        } else {
            after(SEED_WANTED_AGE)
        };
    }

    /// True when the device has nothing more to say now, and will raise its interrupt when it has.
    fn work(&mut self, now: Duration) -> Result<bool, Misbehaved> {
        for _ in 0..TURNS {
            self.source.take(now, &mut self.generator)?;
            self.ask(now);
            if self.source.may_wait()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks the device for what the generator wants. Where its doorbell is refused, the next turn asks.
    fn ask(&mut self, now: Duration) {
        if self.source.ask(now, &self.generator, &mut self.doorbell).is_err() {
            error!("the doorbell of the device is refused");
        }
    }

    fn answer_waiting(&mut self, now: Duration) {
        while let Some(waiter) = self.waiting.first() {
            let (op, is_due) = (waiter.op, waiter.is_due(now));
            let result = self.random(now, &op);
            if result == Err(Refused::Starting) && !is_due {
                break;
            }
            let Some((reply, op)) = self.waiting.take().map(|waiter| waiter.into_parts()) else {
                break;
            };
            // Nothing to do when it fails: then the caller is gone.
            let _ = reply.send(&op.answer(result.map_err(ServiceError::from)));
        }
    }

    /// Tells once that there are random bytes, and once that there are none any more.
    fn tell(&mut self) {
        if let Some(failure) = self.generator.failure() {
            if self.told != Told::Failed {
                error!("no random bytes any more: {}", Refused::Failed(failure));
            }
            self.told = Told::Failed;
        } else if self.generator.is_seeded() && self.told == Told::Nothing {
            info!("seeded, after {STARTUP_BYTES} bytes that passed the tests");
            self.told = Told::Seeded;
            // Only a test run keeps it, and only a test run misses it.
            let _ = nexus_rt::proof(PROOF, STARTUP_BYTES as u32);
        }
    }
}

impl<D: Doorbell, P: SharedMut, U: Shared, const HEADS: usize> Service for Server<D, P, U, HEADS> {
    type Protocol = Entropy;

    fn handle(&mut self, _: Sender, request: Request, reply: ReplyTo) -> Answer {
        let Request::Random(op) = request;
        let now = (self.clock)();
        let result = self.random(now, &op);
        if result == Err(Refused::Starting) {
            return match self.waiting.keep(now, op, reply) {
                Ok(()) => Answer::later(),
                Err(reply) => reply.answer(&op, Err(ServiceError::Busy)),
            };
        }
        // It may want another seed now.
        self.ask(now);
        if self.source.is_asked() {
            self.next = self.next.min(after(self.look));
        }
        reply.answer(&op, result.map_err(ServiceError::from))
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.turn();
    }

    fn interrupt(&mut self) {
        // Before the look at the queue: what comes after it raises the interrupt again.
        if acknowledge(&mut self.doorbell).is_err() {
            error!("the acknowledgement of the device's interrupt is refused");
        }
        self.turn();
    }
}

fn after(time: Duration) -> Deadline {
    Deadline::after_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
