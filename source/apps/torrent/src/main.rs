//! Frames without end, in the place of virtionetd: whatever buffers the stack gives are full at once, from when somebody
//! asks what came in until he asks what went out. So a flood is there in every instruction, however slow the host is.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod frame;

use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, Shared, SharedMemory, Split};
use nexus_proto::net::{Card, Counters, Direction, MAX_FRAME, Net, RECEIVE, Request, TRANSMIT};
use nexus_proto::{ServiceError, Zero};
use nexus_ring::{DONE, Driver, Ops, PAGE};
use nexus_rt::abi::Sender;
use nexus_rt::{
    Answer, Deadline, ReplyTo, Service, StartError, Tell, drive, owner, startup, ticks, ticks_of_ns,
};

nexus_rt::entry!(main);

/// Entries of each ring.
const ENTRIES: usize = 64;
/// Most frames of a flood: then whoever starved has the processor again, and tells.
const MOST: u32 = 40_000;
/// So often buffers are filled, whoever runs: as a card does, also in the midst of a turn of the stack.
const EVERY_NS: u64 = 50_000;

type Half = Driver<SharedMemory<ReadWrite>, ENTRIES>;

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    owner::listen(endpoint).ok_or(StartError::NoMemory)?;
    let (ring, memory) = owner::ring().ok_or(StartError::NoMemory)?;
    let half = memory.len() / 2 / PAGE * PAGE;
    let (receive, transmit) = memory.split(half).map_err(|_| StartError::BadMemory)?;
    let driver = |memory, op| Driver::new(memory, Ops::of(&[op]));
    let mut torrent = Torrent {
        receive: driver(receive, RECEIVE).map_err(|_| StartError::BadMemory)?,
        transmit: driver(transmit, TRANSMIT).map_err(|_| StartError::BadMemory)?,
        tell: ring.tell(),
        frame: frame::datagram(),
        left: 0,
        came: Counters::default(),
        went: Counters::default(),
        next: Deadline::NEVER,
    };
    Err(StartError::Kernel(drive(endpoint, None, &mut torrent)))
}

struct Torrent {
    receive: Half,
    transmit: Half,
    tell: Tell,
    frame: Vec<u8>,
    /// Frames that are still to come.
    left: u32,
    came: Counters,
    went: Counters,
    next: Deadline,
}

impl Torrent {
    /// Fills every buffer, and lets go what is to go.
    fn turn(&mut self) {
        while let Ok(Some(request)) = self.transmit.take() {
            let len = request.submission().len;
            self.went.frames += 1;
            // Of an attachment that is over: nobody waits for it.
            let _ = self.transmit.complete(request, DONE, len);
        }
        while self.left > 0 {
            let Ok(Some(request)) = self.receive.take() else { break };
            let whole = self.receive.write(&request, 0, &self.frame).is_ok();
            let len = if whole { self.frame.len() as u32 } else { 0 };
            let _ = self.receive.complete(request, DONE, len);
            (self.left, self.came.frames) = (self.left - 1, self.came.frames + 1);
        }
        let mut told = false;
        for half in [&mut self.receive, &mut self.transmit] {
            told |= half.ring(|| Ok::<(), ()>(())).unwrap_or(false);
        }
        if told {
            // With the notification the stack is gone.
            let _ = self.tell.tell();
        }
    }

    /// Asks to be told of what comes next. False when there is something.
    fn may_wait(&mut self) -> bool {
        let sent = self.transmit.may_wait().unwrap_or(true);
        sent && (self.left == 0 || self.receive.may_wait().unwrap_or(true))
    }

    fn attach(&mut self, who: Sender) -> Result<(), ServiceError> {
        self.next = Deadline::at(0);
        for half in [&mut self.receive, &mut self.transmit] {
            half.attach(who.incarnation).map_err(|_| ServiceError::BadState)?;
        }
        Ok(())
    }

    /// The flood begins when it is asked what came in, and ends when it is asked what went out.
    fn counted(&mut self, direction: Direction) -> Counters {
        let (left, counters) = match direction {
            Direction::In => (MOST, self.came),
            Direction::Out => (0, self.went),
        };
        (self.left, self.next) = (left, Deadline::at(0));
        counters
    }
}

impl Service for Torrent {
    type Protocol = Net;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        match request {
            Request::Info(op) => reply.answer(&op, Ok(card())),
            Request::Stats(op) => reply.answer(&op, Ok(self.counted(op.direction))),
            Request::AttachRings(op) => reply.answer(&op, self.attach(sender)),
            Request::Attach(op) => reply.answer(&op, Err(ServiceError::Denied)),
            Request::Send(op) => reply.answer(&op, Err(ServiceError::Denied)),
            Request::Receive(op) => reply.answer(&op, Err(ServiceError::Denied)),
        }
    }

    /// At once, while there is something to do.
    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.turn();
        let waits = self.may_wait();
        self.next = match self.left {
            _ if !waits => Deadline::at(0),
            0 => Deadline::NEVER,
            _ => Deadline::at(ticks() + ticks_of_ns(EVERY_NS)),
        };
    }

    fn notified(&mut self, _bits: u64) {
        self.tick();
    }
}

const fn card() -> Card {
    let mtu = (MAX_FRAME - nexus_proto::net::MIN_FRAME) as u16;
    Card { mac: frame::MAC, mtu, consumer: 0, link: true, zero: Zero::ZERO }
}
