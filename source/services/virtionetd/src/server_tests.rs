use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use nexus_abi::{Handle, NO_DEADLINE};
use nexus_mmio::ReadWrite;
use nexus_mmio::fake::{FakeMemory, FakePeer, FakeShared};
use nexus_proto::net::{
    Attach, AttachRings, BAD_LENGTH, Info, MAX_FRAME, RECEIVE, Receive, Send, Stats, TRANSMIT,
};
use nexus_proto::{Malformed, Operation, ReplyError};
use nexus_ring::{Completion, DONE, Ended, Submission, memory_len};
use nexus_rt::{Tell, host};
use nexus_virtio::fake::FakeDoorbell;
use nexus_virtio::{Doorbell, Notices};

use super::*;
use crate::consumer::{self, Bell};
use crate::fake::{CONSUMER, FakeCard, FakeServer, MAC, STRANGER, description};
use crate::mailbox::FRAMES;
use crate::rings::{ENTRIES, Rings};

fn card() -> (FakeCard, FakeServer) {
    let card = FakeCard::new(Notices::EventIndex);
    let server = card.driver(description());
    (card, server)
}

fn attached() -> (FakeCard, FakeServer) {
    let (card, mut server) = card();
    ask(&mut server, CONSUMER, Attach {}).unwrap();
    (card, server)
}

fn ask<O: Operation>(server: &mut FakeServer, sender: Sender, op: O) -> Result<O::Reply, ReplyError>
where
    Request: From<O>,
{
    let answer = server.handle(sender, op.into(), ReplyTo::nobody());
    O::decode_reply(&answer.into_message())
}

fn counters(server: &mut FakeServer, direction: Direction) -> Counters {
    ask(server, STRANGER, Stats { direction, zero: Zero::ZERO }).unwrap()
}

fn frame(len: usize, byte: u8) -> Vec<u8> {
    let mut frame = vec![byte; len];
    frame.iter_mut().zip(MAC.0).for_each(|(byte, to)| *byte = to);
    frame
}

fn send(server: &mut FakeServer, sender: Sender, frame: &[u8]) -> Result<(), ReplyError> {
    Text::pieces(frame).try_for_each(|data| ask(server, sender, Send { data }))
}

/// A piece that is there; nobody waits for one.
fn piece(server: &mut FakeServer, sender: Sender) -> Result<Text, ReplyError> {
    ask(server, sender, Receive { deadline: NO_DEADLINE })
}

fn receive(server: &mut FakeServer) -> Vec<u8> {
    let mut frame = Vec::new();
    loop {
        let piece = piece(server, CONSUMER).unwrap();
        frame.extend_from_slice(piece.as_bytes());
        if !piece.more() {
            return frame;
        }
    }
}

const fn refused<T>(error: ServiceError) -> Result<T, ReplyError> {
    Err(ReplyError::Service(error))
}

/// What the server answers to nobody while a caller waits.
const LATER: ReplyError = ReplyError::Malformed(Malformed::Length);

#[test]
fn what_the_card_is() {
    let (card, mut server) = card();
    let expected = Card { mac: MAC.0, mtu: 1500, consumer: 0, link: true, zero: Zero::ZERO };
    assert_eq!(ask(&mut server, STRANGER, Info {}), Ok(expected));
    ask(&mut server, CONSUMER, Attach {}).unwrap();
    card.config.borrow_mut()[6] = 0;
    card.doorbell.raise(2);
    server.interrupt();
    let expected = Card { consumer: CONSUMER.service_id, link: false, ..expected };
    assert_eq!(ask(&mut server, STRANGER, Info {}), Ok(expected));
    card.config.borrow_mut()[6] = 1;
    card.doorbell.raise(1);
    server.interrupt();
    assert_eq!(ask(&mut server, STRANGER, Info {}), Ok(expected), "a queue is no configuration");
}

#[test]
fn frames_go_out_in_pieces() {
    let (mut card, mut server) = attached();
    for len in [14, 47, 48, 49, 96, 1513, MAX_FRAME] {
        assert_eq!(send(&mut server, CONSUMER, &frame(len, 7)), Ok(()));
        let sent = card.run();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].frame[..len], frame(len, 7));
        server.interrupt();
    }
    let counters = counters(&mut server, Direction::Out);
    assert_eq!((counters.frames, counters.bytes), (7, 14 + 47 + 48 + 49 + 96 + 1513 + 1514));
}

#[test]
fn frames_come_in_pieces() {
    let (mut card, mut server) = attached();
    let lens = [14, 47, 48, 49, 96, 1513, MAX_FRAME];
    for len in lens {
        assert!(card.arrive(&frame(len, 9)));
    }
    server.interrupt();
    for len in lens {
        assert_eq!(receive(&mut server), frame(len, 9));
    }
    assert_eq!(piece(&mut server, CONSUMER), Err(LATER));
    assert_eq!(piece(&mut server, CONSUMER), refused(ServiceError::Busy), "somebody waits");
}

#[test]
fn whoever_waits_is_answered_when_a_frame_comes_or_the_time_is_over() {
    let delivery = host::deliver([]);
    let (mut card, mut server) = attached();
    assert_eq!(server.deadline(), Deadline::NEVER);
    assert_eq!(piece(&mut server, CONSUMER), Err(LATER));
    assert!(card.arrive(&frame(60, 1)));
    server.interrupt();
    assert_eq!(ask(&mut server, CONSUMER, Receive { deadline: 0 }).unwrap().as_bytes().len(), 12);
    assert_eq!(ask(&mut server, CONSUMER, Receive { deadline: 0 }), Err(LATER));
    assert_eq!(server.deadline(), Deadline::at(0));
    server.tick();
    assert_eq!(server.deadline(), Deadline::NEVER);
    let sent: Vec<_> = delivery.sent().iter().map(|(_, one)| Receive::decode_reply(one)).collect();
    let first = Text::piece(&frame(60, 1));
    assert_eq!(sent, [Ok(first), refused(ServiceError::TimedOut)]);
}

#[test]
fn whoever_waits_does_so_until_the_time_is_over() {
    let delivery = host::deliver([]);
    let (_card, mut server) = attached();
    let far = Deadline::after_ms(1_000_000).ticks();
    assert_eq!(ask(&mut server, CONSUMER, Receive { deadline: far }), Err(LATER));
    server.tick();
    assert_eq!((delivery.sent(), server.deadline()), (vec![], Deadline::at(far)));
}

// attack 34 U: a service without the permission attaches, sends and receives; denied, and no frame is touched; broken: net-permission
#[test]
fn frames_are_for_whom_policy_permits_them() {
    let (mut card, mut server) = attached();
    card.arrive(&frame(60, 1));
    server.interrupt();
    let denied = refused(ServiceError::Denied);
    assert_eq!(ask(&mut server, STRANGER, Attach {}), denied);
    assert_eq!(send(&mut server, STRANGER, &frame(60, 1)), denied);
    assert_eq!(piece(&mut server, STRANGER), refused(ServiceError::Denied));
    assert_eq!(card.run(), []);
    assert_eq!(receive(&mut server), frame(60, 1));
}

// attack 59 U: a next life, or another service, attaches; what came before is not its, and the one before has nothing any more; broken: net-unattached
#[test]
fn frames_are_for_whoever_attached_last() {
    let delivery = host::deliver([]);
    let (mut card, mut server) = attached();
    let next = Sender { incarnation: 2, ..CONSUMER };
    card.arrive(&frame(60, 1));
    server.interrupt();
    assert_eq!(piece(&mut server, next), refused(ServiceError::BadState));
    card.arrive(&frame(60, 2));
    ask(&mut server, next, Attach {}).unwrap();
    assert_eq!(piece(&mut server, next), Err(LATER), "both came before");
    assert_eq!(piece(&mut server, CONSUMER), refused(ServiceError::BadState));
    assert_eq!(send(&mut server, CONSUMER, &frame(60, 1)), refused(ServiceError::BadState));
    ask(&mut server, CONSUMER, Attach {}).unwrap();
    let sent: Vec<_> = delivery.sent().iter().map(|(_, one)| Receive::decode_reply(one)).collect();
    assert_eq!(sent, [refused(ServiceError::BadState)], "it waits no longer");
}

// attack 68 U: frames of no length that there is, by pieces that are not full or never end; refused, and nothing is kept
#[test]
fn a_frame_of_no_length_is_not_sent() {
    let (mut card, mut server) = attached();
    for len in [0, 1, 13, MAX_FRAME + 1, MAX_FRAME + 48] {
        assert_eq!(
            send(&mut server, CONSUMER, &vec![1; len]),
            refused(ServiceError::OutOfRange),
            "{len}"
        );
    }
    let piece = Send { data: Text::piece(&[1; 47]).with_more(true) };
    assert_eq!(ask(&mut server, CONSUMER, piece), refused(ServiceError::Malformed));
    let endless = Send { data: Text::piece(&[1; 48]).with_more(true) };
    let refusals = (0..320).filter(|_| ask(&mut server, CONSUMER, endless).is_err()).count();
    assert_eq!(refusals, 10, "of 32 full pieces one is too many");
    assert_eq!(card.run(), []);
    let counters = counters(&mut server, Direction::Out);
    assert_eq!((counters.too_short, counters.too_long, counters.frames), (3, 12, 0));
}

// attack 69 U: frames come, and their consumer takes none; so many are kept, others dropped and counted; broken: net-mailbox
#[test]
fn a_mailbox_holds_so_many_frames() {
    let (mut card, mut server) = attached();
    for number in 0..50 {
        assert!(card.arrive(&frame(60, number)));
        server.interrupt();
    }
    let counters = counters(&mut server, Direction::In);
    assert_eq!((counters.frames, counters.no_buffer), (FRAMES as u64, 50 - FRAMES as u64));
    for number in 0..FRAMES {
        assert_eq!(receive(&mut server), frame(60, number as u8));
    }
    assert_eq!(piece(&mut server, CONSUMER), Err(LATER));
}

#[test]
fn a_card_without_room_is_busy_until_it_is_done_with_something() {
    let (mut card, mut server) = attached();
    let long = frame(MAX_FRAME, 1);
    for _ in 0..64 {
        assert_eq!(send(&mut server, CONSUMER, &long), Ok(()));
    }
    assert_eq!(send(&mut server, CONSUMER, &long), refused(ServiceError::Busy));
    assert_eq!(card.run().len(), 64);
    assert_eq!(send(&mut server, CONSUMER, &long), Ok(()));
}

// attack 52 U: the card lies about a head; its driver says so, answers whoever waits, and does no more; broken: net-failed
#[test]
fn a_card_that_lies_is_of_no_use_any_more() {
    let delivery = host::deliver([]);
    let (mut card, mut server) = attached();
    assert_eq!(piece(&mut server, CONSUMER), Err(LATER));
    card.receive.say(1000, 60);
    card.memory.settle();
    server.interrupt();
    let sent: Vec<_> = delivery.sent().iter().map(|(_, one)| Receive::decode_reply(one)).collect();
    assert_eq!(sent, [refused(ServiceError::DeviceFailed)]);
    assert_eq!(piece(&mut server, CONSUMER), refused(ServiceError::DeviceFailed));
    assert_eq!(send(&mut server, CONSUMER, &frame(60, 1)), refused(ServiceError::DeviceFailed));
    assert_eq!(card.run(), []);
    assert!(!ask(&mut server, STRANGER, Info {}).unwrap().link);
    server.interrupt();
    server.tick();
}

// attack 90 U: interrupts without a cause, and causes without an interrupt; nothing is lost
#[test]
fn a_spurious_interrupt_does_nothing_and_a_missing_one_loses_nothing() {
    let (mut card, mut server) = attached();
    (0..3).for_each(|_| server.interrupt());
    assert_eq!(card.doorbell.acknowledged(), []);
    card.arrive(&frame(60, 1));
    server.tick();
    assert_eq!(receive(&mut server), frame(60, 1));
}

#[test]
fn a_card_that_does_not_interrupt_is_looked_at() {
    let (card, server) = card();
    assert_eq!(server.deadline(), Deadline::NEVER);
    let server = card.driver_that(false, description());
    assert_ne!(server.deadline(), Deadline::NEVER);
}

// --- With rings.

type Side = nexus_ring::Consumer<FakePeer, ENTRIES>;

/// The life of the consumer.
const LIFE: u32 = CONSUMER.incarnation;

/// Both sides of a consumer, in these memories.
fn sides(buffers: &FakeMemory, memory: &FakeMemory, life: u32) -> [Side; 2] {
    let len = memory_len(ENTRIES * 2048);
    [buffers, memory].map(|memory| Side::new(memory.peer(0..len), life).unwrap())
}

/// The driver's side of both.
fn rings(buffers: &FakeMemory, memory: &FakeMemory) -> consumer::Ringed<FakeShared<ReadWrite>> {
    let len = memory_len(ENTRIES * 2048);
    let [first, second] = [buffers, memory].map(|memory| memory.part::<ReadWrite>(0..len));
    let (rings, bell) = (Rings::new(first, second).unwrap(), Bell::new(Tell::new(Handle(5), 1)));
    consumer::Ringed { owner: CONSUMER.service_id, rings, bell }
}

/// A consumer with rings.
struct Ringed {
    card: FakeCard,
    server: FakeServer,
    receive: Side,
    transmit: Side,
    /// That of the transmit ring.
    memory: FakeMemory,
    /// That of the other.
    buffers: FakeMemory,
}

impl Ringed {
    fn new() -> Ringed {
        let (card, mut server) = card();
        let len = memory_len(ENTRIES * 2048);
        let (buffers, memory) = (FakeMemory::new(len), FakeMemory::new(len));
        let [receive, transmit] = sides(&buffers, &memory, LIFE);
        server = server.with_rings(Some(rings(&buffers, &memory)));
        let mut ringed = Ringed { card, server, receive, transmit, memory, buffers };
        ringed.attach();
        ringed
    }

    /// Both sides of a life of the consumer.
    fn memories(&self, life: u32) -> [Side; 2] {
        sides(&self.buffers, &self.memory, life)
    }

    /// The next life of the driver, with a device that was reset.
    fn driver_dies(&mut self) {
        (self.card, self.server) = card();
        let server = self.card.driver(description());
        self.server = server.with_rings(Some(rings(&self.buffers, &self.memory)));
    }

    /// What the consumer has begun is in use.
    fn attach(&mut self) {
        assert_eq!(ask(&mut self.server, CONSUMER, AttachRings {}), Ok(()));
        self.receive.attached().unwrap();
        self.transmit.attached().unwrap();
    }

    fn rung(&self) -> u64 {
        match &self.server.consumer {
            // The first said that the driver is there.
            Consumer::Rings(ringed) => ringed.bell.rung() - 1,
            _ => panic!("no rings"),
        }
    }

    fn submit(&mut self, id: u16, bytes: &[u8]) {
        let offset = u32::from(id) * 2048;
        self.transmit.write(offset, bytes).unwrap();
        let len = bytes.len() as u32;
        self.transmit.submit(Submission { id, op: TRANSMIT, len, offset, arg: 0 }).unwrap();
    }

    fn buffer(&mut self, id: u16, len: u32) {
        let offset = u32::from(id) * 2048;
        self.receive.submit(Submission { id, op: RECEIVE, len, offset, arg: 0 }).unwrap();
    }

    /// Buffers that were completed, with what is in them.
    fn came(&mut self) -> Vec<(Completion, Vec<u8>)> {
        let mut came = Vec::new();
        while let Some(done) = self.receive.pop().unwrap() {
            let mut bytes = vec![0; done.len as usize];
            self.receive.read(u32::from(done.id) * 2048, &mut bytes).unwrap();
            came.push((done, bytes));
        }
        came
    }

    fn done(&mut self) -> Vec<Completion> {
        core::iter::from_fn(|| self.transmit.pop().unwrap()).collect()
    }
}

#[test]
fn a_batch_through_a_ring_is_one_doorbell_and_one_notification() {
    let mut ringed = Ringed::new();
    for id in 0..64 {
        ringed.submit(id, &frame(20 * (1 + usize::from(id)), id as u8));
    }
    let rung = ringed.card.doorbell.rung().len();
    assert!(ringed.transmit.may_wait().unwrap());
    ringed.server.notified(1);
    assert_eq!(ringed.card.doorbell.rung().len(), rung + 1);
    assert_eq!(ringed.server.deadline(), Deadline::NEVER, "the card interrupts when it is done");
    let sent = ringed.card.run();
    assert_eq!(sent.len(), 64);
    for (id, sent) in sent.iter().enumerate() {
        let len = 20 * (1 + id);
        assert_eq!(sent.frame[..len], frame(len, id as u8));
        assert!(sent.frame[len..].iter().all(|byte| *byte == 0));
    }
    assert_eq!((ringed.rung(), ringed.done()), (0, vec![]), "none has come back yet");
    ringed.server.interrupt();
    assert_eq!(ringed.rung(), 1);
    let done = ringed.done();
    assert!(done.iter().enumerate().all(|(id, done)| usize::from(done.id) == id));
    assert!(
        done.iter().all(|done| (done.status, done.len) == (DONE, 20 * (1 + u32::from(done.id))))
    );
    assert_eq!(done.len(), 64);
}

#[test]
fn frames_come_in_the_buffers_of_a_ring() {
    let mut ringed = Ringed::new();
    for id in 0..64 {
        ringed.buffer(id, if id == 3 { 1513 } else { MAX_FRAME as u32 });
    }
    let rung = ringed.card.doorbell.rung().len();
    for number in 0..64 {
        assert!(ringed.card.arrive(&frame(MAX_FRAME - number, number as u8)));
    }
    ringed.server.interrupt();
    assert_eq!((ringed.rung(), ringed.card.doorbell.rung().len()), (1, rung + 1));
    let came = ringed.came();
    let short = Completion { id: 3, status: BAD_LENGTH, len: 0 };
    assert_eq!(came[3], (short, vec![]));
    let frames = came.iter().filter(|(done, _)| done.status == DONE).map(|(_, bytes)| bytes);
    let expected = (0..63).map(|number| frame(MAX_FRAME - number, number as u8));
    assert!(frames.cloned().eq(expected));
    assert_eq!(counters(&mut ringed.server, Direction::In).no_buffer, 1, "the last found none");
}

#[test]
fn a_frame_of_no_length_is_told_in_the_ring() {
    let mut ringed = Ringed::new();
    for (id, len) in (0..).zip([0, 13, 14, 1514, 1515, 2048]) {
        ringed.submit(id, &frame(len, 1));
    }
    ringed.server.notified(1);
    assert_eq!(ringed.card.run().len(), 2);
    ringed.server.interrupt();
    let bad = ringed.done().into_iter().filter(|done| done.status == BAD_LENGTH);
    assert_eq!(bad.map(|done| done.id).collect::<Vec<_>>(), [0, 1, 4, 5]);
}

#[test]
fn more_frames_than_the_card_has_room_for_wait_in_the_ring() {
    let mut ringed = Ringed::new();
    let mut sent = 0;
    for _ in 0..3 {
        for id in 0..64 {
            ringed.submit(id, &frame(MAX_FRAME, 1));
        }
        ringed.server.notified(1);
        sent += ringed.card.run().len();
        ringed.server.interrupt();
        assert_eq!(ringed.done().len(), 64);
    }
    assert_eq!(sent, 3 * 64);
    assert_eq!(counters(&mut ringed.server, Direction::Out).no_buffer, 0);
}

// attack 69 U: a consumer whose rings lie is detached; the card goes on for the next one; broken: net-detach
#[test]
fn a_consumer_that_lies_is_detached() {
    let mut ringed = Ringed::new();
    // An index of submissions that nobody can have reached.
    ringed.memory.device_write(0, &1000_u16.to_le_bytes());
    ringed.server.notified(1);
    assert_eq!(ask(&mut ringed.server, STRANGER, Info {}).unwrap().consumer, 0);
    assert!(ringed.card.arrive(&frame(60, 1)));
    ringed.server.interrupt();
    ask(&mut ringed.server, CONSUMER, Attach {}).unwrap();
    assert!(ringed.card.arrive(&frame(60, 2)));
    ringed.server.interrupt();
    assert_eq!(receive(&mut ringed.server), frame(60, 2));
}

#[test]
fn frames_of_a_ring_that_is_gone_come_back_to_nobody() {
    let mut ringed = Ringed::new();
    for id in 0..64 {
        ringed.submit(id, &frame(60, 1));
    }
    ringed.server.notified(1);
    ask(&mut ringed.server, CONSUMER, Attach {}).unwrap();
    assert_eq!(ringed.card.run().len(), 64);
    ringed.server.interrupt();
    assert_eq!(ringed.done(), []);
    for _ in 0..200 {
        assert_eq!(send(&mut ringed.server, CONSUMER, &frame(60, 1)), Ok(()));
        ringed.card.run();
    }
}

// attack 92 U: a consumer ends with frames under way; those go out, it has no frames any more, and nothing hangs; broken: net-consumer-ended
#[test]
fn a_consumer_that_has_ended_is_detached() {
    let mut ringed = Ringed::new();
    ringed.server.notified(1);
    assert_eq!(ask(&mut ringed.server, STRANGER, Info {}).unwrap().consumer, CONSUMER.service_id);
    (0..3).for_each(|id| ringed.submit(id, &frame(60, 1)));
    ringed.buffer(0, 2048);
    let _gone = host::revoke(Handle(5));
    ringed.server.notified(1);
    assert_eq!(ringed.card.run().len(), 3);
    assert!(ringed.card.arrive(&frame(60, 2)));
    ringed.server.interrupt();
    assert_eq!((ringed.came(), ringed.done()), (vec![], vec![]));
    assert_eq!(ask(&mut ringed.server, STRANGER, Info {}).unwrap().consumer, 0);
    let dropped = counters(&mut ringed.server, Direction::In).no_buffer;
    assert_eq!(dropped, 1, "nobody has a buffer");
    ask(&mut ringed.server, CONSUMER, Attach {}).unwrap();
    assert!(ringed.card.arrive(&frame(60, 3)));
    ringed.server.interrupt();
    assert_eq!(receive(&mut ringed.server), frame(60, 3));
}

// attack 92 U: another asks for the frames of the rings, or with none; denied, and they stay whose they were; broken: net-rings-of-another
#[test]
fn rings_are_for_whom_init_gave_them() {
    let (_, mut server) = card();
    assert_eq!(ask(&mut server, CONSUMER, AttachRings {}), refused(ServiceError::Denied));
    let mut ringed = Ringed::new();
    assert_eq!(ask(&mut ringed.server, STRANGER, AttachRings {}), refused(ServiceError::Denied));
    ringed.buffer(0, 2048);
    assert!(ringed.card.arrive(&frame(60, 1)));
    ringed.server.interrupt();
    assert_eq!(ringed.came().len(), 1);
}

#[test]
fn rings_are_attached_anew() {
    let mut ringed = Ringed::new();
    // After one who takes the frames by messages, and after a lie.
    ask(&mut ringed.server, CONSUMER, Attach {}).unwrap();
    // Other ids each time: what is left of the last attachment is not taken for what is new.
    for id in [3, 5] {
        let len = 60 + usize::from(id);
        let _ = (ringed.receive.begin(), ringed.transmit.begin());
        ringed.attach();
        ringed.buffer(id, 2048);
        assert!(ringed.card.arrive(&frame(len, 1)));
        ringed.server.interrupt();
        let done = Completion { id, status: DONE, len: len as u32 };
        assert_eq!(ringed.came(), [(done, frame(len, 1))]);
        ringed.submit(id + 20, &frame(len, 2));
        ringed.server.notified(1);
        ringed.card.run();
        ringed.server.interrupt();
        assert_eq!(ringed.done(), [Completion { id: id + 20, ..done }]);
        ringed.memory.device_write(0, &1000_u16.to_le_bytes());
        ringed.server.notified(1);
        assert_eq!(ask(&mut ringed.server, STRANGER, Info {}).unwrap().consumer, 0);
    }
}

// attack 59 U: the driver dies, and its next life finds rings with buffers and frames of the last one in them; it takes none, tells their consumer, who attaches again; broken: net-tells
#[test]
fn the_next_life_of_the_driver_takes_nothing_that_was_left() {
    let mut ringed = Ringed::new();
    ringed.buffer(0, 2048);
    ringed.submit(1, &frame(60, 1));
    let _ = host::signals();
    ringed.driver_dies();
    assert_eq!(host::signals(), [(Handle(5), 1)]);
    ringed.server.notified(1);
    assert!(ringed.card.arrive(&frame(60, 2)));
    ringed.server.interrupt();
    assert_eq!(ringed.card.run(), []);
    assert_eq!(ask(&mut ringed.server, STRANGER, Info {}).unwrap().consumer, 0);
    // Their consumer finds that, and which were under way.
    assert_eq!((ringed.receive.may_wait(), ringed.transmit.pop()), (GONE, Ok(None)));
    assert_eq!(ringed.transmit.may_wait(), GONE);
    assert!(ringed.receive.begin().eq([0]) && ringed.transmit.begin().eq([1]));
    ringed.attach();
    ringed.buffer(0, 2048);
    ringed.submit(1, &frame(60, 3));
    ringed.server.notified(1);
    assert!(ringed.card.arrive(&frame(60, 4)));
    assert_eq!(ringed.card.run().len(), 1);
    ringed.server.interrupt();
    let came: Vec<_> = ringed.came().into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!((came, ringed.done().len()), (vec![frame(60, 4)], 1));
}

const GONE: Result<bool, Ended> = Err(Ended::PeerGone);

// attack 59 U: the consumer dies with buffers and frames under way; nothing of it comes to the next life, which attaches
#[test]
fn the_next_life_of_a_consumer_has_nothing_of_the_last() {
    let mut ringed = Ringed::new();
    ringed.buffer(0, 2048);
    ringed.submit(1, &frame(60, 1));
    ringed.server.notified(1);
    let next = Sender { incarnation: LIFE + 1, ..CONSUMER };
    let [receive, transmit] = ringed.memories(LIFE + 1);
    (ringed.receive, ringed.transmit) = (receive, transmit);
    // Until it attaches nobody has the frames.
    assert!(ringed.card.arrive(&frame(60, 2)));
    ringed.server.interrupt();
    ringed.receive.write(0, &[9; 60]).unwrap();
    assert_eq!(ask(&mut ringed.server, CONSUMER, AttachRings {}), refused(ServiceError::BadState));
    assert_eq!(ask(&mut ringed.server, next, AttachRings {}), Ok(()));
    ringed.receive.attached().unwrap();
    ringed.transmit.attached().unwrap();
    assert!(ringed.card.arrive(&frame(60, 3)));
    assert_eq!(ringed.card.run().len(), 1, "what was under way goes out");
    ringed.server.interrupt();
    assert_eq!((ringed.came(), ringed.done()), (vec![], vec![]));
    let mut bytes = [0; 60];
    ringed.receive.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [9; 60], "a buffer of the life before");
    ringed.submit(1, &frame(60, 4));
    ringed.server.notified(1);
    ringed.card.run();
    ringed.server.interrupt();
    assert_eq!(ringed.done().len(), 1);
}

#[test]
fn each_ring_has_half_of_the_memory() {
    let memory = FakeMemory::new(6 * 4096);
    assert!(Rings::halves(memory.part::<ReadWrite>(0..6 * 4096)).is_ok());
    let small = FakeMemory::new(8192);
    assert!(Rings::halves(small.part::<ReadWrite>(0..4096)).is_err());
}

/// True when the server goes on by itself, or is woken by its card.
fn goes_on(server: &FakeServer, doorbell: &FakeDoorbell) -> bool {
    server.deadline() == Deadline::at(0) || doorbell.status() != 0
}

/// Lets `act` be done after load number `moment` of the driver, once; true when that has come.
fn after_load(memory: &FakeMemory, moment: u32, act: impl FnOnce() + 'static) -> Rc<Cell<bool>> {
    let (done, mut act, mut loads) = (Rc::new(Cell::new(false)), Some(act), 0);
    let its = Rc::clone(&done);
    memory.after_each_load(move || {
        loads += 1;
        if loads > moment
            && let Some(act) = act.take()
        {
            act();
            its.set(true);
        }
    });
    done
}

// attack 90 U: a frame comes at any moment of a turn; it is delivered, or the server is woken for it
#[test]
fn a_frame_that_comes_while_the_server_looks_is_not_left() {
    let mut moments = 0_u32..;
    for moment in moments.by_ref() {
        let (mut card, mut server) = attached();
        assert!(card.arrive(&frame(60, 1)));
        let (doorbell, memory) = (card.doorbell.clone(), card.memory.clone());
        let came = after_load(&memory, moment, move || assert!(card.arrive(&frame(60, 2))));
        server.interrupt();
        if !came.get() {
            break;
        }
        let taken = counters(&mut server, Direction::In).frames == 2;
        assert!(taken || goes_on(&server, &doorbell), "load {moment}");
    }
    assert!(moments.start > 3, "there are moments in a turn");
}

// attack 90 U: the card is done with frames at any moment of a turn; their consumer is told, or the server is woken for it
#[test]
fn frames_that_are_done_while_the_server_looks_are_told() {
    let mut moments = 0_u32..;
    for moment in moments.by_ref() {
        let mut ringed = Ringed::new();
        ringed.submit(1, &frame(60, 1));
        ringed.server.notified(1);
        assert_eq!(ringed.card.run().len(), 1);
        // The card is given it in the turn in which the first comes back.
        ringed.submit(2, &frame(60, 2));
        let Ringed { mut card, mut server, mut transmit, .. } = ringed;
        let (doorbell, memory) = (card.doorbell.clone(), card.memory.clone());
        let sent = Rc::new(Cell::new(0));
        let its = Rc::clone(&sent);
        let came = after_load(&memory, moment, move || its.set(card.run().len()));
        server.interrupt();
        if !came.get() {
            break;
        }
        let told = core::iter::from_fn(|| transmit.pop().unwrap()).count();
        assert!(told == 1 + sent.get() || goes_on(&server, &doorbell), "load {moment}");
    }
    assert!(moments.start > 3, "there are moments in a turn");
}
