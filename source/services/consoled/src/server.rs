//! The console as a service: requests in, the UART out, and time between.

use alloc::string::String;

use nexus_abi::{Message, Sender};
use nexus_mmio::Bus;
use nexus_proto::console::{
    Console as Protocol, Key, LineEvent, LineText, ReadKey, ReadLine, Request,
};
use nexus_proto::{Operation, ServiceError, Text, Zero, encode_error};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, ticks, ticks_of_ns};
use nexus_sysdesc::{Description, Permission};

use crate::console::{self, Busy, Console, Rank};
use crate::follow::Follower;
use crate::uart::{RECEIVE_BURST, Stall, Uart};

/// Milliseconds between looks at the UART while output waits for it.
const SENDING_MS: u64 = 1;
/// The same while somebody waits for input that does not interrupt: less than a person notices.
const READING_MS: u64 = 4;
/// The same while nobody does.
const IDLE_MS: u64 = 20;
/// Bursts of input taken in one go, with what they complete.
const BURSTS: usize = 16;
/// Milliseconds between looks at the log.
const FOLLOW_MS: u64 = 20;
/// Most lines of the log shown in one go.
const FOLLOW_BURST: usize = 64;
/// Nanoseconds after which a terminal that takes no output counts as gone.
const STALL_NS: u64 = 5_000_000_000;

/// The service.
#[derive(Debug)]
pub struct Server<B> {
    console: Console<ReplyTo>,
    uart: Uart<B>,
    stall: Stall,
    follower: Follower,
    description: Description,
    /// Input interrupts.
    interrupts: bool,
    next: Deadline,
    next_follow: Deadline,
}

impl<B: Bus> Server<B> {
    /// Serves a console on `uart`, whose input interrupts, or is looked for from time to time.
    #[must_use]
    pub fn new(
        mut uart: Uart<B>,
        interrupts: bool,
        follower: Follower,
        description: Description,
    ) -> Server<B> {
        if interrupts {
            uart.listen();
        }
        Server {
            interrupts,
            console: Console::default(),
            uart,
            stall: Stall::default(),
            follower,
            description,
            next: Deadline::at(0),
            next_follow: Deadline::at(0),
        }
    }

    fn write(&mut self, sender: Sender, text: &Text) -> Result<(), ServiceError> {
        // What happened before comes before: a verdict stands below the proofs.
        self.follow();
        let reports = self.rank(sender) == Some(Rank::Host);
        let taken = self.console.write(sender, text.as_bytes(), reports);
        self.send();
        taken.map_err(|Busy(())| {
            let gone = self.stall.is_longer_than(ticks_of_ns(STALL_NS), ticks());
            if gone { ServiceError::DeviceFailed } else { ServiceError::Busy }
        })
    }

    /// How `sender` may read; `None` when it may not.
    fn rank(&self, sender: Sender) -> Option<Rank> {
        let may = |permission| self.description.permits(sender.service_id, permission);
        let ranks = [(Permission::Report, Rank::Host), (Permission::Ask, Rank::Person)];
        ranks.into_iter().find(|(permission, _)| may(*permission)).map(|(_, rank)| rank)
    }

    fn set_prompt(&mut self, sender: Sender, text: &Text) -> Result<(), ServiceError> {
        if text.more() {
            return Err(ServiceError::Malformed);
        }
        self.console.clients().set_prompt(sender.service_id, text.as_bytes());
        Ok(())
    }

    fn line_text(&mut self, sender: Sender, ask: &LineText) -> Result<Text, ServiceError> {
        let offset = usize::try_from(ask.offset).map_err(|_| ServiceError::OutOfRange)?;
        let line = self.console.clients().line(sender.service_id, offset);
        line.map(Text::piece).ok_or(ServiceError::OutOfRange)
    }

    fn insert(&mut self, sender: Sender, text: &Text) {
        self.console.insert(sender, &String::from_utf8_lossy(text.as_bytes()));
    }

    /// Shows what is new in the log, as far as the terminal takes it.
    fn follow(&mut self) {
        for _ in 0..FOLLOW_BURST {
            if !self.console.has_room() {
                return;
            }
            let Some(line) = self.follower.next_line() else { return };
            self.console.print(&line);
        }
    }

    fn send(&mut self) {
        let ready = self.uart.transmit(self.console.output().waiting());
        self.stall.note(ready, ticks());
    }

    /// Takes input as far as there is room for it, and answers whoever waited for it, or has waited for
    /// long enough.
    fn receive(&mut self) {
        for _ in 0..BURSTS {
            let taken = self.take_input();
            self.answer_readers();
            if !taken {
                break;
            }
        }
        self.answer_late_readers();
    }

    /// Takes a burst of input; false when that was all there is, or there is room for. What the console
    /// has no room for stays at the device, which holds back whoever types.
    fn take_input(&mut self) -> bool {
        for _ in 0..RECEIVE_BURST {
            if self.console.typing_room() == 0 {
                return false;
            }
            let Some(received) = self.uart.receive() else { return false };
            if received.overrun {
                self.console.lose_bytes();
            }
            if let Some(byte) = received.byte {
                self.console.type_byte(byte);
            }
        }
        true
    }

    fn answer_readers(&mut self) {
        while let Some((to, byte)) = self.console.next_key() {
            send_key(to, Ok(Key { byte, zero: Zero::ZERO }));
        }
        while let Some(answer) = self.console.next_line() {
            send_line(answer);
        }
    }

    fn answer_late_readers(&mut self) {
        let now = ticks();
        while let Some(to) = self.console.next_late_key(now) {
            send_key(to, Err(ServiceError::TimedOut));
        }
        while let Some(answer) = self.console.next_late_line(now) {
            send_line(answer);
        }
    }

    fn schedule(&mut self) {
        let ms = if !self.console.output().waiting().is_empty() {
            SENDING_MS
        } else if self.console.is_read() && !self.interrupts {
            READING_MS
        } else {
            IDLE_MS
        };
        self.next = Deadline::after_ms(ms).min(self.next_follow);
    }

    /// Keeps the answer to a read for later, or refuses it now.
    fn wait(&mut self, taken: Result<Option<ReplyTo>, Busy<ReplyTo>>) -> Answer {
        // Whoever waited for the same service before does so no longer: dropped.
        let answer = match taken {
            Ok(_replaced) => Answer::later(),
            Err(Busy(reply)) => reply.message(encode_error(ServiceError::Busy)),
        };
        self.receive();
        self.send();
        self.schedule();
        answer
    }
}

impl<B: Bus> Service for Server<B> {
    type Protocol = Protocol;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        match request {
            Request::Write(op) => reply.answer(&op, self.write(sender, &op.text)),
            Request::Prompt(op) => reply.answer(&op, self.set_prompt(sender, &op.text)),
            Request::LineText(op) => reply.answer(&op, self.line_text(sender, &op)),
            Request::Insert(op) => {
                self.insert(sender, &op.text);
                reply.answer(&op, Ok(()))
            }
            Request::ReadLine(ReadLine { deadline }) => {
                let Some(rank) = self.rank(sender) else { return denied(reply) };
                let taken = self.console.read_line(sender, rank, deadline, reply);
                self.wait(taken)
            }
            Request::ReadKey(ReadKey { deadline }) => {
                let Some(rank) = self.rank(sender) else { return denied(reply) };
                let taken = self.console.read_key(sender, rank, deadline, reply);
                self.wait(taken)
            }
        }
    }

    fn interrupt(&mut self) {
        self.receive();
        self.console.settle();
        self.send();
        self.schedule();
    }

    fn listens(&self) -> bool {
        self.console.typing_room() > 0
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.receive();
        if self.next_follow.has_passed() {
            self.follow();
            self.next_follow = Deadline::after_ms(FOLLOW_MS);
        }
        self.console.settle();
        self.send();
        self.schedule();
    }
}

fn denied(reply: ReplyTo) -> Answer {
    reply.message(encode_error(ServiceError::Denied))
}

fn send_line(answer: console::Answer<ReplyTo>) {
    let number = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX);
    let event = LineEvent {
        kind: answer.event,
        columns: answer.columns,
        zero: Zero::ZERO,
        len: number(answer.text.len()),
        cursor: number(answer.cursor),
        text: Text::piece(answer.text.as_bytes()),
    };
    let op = ReadLine { deadline: 0 };
    deliver(answer.to, &op.answer(Ok(event)));
}

fn send_key(to: ReplyTo, key: Result<Key, ServiceError>) {
    let op = ReadKey { deadline: 0 };
    deliver(to, &op.answer(key));
}

fn deliver(to: ReplyTo, message: &Message) {
    // A reader that is gone, or has stopped waiting, gets nothing; its line is lost with it.
    let _ = to.send(message);
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
