//! The service: who may ask, and when to look at the device.

use alloc::vec::Vec;

use nexus_mmio::{Bus, Exact, Registers, Shared, SharedMut};
use nexus_proto::disk::{Disk as Protocol, Request};
use nexus_proto::{ServiceError, encode_error, ids};
use nexus_rt::abi::Sender;
use nexus_rt::{Answer, Deadline, ReplyTo, Service, Tell, error, info, ticks, ticks_of_ns, warn};
use nexus_virtio::acknowledge;
use nexus_virtio::block::{Config, LEN};

use crate::calls::Ask;
use crate::engine::{Engine, Next};

/// Milliseconds after which the device is looked at that has something to do and does not interrupt.
const LOOK_MS: u64 = 100;
/// The same without an interrupt line: the only way.
const LOOK_OFTEN_MS: u64 = 1;
/// Nanoseconds for which the completion is looked for of the one request that the device has, before it is
/// asked for an interrupt.
const SPIN_NS: u64 = 50_000;
/// What a test run must see once the device has done what it was asked.
const PROOF: &str = "disk-answers";

/// The consumer at the ring.
#[derive(Clone, Copy, Debug)]
pub struct Consumer {
    service: u32,
    asks: u64,
    tell: Tell,
}

impl Consumer {
    /// The service with this id, which says by the bit `asks` that it asks; what tells it of what was done.
    #[must_use]
    pub const fn new(service: u32, asks: u64, tell: Tell) -> Consumer {
        Consumer { service, asks, tell }
    }
}

/// The service. The registers are those of `B`.
pub struct Server<A, U, P: Exact, R, B, const HEADS: usize> {
    engine: Engine<A, U, P, R, ReplyTo, HEADS>,
    regs: Registers<B, LEN>,
    /// Ids of the services that may read and write.
    permitted: Vec<u32>,
    /// The consumer at the ring, where there is one.
    consumer: Option<Consumer>,
    /// Ticks after which the device is looked at.
    look: u64,
    /// Ticks of [`SPIN_NS`].
    spin: u64,
    next: Deadline,
    /// It was told that the device does what it is asked.
    told: bool,
}

impl<A: SharedMut, U: Shared, P: Exact, R: SharedMut, B: Bus, const HEADS: usize>
    Server<A, U, P, R, B, HEADS>
{
    /// Serves the disk behind `regs` to services with the ids in `permitted`, and to `consumer` at the ring
    /// of the engine. `line`: its interrupts come.
    pub fn new(
        engine: Engine<A, U, P, R, ReplyTo, HEADS>,
        regs: Registers<B, LEN>,
        permitted: Vec<u32>,
        consumer: Option<Consumer>,
        line: bool,
    ) -> Self {
        // The consumer may wait for what a life before this one had.
        let _ = consumer.map(|consumer: Consumer| consumer.tell.tell());
        // The first turn is at once.
        let next = Deadline::at(0);
        let look = ticks_of_ns(if line { LOOK_MS } else { LOOK_OFTEN_MS } * 1_000_000);
        let spin = ticks_of_ns(SPIN_NS);
        Server { engine, regs, permitted, consumer, look, spin, next, told: false }
    }

    fn turn(&mut self) {
        let consumer = self.consumer;
        // Nobody to tell when the consumer is gone.
        let tell = || {
            let _ = consumer.map(|consumer| consumer.tell.tell());
        };
        let most = self.spin;
        let spin = || for_ticks(most, ticks);
        // A store that is refused ends the process.
        let Ok(next) = self.engine.turn(&mut self.regs, tell, spin);
        for (reply, message) in self.engine.answers() {
            // Nobody to tell when the caller is gone.
            let _ = reply.send(&message);
        }
        self.tell_trouble();
        if self.engine.is_alive() && !self.told {
            self.told = true;
            info!("blk: virtio-blk up, {} sectors", self.engine.info().sectors);
            // Only a test run keeps it, and only a test run misses it.
            let _ = nexus_rt::proof(PROOF, 1);
        }
        self.next = match next {
            Next::Again => Deadline::at(0),
            Next::Wait if self.engine.busy() => Deadline::at(ticks().saturating_add(self.look)),
            Next::Wait => Deadline::NEVER,
        };
    }

    /// What is on the disk is statefsd's alone, in each of its lives and between them.
    fn holds_the_store(&self) -> bool {
        self.consumer.is_some_and(|consumer| consumer.service == ids::STATEFSD)
    }

    /// The consumer at the ring has begun a new attachment: nobody waits for what was asked before.
    fn attach(&mut self, sender: Sender, reply: ReplyTo) -> Answer {
        if self.consumer.is_none_or(|consumer| consumer.service != sender.service_id) {
            return reply.message(encode_error(ServiceError::Denied));
        }
        self.engine.attach(reply, sender.incarnation);
        self.turn();
        Answer::later()
    }

    fn tell_trouble(&mut self) {
        let trouble = self.engine.trouble();
        if let Some(what) = trouble.device {
            error!("the disk is given up: {what}");
        }
        if let Some(what) = trouble.consumer {
            warn!("the ring is given up: {what}");
        }
    }

    fn resize(&mut self) {
        match Config::sectors(&self.regs) {
            Ok(sectors) => self.engine.resize(sectors),
            Err(why) => error!("the disk stays as large as it was: {why}"),
        }
    }
}

/// True for `most` ticks of `clock` from when it is first asked.
pub(crate) fn for_ticks(most: u64, clock: impl Fn() -> u64) -> impl FnMut() -> bool {
    let mut until = None;
    move || {
        let now = clock();
        now < *until.get_or_insert(now.saturating_add(most))
    }
}

impl<A: SharedMut, U: Shared, P: Exact, R: SharedMut, B: Bus, const HEADS: usize> Service
    for Server<A, U, P, R, B, HEADS>
{
    type Protocol = Protocol;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let ask = match request {
            Request::Info(op) => return reply.answer(&op, Ok(self.engine.info())),
            Request::Stats(op) => return reply.answer(&op, Ok(self.engine.stats())),
            Request::Attach(_) => return self.attach(sender, reply),
            Request::Read(op) => Ask::Read(op),
            Request::Write(op) => Ask::Write(op),
            Request::Flush(op) => Ask::Flush(op),
        };
        if !self.permitted.contains(&sender.service_id) {
            return reply.message(encode_error(ServiceError::Denied));
        }
        if self.holds_the_store() {
            return reply.message(encode_error(ServiceError::BadState));
        }
        self.engine.ask(reply, ask);
        self.turn();
        Answer::later()
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.turn();
    }

    fn interrupt(&mut self) {
        // Before the device is looked at.
        let Ok(causes) = acknowledge(&mut self.regs);
        if causes.config {
            self.resize();
        }
        self.turn();
    }

    fn notified(&mut self, bits: u64) {
        if self.consumer.is_some_and(|consumer| bits & consumer.asks != 0) {
            self.turn();
        }
    }
}
