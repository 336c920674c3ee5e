//! The service over a fake device.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use core::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use nexus_rt::abi::{Message, Sender};
use nexus_rt::host::{Delivery, deliver, logd};
use nexus_rt::log::Level;
use nexus_rt::mmio::fake::{FakeMemory, FakeShared};
use nexus_rt::mmio::{ReadOnly, ReadWrite};
use nexus_rt::proto::entropy::Random;
use nexus_rt::proto::{Operation, ReplyError, ServiceError, Text};
use nexus_rt::{Deadline, ReplyTo, Service};
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Layout};
use nexus_virtio::{Doorbell, Notices};

use crate::generator::{SEED_MAX_AGE, SEED_WANTED_AGE, SEED_WANTED_BYTES};
use crate::health::STARTUP_BYTES;
use crate::server::Server;
use crate::source::{SLOT_BYTES, Source};
use crate::waiting::{LONGEST, MOST};

const HEADS: usize = 4;
const UNAVAILABLE: Result<Text, ReplyError> = Err(ReplyError::Service(ServiceError::Unavailable));
const FAILED: Result<Text, ReplyError> = Err(ReplyError::Service(ServiceError::DeviceFailed));

std::thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::from_secs(1)) };
}

fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

struct Bench {
    memory: FakeMemory,
    layout: Layout,
    device: FakeDevice,
    doorbell: FakeDoorbell,
    server: Server<FakeDoorbell, FakeShared<ReadWrite>, FakeShared<ReadOnly>, HEADS>,
    delivery: Delivery,
}

/// A device that gives what `next` gives, with an interrupt line.
fn bench(next: impl FnMut() -> Vec<u8> + 'static) -> Bench {
    bench_with(true, next)
}

fn bench_with(has_line: bool, mut next: impl FnMut() -> Vec<u8> + 'static) -> Bench {
    let layout = Layout::alike(HEADS as u16, &[], &[SLOT_BYTES as u32]);
    let (memory, notices) = (layout.memory(), Notices::EventIndex);
    let device = FakeDevice::new(&memory, &layout, 0, notices, move |_, _| next());
    let (queue, heads, slots) = layout.sealed(&memory, notices).queue(0).unwrap();
    let doorbell = device.doorbell();
    let source = Source::new(queue, slots, heads);
    let server = Server::new(doorbell.clone(), source, has_line, || NOW.get());
    Bench { memory, layout, device, doorbell, server, delivery: deliver([]) }
}

impl Bench {
    /// The answer that comes at once; `None` when the caller waits.
    fn ask(&mut self, len: u64) -> Option<Result<Text, ReplyError>> {
        let op = Random { len };
        let answer = self.server.handle(Sender::default(), op.into(), ReplyTo::nobody());
        let message = answer.into_message();
        (message != Message::default()).then(|| Random::decode_reply(&message))
    }

    /// The device does what it has to do, until it raises no interrupt any more.
    fn run(&mut self) {
        for _ in 0..100 {
            self.device.run();
            self.memory.settle();
            if self.doorbell.status() == 0 {
                return;
            }
            self.server.interrupt();
        }
        panic!("an interrupt that does not end");
    }

    /// What those got who waited, in order.
    fn answered(&self) -> Vec<Result<Text, ReplyError>> {
        self.delivery.sent().iter().map(|(_, message)| Random::decode_reply(message)).collect()
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

/// A service that is seeded.
fn seeded() -> Bench {
    let mut bench = bench(good());
    bench.server.tick();
    bench.run();
    bench
}

// attack 73 F: bytes are asked for while the device is tested; nobody gets any before, all get their own after; broken: entropy-early
#[test]
fn who_asks_before_the_first_seed_waits_for_it() {
    let mut bench = bench(good());
    bench.server.tick();
    assert_eq!((bench.ask(48), bench.ask(48), bench.ask(5)), (None, None, None));
    for _ in 0..2 {
        bench.device.run();
        bench.memory.settle();
        bench.server.interrupt();
        assert_eq!(bench.answered(), [], "512 bytes are no seed");
    }
    bench.run();
    let answers: Vec<Text> = bench.answered().into_iter().map(Result::unwrap).collect();
    let lens: Vec<usize> = answers.iter().map(|text| text.as_bytes().len()).collect();
    assert_eq!(lens, [48, 48, 5]);
    assert_ne!(answers[0], answers[1]);
    assert!(matches!(bench.ask(48), Some(Ok(text)) if !answers.contains(&text)));
}

// attack 73 F: a device that gives nothing; who waits is refused when it has waited long enough; broken: entropy-waits
#[test]
fn a_silent_device_holds_nobody_for_ever() {
    let mut bench = bench(Vec::new);
    bench.server.tick();
    for _ in 0..MOST {
        assert_eq!(bench.ask(16), None);
    }
    assert_eq!(bench.ask(16), Some(Err(ReplyError::Service(ServiceError::Busy))));
    pass(LONGEST - Duration::from_nanos(1));
    bench.server.tick();
    assert_eq!(bench.answered(), []);
    assert!(bench.server.deadline() < Deadline::after_ms(2000));
    pass(Duration::from_nanos(1));
    bench.server.tick();
    assert_eq!(bench.answered(), vec![UNAVAILABLE; MOST]);
    assert_eq!(bench.ask(16), None, "there is room again");
}

// attack 73 F: a device that sticks at one value; refused, those who wait too, and never asked again; broken: health-off
#[test]
fn a_device_that_fails_a_test_is_the_end() {
    let mut bench = bench(|| vec![3; SLOT_BYTES]);
    bench.server.tick();
    assert_eq!(bench.ask(16), None);
    bench.run();
    assert_eq!(bench.answered(), [FAILED]);
    assert_eq!(bench.ask(16), Some(FAILED));
    let rung = bench.doorbell.rung().len();
    pass(SEED_MAX_AGE);
    bench.server.tick();
    assert_eq!((bench.ask(16), bench.doorbell.rung().len()), (Some(FAILED), rung));
    assert_eq!(bench.server.deadline(), Deadline::NEVER);
}

// attack 90 U: the entropy device lies about its heads; no bytes any more, though there is a seed; broken: entropy-lies
#[test]
fn a_device_that_lies_is_the_end() {
    let mut bench = seeded();
    assert!(matches!(bench.ask(16), Some(Ok(_))));
    bench.memory.device_write(bench.layout.used(0).start + 2, &[9, 9]);
    bench.memory.settle();
    bench.server.interrupt();
    assert_eq!(bench.ask(16), Some(FAILED));
}

#[test]
fn a_length_is_1_to_48() {
    let mut bench = seeded();
    let wrong = Some(Err(ReplyError::Service(ServiceError::OutOfRange)));
    for len in [0, 49, u64::MAX] {
        assert_eq!(bench.ask(len), wrong, "{len}");
    }
    for len in [1, 48] {
        let text = bench.ask(len).unwrap().unwrap();
        assert_eq!((text.as_bytes().len() as u64, text.more()), (len, false));
    }
    let mut early = self::bench(Vec::new);
    assert_eq!(early.ask(49), wrong, "it does not wait to be told");
}

#[test]
fn another_seed_comes_while_bytes_are_given() {
    let mut bench = seeded();
    let rung = |bench: &Bench| bench.doorbell.rung().len();
    let before = rung(&bench);
    let mut given = 0;
    while rung(&bench) == before {
        assert!(matches!(bench.ask(48), Some(Ok(_))));
        given += 48;
    }
    assert!((SEED_WANTED_BYTES..SEED_WANTED_BYTES + 96).contains(&given), "{given}");
    assert!(bench.server.deadline() <= Deadline::after_ms(1000), "the device is looked at");
    bench.run();
    let after = rung(&bench);
    for _ in 0..100 {
        assert!(matches!(bench.ask(48), Some(Ok(_))));
    }
    assert_eq!(rung(&bench), after, "the seed is new");
}

// attack 73 F: the device gives nothing any more; refused when the seed is too old; broken: reseed-age
#[test]
fn a_seed_grows_old() {
    let mut bench = seeded();
    let rung = bench.doorbell.rung().len();
    pass(SEED_WANTED_AGE + Duration::from_secs(1));
    bench.server.tick();
    assert_eq!(bench.doorbell.rung().len(), rung + 1, "it is asked in time");
    assert!(matches!(bench.ask(48), Some(Ok(_))), "and nobody waits for it");
    pass(SEED_MAX_AGE);
    bench.server.tick();
    assert_eq!(bench.ask(48), Some(UNAVAILABLE));
    bench.run();
    assert!(matches!(bench.ask(48), Some(Ok(_))));
}

#[test]
fn a_doorbell_that_is_refused_is_rung_at_the_next_turn() {
    let mut bench = bench(good());
    bench.doorbell.refuse(true);
    bench.server.tick();
    assert_eq!(bench.doorbell.rung(), []);
    bench.doorbell.refuse(false);
    bench.server.tick();
    bench.run();
    assert!(matches!(bench.ask(48), Some(Ok(_))));
}

#[test]
fn without_a_line_the_device_is_looked_at() {
    let mut bench = bench_with(false, good());
    for turn in 0..9 {
        bench.server.tick();
        let next = bench.server.deadline();
        let asked = bench.server.deadline() <= Deadline::after_ms(10);
        assert_eq!(asked, turn < 5, "{turn}: {next:?}");
        bench.device.run();
        bench.memory.settle();
    }
    assert!(matches!(bench.ask(48), Some(Ok(_))));
}

#[test]
fn a_seed_is_told_once_and_not_before() {
    let logd = logd();
    let mut bench = bench(good());
    bench.server.tick();
    bench.device.run();
    bench.memory.settle();
    bench.server.interrupt();
    assert_eq!((logd.proofs(), logd.lines()), (vec![], vec![]), "it is still tested");
    bench.run();
    (0..3).for_each(|_| bench.server.tick());
    assert_eq!(logd.proofs(), [("random-seeded".into(), STARTUP_BYTES as u32)]);
    assert_eq!(logd.lines().iter().map(|(level, _)| *level).collect::<Vec<_>>(), [Level::Info]);
}

#[test]
fn a_failure_is_told_once() {
    let logd = logd();
    let mut bench = bench(|| vec![3; SLOT_BYTES]);
    bench.server.tick();
    bench.run();
    (0..3).for_each(|_| bench.server.tick());
    let told = "no random bytes any more: the entropy source repeats itself";
    assert_eq!(logd.lines(), [(Level::Error, told.into())]);
    assert_eq!(logd.proofs(), []);
}

#[test]
fn a_failure_after_the_seed_is_told_once_too() {
    let mut bench = seeded();
    let logd = logd();
    bench.memory.device_write(bench.layout.used(0).start + 2, &[9, 9]);
    bench.memory.settle();
    bench.server.interrupt();
    (0..3).for_each(|_| bench.server.tick());
    let told = "no random bytes any more: the entropy source is of no use any more";
    let lines = logd.lines();
    assert_eq!(lines.iter().filter(|(_, line)| line == told).count(), 1, "{lines:?}");
    assert_eq!(logd.proofs(), []);
}
