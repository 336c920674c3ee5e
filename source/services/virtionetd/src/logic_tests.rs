//! The driver, whose logic is wrong, at a card that does what it should.

use std::boxed::Box;
use std::vec;

use nexus_mmio::SharedMut;
use nexus_proto::net::MAX_FRAME;
use nexus_virtio::fake::logic::{Heard, faults, lives};
use nexus_virtio::{Notices, net};

use crate::fake::{FakeCard, MAC};
use crate::receive::Receiver;
use crate::transmit::Transmitter;

const LIVES: u64 = 200;

/// A frame goes out, and one comes in.
fn ask(card: &mut FakeCard, seed: u64) -> Heard {
    let mut input = Receiver::new(card.sealed().queue(net::RECEIVE).unwrap(), MAC, MAX_FRAME);
    let mut output = Transmitter::new(card.sealed().queue(net::TRANSMIT).unwrap(), MAX_FRAME);
    let mut regs = card.registers();
    let Ok(_) = input.ring(&mut regs);
    let mut frame = [MAC.0.as_slice(), &[0; 50], &seed.to_le_bytes()].concat();
    let given = output.send(frame.len(), 0, |_, mut to| to.copy_in(0, &frame));
    let Ok(_) = output.ring(&mut regs);
    let sent = card.run();
    let done = output.reap(|_: usize| ());
    let came = card.arrive(&frame);
    let mut received = vec![];
    let took = input.take(usize::MAX, |arrival| {
        let mut bytes = vec![0; arrival.len()];
        let _ = arrival.read(&mut bytes);
        received.push(bytes);
        true
    });
    frame.truncate(64);
    let right = sent.iter().any(|sent| sent.frame.starts_with(&frame)) && received == [frame];
    let well = given.is_ok() && done.is_ok() && came && took.is_ok();
    match (right && well, sent.is_empty() && received.is_empty()) {
        (true, _) => Heard::Right,
        (false, true) => Heard::Nothing,
        (false, false) => Heard::Wrong,
    }
}

// attack 57 F: a driver of a network card takes other values than it loads, and stores others than it means; the next life sends and receives
#[test]
fn after_a_driver_whose_logic_was_wrong_the_next_one_works() {
    let life = |seed| {
        let mut card = FakeCard::new(Notices::EventIndex);
        let made = faults(&card.memory, seed, 60);
        let life: Box<dyn FnOnce() -> Heard> = Box::new(move || ask(&mut card, seed));
        (made, life)
    };
    let ends = lives(LIVES, life, |seed| ask(&mut FakeCard::new(Notices::EventIndex), seed));
    std::println!("virtionetd: {ends}");
    assert!(ends.faults >= LIVES && ends.sound < LIVES, "{ends}");
}
