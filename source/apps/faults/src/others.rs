//! A service between init and the drivers: it asks the others again and again, and sees how late it is itself
//! and how late they are.

use nexus_abi::{Message, Sender};
use nexus_proto::console::{Console, Write};
use nexus_proto::log::{Log, Stats};
use nexus_proto::policy::{Epoch, Policy};
use nexus_proto::rtc::{Now, Rtc};
use nexus_proto::{Malformed, Protocol, Text, ids};
use nexus_rt::{Answer, CallError, Client, Deadline, ReplyTo, Service, StartError, startup, ticks};

use crate::ask::{KEEPER, SEEN};

/// Nanoseconds between two looks.
pub const LOOK_NS: u64 = 1_000_000;
/// Milliseconds that each of the others has for an answer.
pub const ANSWER_MS: u64 = 20;

/// What was seen since it was asked for last. Times in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often it looked.
    pub looks: u64,
    /// By how much a look came after its deadline, at most.
    pub late: u64,
    /// How long one of the others took for its answer, at most.
    pub answer: u64,
    /// Service id of one that gave none in time; 0: each did.
    pub silent: u64,
}

impl Seen {
    /// As words of a message.
    #[must_use]
    pub const fn words(self) -> [u64; 4] {
        [self.looks, self.late, self.answer, self.silent]
    }

    /// Both.
    #[must_use]
    pub fn and(self, more: Seen) -> Seen {
        Seen {
            looks: self.looks + more.looks,
            late: self.late.max(more.late),
            answer: self.answer.max(more.answer),
            silent: if self.silent == 0 { more.silent } else { self.silent },
        }
    }

    /// From words of a message.
    #[must_use]
    pub const fn of(message: &Message) -> Seen {
        let [looks, late, answer, silent, ..] = message.words;
        Seen { looks, late, answer, silent }
    }
}

/// It is asked nothing but what it has seen.
#[derive(Debug)]
pub enum Asked {}

impl Protocol for Asked {
    const NUMBER: u16 = 0x7fff;
    const NAME: &'static str = "what was seen of the others";
    const OPERATIONS: &'static [(u16, &'static str)] = &[];
    type Request = Request;
}

/// The one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request;

impl nexus_proto::Request for Request {
    fn decode(message: &Message) -> Result<Request, Malformed> {
        if message.tag.label() == SEEN { Ok(Request) } else { Err(Malformed::Label) }
    }

    fn encode(&self) -> Message {
        Message::new(SEEN, &[])
    }
}

/// The service.
#[derive(Debug)]
pub struct Others {
    policyd: Client<Policy>,
    logd: Client<Log>,
    consoled: Client<Console>,
    rtcd: Client<Rtc>,
    next: Deadline,
    seen: Seen,
}

impl Others {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Others, StartError> {
        let start = startup();
        Ok(Others {
            policyd: start.client(ids::POLICYD)?,
            logd: start.client(ids::LOGD)?,
            consoled: start.client(ids::CONSOLED)?,
            rtcd: start.client(ids::RTCD)?,
            next: Deadline::after_ns(LOOK_NS),
            seen: Seen::default(),
        })
    }

    fn ask(&mut self, service: u32, call: impl Fn(&Self, Deadline) -> Result<(), CallError>) {
        let began = ticks();
        let answer = call(self, Deadline::after_ms(ANSWER_MS));
        self.seen.answer = self.seen.answer.max(ticks().saturating_sub(began));
        if answer.is_err() && self.seen.silent == 0 {
            self.seen.silent = service.into();
        }
    }
}

impl Service for Others {
    type Protocol = Asked;

    fn handle(&mut self, sender: Sender, _: Request, reply: ReplyTo) -> Answer {
        let seen = core::mem::take(&mut self.seen);
        let words = if sender.service_id == KEEPER { seen.words() } else { [0; 4] };
        reply.message(Message::new(0, &words))
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.seen.late = self.seen.late.max(ticks().saturating_sub(self.next.ticks()));
        self.seen.looks += 1;
        let nonce = self.seen.looks;
        self.ask(ids::POLICYD, |own, by| own.policyd.call(&Epoch { nonce }, by).map(drop));
        self.ask(ids::LOGD, |own, by| own.logd.call(&Stats {}, by).map(drop));
        self.ask(ids::CONSOLED, |own, by| own.consoled.call(&Write { text: Text::EMPTY }, by));
        self.ask(ids::RTCD, |own, by| own.rtcd.call(&Now {}, by).map(drop));
        self.next = Deadline::after_ns(LOOK_NS);
    }
}
