//! Frames to the network, and what comes back: QEMU's user network answers for the gateway.

use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::Split;
use nexus_proto::net::{
    Attach, AttachRings, BAD_LENGTH, Card, Counters, Direction, Info, MAX_FRAME, Net, RECEIVE,
    Receive, Send, Stats, TRANSMIT,
};
use nexus_proto::{ServiceError, Text, Zero, ids};
use nexus_ring::{DONE, PAGE, Submission};
use nexus_rt::{CallError, Client, Deadline, Ring, startup};
use nexus_test::SAFETY_MS;

use crate::check::{Check, Failure, ensure, in_time, same};
use crate::context::Context;
use crate::proofs::ring::{self, Side};

/// This side, as QEMU's user network numbers its guest.
const OWN: [u8; 4] = [10, 0, 2, 15];
/// The gateway.
const GATEWAY: [u8; 4] = [10, 0, 2, 2];
const EVERYBODY: [u8; 6] = [0xff; 6];

const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];
/// Bytes of a frame before the packet in it.
const ETHERNET: usize = 14;
/// Bytes before the data of an echo: the headers of IP and ICMP.
const HEADERS: usize = 28;

/// The lengths of the frames: the least that has an echo in it, the most, and those about each length that
/// the driver has heads for; shorter ones after longer ones, which they must not have behind them.
const LENGTHS: [usize; 18] =
    [64, 42, 63, 43, 60, 128, 65, 127, 255, 129, 512, 257, 1024, 513, MAX_FRAME, 1025, 1513, 1500];
/// Frames of others that are looked at while an answer is waited for.
const OTHERS: usize = 64;

fn card() -> Result<Client<Net>, Failure> {
    Ok(startup().client(ids::VIRTIONETD)?)
}

/// The gateway says which address it has.
pub(crate) fn arp(context: &Context) -> Check {
    let (client, card) = attached(context)?;
    let before = counters(context, client, Direction::Out)?;
    send(context, client, &arp_request(&card))?;
    let answer = received(context, client, |frame| frame.get(12..14) == Some(&ARP[..]))?;
    same("for this card", &part(&answer, 0, 6), &&card.mac[..])?;
    same("answer", &part(&answer, 14, 8), &&[0, 1, 8, 0, 6, 4, 0, 2][..])?;
    same("who answers", &part(&answer, 28, 4), &&GATEWAY[..])?;
    same("whom", &part(&answer, 38, 4), &&OWN[..])?;
    same("its address", &part(&answer, 22, 6), &part(&answer, 6, 6))?;
    let after = counters(context, client, Direction::Out)?;
    same("frames that went out", &(after.frames - before.frames), &1)?;
    same("their bytes", &(after.bytes - before.bytes), &42)
}

/// What is sent to the gateway comes back, whatever its length.
pub(crate) fn echo(context: &Context) -> Check {
    let (client, card) = attached(context)?;
    send(context, client, &arp_request(&card))?;
    let answer = received(context, client, |frame| frame.get(12..14) == Some(&ARP[..]))?;
    let gateway = <[u8; 6]>::try_from(part(&answer, 22, 6)).unwrap_or(EVERYBODY);
    for (number, length) in (1..).zip(LENGTHS) {
        let data: Vec<u8> =
            (ETHERNET + HEADERS..length).map(|at| (at * 7 + length) as u8).collect();
        send(context, client, &echo_request(&card, gateway, number, &data))?;
        let is_answer = |frame: &[u8]| {
            frame.get(12..14) == Some(&IPV4[..])
                && part(frame, 23, 1) == [1]
                && part(frame, 34, 1) == [0]
        };
        let answer = received(context, client, is_answer).map_err(|late| late.at(length))?;
        answered(&card, number, &data, &answer).map_err(|wrong| wrong.at(length))?;
    }
    let came = counters(context, client, Direction::In)?;
    ensure!(came.frames > LENGTHS.len() as u64, "{came:?}");
    same("frames in more than one buffer", &came.split, &0)
}

/// Bytes for each frame in a ring.
const BUFFER: u32 = 2048;
/// Buffers that are given at once.
const BUFFERS: u16 = 32;

/// The gateway says which address it has, all by rings: the request goes out of one, the answer comes into
/// a buffer of the other.
pub(crate) fn by_ring(context: &Context) -> Check {
    let (ring, memory) = ring::with(ids::VIRTIONETD)?;
    let half = ring.bytes() as usize / 2 / PAGE * PAGE;
    let (receive, transmit) =
        memory.split(half).map_err(|_| Failure::new("memory that has no halves"))?;
    let mut sides = Sides { ring, receive: ring::side(receive)?, transmit: ring::side(transmit)? };
    let client = card()?;
    sides.attach(client)?;
    let card = context.ask(client, &Info {})?;
    same("who has the frames", &card.consumer, &context.own_id)?;
    let lost = context.ask(client, &Receive { deadline: 0 }).map(|_| ());
    let state = Err(CallError::Service(ServiceError::BadState));
    same("frames by message", &lost, &state)?;
    let (before, answer) = loop {
        let before = counters(context, client, Direction::Out)?;
        if let Some(answer) = sides.exchange(&card)? {
            break (before, answer);
        }
        // The driver is another life, with nothing counted. Whether it was sent is unknown: it is sent again.
        sides.attach(client)?;
    };
    same("for this card", &part(&answer, 0, 6), &&card.mac[..])?;
    same("who answers", &part(&answer, 28, 4), &&GATEWAY[..])?;
    same("whom", &part(&answer, 38, 4), &&OWN[..])?;
    let after = counters(context, client, Direction::Out)?;
    same("frames that went out", &(after.frames - before.frames), &1)
}

/// This side of both rings.
struct Sides {
    ring: Ring,
    receive: Side,
    transmit: Side,
}

impl Sides {
    /// Begins anew, with whichever life of the driver lasts. Buffers and frames that were in flight are
    /// nobody's.
    fn attach(&mut self, client: Client<Net>) -> Check {
        drop((self.receive.begin(), self.transmit.begin()));
        ring::attached(&client, &AttachRings {}, [&mut self.receive, &mut self.transmit])
    }

    /// Asks who has the address of the gateway, and sends a frame that is too short: the answer. `None` when the
    /// driver died.
    fn exchange(&mut self, card: &Card) -> Result<Option<Vec<u8>>, Failure> {
        let Sides { ring, receive, transmit } = self;
        for id in 0..BUFFERS {
            give(receive, id)?;
        }
        ring::tell(*ring, receive)?;
        let request = arp_request(card);
        transmit.write(0, &request)?;
        submit(transmit, 5, TRANSMIT, 0, request.len() as u32)?;
        submit(transmit, 6, TRANSMIT, 0, 13)?;
        ring::tell(*ring, transmit)?;
        let mut statuses = [0; 2];
        for _ in 0..statuses.len() {
            let Some(done) = ring::completed(*ring, transmit)? else { return Ok(None) };
            if let Some(status) = statuses.get_mut(usize::from(done.id.wrapping_sub(5))) {
                *status = done.status + 1;
            }
        }
        same("sent, and too short", &statuses, &[DONE + 1, BAD_LENGTH + 1])?;
        arp_answer(*ring, receive)
    }
}

/// The next ARP packet that comes by the ring. `None` when the driver died.
fn arp_answer(ring: Ring, receive: &mut Side) -> Result<Option<Vec<u8>>, Failure> {
    for _ in 0..OTHERS {
        let Some(done) = ring::completed(ring, receive)? else { return Ok(None) };
        in_time!(done.status == DONE, "a buffer comes back with status {}", done.status);
        let mut frame = vec![0; done.len as usize];
        receive.read(u32::from(done.id) * BUFFER, &mut frame)?;
        if frame.get(12..14) == Some(&ARP[..]) {
            return Ok(Some(frame));
        }
        give(receive, done.id)?;
        ring::tell(ring, receive)?;
    }
    Err(Failure::new("others alone answer"))
}

/// Gives a buffer for a frame.
fn give(receive: &mut Side, id: u16) -> Check {
    submit(receive, id, RECEIVE, u32::from(id) * BUFFER, BUFFER)
}

fn submit(side: &mut Side, id: u16, op: u8, offset: u32, len: u32) -> Check {
    let submitted = side.submit(Submission { id, op, len, offset, arg: 0 });
    submitted.map_err(|why| Failure::new(format_args!("not submitted: {why:?}")))
}

/// Whoever is not attached has no frames, and no frame is shorter than its header or longer than the most.
pub(crate) fn refused(context: &Context) -> Check {
    let client = card()?;
    let fails = |what, seen: Result<(), CallError>, expected| {
        same(what, &seen, &Err(CallError::Service(expected)))
    };
    let try_send = |bytes: &[u8]| try_send(context, client, bytes);
    let receive = || context.ask(client, &Receive { deadline: 0 }).map(|_| ());
    fails("send", try_send(&[0; 60]), ServiceError::BadState)?;
    fails("receive", receive(), ServiceError::BadState)?;
    context.ask(client, &Attach {})?;
    let before = counters(context, client, Direction::Out)?;
    fails("short", try_send(&[0; 13]), ServiceError::OutOfRange)?;
    fails("empty", try_send(&[]), ServiceError::OutOfRange)?;
    fails("long", try_send(&[0; MAX_FRAME + 1]), ServiceError::OutOfRange)?;
    let piece = Send { data: Text::piece(&[0; 20]).with_more(true) };
    fails("a piece that is not full", context.ask(client, &piece), ServiceError::Malformed)?;
    // What has come since, from whomever, is taken first.
    let late = (0..OTHERS).map(|_| receive()).find(Result::is_err).unwrap_or(Ok(()));
    fails("late", late, ServiceError::TimedOut)?;
    let after = counters(context, client, Direction::Out)?;
    same("too short", &(after.too_short - before.too_short), &2)?;
    same("too long", &(after.too_long - before.too_long), &1)?;
    same("sent", &after.frames, &before.frames)
}

/// The card, with this process attached, and its link up.
fn attached(context: &Context) -> Result<(Client<Net>, Card), Failure> {
    let client = card()?;
    context.ask(client, &Attach {})?;
    let card = context.ask(client, &Info {})?;
    same("who has the frames", &card.consumer, &context.own_id)?;
    ensure!(card.link && card.mac != [0; 6] && card.mtu >= 1500, "{card:?}");
    Ok((client, card))
}

fn counters(
    context: &Context,
    client: Client<Net>,
    direction: Direction,
) -> Result<Counters, Failure> {
    Ok(context.ask(client, &Stats { direction, zero: Zero::ZERO })?)
}

fn send(context: &Context, client: Client<Net>, frame: &[u8]) -> Check {
    try_send(context, client, frame).map_err(|error| Failure::from(error).at("send"))
}

/// Sends a frame, whoever has the frames.
pub(crate) fn try_send(
    context: &Context,
    client: Client<Net>,
    frame: &[u8],
) -> Result<(), CallError> {
    Text::pieces(frame).try_for_each(|data| context.ask(client, &Send { data }))
}

/// The next frame for which `wanted` holds.
fn received(
    context: &Context,
    client: Client<Net>,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>, Failure> {
    for _ in 0..OTHERS {
        let mut frame = Vec::new();
        loop {
            let deadline = Deadline::after_ms(SAFETY_MS).ticks();
            let piece = context.ask(client, &Receive { deadline });
            let piece = piece.map_err(|error| Failure::from(error).at("receive"))?;
            frame.extend_from_slice(piece.as_bytes());
            if !piece.more() {
                break;
            }
            in_time!(frame.len() <= MAX_FRAME, "a frame of more than {MAX_FRAME} bytes");
        }
        if wanted(&frame) {
            return Ok(frame);
        }
    }
    Err(Failure::new("others alone answer"))
}

/// That `frame` is the answer to echo `number` with `data`.
fn answered(card: &Card, number: u16, data: &[u8], frame: &[u8]) -> Check {
    same("for this card", &part(frame, 0, 6), &&card.mac[..])?;
    let length = (HEADERS + data.len()) as u16;
    same("length", &part(frame, 16, 2), &&length.to_be_bytes()[..])?;
    same("from", &part(frame, 26, 4), &&GATEWAY[..])?;
    same("to", &part(frame, 30, 4), &&OWN[..])?;
    same("sum of the header", &sum(part(frame, 14, 20)), &0)?;
    same("sum of the echo", &sum(part(frame, 34, 8 + data.len())), &0)?;
    same("number", &part(frame, 40, 2), &&number.to_be_bytes()[..])?;
    ensure!(part(frame, 42, data.len()) == data, "other data came back");
    Ok(())
}

/// Bytes of a frame; none when it has not all of them.
fn part(frame: &[u8], at: usize, len: usize) -> &[u8] {
    frame.get(at..at + len).unwrap_or(&[])
}

/// Who has the address of the gateway? (RFC 826)
fn arp_request(card: &Card) -> Vec<u8> {
    let to_nobody = [0; 6];
    [
        &EVERYBODY[..],
        &card.mac,
        &ARP,
        &[0, 1, 8, 0, 6, 4, 0, 1],
        &card.mac,
        &OWN,
        &to_nobody,
        &GATEWAY,
    ]
    .concat()
}

/// An echo request (RFC 792) in a packet (RFC 791) in a frame.
fn echo_request(card: &Card, gateway: [u8; 6], number: u16, data: &[u8]) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut echo = [&[8, 0, 0, 0, 0x4e, 0x58, high, low][..], data].concat();
    let sum_of_echo = sum(&echo).to_be_bytes();
    put(&mut echo, 2, sum_of_echo);
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0];
    header.extend([OWN, GATEWAY].concat());
    put(&mut header, 2, ((HEADERS + data.len()) as u16).to_be_bytes());
    let sum_of_header = sum(&header).to_be_bytes();
    put(&mut header, 10, sum_of_header);
    [&gateway[..], &card.mac, &IPV4, &header, &echo].concat()
}

fn put(bytes: &mut [u8], at: usize, two: [u8; 2]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(two) {
        *to = from;
    }
}

/// The check sum of the internet (RFC 1071); 0 over what has the right one in it.
fn sum(bytes: &[u8]) -> u16 {
    let (pairs, last) = bytes.as_chunks::<2>();
    let words = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair)));
    let last = last.iter().map(|byte| u32::from(*byte) << 8);
    let mut sum: u32 = words.chain(last).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Card =
        Card { mac: [2, 0, 0, 0, 0, 1], mtu: 1500, consumer: 900, link: true, zero: Zero::ZERO };

    #[test]
    fn sums_are_those_of_rfc_1071() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!((sum(&[]), sum(&[1]), sum(&[0xff, 0xff])), (0xffff, !0x0100, 0));
    }

    #[test]
    fn frames_have_the_lengths_that_are_asked_for() {
        assert_eq!(arp_request(&CARD).len(), 42);
        for length in LENGTHS {
            let data = vec![7; length - ETHERNET - HEADERS];
            let frame = echo_request(&CARD, EVERYBODY, 1, &data);
            assert_eq!(frame.len(), length);
            assert_eq!((sum(&frame[14..34]), sum(&frame[34..])), (0, 0));
        }
    }

    #[test]
    fn an_answer_is_the_request_turned_round() {
        let request = echo_request(&CARD, EVERYBODY, 5, &[1, 2, 3]);
        let mut answer = [&CARD.mac[..], &request[6..26], &GATEWAY, &OWN, &request[34..]].concat();
        answer[34] = 0;
        answer[36] += 8;
        assert_eq!(answered(&CARD, 5, &[1, 2, 3], &answer), Ok(()));
        assert!(answered(&CARD, 6, &[1, 2, 3], &answer).is_err());
        answer[43] ^= 1;
        assert!(answered(&CARD, 5, &[1, 2, 3], &answer).is_err());
    }
}
