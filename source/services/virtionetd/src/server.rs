//! The card as a service: requests, interrupts, and frames in both directions.

use core::mem;

use nexus_abi::Sender;
use nexus_mmio::{Bus, Registers, Shared, SharedMut};
use nexus_proto::net::{self, Card, Counters, Direction, Net, Request};
use nexus_proto::{Operation, ServiceError, Text, Zero};
use nexus_ring::NotBegun;
use nexus_rt::{Answer, Deadline, ReplyTo, Service, error, info};
use nexus_sysdesc::{Description, Permission};
use nexus_virtio::net::config::{Config, REGISTERS};
use nexus_virtio::{Misbehaved, acknowledge};

use crate::consumer::{Consumer, Ringed};
use crate::frame::Dropped;
use crate::mailbox::Mailbox;
use crate::receive::Receiver;
use crate::transmit::Transmitter;

/// Frames of each direction in a batch, for which there is one doorbell and one notification.
const BATCH: usize = 64;
/// Batches before a request is looked at.
const BATCHES: usize = 4;
/// Milliseconds between looks at a card that does not interrupt.
const POLL_MS: u64 = 4;

/// The service. `P` is memory of the pool and of rings, `U` of the used rings.
#[derive(Debug)]
pub struct Server<B, P, U> {
    regs: Registers<B, REGISTERS>,
    config: Config,
    input: Receiver<P, U>,
    output: Transmitter<P, U, Option<nexus_ring::Request>>,
    consumer: Consumer<P>,
    /// The rings of the one service that has any, while the frames are not its.
    parked: Option<Ringed<P>>,
    description: Description,
    /// When to look at the card without an interrupt.
    next: Deadline,
    interrupts: bool,
    /// The device misbehaved, and is of no use any more.
    failed: bool,
}

impl<B: Bus, P: SharedMut, U: Shared> Server<B, P, U> {
    /// Serves a card to those whom `description` permits it. The card interrupts, or is looked at from time
    /// to time.
    pub fn new(
        regs: Registers<B, REGISTERS>,
        config: Config,
        input: Receiver<P, U>,
        output: Transmitter<P, U, Option<nexus_ring::Request>>,
        interrupts: bool,
        description: Description,
    ) -> Server<B, P, U> {
        let mut server = Server {
            regs,
            config,
            input,
            output,
            consumer: Consumer::Nobody,
            parked: None,
            description,
            next: Deadline::NEVER,
            interrupts,
            failed: false,
        };
        server.turn();
        server
    }

    /// The rings of the one service that has some; the frames are its when it attaches. It is told, since it may
    /// wait for what a life before this one had.
    #[must_use]
    pub fn with_rings(self, mut rings: Option<Ringed<P>>) -> Server<B, P, U> {
        if let Some(ringed) = &mut rings {
            ringed.bell.ring();
        }
        Server { parked: rings, ..self }
    }

    /// Frames go through rings from now on, in a new attachment of `sender`.
    fn attach_rings(&mut self, sender: Sender) -> Result<(), ServiceError> {
        let ringed = self.consumer.rings().or(self.parked.as_mut()).ok_or(ServiceError::Denied)?;
        if ringed.owner != sender.service_id {
            return Err(ServiceError::Denied);
        }
        let attached = ringed.rings.attach(sender.incarnation);
        attached.map_err(|NotBegun| ServiceError::BadState)?;
        // Nothing is moved before the frames are its.
        let ringed = match self.parked.take() {
            Some(parked) => Some(parked),
            None => mem::replace(&mut self.consumer, Consumer::Nobody).into_rings(),
        };
        let ringed = ringed.ok_or(ServiceError::Denied)?;
        self.attach(Consumer::Rings(ringed));
        Ok(())
    }

    /// What the card is, and how it stands.
    fn card(&self) -> Card {
        Card {
            mac: self.config.mac.0,
            mtu: self.config.mtu,
            consumer: self.consumer.id(),
            link: self.config.link && !self.failed,
            zero: Zero::ZERO,
        }
    }

    const fn counters(&self, direction: Direction) -> Counters {
        match direction {
            Direction::In => self.input.counters(),
            Direction::Out => self.output.counters(),
        }
    }

    /// The frames are `consumer`'s. Whoever waited for one does so no longer.
    fn attach(&mut self, consumer: Consumer<P>) {
        // What came before it is nobody's, and not its.
        self.turn();
        self.end_wait(ServiceError::BadState);
        let before = mem::replace(&mut self.consumer, consumer);
        self.parked = before.into_rings().or(self.parked.take());
        self.turn();
    }

    /// Takes a piece of a frame, and sends it with its last.
    fn send(&mut self, sender: Sender, piece: &Text) -> Result<(), ServiceError> {
        self.may(sender)?;
        let frame = self.consumer.mailbox(sender)?.take(piece).inspect_err(|error| {
            if *error == ServiceError::OutOfRange {
                self.output.refuse(Dropped::TooLong);
            }
        })?;
        let Some(frame) = frame else { return Ok(()) };
        self.turn();
        if self.failed {
            return Err(ServiceError::DeviceFailed);
        }
        let sent = self.output.send(frame.len(), None, |_, mut to| to.copy_in(0, &frame));
        self.turn();
        sent.map_err(|(dropped, _)| match dropped {
            Dropped::NoBuffer => ServiceError::Busy,
            _ => ServiceError::OutOfRange,
        })
    }

    /// A piece of a frame: now, or when one comes.
    fn receive(&mut self, sender: Sender, op: &net::Receive, reply: ReplyTo) -> Answer {
        let ready = self.may(sender).and_then(|()| {
            let piece = self.consumer.mailbox(sender)?.piece();
            if piece.is_none() && self.failed { Err(ServiceError::DeviceFailed) } else { Ok(piece) }
        });
        match ready {
            Ok(Some(piece)) => reply.answer(op, Ok(piece)),
            Err(error) => reply.answer(op, Err(error)),
            Ok(None) => match self.consumer.mailbox(sender) {
                Ok(mailbox) => mailbox.wait(reply, Deadline::at(op.deadline)).map_or_else(
                    |reply| reply.answer(op, Err(ServiceError::Busy)),
                    |()| Answer::later(),
                ),
                Err(error) => reply.answer(op, Err(error)),
            },
        }
    }

    fn may(&self, sender: Sender) -> Result<(), ServiceError> {
        let may = self.description.permits(sender.service_id, Permission::Net);
        may.then_some(()).ok_or(ServiceError::Denied)
    }

    /// Moves what there is to move, and answers whoever waits for it.
    fn turn(&mut self) {
        self.next = if self.interrupts { Deadline::NEVER } else { Deadline::after_ms(POLL_MS) };
        if self.failed {
            return;
        }
        match self.exchange() {
            Ok(true) => {}
            Ok(false) => self.next = Deadline::at(0),
            Err(why) => self.fail(why),
        }
        self.answer();
    }

    /// Batches in both directions. True when nothing is left to do: an interrupt tells of more.
    fn exchange(&mut self) -> Result<bool, Misbehaved> {
        for _ in 0..BATCHES {
            let consumer = &mut self.consumer;
            let more_in = self.input.take(BATCH, |frame| consumer.deliver(frame))?;
            self.output.reap(|of| consumer.sent(of))?;
            let more_out = consumer.send(&mut self.output, BATCH);
            let Ok(_) = self.input.ring(&mut self.regs);
            let Ok(_) = self.output.ring(&mut self.regs);
            consumer.ring();
            if !more_in && !more_out && self.may_wait()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks to be told of whatever comes next. False when something has come.
    fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        let consumer = self.consumer.may_wait(self.output.has_room());
        let [input, output] = [self.input.may_wait()?, self.output.may_wait()?];
        Ok(input && output && consumer)
    }

    fn fail(&mut self, why: Misbehaved) {
        error!("the card is of no use any more: {why}");
        self.failed = true;
        self.end_wait(ServiceError::DeviceFailed);
    }

    fn answer(&mut self) {
        let Consumer::Messages(mailbox) = &mut self.consumer else { return };
        if let Some((reply, piece)) = mailbox.answer() {
            send(reply, piece);
        }
    }

    fn end_wait(&mut self, error: ServiceError) {
        let Consumer::Messages(mailbox) = &mut self.consumer else { return };
        if let Some(reply) = mailbox.end() {
            send(reply, Err(error));
        }
    }
}

fn send(reply: ReplyTo, piece: Result<Text, ServiceError>) {
    let answer = net::Receive { deadline: 0 }.answer(piece);
    // Who has gone, or stopped waiting, needs no answer.
    let _ = reply.send(&answer);
}

impl<B: Bus, P: SharedMut, U: Shared> Service for Server<B, P, U> {
    type Protocol = Net;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        match request {
            Request::Info(op) => reply.answer(&op, Ok(self.card())),
            Request::Stats(op) => reply.answer(&op, Ok(self.counters(op.direction))),
            Request::Attach(op) => {
                let may = self.may(sender);
                if may.is_ok() {
                    self.attach(Consumer::Messages(Mailbox::new(sender)));
                }
                reply.answer(&op, may)
            }
            Request::AttachRings(op) => {
                let attached = self.attach_rings(sender);
                reply.answer(&op, attached)
            }
            Request::Send(op) => {
                let sent = self.send(sender, &op.data);
                reply.answer(&op, sent)
            }
            Request::Receive(op) => self.receive(sender, &op, reply),
        }
    }

    fn deadline(&self) -> Deadline {
        let Consumer::Messages(mailbox) = &self.consumer else { return self.next };
        self.next.min(mailbox.deadline())
    }

    fn tick(&mut self) {
        self.turn();
        self.answer();
    }

    /// The consumer has something in its rings, or has ended. What it had asked for before that is sent.
    fn notified(&mut self, _bits: u64) {
        self.turn();
        if self.consumer.has_ended() {
            info!("service {} has ended, and has the frames no more", self.consumer.id());
            self.attach(Consumer::Nobody);
        }
    }

    /// The device is acknowledged before the queues are looked at (RFC-0003, 5).
    fn interrupt(&mut self) {
        let Ok(causes) = acknowledge(&mut self.regs);
        if causes.config && self.config.update(&self.regs) {
            info!("the link is {}", if self.config.link { "up" } else { "down" });
        }
        self.turn();
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
