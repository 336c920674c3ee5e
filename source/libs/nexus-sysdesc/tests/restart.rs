//! When services are started again: by example, and against the rule in plain words.

use nexus_sysdesc::restart::{DOUBLINGS, Deaths, FIRST_PAUSE, LIMIT, Life, Next, PERIOD};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// A life of `len` that ends at `died`.
fn life(died: u64, len: u64) -> Life {
    Life { born: died - len, died, ordered: false }
}

fn ordered(died: u64, len: u64) -> Life {
    Life { ordered: true, ..life(died, len) }
}

/// Milliseconds of the pause behind a life of `len` that ends at `died`.
fn pause(deaths: &mut Deaths, died: u64, len: u64) -> u64 {
    match deaths.count(life(died, len)) {
        Next::At(time) => (time - died) / MS,
        next => panic!("{next:?}"),
    }
}

#[test]
fn a_life_that_has_lasted_is_followed_by_the_next_at_once() {
    let mut deaths = Deaths::new(false);
    assert_eq!(deaths.count(life(PERIOD, PERIOD)), Next::Now);
    assert_eq!(pause(&mut deaths, 2 * PERIOD - 1, PERIOD - 1), 10, "one nanosecond short of it");
    assert_eq!(deaths.count(life(9 * PERIOD, 7 * PERIOD)), Next::Now);
}

// attack 58 U: a service dies in its first instruction, again and again; pauses that double, and the eighth time in a minute it is given up; broken: restart-pause, restart-limit
// attack 91 U: a service dies in its first instruction; it is not started again without a pause; broken: restart-pause
#[test]
fn whoever_dies_at_once_waits_longer_each_time_and_is_given_up() {
    let mut deaths = Deaths::new(false);
    let mut now = 5;
    for doublings in 0..7 {
        let then = now + ((10 * MS) << doublings);
        assert_eq!(deaths.count(life(now, 0)), Next::At(then));
        now = then;
    }
    assert_eq!(deaths.count(life(now, 0)), Next::GivenUp);
    assert_eq!(deaths.count(life(now, 0)), Next::GivenUp, "and stays so");
    assert_eq!(pause(&mut Deaths::new(false), now, 0), 10, "who starts it forgets");
}

// attack 58 U: a service dies as often as it may, for a day; it goes on, and no pause is longer than a period has room for; broken: restart-doublings
#[test]
fn seven_deaths_a_minute_can_go_on_for_a_day() {
    let mut deaths = Deaths::new(false);
    let gap = PERIOD.div_ceil(7);
    let pauses: Vec<u64> = (1..=7 * 60 * 24)
        .map(|number| pause(&mut deaths, number * gap, gap - PERIOD / 60))
        .collect();
    assert_eq!(pauses[..8], [10, 20, 40, 80, 160, 320, 640, 640]);
    assert!(pauses[6..].iter().all(|pause| *pause == 640));
    let mut deaths = Deaths::new(false);
    let faster: Vec<Next> =
        (1..9).map(|number| deaths.count(life(number * (gap - 1), 1))).collect();
    assert_eq!(faster.iter().position(|next| *next == Next::GivenUp), Some(7), "{faster:?}");
}

/// The eighth death, so long after the first.
#[test]
fn a_death_counts_for_less_than_a_minute() {
    let eighth = |after: u64| {
        let mut deaths = Deaths::new(false);
        (0..7).for_each(|number| assert!(deaths.count(life(5 + number, 0)) != Next::GivenUp));
        assert_eq!(deaths.recent(11), 7);
        deaths.count(life(5 + after, 0)) == Next::GivenUp
    };
    assert_eq!([PERIOD - 1, PERIOD, PERIOD + 1].map(eighth), [true, false, false]);
}

#[test]
fn a_life_that_has_lasted_ends_the_doubling() {
    let mut deaths = Deaths::new(false);
    let mut next = |died, len| pause(&mut deaths, died, len);
    assert_eq!([next(10 * MS, 0), next(20 * MS, 0), next(30 * MS, 0)], [10, 20, 40]);
    assert_eq!(deaths.count(life(2 * PERIOD, PERIOD)), Next::Now);
    assert_eq!(pause(&mut deaths, 2 * PERIOD + 1, 0), 10);
    // So does one whose end was ordered.
    assert_eq!(deaths.count(ordered(4 * PERIOD, PERIOD)), Next::Now);
    assert_eq!(pause(&mut deaths, 4 * PERIOD + 1, 1), 10);
    assert_eq!(deaths.count(ordered(5 * PERIOD, PERIOD - 1)), Next::Now);
    assert_eq!(pause(&mut deaths, 5 * PERIOD + 1, 1), 20, "a short one does not");
}

// attack 58 U: ends that were ordered; they count neither for the limit nor for the pause; broken: restart-ordered
#[test]
fn ends_that_were_ordered_count_for_neither() {
    let mut deaths = Deaths::new(false);
    for number in 1..100 {
        assert_eq!(deaths.count(ordered(number * MS, 0)), Next::Now);
    }
    assert_eq!(pause(&mut deaths, 100 * MS, 0), 10);
}

#[test]
fn without_limit_there_is_no_pause() {
    let mut deaths = Deaths::new(true);
    for number in 1..100_000 {
        assert_eq!(deaths.count(life(number, 0)), Next::Now);
    }
}

// attack 58 F: a life cannot be begun, again and again, where nothing is limited; each try waits longer, up to a bound, until a life has begun; broken: restart-failed-unlimited
#[test]
fn a_life_that_cannot_be_begun_is_not_tried_without_a_pause() {
    let mut deaths = Deaths::new(true);
    let tries = |deaths: &mut Deaths| {
        [(); 9].map(|()| match deaths.count_failed(MS) {
            Next::At(time) => time / MS - 1,
            next => panic!("{next:?}"),
        })
    };
    assert_eq!(tries(&mut deaths), [10, 20, 40, 80, 160, 320, 640, 640, 640]);
    assert_eq!(deaths.count(life(MS, 0)), Next::Now);
    assert_eq!(tries(&mut deaths)[0], 10);
    let mut limited = [Deaths::new(false), Deaths::new(false)];
    for number in 0..9 {
        let [failed, died] = &mut limited;
        assert_eq!(failed.count_failed(number * MS), died.count(life(number * MS, 0)));
    }
}

#[test]
fn no_time_is_too_late() {
    let mut deaths = Deaths::new(false);
    assert_eq!(deaths.count(life(u64::MAX, 1)), Next::At(u64::MAX));
    let backwards = Life { born: 9 * PERIOD, died: 0, ordered: false };
    assert!(!backwards.is_long());
}

/// The rule again, from everything that ever happened: who died last stands last.
fn ruled(before: &[Life], now: Life) -> Next {
    if now.ordered {
        return Next::Now;
    }
    let counted = || before.iter().filter(|life| !life.ordered);
    if counted().filter(|life| now.died - life.died < PERIOD).count() >= LIMIT - 1 {
        return Next::GivenUp;
    }
    if now.died - now.born >= PERIOD {
        return Next::Now;
    }
    let short = before.iter().rev().take_while(|life| life.died - life.born < PERIOD);
    let short = u32::try_from(short.filter(|life| !life.ordered).count()).expect("a few");
    Next::At(now.died + FIRST_PAUSE * 2u64.pow(short.min(DOUBLINGS)))
}

proptest! {
    #[test]
    fn lives_are_counted_by_the_rule(
        steps in proptest::collection::vec(
            (0u64..3, prop_oneof![0..20 * MS, 0..PERIOD / 4, PERIOD - 1..=PERIOD + 1], 0u8..8),
            1..200,
        ),
    ) {
        let (mut deaths, mut now, mut before) = (Deaths::new(false), 0, Vec::new());
        for (late, len, order) in steps {
            let life = Life { born: now, died: now + len, ordered: order == 0 };
            let next = deaths.count(life);
            prop_assert_eq!(next, ruled(&before, life), "{:?}", before);
            now = late + match next {
                Next::Now => life.died,
                Next::At(time) => time,
                Next::GivenUp => break,
            };
            before.push(life);
        }
        // However it went, nobody was started too often.
        let died: Vec<u64> = before.iter().filter(|one| !one.ordered).map(|one| one.died).collect();
        prop_assert!(died.windows(LIMIT).all(|some| some[LIMIT - 1] - some[0] >= PERIOD));
    }
}
