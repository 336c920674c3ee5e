//! Requests to virtionetd, whose card lies.

use nexus_abi::Handle;
use nexus_proto::net::{Attach, Direction, Info, Net, Receive, Request, Send, Stats};
use nexus_proto::{Operation, Protocol, ReplyError, Request as _, ServiceError, Text, Zero};
use nexus_rt::{Service, host, run};
use nexus_sysdesc::Permission;
use nexus_virtio::Notices;
use nexus_virtio::net::HEADER;
use virtionetd::fake::{CLASSES, CONSUMER, FakeCard, FakeServer, MAC, STRANGER, description};

use crate::{answers, frames, input::Input};

/// Things that the card and its network do before anybody asks, at most.
const ACTS: usize = 64;

// attack 31 Z: wrong counts and fields to virtionetd; refused as malformed
// attack 34 Z: anything by whoever may not have the frames; denied, and nothing goes out; broken: net-permission
// attack 52 Z: heads, lengths and numbers of buffers that the card makes up; told once, never a panic
// attack 68 Z: frames of any length, to anybody; delivered whole, or dropped and counted
/// Whatever card, network and services do: what goes out is frames of those who may send, with nothing in
/// their headers.
pub fn net(data: &[u8]) {
    let mut input = Input::new(data);
    let notices = if input.byte() & 1 == 0 { Notices::Flags } else { Notices::EventIndex };
    let mut card = FakeCard::new(notices);
    let mut server = card.driver(description());
    let acts = usize::from(input.byte()) % ACTS;
    // Whoever has them meanwhile.
    if acts % 2 == 1 {
        let attach = Attach {}.into();
        let _ = server.handle(CONSUMER, attach, nexus_rt::ReplyTo::nobody());
    }
    for _ in 0..acts {
        act(&mut card, &mut server, &mut input);
    }
    let frames = frames::read(Net::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = run(Handle(1), &mut server);
    answers::check::<Request>(&frames, &delivery, false);
    for sent in card.run() {
        assert_eq!(sent.header, [0; HEADER], "head {}", sent.head);
        let len = sent.frame.len();
        assert!(CLASSES.iter().any(|(_, class)| *class as usize == len), "{len} bytes");
    }
    for (reply, answer) in delivery.sent() {
        let Some(frame) = frames.iter().find(|frame| frame.reply == reply) else { continue };
        let may = description().permits(frame.sender.service_id, Permission::Net);
        let data = Request::decode(&frame.message)
            .is_ok_and(|request| !matches!(request, Request::Info(_) | Request::Stats(_)));
        if data && !may {
            let denied = Err(ReplyError::Service(ServiceError::Denied));
            assert_eq!(Attach::decode_reply(&answer), denied, "{frame:?}");
        }
    }
}

/// One thing that the card, its network or time does.
fn act(card: &mut FakeCard, server: &mut FakeServer, input: &mut Input<'_>) {
    match input.byte() % 10 {
        0 | 1 => _ = card.arrive(&frame(input)),
        2 => {
            let (buffers, len) = (input.half(), input.word());
            _ = card.arrive_as(&frame(input), buffers, len);
        }
        3 => card.receive.say(input.word() % 70, input.word()),
        4 => card.transmit.say(input.word() % 130, input.word()),
        5 => card.doorbell.raise(input.byte().into()),
        6 => {
            let at = usize::from(input.byte()) % 12;
            card.config.borrow_mut()[at] = input.byte();
        }
        7 => _ = card.run(),
        8 => server.tick(),
        _ => server.interrupt(),
    }
    card.memory.settle();
}

/// A frame of up to 1,514 bytes to the card, or to somebody else.
fn frame(input: &mut Input<'_>) -> Vec<u8> {
    let (len, to) = (usize::from(input.half()) % 1515, input.byte());
    let mut frame = vec![to; len];
    if to & 1 == 0 {
        frame.iter_mut().zip(MAC.0).for_each(|(byte, to)| *byte = to);
    }
    frame
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let send = |bytes: &[u8]| Text::pieces(bytes).map(|data| Send { data }.encode()).collect();
    let sends: Vec<_> = [60, 200, 13, 1514, 1515].iter().map(|len| vec![1; *len]).collect();
    let sends = sends.iter().flat_map(|bytes: &Vec<u8>| -> Vec<_> { send(bytes) });
    let stats = |direction| Stats { direction, zero: Zero::ZERO }.encode();
    let others = [
        Info {}.encode(),
        stats(Direction::In),
        stats(Direction::Out),
        Receive { deadline: 0 }.encode(),
        Receive { deadline: 0 }.encode(),
    ];
    let asks: Vec<_> = [Attach {}.encode()].into_iter().chain(sends).chain(others).collect();
    let by =
        |id, acts: &[u8], count: u8| [&[1, count], acts, &frames::write_all(id, &asks)].concat();
    let (owner, stranger) = (CONSUMER.service_id, STRANGER.service_id);
    let arrivals = [0, 60, 0, 0, 1, 0xea, 5, 4, 9, 0, 14, 0, 3, 8];
    let all = [
        ("consumer", by(owner, &[], 0)),
        ("stranger", by(stranger, &[], 0)),
        ("arrivals", by(owner, &arrivals, 5)),
        ("split", by(owner, &[2, 2, 0, 72, 0, 0, 0, 60, 0, 0, 9], 3)),
        ("too-long", by(owner, &[2, 1, 0, 255, 255, 255, 255, 60, 0, 0, 9], 3)),
        ("no-such-head", by(owner, &[3, 69, 0, 0, 0, 72, 0, 0, 0, 9, 9], 3)),
        ("not-sent", by(owner, &[4, 5, 0, 0, 0, 0, 0, 0, 0, 9, 9], 3)),
        ("link-down", by(owner, &[6, 6, 0, 5, 2, 9], 3)),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
