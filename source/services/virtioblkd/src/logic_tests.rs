//! The driver, whose logic is wrong, at a disk that does what it should.

use std::boxed::Box;

use nexus_proto::disk::{Flush, Read, Write};
use nexus_proto::{Operation, Text, Zero};
use nexus_virtio::Notices;
use nexus_virtio::fake::Order;
use nexus_virtio::fake::logic::{Heard, faults, lives};

use crate::calls::Ask;
use crate::fake::{Bench, CONFIG, Platter, SECTORS, bench_with};

const LIVES: u64 = 200;

fn bench(platter: &Platter) -> Bench {
    bench_with(platter.clone(), CONFIG, Notices::EventIndex, Order::Oldest)
}

/// Asked to write a number, to make that last, and to read it back.
fn ask(bench: &mut Bench, seed: u64) -> Heard {
    let (offset, bytes) = (seed % SECTORS * 512, seed.to_le_bytes());
    let asks = [
        Ask::Write(Write { offset, data: Text::piece(&bytes) }),
        Ask::Flush(Flush {}),
        Ask::Read(Read { offset, len: 8, zero: Zero::ZERO }),
    ];
    for (who, ask) in asks.into_iter().enumerate() {
        bench.engine.ask(who, ask);
        bench.settle();
    }
    let answers = bench.answers();
    let read = answers.iter().find(|(who, _)| *who == 2).map(|(_, read)| Read::decode_reply(read));
    match read {
        None => Heard::Nothing,
        Some(Ok(read)) if read.as_bytes() == bytes && answers.len() == 3 => Heard::Right,
        Some(_) => Heard::Wrong,
    }
}

// attack 57 F: a driver takes other values than it loads, and stores others than it means; the next life reads what it wrote itself
#[test]
fn after_a_driver_whose_logic_was_wrong_the_next_one_works() {
    let platter = Platter::default();
    let life = |seed| {
        let mut bench = bench(&platter);
        let made = faults(&bench.memory, seed, 12);
        let life: Box<dyn FnOnce() -> Heard> = Box::new(move || ask(&mut bench, seed));
        (made, life)
    };
    let ends = lives(LIVES, life, |seed| ask(&mut bench(&platter), seed ^ 1 << 40));
    std::println!("virtioblkd: {ends}");
    assert!(ends.faults >= LIVES && ends.sound < LIVES, "{ends}");
}
