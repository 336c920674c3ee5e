//! The queues of a card, without anybody who has the frames.

use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::{Outside, SharedMut};
use nexus_proto::net::{Counters, MAX_FRAME, MIN_FRAME};
use nexus_virtio::net::{self, HEADER};
use nexus_virtio::{Misbehaved, Notices};
use proptest::prelude::*;

use crate::fake::{CLASSES, FakeCard, MAC, Pool, Sent, Used};
use crate::frame::Dropped;
use crate::receive::{self, Receiver};
use crate::transmit::{self, Transmitter};

const BOTH: [Notices; 2] = [Notices::Flags, Notices::EventIndex];

type Output = Transmitter<Pool, Used, usize>;

fn receiver(card: &FakeCard) -> Receiver<Pool, Used> {
    let mut input = Receiver::new(card.sealed().queue(net::RECEIVE).unwrap(), MAC, MAX_FRAME);
    let mut regs = card.registers();
    let Ok(rung) = input.ring(&mut regs);
    assert!(rung);
    input
}

fn transmitter(card: &FakeCard) -> Output {
    Transmitter::new(card.sealed().queue(net::TRANSMIT).unwrap(), MAX_FRAME)
}

/// A frame to `to` of `len` bytes.
fn frame(to: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = vec![0xa5; len];
    frame.iter_mut().zip(to).for_each(|(byte, to)| *byte = to);
    frame
}

fn send(output: &mut Output, frame: &[u8], of: usize) -> Result<(), (Dropped, usize)> {
    output.send(frame.len(), of, |_, mut to| to.copy_in(0, frame))
}

/// Sends, and has the card do its work.
fn sent(card: &mut FakeCard, output: &mut Output, frame: &[u8]) -> Sent {
    send(output, frame, 0).unwrap();
    let Ok(_) = output.ring(&mut card.registers());
    let mut sent = card.run();
    output.reap(|_| ()).unwrap();
    assert_eq!(sent.len(), 1);
    sent.remove(0)
}

fn take(input: &mut Receiver<Pool, Used>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let took = input.take(usize::MAX, |arrival| {
        assert!(!arrival.is_empty());
        let mut bytes = vec![0; arrival.len()];
        arrival.read(&mut bytes).unwrap();
        frames.push(bytes);
        true
    });
    assert_eq!(took, Ok(false));
    frames
}

#[test]
fn frames_of_all_lengths_come_in() {
    for notices in BOTH {
        let mut card = FakeCard::new(notices);
        let mut input = receiver(&card);
        for len in [MIN_FRAME, 42, 60, 1513, MAX_FRAME] {
            assert!(card.arrive(&frame(MAC.0, len)));
            assert_eq!(take(&mut input), [frame(MAC.0, len)]);
        }
        let bytes = (MIN_FRAME + 42 + 60 + 1513 + MAX_FRAME) as u64;
        assert_eq!(input.counters(), Counters { frames: 5, bytes, ..Counters::default() });
    }
}

// attack 69 U: more frames than there are buffers; those are lost, and the driver goes on with as many as before
#[test]
fn a_flood_takes_each_buffer_once() {
    let mut card = FakeCard::new(Notices::EventIndex);
    let mut input = receiver(&card);
    for _ in 0..3 {
        let taken = (0..2 * receive::HEADS).filter(|_| card.arrive(&frame(MAC.0, 60))).count();
        assert_eq!(taken, receive::HEADS);
        assert_eq!(input.take(10, |_| true), Ok(true), "no more than so many in one go");
        assert_eq!(take(&mut input).len(), receive::HEADS - 10);
        let Ok(_) = input.ring(&mut card.registers());
    }
}

// attack 52 U: lengths that the device makes up: shorter than a header, longer than a buffer; dropped, or cut; broken: net-length
// attack 68 U: frames without a header; dropped, and counted
#[test]
fn lengths_of_the_device_are_not_believed() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut input = receiver(&card);
    for len in [0, 1, HEADER - 1, HEADER, HEADER + MIN_FRAME - 1] {
        assert!(card.arrive_as(&frame(MAC.0, 60), 1, len as u32));
    }
    assert_eq!(take(&mut input).len(), 0);
    assert_eq!(input.counters().too_short, 5);
    for len in [(HEADER + MAX_FRAME) as u32, 1527, u32::MAX] {
        assert!(card.arrive_as(&frame(MAC.0, MAX_FRAME), 1, len));
        assert_eq!(take(&mut input), [frame(MAC.0, MAX_FRAME)]);
    }
}

// attack 52 U: a frame in several buffers, which was not agreed; dropped; broken: net-split
#[test]
fn a_frame_is_in_one_buffer() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut input = receiver(&card);
    for buffers in [0, 2, 0x0100, 0x0101, u16::MAX] {
        assert!(card.arrive_as(&frame(MAC.0, 60), buffers, (HEADER + 60) as u32));
    }
    assert_eq!(take(&mut input).len(), 0);
    assert_eq!(input.counters(), Counters { split: 5, ..Counters::default() });
    assert!(card.arrive(&frame(MAC.0, 60)));
    assert_eq!(take(&mut input).len(), 1);
}

// attack 52 U: a card that never says in how many buffers a frame is, after one that lied in each of them; what it said sticks to none; broken: net-split-sticks
#[test]
fn what_a_card_said_of_a_buffer_is_over_when_it_has_it_again() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut input = receiver(&card);
    for _ in 0..receive::HEADS {
        assert!(card.arrive_as(&frame(MAC.0, 60), 2, (HEADER + 60) as u32));
    }
    assert_eq!(take(&mut input).len(), 0);
    for _ in 0..2 * receive::HEADS {
        assert!(card.arrive_unsaid(&frame(MAC.0, 60)));
        assert_eq!(take(&mut input), [frame(MAC.0, 60)]);
    }
    assert_eq!(input.counters().split, receive::HEADS as u64);
}

// attack 68 U: frames for others on a card that hands over all; dropped, and counted; broken: net-filter
#[test]
fn frames_for_others_are_left_out() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut input = receiver(&card);
    let mut other = MAC.0;
    other[5] ^= 1;
    let group = [0x01, 0, 0x5e, 0, 0, 1];
    for to in [other, [0; 6], [0xff; 6], group, MAC.0] {
        assert!(card.arrive(&frame(to, 60)));
    }
    assert_eq!(take(&mut input), [[0xff; 6], group, MAC.0].map(|to| frame(to, 60)));
    assert_eq!(input.counters().not_for_us, 2);
}

#[test]
fn a_frame_is_no_longer_than_the_network_takes() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut input = Receiver::new(card.sealed().queue(net::RECEIVE).unwrap(), MAC, 600);
    let mut output: Output = Transmitter::new(card.sealed().queue(net::TRANSMIT).unwrap(), 600);
    assert!(card.arrive(&frame(MAC.0, 601)) && card.arrive(&frame(MAC.0, 600)));
    assert_eq!(take(&mut input).len(), 1);
    assert_eq!(input.counters().too_long, 1);
    assert_eq!(send(&mut output, &frame(MAC.0, 601), 7), Err((Dropped::TooLong, 7)));
    assert_eq!(send(&mut output, &frame(MAC.0, 600), 7), Ok(()));
    assert_eq!(send(&mut output, &frame(MAC.0, MIN_FRAME - 1), 7), Err((Dropped::TooShort, 7)));
    let expected =
        Counters { frames: 1, bytes: 600, too_long: 1, too_short: 1, ..Counters::default() };
    assert_eq!(output.counters(), expected);
}

#[test]
fn nobody_with_a_buffer_is_counted_and_the_buffer_goes_back() {
    let mut card = FakeCard::new(Notices::EventIndex);
    let mut input = receiver(&card);
    for _ in 0..3 * receive::HEADS {
        assert!(card.arrive(&frame(MAC.0, 60)));
        assert_eq!(input.take(1, |_| false), Ok(true));
        let Ok(_) = input.ring(&mut card.registers());
    }
    let dropped = 3 * receive::HEADS as u64;
    assert_eq!(input.counters(), Counters { no_buffer: dropped, ..Counters::default() });
}

// attack 50 U: a frame goes out in a head that held a longer one; nothing of that is behind it; broken: net-padding
#[test]
fn what_is_behind_a_frame_is_zero() {
    for notices in BOTH {
        let mut card = FakeCard::new(notices);
        let mut output = transmitter(&card);
        let lens = CLASSES.map(|(_, len)| len as usize);
        for len in lens.iter().flat_map(|len| [*len, *len - 1, *len / 2 + 1, *len]) {
            // Every head of the class held a frame of ones before.
            let class = *lens.iter().find(|class| len <= **class).unwrap();
            for _ in 0..transmit::HEADS {
                let Ok(()) = send(&mut output, &vec![1; class], 0) else { break };
            }
            let Ok(_) = output.ring(&mut card.registers());
            card.run();
            output.reap(|_| ()).unwrap();
            let sent = sent(&mut card, &mut output, &vec![0xff; len]);
            assert_eq!(sent.header, [0; HEADER], "no offload");
            assert_eq!(sent.frame.len(), class);
            let (frame, behind) = sent.frame.split_at(len);
            assert!(frame.iter().all(|byte| *byte == 0xff), "{len}");
            assert!(behind.iter().all(|byte| *byte == 0), "{len}: {behind:?}");
        }
    }
}

#[test]
fn a_frame_goes_in_the_shortest_head_that_it_fits() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut output = transmitter(&card);
    for (len, class) in [(14, 64), (64, 64), (65, 128), (512, 512), (513, 1024), (1514, 1514)] {
        assert_eq!(sent(&mut card, &mut output, &frame(MAC.0, len)).frame.len(), class);
    }
    // With those of its own in use a short frame takes a longer one; a long one takes no shorter.
    let heads: u16 = CLASSES.iter().map(|(heads, _)| heads).sum();
    for number in 0..usize::from(heads) {
        assert!(output.has_room(), "{number}");
        assert_eq!(send(&mut output, &frame(MAC.0, 60), number), Ok(()));
    }
    assert!(!output.has_room());
    assert_eq!(send(&mut output, &frame(MAC.0, 60), 9), Err((Dropped::NoBuffer, 9)));
    let Ok(rung) = output.ring(&mut card.registers());
    assert!(rung);
    assert_eq!(card.run().len(), usize::from(heads));
    let mut back = Vec::new();
    output.reap(|of| back.push(of)).unwrap();
    assert!(back.iter().copied().eq(0..usize::from(heads)));
    assert_eq!(output.counters().no_buffer, 1);
}

#[test]
fn what_cannot_be_filled_is_not_sent() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut output = transmitter(&card);
    for of in 0..2 * transmit::HEADS {
        let refused = output.send(60, of, |_, _| Err(Outside));
        assert_eq!(refused, Err((Dropped::NoBuffer, of)));
    }
    assert_eq!(sent(&mut card, &mut output, &frame(MAC.0, 60)).frame.len(), 64);
}

// attack 52 U: the card completes heads that it does not have, in either queue; told, and nothing comes of it
#[test]
fn a_card_that_lies_is_told() {
    let mut card = FakeCard::new(Notices::Flags);
    let mut input = receiver(&card);
    card.receive.say(64, 60);
    card.memory.settle();
    assert_eq!(input.take(64, |_| true), Err(Misbehaved::NoSuchHead { id: 64 }));
    assert_eq!(input.may_wait(), Err(Misbehaved::Before));
    let mut output = transmitter(&card);
    send(&mut output, &frame(MAC.0, 60), 5).unwrap();
    card.transmit.say(1, 0);
    card.memory.settle();
    let mut back = Vec::new();
    assert_eq!(output.reap(|of| back.push(of)), Err(Misbehaved::NotPosted { head: 1 }));
    assert_eq!(back, []);
    let refused = send(&mut output, &frame(MAC.0, 60), 6);
    assert_eq!(refused, Err((Dropped::NoBuffer, 6)));
}

proptest! {
    // attack 50 P: frames of any lengths and content, in any order, with the card slow and fast; each arrives as it was, and zeroes behind it; broken: net-padding
    #[test]
    fn every_frame_goes_out_once_as_it_was(
        frames in prop::collection::vec((MIN_FRAME..=MAX_FRAME, 1_u8..), 1..60),
        pauses in prop::collection::vec(0_usize..40, 1..10),
    ) {
        let mut card = FakeCard::new(Notices::EventIndex);
        let mut output = transmitter(&card);
        let mut pauses = pauses.into_iter().cycle();
        let (mut out, mut back) = (Vec::new(), Vec::new());
        let mut left = 0;
        for (number, (len, byte)) in frames.iter().enumerate() {
            send(&mut output, &vec![*byte; *len], number).unwrap();
            if left == 0 {
                let Ok(_) = output.ring(&mut card.registers());
                out.extend(card.run());
                output.reap(|of| back.push(of)).unwrap();
                left = pauses.next().unwrap_or(1);
            }
            left = left.saturating_sub(1);
        }
        let Ok(_) = output.ring(&mut card.registers());
        out.extend(card.run());
        output.reap(|of| back.push(of)).unwrap();
        prop_assert!(back.iter().copied().eq(0..frames.len()));
        prop_assert_eq!(out.len(), frames.len());
        for (sent, (len, byte)) in out.iter().zip(&frames) {
            let (frame, behind) = sent.frame.split_at(*len);
            prop_assert!(frame.iter().all(|at| at == byte) && behind.iter().all(|at| *at == 0));
            prop_assert_eq!(&sent.header, &[0; HEADER]);
        }
    }
}
