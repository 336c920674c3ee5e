//! What is answered, and when nothing is.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use nexus_rt::proto::ServiceError;
use proptest::prelude::*;

use crate::drbg::SEED_BYTES;
use crate::generator::{
    Generator, MAX_REQUEST, Refused, SEED_MAX_AGE, SEED_MAX_BYTES, SEED_WANTED_AGE,
    SEED_WANTED_BYTES,
};
use crate::health::{Failure, STARTUP_BYTES};

const START: usize = STARTUP_BYTES + SEED_BYTES;
const ONE: Duration = Duration::from_nanos(1);
const BOOT: Duration = Duration::from_secs(1);

fn good(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ChaCha20Rng::seed_from_u64(5).fill_bytes(&mut bytes);
    bytes
}

/// One that is Working since `BOOT`.
fn working() -> Generator {
    let mut generator = Generator::default();
    generator.feed(BOOT, &good(START));
    generator
}

/// 32 bytes, or why not; then nothing was written.
fn ask(generator: &mut Generator, now: Duration) -> Result<[u8; 32], Refused> {
    let mut out = [0xaa; 32];
    let result = generator.random(now, &mut out);
    assert!(result.is_ok() || out == [0xaa; 32]);
    result.map(|()| out)
}

// attack 73 F: asked before the start-up tests have passed and a seed is there; refused; broken: entropy-early
#[test]
fn nothing_is_given_before_the_startup_tests_have_passed() {
    let mut generator = Generator::default();
    for (n, byte) in good(START).into_iter().enumerate() {
        assert_eq!(generator.wants(BOOT), START - n);
        assert_eq!(ask(&mut generator, BOOT), Err(Refused::Starting), "after {n} bytes");
        assert!(!generator.is_seeded());
        generator.feed(BOOT, &[byte]);
    }
    assert!(ask(&mut generator, BOOT).is_ok() && generator.is_seeded());
    assert_eq!(generator.wants(BOOT), 0);
}

#[test]
fn bytes_of_the_startup_tests_are_not_used() {
    let first = |change: usize| {
        let mut bytes = good(START);
        bytes[change] ^= 1;
        let mut generator = Generator::default();
        generator.feed(BOOT, &bytes);
        ask(&mut generator, BOOT).unwrap()
    };
    assert_eq!(first(0), first(STARTUP_BYTES - 1));
    assert_ne!(first(0), first(STARTUP_BYTES));
}

// attack 73 F: the source fails a test, at the start or later; nothing more is given in this life; broken: health-off
#[test]
fn the_first_failed_test_is_the_end() {
    for before in [0, 100, STARTUP_BYTES, START, START + 100] {
        let mut generator = Generator::default();
        generator.feed(BOOT, &good(before));
        assert_eq!(generator.failure(), None);
        generator.feed(BOOT, &[0x55; 10]);
        let failed = Err(Refused::Failed(Failure::Repetition));
        assert_eq!(ask(&mut generator, BOOT), failed, "{before} good bytes");
        generator.feed(BOOT, &good(2 * START));
        assert_eq!(ask(&mut generator, BOOT), failed, "and {} after", 2 * START);
        assert_eq!(generator.failure(), Some(Failure::Repetition));
        assert!(!generator.is_seeded());
        assert_eq!(generator.wants(BOOT), 0);
    }
}

// attack 73 F: the source prefers a value, and repeats none; nothing more is given; broken: health-off
#[test]
fn a_failed_proportion_is_the_end_too() {
    let mut generator = working();
    let leaning: Vec<u8> = good(2048).into_iter().flat_map(|byte| [byte, 7, 7]).collect();
    generator.feed(BOOT, &leaning);
    assert_eq!(ask(&mut generator, BOOT), Err(Refused::Failed(Failure::Proportion)));
}

// attack 73 F: the device is gone; the seed grows old, and nothing is given until there is another; broken: reseed-age
#[test]
fn a_source_that_stops_ends_the_answers_after_ten_minutes() {
    let mut generator = working();
    assert!(ask(&mut generator, BOOT + SEED_MAX_AGE).is_ok());
    for now in [BOOT + SEED_MAX_AGE + ONE, Duration::MAX, BOOT - ONE, Duration::ZERO] {
        assert_eq!(ask(&mut generator, now), Err(Refused::Overdue), "at {now:?}");
        assert_eq!(generator.wants(now), SEED_BYTES);
    }
    let late = BOOT + SEED_MAX_AGE + ONE;
    generator.feed(late, &good(SEED_BYTES - 1));
    assert_eq!(ask(&mut generator, late), Err(Refused::Overdue));
    generator.feed(late, &[1]);
    assert!(ask(&mut generator, late + SEED_MAX_AGE).is_ok());
}

// attack 73 F: more is asked for than one seed may give; refused, to the byte; broken: reseed-bytes
#[test]
fn a_seed_gives_so_many_bytes() {
    let mut generator = working();
    let mut out = [0; MAX_REQUEST];
    for _ in 1..SEED_MAX_BYTES / MAX_REQUEST {
        assert_eq!(generator.random(BOOT, &mut out), Ok(()));
    }
    assert_eq!(generator.random(BOOT, &mut out[1..]), Ok(()));
    assert_eq!(generator.random(BOOT, &mut out[..2]), Err(Refused::Overdue));
    assert_eq!(generator.random(BOOT, &mut out[..1]), Ok(()));
    assert_eq!(generator.random(BOOT, &mut out[..1]), Err(Refused::Overdue));
    assert_eq!(generator.random(BOOT, &mut []), Ok(()));
    generator.feed(BOOT, &good(SEED_BYTES));
    assert_eq!(generator.random(BOOT, &mut out), Ok(()));
}

#[test]
fn a_seed_is_wanted_long_before_it_is_overdue() {
    let mut generator = working();
    assert_eq!(generator.wants(BOOT + SEED_WANTED_AGE), 0);
    assert_eq!(generator.wants(BOOT + SEED_WANTED_AGE + ONE), SEED_BYTES);
    for _ in 0..SEED_WANTED_BYTES / MAX_REQUEST {
        generator.random(BOOT, &mut [0; MAX_REQUEST]).unwrap();
    }
    assert_eq!(generator.wants(BOOT), 0);
    generator.random(BOOT, &mut [0]).unwrap();
    assert_eq!(generator.wants(BOOT), SEED_BYTES);
    generator.feed(BOOT, &good(10));
    assert_eq!(generator.wants(BOOT), SEED_BYTES - 10);
    generator.feed(BOOT, &good(SEED_BYTES - 10));
    assert_eq!(generator.wants(BOOT), 0);
}

#[test]
fn a_request_has_at_most_4096_bytes() {
    let mut out = [0xaa; MAX_REQUEST + 1];
    assert_eq!(working().random(BOOT, &mut out), Err(Refused::BadLength));
    assert_eq!(out, [0xaa; MAX_REQUEST + 1]);
    assert_eq!(working().random(BOOT, &mut out[..MAX_REQUEST]), Ok(()));
    assert!(out[..64] != [0xaa; 64]);
}

// attack 73 U: two askers are given the same bytes, or zeroes; never; broken: random-constant
#[test]
fn no_two_answers_are_the_same() {
    let mut generator = working();
    let mut answers: Vec<[u8; 32]> =
        (0..1000).map(|_| ask(&mut generator, BOOT).unwrap()).collect();
    answers.sort_unstable();
    answers.dedup();
    assert_eq!(answers.len(), 1000);
    let ones: u32 = answers.as_flattened().iter().map(|byte| byte.count_ones()).sum();
    // 256,000 bits: 128,000 and 253 for each standard deviation.
    assert!((126_480..=129_520).contains(&ones), "{ones}");
}

#[test]
fn a_refusal_has_a_code_and_a_text() {
    let all = [
        (Refused::Starting, ServiceError::Unavailable),
        (Refused::Failed(Failure::Repetition), ServiceError::DeviceFailed),
        (Refused::Failed(Failure::Proportion), ServiceError::DeviceFailed),
        (Refused::Failed(Failure::Device), ServiceError::DeviceFailed),
        (Refused::Overdue, ServiceError::Unavailable),
        (Refused::BadLength, ServiceError::OutOfRange),
    ];
    let mut texts: Vec<_> = all.iter().map(|(refused, _)| alloc::format!("{refused}")).collect();
    texts.dedup();
    assert_eq!(texts.len(), all.len());
    for (refused, code) in all {
        assert_eq!(ServiceError::from(refused), code);
    }
}

proptest! {
    // attack 73 P: any source, any requests, at any time; bytes only with a seed of tested bytes that is not overdue; broken: reseed-age, health-off
    #[test]
    fn bytes_come_only_with_a_good_seed(
        steps in prop::collection::vec(
            (0_u64..200, prop_oneof![3 => Just(0), 1 => 0_usize..200], 0_usize..5000),
            1..40,
        ),
        stuck in 0_usize..80,
    ) {
        let mut generator = working();
        let (mut fed, mut given, mut seeded, mut now) = (0, 0, BOOT, BOOT);
        for (n, (seconds, feed, len)) in steps.into_iter().enumerate() {
            now += Duration::from_secs(seconds);
            if n == stuck {
                generator.feed(now, &[1; 10]);
            }
            generator.feed(now, &good(feed));
            fed += feed;
            if fed >= SEED_BYTES {
                (fed, given, seeded) = (fed % SEED_BYTES, 0, now);
            }
            let expected = if n >= stuck {
                Err(Refused::Failed(Failure::Repetition))
            } else if len > MAX_REQUEST {
                Err(Refused::BadLength)
            } else if now - seeded > SEED_MAX_AGE || given + len > SEED_MAX_BYTES {
                Err(Refused::Overdue)
            } else {
                given += len;
                Ok(())
            };
            prop_assert_eq!(generator.random(now, &mut vec![0; len]), expected);
        }
    }
}
