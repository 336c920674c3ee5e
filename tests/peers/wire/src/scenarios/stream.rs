//! Connections (TCP, RFC 9293), segment by segment.

use anyhow::{Result, ensure};

use super::host::bytes;
use super::{Peer, Stage};
use crate::raw::{Segment, flag};
use crate::talk::Talk;

/// Most bytes of a window that is probed while it is closed (RFC 9293, 3.8.6.1).
const PROBE: usize = 1;

/// Asks, is answered, sends, has it come back, and finishes.
pub(super) fn handshake(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let mut talk = Talk::new(peer);
    peer.settle()?;
    talk.say(peer, flag::SYN, b"");
    let answer = talk.hear(peer, "no answer to a request", |_| true)?;
    ensure!(answer.flags == flag::SYN | flag::ACK, "another answer: {answer:?}");
    ensure!(answer.ack == talk.seq.wrapping_add(1), "it acknowledges something else: {answer:?}");
    // The answer was lost, as far as the guest can know.
    let second = talk.hear(peer, "what was not acknowledged is not sent again", |_| true)?;
    ensure!(second == answer, "the second answer is another: {second:?}");
    talk.seq = talk.seq.wrapping_add(1);
    talk.ack = answer.seq.wrapping_add(1);
    talk.say(peer, flag::ACK, b"");
    talk.send(peer, b"hello");
    ensure!(talk.receive(peer, 5)? == b"hello", "something else comes back");
    talk.say(peer, flag::FIN | flag::ACK, b"");
    talk.seq = talk.seq.wrapping_add(1);
    let next = talk.ack;
    let last = talk.hear(peer, "it does not finish", |s| s.flags & flag::FIN != 0)?;
    ensure!((last.seq, last.ack) == (next, talk.seq), "it finishes elsewhere: {last:?}");
    talk.ack = talk.ack.wrapping_add(1);
    talk.say(peer, flag::ACK, b"");
    Ok(6)
}

/// What the stranger drops comes again, the same; what the guest was sent twice counts once.
pub(super) fn lost(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let mut talk = Talk::open(peer)?;
    let data = bytes(peer, 700);
    let sent = talk.segment(flag::ACK | flag::PSH, &data);
    talk.send(peer, &data);
    let next = talk.ack;
    let has_data = |segment: &Segment| segment.seq == next && !segment.data.is_empty();
    let first = talk.hear(peer, "nothing comes back", has_data)?;
    // It is dropped.
    let again = talk.hear(peer, "what was dropped does not come again", has_data)?;
    ensure!(again.data == first.data, "what comes again is another");
    talk.say_segment(peer, &sent);
    ensure!(talk.receive(peer, data.len())? == data, "something else comes back");
    talk.say_segment(peer, &sent);
    let heard = talk.heard(peer)?;
    ensure!(heard.iter().all(|s| s.data.is_empty()), "what was sent twice counts twice");
    talk.reset(peer);
    Ok(3)
}

/// A window that is closed stops the guest, but for probes; and once it is open all comes.
pub(super) fn window(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let mut talk = Talk::open(peer)?;
    talk.window = 0;
    let data = bytes(peer, 1000);
    talk.send(peer, &data);
    let (seq, next) = (talk.seq, talk.ack);
    let taken = talk.hear(peer, "it does not take what it is sent", |s| s.ack == seq)?;
    ensure!(taken.data.len() <= PROBE, "it sends into a closed window: {taken:?}");
    let probes = |s: &Segment| s.seq == next && s.data.len() == PROBE;
    talk.hear(peer, "a closed window is not probed", probes)?;
    let heard = talk.heard(peer)?;
    ensure!(heard.iter().all(|s| s.data.len() <= PROBE), "it sends into a closed window");
    talk.say(peer, flag::ACK, b"");
    // So much room, and no more.
    talk.window = 100;
    talk.say(peer, flag::ACK, b"");
    let part =
        talk.hear(peer, "an open window is not used", |s| s.seq == next && s.data.len() > PROBE)?;
    ensure!(part.data.len() <= 100, "{} bytes in a window of 100", part.data.len());
    talk.window = 8192;
    ensure!(talk.receive(peer, data.len())? == data, "something else comes back");
    talk.reset(peer);
    Ok(5)
}

/// Segments in any order, over each other, and with urgent data: the bytes are in their order, each once.
pub(super) fn order(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let mut checks = 0;
    for round in 0..6 {
        let mut talk = Talk::open(peer)?;
        let data = bytes(peer, 1200);
        let begin = talk.seq;
        // 12 pieces, each of which goes a few bytes into the next, in an order at random.
        let mut pieces: Vec<usize> = (0..12).collect();
        peer.random.shuffle(&mut pieces);
        for piece in pieces {
            let (from, over) = (piece * 100, if round < 2 { 0 } else { peer.random.usize(0..80) });
            let end = (from + 100 + over).min(data.len());
            talk.seq = begin.wrapping_add(from as u32);
            let mut segment = talk.segment(flag::ACK, &data[from..end]);
            if round > 3 {
                segment.flags |= flag::URG;
                segment.urgent = peer.random.u16(..);
            }
            talk.say_segment(peer, &segment);
        }
        talk.seq = begin.wrapping_add(data.len() as u32);
        let came = talk.receive(peer, data.len())?;
        ensure!(came == data, "round {round}: something else comes back");
        talk.reset(peer);
        checks += 1;
    }
    // Two say different things of the same bytes: there are as many, and those of which there is no doubt are right.
    let mut talk = Talk::open(peer)?;
    let begin = talk.seq;
    talk.seq = begin.wrapping_add(4);
    talk.say(peer, flag::ACK, b"efgh");
    talk.seq = begin.wrapping_add(2);
    talk.say(peer, flag::ACK, b"CDEF");
    talk.seq = begin;
    talk.say(peer, flag::ACK, b"ab");
    talk.seq = begin.wrapping_add(8);
    let came = talk.receive(peer, 8)?;
    ensure!(came.starts_with(b"ab") && came.ends_with(b"gh"), "other bytes: {came:?}");
    talk.reset(peer);
    Ok(checks + 1)
}

/// A reset ends a connection when its number is right, and only then.
pub(super) fn reset(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let mut talk = Talk::open(peer)?;
    let mut foreign = talk.segment(flag::RST | flag::ACK, b"");
    foreign.seq = talk.seq.wrapping_add(1_000_000);
    talk.say_segment(peer, &foreign);
    let mut wrong = talk.clone();
    wrong.ack = talk.ack.wrapping_add(1_000_000);
    wrong.say(peer, flag::ACK, b"foreign");
    let heard = talk.heard(peer)?;
    ensure!(heard.iter().all(|s| s.flags & flag::RST == 0), "the guest ends it: {heard:?}");
    ensure!(heard.iter().all(|s| s.data.is_empty()), "it takes what is no part of it: {heard:?}");
    // Beside its window, without an acknowledgement.
    let beside = Talk { seq: talk.seq.wrapping_add(1_000_000), ..talk };
    beside.say(peer, flag::RST, b"");
    // Another that begins under the same numbers, while others have ended and somebody listens in their places.
    let others = [Talk::open(peer)?, Talk::open(peer)?];
    others.iter().for_each(|other| other.reset(peer));
    let _ = talk.heard(peer)?;
    let second = Talk { seq: peer.random.u32(..), ..talk };
    for _ in 0..4 {
        second.say(peer, flag::SYN, b"");
    }
    let heard = talk.heard(peer)?;
    ensure!(heard.is_empty(), "a second begins under the same numbers: {heard:?}");
    talk.send(peer, b"lives");
    ensure!(talk.receive(peer, 5)? == b"lives", "something else comes back");
    talk.reset(peer);
    is_over(&mut talk, peer)?;
    // Nor is an acknowledgement needed.
    let mut plain = Talk::open(peer)?;
    plain.say(peer, flag::RST, b"");
    is_over(&mut plain, peer)?;
    Ok(7)
}

/// What is said within a connection that is over is answered so.
fn is_over(talk: &mut Talk, peer: &mut Peer) -> Result<()> {
    talk.send(peer, b"ended");
    let answer = talk
        .hear(peer, "it does not say that there is no connection", |s| s.flags & flag::RST != 0)?;
    ensure!(answer.data.is_empty(), "a reset with data");
    Ok(())
}
