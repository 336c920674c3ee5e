//! The calls themselves.
#![allow(unsafe_code, reason = "starts threads that end at once")]

use hostile::place;
use nexus_abi::{
    Error, Handle, KindCode, Message, PAGE_SIZE, Prot, Role, SYSCALL_THREAD_EXIT, Syscall,
};
use nexus_rt::{Memory, StartError, startup, sys, ticks};
use nexus_test::bare::{self, raw, raw_message, raw_record};

use crate::counts::{Counts, UNKNOWN};
use crate::draw::{self, ARENA, ARENA_PAGES};
use crate::end::FIRST;
use crate::hand::{Hand, Kind};
use crate::random::Random;

/// Before one in so many calls it tries to send its window to another.
const GIFT: u64 = 128;
/// Number of `unmap`.
const UNMAP: u64 = Syscall::Unmap.number();

/// A wild process at work.
#[derive(Debug)]
pub struct Wild {
    random: Random,
    hand: Hand,
    /// Where the other wild processes call.
    serve: Handle,
    /// What it has called so far.
    pub counts: Counts,
}

impl Wild {
    /// With what it was started with.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(seed: u64) -> Result<Wild, StartError> {
        let start = startup();
        let mut hand = Hand::default();
        let serve = start.serve()?;
        hand.begin_with(Kind::Endpoint, serve);
        for cap in start.block().with_role(Role::Service) {
            let kind = if cap.index > FIRST { Kind::Peer } else { Kind::Service };
            hand.begin_with(kind, Handle(cap.handle));
        }
        for cap in start.windows() {
            hand.begin_with(Kind::Window, Handle(cap.handle));
        }
        if let Some(line) = start.line() {
            hand.begin_with(Kind::Line, Handle(line.handle));
        }
        map_exit()?;
        Ok(Wild { random: Random::new(seed), hand, serve, counts: Counts::default() })
    }

    /// Makes so many calls.
    pub fn run(&mut self, calls: u64) {
        while self.counts.total() < calls {
            if self.random.one_in(GIFT) {
                self.pass_on();
            }
            let number = draw::number(&mut self.random);
            let owed = self.hand.reply;
            let refusal = self.one(number);
            if refusal == Some(Error::NoMemory) {
                self.one(Syscall::CapDrop.number());
            }
            // A call that it got just now is often answered while its caller still waits.
            if self.hand.reply != owed && self.random.one_in(2) {
                self.one(Syscall::Reply.number());
            }
        }
    }

    /// Tries to send its window, if it has one, to another wild process; unmapped, because one that
    /// is mapped would be refused for that alone.
    fn pass_on(&mut self) {
        let window = self.hand.draw(&mut self.random, Kind::Window);
        if self.hand.kind(window) != Kind::Window {
            return;
        }
        for page in 0..ARENA_PAGES {
            let (error, _) = raw(UNMAP, [ARENA + page * PAGE_SIZE, 0, 0, 0, 0, 0]);
            self.counts.note(UNMAP as usize, error == 0);
        }
        let peer = self.hand.draw(&mut self.random, Kind::Peer);
        let (gift, deadline) = (Message::with_cap(0, &[], window), ticks() + draw::MEETING);
        let error = self.exchange(Syscall::Call, peer, &gift, deadline, Handle::NONE);
        self.counts.note(Syscall::Call.number() as usize, error == 0);
    }

    /// Makes a call and counts it. Returns the refusal.
    fn one(&mut self, number: u64) -> Option<Error> {
        let Some(call) = Syscall::decode(number) else {
            let args = [(); 6].map(|()| draw::word(&mut self.random));
            let (error, _) = raw(number, args);
            self.counts.note(UNKNOWN, error == 0);
            return Error::from_code(error);
        };
        let error = match call {
            Syscall::Call | Syscall::ReplyRecv | Syscall::Reply => self.message(call),
            Syscall::CapQuery | Syscall::ProcessStat | Syscall::CapInspect | Syscall::IrqStat => {
                let [a0, a1, ..] = draw::arguments(&mut self.random, &self.hand, call);
                raw_record(number, a0, a1).0
            }
            Syscall::Wait => {
                let handle = self.hand.draw(&mut self.random, Kind::Notification);
                let deadline = draw::deadline(&mut self.random, ticks());
                raw(number, [handle.0, deadline, 0, 0, 0, 0]).0
            }
            call => self.plain(call),
        };
        self.counts.note(usize::try_from(number).unwrap_or(UNKNOWN), error == 0);
        Error::from_code(error)
    }

    fn plain(&mut self, call: Syscall) -> u64 {
        let args = draw::arguments(&mut self.random, &self.hand, call);
        let (error, value) = match call {
            Syscall::ThreadCreate => thread(args),
            call => raw(call.number(), args),
        };
        if error == 0 {
            let made = match call {
                Syscall::EndpointCreate => Some(Kind::Endpoint),
                Syscall::NotificationCreate => Some(Kind::Notification),
                Syscall::VmoCreate => Some(Kind::Memory),
                Syscall::CapDerive => Some(self.hand.kind(Handle(args[0]))),
                Syscall::CapInstall => Some(self.hand.kind(Handle(args[1]))),
                Syscall::ThreadCreate => Some(Kind::Other),
                _ => None,
            };
            if let Some(kind) = made {
                self.keep(kind, Handle(value));
            }
        }
        if error == 0 && matches!(call, Syscall::VmoMap | Syscall::MmioMap) {
            self.hand.mapped.rotate_right(1);
            self.hand.mapped[0] = value;
        }
        if call == Syscall::CapDrop {
            // Revoked ones are gone as well.
            self.hand.forget(Handle(args[0]));
        }
        error
    }

    /// A call, an answer, or a wait for a message.
    fn message(&mut self, call: Syscall) -> u64 {
        let message = draw::message(&mut self.random, &self.hand);
        let mut deadline = draw::deadline(&mut self.random, ticks());
        let handle = match call {
            Syscall::ReplyRecv if self.random.one_in(2) => self.serve,
            Syscall::Call => draw::server(&mut self.random, &self.hand),
            Syscall::Reply if !self.random.one_in(4) => self.hand.reply,
            _ => self.hand.draw(&mut self.random, Kind::Endpoint),
        };
        let meets = handle == self.serve || self.hand.kind(handle) == Kind::Peer;
        if meets && !self.random.one_in(4) {
            deadline = ticks() + draw::MEETING;
        }
        let owed = if self.random.one_in(2) { self.hand.reply } else { Handle::NONE };
        let reply = if call == Syscall::ReplyRecv { owed } else { Handle::NONE };
        self.exchange(call, handle, &message, deadline, reply)
    }

    /// Sends or waits, and keeps what comes.
    fn exchange(
        &mut self,
        call: Syscall,
        handle: Handle,
        message: &Message,
        deadline: u64,
        reply: Handle,
    ) -> u64 {
        let (error, received) = raw_message(call.number(), handle, message, deadline, reply);
        if error == 0 && call != Syscall::Reply {
            for cap in received.message.caps() {
                self.got(cap);
            }
            if received.reply != Handle::NONE {
                self.hand.reply = received.reply;
            }
        }
        error
    }

    /// Takes what a message brought. A window, which nobody may send, it keeps to the end: there the
    /// host sees who holds one.
    fn got(&mut self, cap: Handle) {
        match sys::cap_query(cap) {
            Ok(info) if info.kind == KindCode::DeviceMmio => {
                self.hand.begin_with(Kind::Window, cap)
            }
            _ => self.keep(Kind::Other, cap),
        }
    }

    /// Remembers a capability, or drops it when it has too many to remember.
    fn keep(&mut self, kind: Kind, handle: Handle) {
        if !self.hand.take(kind, handle) {
            let (error, _) = raw(Syscall::CapDrop.number(), [handle.0, 0, 0, 0, 0, 0]);
            self.counts.note(Syscall::CapDrop.number() as usize, error == 0);
        }
    }
}

/// `thread_create`, as [`raw`] gives it.
fn thread([process, entry, stack, arg, priority, _]: [u64; 6]) -> (u64, u64) {
    let process = Handle(process);
    // SAFETY: `draw` has it begin at the instructions of `map_exit` or where the kernel refuses.
    match unsafe { sys::thread_create(process, entry, stack, arg, priority) } {
        Ok(thread) => (0, thread.0),
        Err(error) => (error.code(), 0),
    }
}

/// Maps the instructions with which a thread ends.
fn map_exit() -> Result<(), Error> {
    use hostile::code::{ECALL, load_immediate, register::A7};
    let mut memory = Memory::new(1)?;
    let number = u32::try_from(SYSCALL_THREAD_EXIT).unwrap_or(0);
    let code = [load_immediate(A7, number), ECALL];
    for (to, from) in memory.bytes_mut().chunks_exact_mut(4).zip(code) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    let vmo = memory.into_vmo();
    sys::vmo_seal(vmo)?;
    bare::vmo_map(vmo, 0, PAGE_SIZE, place::CODE, Prot::READ | Prot::EXEC)?;
    Ok(())
}
