//! From a fake device through its queue into the generator.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use nexus_rt::mmio::fake::{FakeMemory, FakeShared};
use nexus_rt::mmio::{ReadOnly, ReadWrite};
use nexus_virtio::fake::logic::{Heard, faults, lives};
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Layout};
use nexus_virtio::{Misbehaved, Notices};

use crate::generator::{Generator, Refused, SEED_MAX_AGE, SEED_WANTED_AGE};
use crate::health::Failure;
use crate::source::{SLOT_BYTES, Source};

const HEADS: usize = 4;
const BOOT: Duration = Duration::from_secs(1);

fn layout() -> Layout {
    Layout::alike(HEADS as u16, &[], &[SLOT_BYTES as u32])
}

struct Bench {
    memory: FakeMemory,
    device: FakeDevice,
    doorbell: FakeDoorbell,
    source: Source<FakeShared<ReadWrite>, FakeShared<ReadOnly>, FakeShared<ReadWrite>, HEADS>,
    generator: Generator,
}

/// A device that gives what `next` gives.
fn bench(mut next: impl FnMut() -> Vec<u8> + 'static) -> Bench {
    let layout = layout();
    let memory = layout.memory();
    let notices = Notices::EventIndex;
    let device = FakeDevice::new(&memory, &layout, 0, notices, move |_, _| next());
    let (queue, heads, slots) = layout.sealed(&memory, notices).queue(0).unwrap();
    let source = Source::new(queue, slots, heads);
    let (doorbell, generator) = (device.doorbell(), Generator::default());
    Bench { memory, device, doorbell, source, generator }
}

impl Bench {
    /// The driver asks, the device answers, the driver takes.
    fn turn(&mut self, now: Duration) -> Result<(), Misbehaved> {
        self.source.ask(now, &self.generator, &mut self.doorbell).unwrap();
        self.device.run();
        self.memory.settle();
        self.source.take(now, &mut self.generator)
    }

    fn ask(&mut self, now: Duration) -> Result<(), Refused> {
        self.generator.random(now, &mut [0; 32])
    }
}

fn good() -> impl FnMut() -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    move || {
        let mut bytes = vec![0; SLOT_BYTES];
        rng.fill_bytes(&mut bytes);
        bytes
    }
}

#[test]
fn a_device_seeds_the_generator_and_is_asked_again_when_it_is_time() {
    let mut bench = bench(good());
    let turns = (1..9).find(|_| {
        bench.turn(BOOT).unwrap();
        bench.ask(BOOT).is_ok()
    });
    // 1,104 bytes of 256 a turn.
    assert_eq!(turns, Some(5));
    assert_eq!(bench.source.may_wait(), Ok(true));
    let rung = bench.doorbell.rung().len();
    bench.turn(BOOT + SEED_WANTED_AGE).unwrap();
    assert_eq!(bench.doorbell.rung().len(), rung, "it wants nothing");
    for _ in 0..30 {
        let late = BOOT + SEED_MAX_AGE / 2;
        bench.turn(late).unwrap();
    }
    assert!(bench.doorbell.rung().len() > rung);
    assert_eq!(bench.ask(BOOT + SEED_MAX_AGE + SEED_WANTED_AGE), Ok(()));
}

#[test]
fn no_more_is_asked_for_than_is_wanted() {
    let mut bench = bench(good());
    for _ in 0..3 {
        bench.source.ask(BOOT, &bench.generator, &mut bench.doorbell).unwrap();
    }
    assert_eq!(bench.doorbell.rung().len(), 1, "four heads at once, and no more while it has them");
    for _ in 0..9 {
        bench.turn(BOOT).unwrap();
    }
    assert_eq!(bench.generator.wants(BOOT), 0);
    let soon = BOOT + SEED_WANTED_AGE * 2;
    let posted = |bench: &Bench| bench.memory.device_read(layout().avail(0))[2];
    let before = posted(&bench);
    assert_eq!(before, 18, "1,104 bytes");
    assert_eq!(bench.generator.wants(soon), 32, "80, less 48 that were left over");
    bench.source.ask(soon, &bench.generator, &mut bench.doorbell).unwrap();
    bench.memory.settle();
    assert_eq!(posted(&bench).wrapping_sub(before), 1);
}

// attack 73 F: a device that says it wrote, and wrote nothing; zeroes, never what was there before; broken: slot-not-cleared
#[test]
fn a_device_that_writes_nothing_fails_the_tests() {
    let mut device = good();
    let mut left = 20;
    let mut bench = bench(move || {
        left -= 1;
        if left < 0 { vec![] } else { device() }
    });
    for _ in 0..5 {
        bench.turn(BOOT).unwrap();
    }
    assert_eq!(bench.ask(BOOT), Ok(()));
    // The entries of the ring say 64 bytes each, and the slots are as the driver left them.
    let later = BOOT + SEED_WANTED_AGE * 2;
    bench.source.ask(later, &bench.generator, &mut bench.doorbell).unwrap();
    lie_about(&bench.memory, later, &mut bench.source, &mut bench.generator);
    assert_eq!(bench.ask(later), Err(Refused::Failed(Failure::Repetition)));
}

/// Completes the last head that was posted, with 64 bytes that were not written.
fn lie_about(
    memory: &FakeMemory,
    now: Duration,
    source: &mut Source<FakeShared<ReadWrite>, FakeShared<ReadOnly>, FakeShared<ReadWrite>, HEADS>,
    generator: &mut Generator,
) {
    let half = |at: usize| u16::from_le_bytes(memory.device_read(at..at + 2).try_into().unwrap());
    let (avail, used) = (layout().avail(0).start, layout().used(0).start);
    let (last, made) = (half(avail + 2).wrapping_sub(1), half(used + 2));
    let head = half(avail + 4 + 2 * (usize::from(last) % layout().size(0)));
    let entry = [u32::from(head).to_le_bytes(), (SLOT_BYTES as u32).to_le_bytes()].concat();
    memory.device_write(used + 4 + 8 * (usize::from(made) % layout().size(0)), &entry);
    memory.device_write(used + 2, &made.wrapping_add(1).to_le_bytes());
    memory.settle();
    source.take(now, generator).unwrap();
}

// attack 73 F: a device that gives nothing, from the start; never an answer
#[test]
fn a_device_that_is_silent_gives_no_answer() {
    let mut bench = bench(Vec::new);
    for _ in 0..50 {
        bench.turn(BOOT).unwrap();
        assert_eq!(bench.ask(BOOT), Err(Refused::Starting));
    }
}

// attack 73 F: a device that gives one byte for ever; failed, and never asked again
#[test]
fn a_device_that_sticks_is_never_asked_again() {
    let mut bench = bench(|| vec![3; SLOT_BYTES]);
    bench.turn(BOOT).unwrap();
    assert_eq!(bench.ask(BOOT), Err(Refused::Failed(Failure::Repetition)));
    let rung = bench.doorbell.rung().len();
    bench.turn(BOOT).unwrap();
    assert_eq!(bench.doorbell.rung().len(), rung);
}

#[test]
fn a_device_that_lies_about_heads_is_told_of() {
    let mut bench = bench(good());
    bench.memory.device_write(layout().used(0).start + 2, &[9, 0]);
    bench.memory.settle();
    let lie = Err(Misbehaved::Index { index: 9, had: 0 });
    assert_eq!(bench.source.take(BOOT, &mut bench.generator), lie);
    assert_eq!(bench.source.may_wait(), Err(Misbehaved::Before));
    assert_eq!(bench.ask(BOOT), Err(Refused::Starting));
}

/// Bytes are asked for as soon as there can be some.
fn bytes_of(bench: &mut Bench) -> Heard {
    let turns = (0..8).map(|_| bench.turn(BOOT)).collect::<Vec<_>>();
    match (bench.ask(BOOT), turns.iter().any(Result::is_err)) {
        (Ok(()), false) => Heard::Right,
        (Ok(()), true) => Heard::Wrong,
        (Err(_), _) => Heard::Nothing,
    }
}

// attack 57 F: a driver of an entropy device takes other values than it loads, and stores others than it means; the next life gives bytes
#[test]
fn after_a_driver_whose_logic_was_wrong_the_next_one_works() {
    const LIVES: u64 = 200;
    let life = |seed| {
        let mut bench = bench(good());
        let made = faults(&bench.memory, seed, 12);
        let life: Box<dyn FnOnce() -> Heard> = Box::new(move || bytes_of(&mut bench));
        (made, life)
    };
    let ends = lives(LIVES, life, |_| bytes_of(&mut bench(good())));
    std::println!("rngd: {ends}");
    assert!(ends.faults >= LIVES && ends.sound < LIVES, "{ends}");
}
