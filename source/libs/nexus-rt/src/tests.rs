//! The server loop, the client and the log against a test that stands in for the kernel.

use std::vec;
use std::vec::Vec;

use nexus_abi::{Error, Handle, Message, Received, Role, Sender, Startup, StartupCap, Tag};
use nexus_proto::power::{Exit, Off, Power, Reboot, Request};
use nexus_proto::rtc::{Now, Rtc, Time};
use nexus_proto::{Operation, ServiceError, Zero, encode_error};

use crate::host::{answer_calls, deliver, received};
use crate::line::INTERRUPT;
use crate::{
    Answer, CallError, Client, Deadline, Line, ReplyTo, Ring, Service, StartError, Tell, drive,
    run, serve,
};

const ENDPOINT: Handle = Handle(3);

fn reply(number: u64) -> Handle {
    Handle(Handle::REPLY_BIT | number)
}

fn exit(code: u16) -> Exit {
    Exit { code, zero: Zero::ZERO }
}

/// Answers `Off` at once, keeps `Reboot` until the next tick, throws `Exit` away.
#[derive(Default)]
struct Kept {
    waiting: Vec<ReplyTo>,
    ticks: u32,
    bits: Vec<u64>,
    refused: Vec<Sender>,
    deadline: Option<Deadline>,
    interrupts: u32,
    /// Waits that are let pass before the line may come again.
    deaf: core::cell::Cell<u32>,
    /// Received within a request.
    within: Vec<Received>,
}

impl Service for Kept {
    type Protocol = Power;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        assert_eq!(sender, Sender { service_id: 10, incarnation: 1 });
        match request {
            Request::Off(op) => reply.answer(&op, Ok(())),
            Request::Reboot(_) => {
                self.waiting.push(reply);
                Answer::later()
            }
            Request::Exit(_) => Answer::later(),
        }
    }

    fn deadline(&self) -> Deadline {
        self.deadline.unwrap_or(Deadline::NEVER)
    }

    fn tick(&mut self) {
        self.ticks += 1;
        self.deadline = None;
        for reply in self.waiting.drain(..) {
            reply.send(&Reboot {}.answer(Err(ServiceError::TimedOut))).unwrap();
        }
    }

    fn notified(&mut self, bits: u64) {
        self.bits.push(bits);
    }

    fn refused(&mut self, sender: Sender) {
        self.refused.push(sender);
    }

    fn kept(&mut self) -> Option<Received> {
        self.within.pop()
    }

    fn interrupt(&mut self) {
        self.interrupts += 1;
    }

    fn listens(&self) -> bool {
        let left = self.deaf.get();
        self.deaf.set(left.saturating_sub(1));
        left == 0
    }
}

#[test]
fn requests_are_answered_in_order() {
    let delivery = deliver([
        Ok(received(10, reply(1), Off {}.encode())),
        Ok(received(10, reply(2), Off {}.encode())),
    ]);
    assert_eq!(run(ENDPOINT, &mut Kept::default()), Error::PeerGone);
    let done = Off {}.answer(Ok(()));
    assert_eq!(delivery.sent(), [(reply(1), done), (reply(2), done)]);
    assert_eq!(delivery.dropped(), []);
}

// attack 60 U: calls came while a request waited for the disk; each is answered, before anything else is received; broken: rt-kept
#[test]
fn what_was_received_within_a_request_is_served_first() {
    let delivery = deliver([Ok(received(10, reply(3), Off {}.encode()))]);
    let call = |number| received(10, reply(number), Off {}.encode());
    let mut service = Kept { within: vec![call(2), call(1)], ..Kept::default() };
    assert_eq!(run(ENDPOINT, &mut service), Error::PeerGone);
    let done = Off {}.answer(Ok(()));
    assert_eq!(delivery.sent(), [1, 2, 3].map(|number| (reply(number), done)));
}

// attack 31 U: capabilities where none belong; the message is refused and they are dropped
#[test]
fn malformed_messages_are_refused_and_their_capabilities_dropped() {
    let mut with_caps = Message::new(Off::LABEL, &[1, 2, 3, 4, 5, 6, 7, 8]);
    with_caps.tag = Tag::new(Off::LABEL, 8, 3);
    let delivery = deliver([
        Ok(received(10, reply(1), Message::new(Off::LABEL, &[0]))),
        Ok(received(11, reply(2), with_caps)),
        Ok(received(12, reply(3), Now {}.encode())),
    ]);
    let mut service = Kept::default();
    run(ENDPOINT, &mut service);
    let refusal = encode_error(ServiceError::Malformed);
    assert_eq!(delivery.sent(), [1, 2, 3].map(|number| (reply(number), refusal)));
    let mut dropped = delivery.dropped();
    dropped.sort();
    assert_eq!(dropped, [Handle(6), Handle(7), Handle(8)]);
    assert_eq!(service.refused.iter().map(|s| s.service_id).collect::<Vec<_>>(), [10, 11, 12]);
}

/// Keeps what it is sent.
#[derive(Default)]
struct Keeper(Vec<Handle>);

impl Service for Keeper {
    type Protocol = Power;

    fn handle(&mut self, _: Sender, _: Request, reply: ReplyTo) -> Answer {
        reply.message(encode_error(ServiceError::NotSupported))
    }

    fn carried(&mut self, sender: Sender, message: &Message, reply: ReplyTo) -> Answer {
        assert_eq!(sender.service_id, 10);
        self.0.extend(message.caps());
        reply.message(encode_error(ServiceError::Full))
    }
}

#[test]
fn a_service_takes_what_messages_carry_when_it_says_so() {
    let delivery = deliver([
        Ok(received(10, reply(1), Message::with_cap(Off::LABEL, &[], Handle(9)))),
        Ok(received(10, reply(2), Message::new(Off::LABEL, &[0]))),
        Ok(received(10, reply(3), Off {}.encode())),
    ]);
    let mut keeper = Keeper::default();
    run(ENDPOINT, &mut keeper);
    let errors = [ServiceError::Full, ServiceError::Malformed, ServiceError::NotSupported];
    let answers = (1..).map(reply).zip(errors.map(encode_error)).collect::<Vec<_>>();
    assert_eq!(delivery.sent(), answers);
    assert_eq!((keeper.0, delivery.dropped()), (vec![Handle(9)], vec![]));
}

#[test]
fn notifications_are_not_answered() {
    let mut message = Message::new(0, &[0b101]);
    message.tag.0 |= Tag::NOTIFICATION;
    let delivery = deliver([Ok(received(0, Handle::NONE, message))]);
    let mut service = Kept::default();
    run(ENDPOINT, &mut service);
    assert_eq!(service.bits, [0b101]);
    assert_eq!(delivery.sent(), []);
}

fn bits(bits: u64) -> Result<Received, Error> {
    let mut message = Message::new(0, &[bits]);
    message.tag.0 |= Tag::NOTIFICATION;
    Ok(received(0, Handle::NONE, message))
}

const IRQ: Handle = Handle(21);

#[test]
fn an_interrupt_is_served_and_acknowledged_at_the_next_wait_and_at_no_other() {
    let request = || Ok(received(10, reply(1), Off {}.encode()));
    let delivery = deliver([request(), bits(INTERRUPT), request(), bits(INTERRUPT | 4)]);
    let mut service = Kept::default();
    drive(ENDPOINT, Some(Line::for_test(IRQ)), &mut service);
    assert_eq!((service.interrupts, service.bits), (2, vec![4]));
    assert_eq!(delivery.acknowledged(), [Handle::NONE, Handle::NONE, IRQ, Handle::NONE, IRQ]);
}

#[test]
fn a_line_is_held_back_until_its_driver_has_room() {
    let delivery = deliver([bits(INTERRUPT), bits(1), bits(2)]);
    let mut service = Kept { deaf: 2.into(), ..Kept::default() };
    drive(ENDPOINT, Some(Line::for_test(IRQ)), &mut service);
    assert_eq!(service.interrupts, 1);
    assert_eq!(delivery.acknowledged(), [Handle::NONE, Handle::NONE, Handle::NONE, IRQ]);
}

#[test]
fn a_wait_that_is_refused_has_acknowledged_nothing() {
    let request = Ok(received(10, reply(1), Off {}.encode()));
    // The caller is gone when its answer would be sent; the line goes with that answer.
    let delivery = deliver([request, bits(INTERRUPT), Err(Error::TimedOut), bits(0)]);
    drive(ENDPOINT, Some(Line::for_test(IRQ)), &mut Kept::default());
    assert_eq!(
        delivery.acknowledged(),
        [Handle::NONE, Handle::NONE, IRQ, Handle::NONE, Handle::NONE]
    );
    let request = || Ok(received(10, reply(1), Off {}.encode()));
    let waiting = [bits(INTERRUPT), request(), Err(Error::BadHandle), bits(0)];
    let delivery = deliver(waiting);
    let mut service = Kept { deaf: 1.into(), ..Kept::default() };
    drive(ENDPOINT, Some(Line::for_test(IRQ)), &mut service);
    assert_eq!(delivery.acknowledged(), [Handle::NONE, Handle::NONE, IRQ, IRQ, Handle::NONE]);
}

#[test]
fn without_a_line_its_bit_is_one_of_the_servers() {
    let delivery = deliver([bits(INTERRUPT)]);
    let mut service = Kept::default();
    run(ENDPOINT, &mut service);
    assert_eq!((service.interrupts, service.bits), (0, vec![INTERRUPT]));
    assert_eq!(delivery.acknowledged(), [Handle::NONE, Handle::NONE]);
}

#[test]
fn an_answer_can_come_later() {
    let delivery = deliver([
        Ok(received(10, reply(1), Reboot {}.encode())),
        Ok(received(10, reply(2), Off {}.encode())),
        Err(Error::TimedOut),
    ]);
    run(ENDPOINT, &mut Kept::default());
    let expected = [
        (reply(2), Off {}.answer(Ok(()))),
        (reply(1), Reboot {}.answer(Err(ServiceError::TimedOut))),
    ];
    assert_eq!(delivery.sent(), expected);
    assert_eq!(delivery.dropped(), []);
}

// attack 32 U: a server never answers; the call fails
#[test]
fn a_reply_thrown_away_fails_the_call() {
    let delivery = deliver([Ok(received(10, reply(1), exit(3).encode()))]);
    run(ENDPOINT, &mut Kept::default());
    assert_eq!(delivery.sent(), []);
    assert_eq!(delivery.dropped(), [reply(1)]);
}

// attack 63 U: messages without end; a server still does its own work
#[test]
fn messages_without_end_do_not_stop_the_tick() {
    let messages = (1..=3).map(|number| Ok(received(10, reply(number), Off {}.encode())));
    let delivery = deliver(messages);
    let mut service = Kept { deadline: Some(Deadline::at(0)), ..Kept::default() };
    run(ENDPOINT, &mut service);
    assert_eq!(service.ticks, 1);
    assert_eq!(delivery.sent().len(), 3);
}

#[test]
fn after_a_tick_the_next_time_counts() {
    let delivery = deliver([]);
    let mut service = Kept { deadline: Some(Deadline::at(0)), ..Kept::default() };
    run(ENDPOINT, &mut service);
    assert_eq!(service.ticks, 1);
    assert_eq!(delivery.deadlines(), [Deadline::NEVER.ticks()]);
}

// attack 32 F: the caller ends before its answer; the server goes on
#[test]
fn a_caller_that_is_gone_does_not_end_the_server() {
    for error in [Error::PeerGone, Error::BadHandle, Error::NoMemory] {
        let delivery = deliver([
            Ok(received(10, reply(1), Off {}.encode())),
            Err(error),
            Ok(received(10, reply(2), Off {}.encode())),
        ]);
        run(ENDPOINT, &mut Kept::default());
        assert_eq!(delivery.sent().iter().map(|(to, _)| *to).collect::<Vec<_>>(), [reply(2)]);
        // The call fails now, if its caller still waits.
        assert_eq!(delivery.dropped(), [reply(1)]);
    }
}

#[test]
fn the_server_ends_with_its_endpoint() {
    for error in [Error::BadHandle, Error::WrongKind, Error::Denied, Error::PeerGone] {
        let _delivery = deliver([Err(error)]);
        assert_eq!(run(ENDPOINT, &mut Kept::default()), error);
    }
}

#[test]
fn a_function_can_serve() {
    let time = Time { unix_ns: 5, ticks: 6 };
    let delivery = deliver([Ok(received(4, reply(1), Now {}.encode()))]);
    let ended = serve::<Rtc>(ENDPOINT, |sender, request| {
        assert_eq!(sender.service_id, 4);
        let nexus_proto::rtc::Request::Now(op) = request;
        op.answer(Ok(time))
    });
    assert_eq!(ended, Error::PeerGone);
    assert_eq!(delivery.sent(), [(reply(1), Now {}.answer(Ok(time)))]);
}

#[test]
fn a_call_has_a_typed_answer() {
    let time = Time { unix_ns: 5, ticks: 6 };
    let client = Client::<Rtc>::new(Handle(9));
    let ask = |answer: Result<Message, Error>| {
        let _answering = answer_calls(move |endpoint, message| {
            assert_eq!((endpoint, *message), (Handle(9), Now {}.encode()));
            answer
        });
        client.call(&Now {}, Deadline::after_ms(1))
    };
    assert_eq!(ask(Ok(Now {}.answer(Ok(time)))), Ok(time));
    let denied = ask(Ok(encode_error(ServiceError::Denied)));
    assert_eq!(denied, Err(CallError::Service(ServiceError::Denied)));
    assert_eq!(denied.unwrap_err().to_service_error(), ServiceError::Denied);
    let late = ask(Err(Error::TimedOut)).unwrap_err();
    assert_eq!(late, CallError::Kernel(Error::TimedOut));
    assert_eq!(late.to_service_error(), ServiceError::TimedOut);
    let gone = ask(Err(Error::PeerGone)).unwrap_err();
    assert_eq!(gone.to_service_error(), ServiceError::Unavailable);
    let short = ask(Ok(Message::new(0, &[1]))).unwrap_err();
    assert!(matches!(short, CallError::Malformed(_)));
    assert_eq!(short.to_service_error(), ServiceError::Unavailable);
}

// attack 62 U: a server puts capabilities in its answers; they do not fill the caller's table
#[test]
fn capabilities_in_an_answer_are_dropped() {
    let delivery = deliver([]);
    let _answering = answer_calls(|_, _| Ok(Message::with_cap(0, &[1, 2], Handle(77))));
    let answer = Client::<Rtc>::new(Handle(9)).call(&Now {}, Deadline::NEVER);
    assert!(matches!(answer, Err(CallError::Malformed(_))));
    assert_eq!(delivery.dropped(), [Handle(77)]);
}

#[test]
fn the_startup_block_tells_what_there_is() {
    let mut block = Startup::new(7, 1, 10_000_000, 5);
    let start = |block: &Startup| crate::startup::Start::for_test(*block);
    let empty = start(&block);
    assert_eq!(empty.serve(), Err(StartError::NothingToServe));
    assert_eq!(empty.window().map(|_| ()), Err(StartError::NoWindow));
    assert_eq!(empty.client::<Rtc>(5).map(|_| ()), Err(StartError::NoService(5)));
    let cap = |role: Role, index, handle| StartupCap {
        role: role.code(),
        index,
        handle,
        ..StartupCap::default()
    };
    block.push(cap(Role::Serve, 0, 10));
    block.push(cap(Role::Service, 3, 11));
    block.push(cap(Role::Service, 5, 12));
    block.push(cap(Role::Window, 2, 13));
    let full = start(&block);
    assert_eq!(full.serve(), Ok(Handle(10)));
    assert_eq!(full.client::<Rtc>(5).map(|rtc| rtc.endpoint()), Ok(Handle(12)));
    assert_eq!(full.window().map(|window| window.handle), Ok(13));
    let refused = full.map_window().map(|_| ());
    assert_eq!(refused, Err(StartError::Kernel(Error::BadSyscall)));
    assert_eq!(full.map_memory(Role::Description).map(|_| ()), Err(StartError::NoMemory));
    assert_eq!(full.map_memory(Role::Window).map(|_| ()), Err(StartError::NoMemory));
    assert_eq!(full.device_memory(2).map(|_| ()), Err(StartError::NoMemory));
    block.push(cap(Role::Window, 4, 14));
    assert_eq!(start(&block).window().map(|_| ()), Err(StartError::ManyWindows));
}

// attack 42 U: memory of another device, or none that is whole pages, in the startup block; not mapped; broken: device-memory
#[test]
fn memory_of_a_device_is_that_of_its_window() {
    let mut block = Startup::new(7, 1, 10_000_000, 5);
    let cap = |role: Role, index, len| StartupCap {
        role: role.code(),
        index,
        handle: 20,
        base: 0x2000_0000,
        len,
    };
    block.push(cap(Role::Pool, 4, 4096));
    block.push(cap(Role::Used, 5, 4096));
    let none = crate::startup::Start::for_test(block);
    for device in 3..7 {
        assert_eq!(none.device_memory(device).map(|_| ()), Err(StartError::NoMemory));
    }
    for (pool, used) in [(0, 4097), (4095, 0), (8192, 4096)] {
        let mut block = block;
        block.push(cap(Role::Used, 4, used));
        block.push(cap(Role::Pool, 5, pool));
        let start = crate::startup::Start::for_test(block);
        let first = start.device_memory(4).unwrap();
        assert_eq!(
            (first.features(), first.pool_len(), first.used_len()),
            (0x2000_0000, 4096, used)
        );
        let refused = |len: u64| {
            if len > 0 && len.is_multiple_of(4096) { Error::BadSyscall } else { Error::OutOfRange }
        };
        assert_eq!(first.map_used().map(|_| ()), Err(StartError::Kernel(refused(used))));
        let second = start.device_memory(5).unwrap();
        assert_eq!(second.map_pool().map(|_| ()), Err(StartError::Kernel(refused(pool))));
    }
}

// attack 92 U: memory of a ring in the startup block without what tells the peer, of no whole pages; no ring; broken: rt-ring-tell
#[test]
fn a_ring_is_that_of_its_peer() {
    let mut block = Startup::new(8, 1, 10_000_000, 0);
    let cap = |role: Role, index, handle, base, len| StartupCap {
        role: role.code(),
        index,
        handle,
        base,
        len,
    };
    block.push(cap(Role::Ring, 9, 20, 2, 8192));
    block.push(cap(Role::Tell, 10, 21, 1, 0));
    let start = |block: &Startup| crate::startup::Start::for_test(*block);
    assert_eq!((start(&block).told(), start(&block).rings().count()), (None, 0));
    block.push(cap(Role::Told, 0, 22, 0, 0));
    assert_eq!((start(&block).told(), start(&block).rings().count()), (Some(Handle(22)), 0));
    block.push(cap(Role::Tell, 9, 23, 4, 0));
    block.push(cap(Role::Ring, 10, 24, 1, 4095));
    let start = start(&block);
    let rings: Vec<_> = start.rings().map(|ring| (ring.peer(), ring.bit(), ring.bytes())).collect();
    assert_eq!(rings, [(9, 2, 8192), (10, 1, 4095)]);
    assert!(start.ring(11).is_none());
    let tells = [9, 10].map(|peer| start.ring(peer).map(Ring::tell));
    assert_eq!(tells, [Some(Tell::new(Handle(23), 4)), Some(Tell::new(Handle(21), 1))]);
    let mapped = [9, 10].map(|peer| start.ring(peer).unwrap().map().map(|_| ()).unwrap_err());
    let refused = [Error::BadSyscall, Error::OutOfRange].map(StartError::Kernel);
    assert_eq!(mapped, refused);
}
