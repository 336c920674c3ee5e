//! Clients whose server ends while they wait.

use std::cell::RefCell;
use std::rc::Rc;

use nexus_abi::{Error, Handle, Message};
use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::disk::{Attach, Disk};
use nexus_proto::net::{AttachRings, Net, Receive, Send};
use nexus_proto::rtc::{Now, Rtc, Time};
use nexus_proto::{Operation, ServiceError, Text, encode_error};
use nexus_ring::{Consumer, DATA, Driver, Ended, Ops, Refused, Submission};

use crate::client::MOST;
use crate::host::answer_calls;
use crate::{CallError, Client, Deadline, attach};

const GONE: CallError = CallError::Kernel(Error::PeerGone);
const TIME: Time = Time { unix_ns: 5, ticks: 6 };

fn soon() -> Deadline {
    Deadline::after_ms(60_000)
}

/// What `op` is answered when the server ends so many times first, and how often it was asked.
fn asked<O: Operation>(
    op: O,
    ends: u32,
    answer: Message,
    deadline: Deadline,
) -> (Result<O::Reply, CallError>, u32) {
    let (times, message) = (Rc::new(RefCell::new(0)), op.encode());
    let count = Rc::clone(&times);
    let _answering = answer_calls(move |endpoint, seen| {
        assert_eq!((endpoint, *seen), (Handle(9), message));
        *count.borrow_mut() += 1;
        if *count.borrow() <= ends { Err(Error::PeerGone) } else { Ok(answer) }
    });
    let result = Client::<O::Protocol>::new(Handle(9)).call(&op, deadline);
    let times = *times.borrow();
    (result, times)
}

// attack 57 U: a server ends while it is asked what can be asked twice; its next life is asked, within the deadline and so many times; broken: client-again
#[test]
fn what_can_be_asked_twice_is_asked_again() {
    let answer = Now {}.answer(Ok(TIME));
    assert_eq!(asked(Now {}, 0, answer, soon()), (Ok(TIME), 1));
    assert_eq!(asked(Now {}, 3, answer, soon()), (Ok(TIME), 4));
    let gone = encode_error(ServiceError::Gone);
    let refused = Err(CallError::Service(ServiceError::Gone));
    assert_eq!(asked(Now {}, 1, gone, soon()), (refused, 2), "no further life comes");
}

// attack 57 U: a server ends, or throws away what it is asked, without end; its caller is told; broken: client-endless, client-late
#[test]
fn nobody_asks_again_without_end() {
    let answer = Now {}.answer(Ok(TIME));
    assert_eq!(asked(Now {}, 1000, answer, Deadline::NEVER), (Err(GONE), MOST));
    assert_eq!(asked(Now {}, 1000, answer, Deadline::at(0)), (Err(GONE), 1));
}

// attack 57 U: a server ends while it does what is not the same when it is done twice; its caller is told, and it is not asked again; broken: client-once, proto-once
#[test]
fn what_cannot_be_asked_twice_is_not() {
    let send = Send { data: Text::piece(b"frame") };
    assert_eq!(asked(send, 1, send.answer(Ok(())), soon()), (Err(GONE), 1));
    let receive = Receive { deadline: 7 };
    let text = receive.answer(Ok(Text::piece(b"frame")));
    assert_eq!(asked(receive, 1, text, soon()), (Err(GONE), 1));
}

#[test]
fn another_end_of_a_call_is_told_at_once() {
    for error in [Error::TimedOut, Error::BadHandle] {
        let mut times = 0;
        let _answering = answer_calls(move |_, _| {
            times += 1;
            assert_eq!(times, 1);
            Err(error)
        });
        let answer = Client::<Rtc>::new(Handle(9)).call(&Now {}, soon());
        assert_eq!(answer, Err(CallError::Kernel(error)));
    }
}

// --- A ring, and a driver that dies.

const N: usize = 4;
const END: usize = DATA + 64;
const LIFE: u32 = 5;

type Side = Consumer<FakePeer, N>;

/// A driver at rings in these memories. It dies at calls, before it joins or after: as many times as `deaths` say
/// which. Returns how often it was called.
fn driver_at(
    memories: &[FakeMemory],
    deaths: &[Death],
) -> (crate::host::Answering, Rc<RefCell<usize>>) {
    let (memories, deaths) = (memories.to_vec(), deaths.to_vec());
    let calls = Rc::new(RefCell::new(0));
    let count = Rc::clone(&calls);
    let mut drivers = lives(&memories);
    let answering = answer_calls(move |_, _| {
        let death = deaths.get(*count.borrow()).copied();
        *count.borrow_mut() += 1;
        if death != Some(Death::Before) {
            assert!(drivers.iter_mut().all(|driver| driver.attach(LIFE).is_ok()));
        }
        if death.is_some() {
            drivers = lives(&memories);
        }
        match death {
            Some(Death::Before | Death::Joined) => Err(Error::PeerGone),
            Some(Death::Answered) | None => Ok(Attach {}.answer(Ok(()))),
        }
    });
    (answering, calls)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    Before,
    Joined,
    Answered,
}

/// The next life of the driver.
fn lives(memories: &[FakeMemory]) -> Vec<Driver<FakePeer, N>> {
    let next = |memory: &FakeMemory| Driver::new(memory.peer(0..END), Ops::of(&[1])).unwrap();
    memories.iter().map(next).collect()
}

fn side(memory: &FakeMemory) -> Side {
    Consumer::new(memory.peer(0..END), LIFE).unwrap()
}

// attack 59 U: the driver dies at each moment of an attachment; the next life is in it, or its consumer is told; broken: rt-attached
#[test]
fn an_attachment_is_made_with_whichever_life_lasts() {
    for deaths in [
        &[][..],
        &[Death::Before],
        &[Death::Joined],
        &[Death::Answered],
        &[Death::Answered, Death::Joined, Death::Before, Death::Answered],
    ] {
        let memory = FakeMemory::new(END);
        let mut side = side(&memory);
        let (_answering, calls) = driver_at(std::slice::from_ref(&memory), deaths);
        let client = Client::<Disk>::new(Handle(9));
        assert_eq!(attach(&client, &Attach {}, [&mut side], soon()), Ok(()));
        assert_eq!(*calls.borrow(), deaths.len() + 1);
        assert_eq!(side.submit(Submission { id: 0, op: 1, ..Submission::default() }), Ok(()));
        assert_eq!(side.pop(), Ok(None));
    }
}

#[test]
fn two_rings_are_attached_by_one_call() {
    let memories = [FakeMemory::new(END), FakeMemory::new(END)];
    let [mut one, mut other] = [side(&memories[0]), side(&memories[1])];
    let (_answering, calls) = driver_at(&memories, &[Death::Answered]);
    let client = Client::<Net>::new(Handle(9));
    assert_eq!(attach(&client, &AttachRings {}, [&mut one, &mut other], soon()), Ok(()));
    assert_eq!((*calls.borrow(), one.may_wait(), other.may_wait()), (2, Ok(true), Ok(true)));
}

#[test]
fn a_driver_that_never_lasts_is_told_of() {
    let memory = FakeMemory::new(END);
    let mut side = side(&memory);
    let (_answering, calls) = driver_at(std::slice::from_ref(&memory), &[Death::Answered; 100]);
    let client = Client::<Disk>::new(Handle(9));
    assert_eq!(attach(&client, &Attach {}, [&mut side], Deadline::NEVER), Err(GONE));
    assert_eq!(*calls.borrow(), MOST as usize);
    assert_eq!(attach(&client, &Attach {}, [&mut side], Deadline::at(0)), Err(GONE));
    assert_eq!(*calls.borrow(), MOST as usize + 1, "its time is over");
    let request = Submission { id: 0, op: 1, ..Submission::default() };
    assert_eq!((side.submit(request), side.pop()), (Err(Refused::Over), Err(Ended::Before)));
}
