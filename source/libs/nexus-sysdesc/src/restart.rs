//! When a service that has died is started again. Times are nanoseconds since boot.
//!
//! A life that has lasted a [`PERIOD`] is followed by the next one at once. Behind a shorter one there is a
//! pause, which doubles with each of them until a life lasts. Whoever dies [`LIMIT`] times within a
//! [`PERIOD`] is given up. An end that somebody ordered who may counts for neither. Where nothing is limited
//! there is a pause all the same behind a life that could not be begun.

const MS: u64 = 1_000_000;

/// The death of a period that is the last one.
pub const LIMIT: usize = 8;
/// The time in which deaths are counted, and after which a life has lasted.
pub const PERIOD: u64 = 60_000 * MS;
/// The shortest pause.
pub const FIRST_PAUSE: u64 = 10 * MS;
/// How often it doubles: what a period has room for.
pub const DOUBLINGS: u32 = 6;

/// A life that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it was started.
    pub born: u64,
    /// When it ended. Never before an earlier one of the same service.
    pub died: u64,
    /// True when somebody ordered its end who may.
    pub ordered: bool,
}

impl Life {
    /// True when it has lasted.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.died.saturating_sub(self.born) >= PERIOD
    }
}

/// What comes behind a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next one, at once.
    Now,
    /// The next one, at this time.
    At(u64),
    /// None: it has died too often.
    GivenUp,
}

/// What is remembered of the lives of one service. Whoever starts one that was given up begins with a new
/// memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deaths {
    unlimited: bool,
    /// When the last ones were that count, the oldest first.
    times: [Option<u64>; LIMIT],
    /// Those since a life has lasted.
    short: u32,
}

impl Deaths {
    /// Of a service that has not died yet. With `unlimited` there is no limit, and no pause behind a life that
    /// was begun.
    #[must_use]
    pub const fn new(unlimited: bool) -> Deaths {
        Deaths { unlimited, times: [None; LIMIT], short: 0 }
    }

    /// Counts the end of `life`.
    pub fn count(&mut self, life: Life) -> Next {
        if life.is_long() || self.unlimited {
            self.short = 0;
        }
        if life.ordered || self.unlimited {
            return Next::Now;
        }
        self.times.rotate_left(1);
        if let Some(last) = self.times.last_mut() {
            *last = Some(life.died);
        }
        if self.recent(life.died) == LIMIT {
            return Next::GivenUp;
        }
        if life.is_long() { Next::Now } else { Next::At(life.died.saturating_add(self.pause())) }
    }

    /// Counts a life that could not be begun at `time`, as a death.
    pub fn count_failed(&mut self, time: u64) -> Next {
        if self.unlimited {
            return Next::At(time.saturating_add(self.pause()));
        }
        self.count(Life { born: time, died: time, ordered: false })
    }

    /// How many deaths count towards the limit at `now`: 0 to [`LIMIT`].
    #[must_use]
    pub fn recent(&self, now: u64) -> usize {
        let times = self.times.iter().flatten();
        times.filter(|time| now.saturating_sub(**time) < PERIOD).count()
    }

    /// The pause behind a short life.
    fn pause(&mut self) -> u64 {
        let doublings = self.short.min(DOUBLINGS);
        self.short = doublings.saturating_add(1);
        FIRST_PAUSE.checked_shl(doublings).unwrap_or(PERIOD)
    }
}
