//! What is answered, and when nothing is.
//!
//! A generator is Starting until the source has passed its start-up tests and given a first seed, then
//! Working. It is Failed from the first health test that fails, for the rest of its life: a new life
//! starts from the beginning. While Working it wants a new seed from time to time, and answers nothing
//! when that is overdue.

use core::fmt;
use core::time::Duration;

use nexus_rt::proto::ServiceError;

use crate::drbg::{Drbg, Pool};
use crate::health::{Failure, Health, STARTUP_BYTES};

/// Most bytes of one request.
pub const MAX_REQUEST: usize = 4096;
/// Bytes given out since the last seed, from which on another is wanted.
pub const SEED_WANTED_BYTES: usize = 64 << 10;
/// Age of the last seed, from which on another is wanted.
pub const SEED_WANTED_AGE: Duration = Duration::from_secs(60);
/// Most bytes that are given out with one seed.
pub const SEED_MAX_BYTES: usize = 1 << 20;
/// Greatest age of a seed.
pub const SEED_MAX_AGE: Duration = Duration::from_secs(600);

/// Why there are no random bytes. None were used up, and nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The source has not passed its start-up tests, or not given a first seed.
    Starting,
    /// It failed a health test, or is of no use for another reason.
    Failed(Failure),
    /// It should have given another seed by now.
    Overdue,
    /// None, or more than can be asked for at once ([`MAX_REQUEST`]).
    BadLength,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Starting => "the entropy source has not passed its start-up tests yet",
            Refused::Failed(Failure::Repetition) => "the entropy source repeats itself",
            Refused::Failed(Failure::Proportion) => "the entropy source prefers one value",
            Refused::Failed(Failure::Device) => "the entropy source is of no use any more",
            Refused::Overdue => "the entropy source has given nothing for too long",
            Refused::BadLength => "no random bytes, or too many at once",
        })
    }
}

impl From<Refused> for ServiceError {
    fn from(refused: Refused) -> ServiceError {
        match refused {
            Refused::Starting | Refused::Overdue => ServiceError::Unavailable,
            Refused::Failed(_) => ServiceError::DeviceFailed,
            Refused::BadLength => ServiceError::OutOfRange,
        }
    }
}

enum State {
    /// So many bytes are still to be tested and thrown away.
    Starting(usize),
    Working(Working),
    Failed(Failure),
}

struct Working {
    drbg: Drbg,
    /// When it was seeded.
    seeded: Duration,
    /// Bytes given out since.
    given: usize,
}

impl Working {
    /// True when the seed is older than `age`, or would have given out more than `bytes` with `more`. A
    /// seed from the future is older than anything.
    fn past(&self, now: Duration, more: usize, age: Duration, bytes: usize) -> bool {
        let old = now.checked_sub(self.seeded).is_none_or(|its| its > age);
        old || self.given.saturating_add(more) > bytes
    }
}

/// The generator with its source's tests. Times are since boot.
pub struct Generator {
    health: Health,
    pool: Pool,
    state: State,
}

impl Default for Generator {
    fn default() -> Generator {
        let state = State::Starting(STARTUP_BYTES);
        Generator { health: Health::default(), pool: Pool::default(), state }
    }
}

impl Generator {
    /// Bytes of the source that it wants now.
    #[must_use]
    pub fn wants(&self, now: Duration) -> usize {
        match &self.state {
            State::Starting(left) => left.saturating_add(self.pool.missing()),
            State::Working(working) if working.past(now, 0, SEED_WANTED_AGE, SEED_WANTED_BYTES) => {
                self.pool.missing()
            }
            State::Working(_) | State::Failed(_) => 0,
        }
    }

    /// Why the source is not used any more.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        match self.state {
            State::Failed(failure) => Some(failure),
            State::Starting(_) | State::Working(_) => None,
        }
    }

    /// True from the first seed on, for as long as no test fails.
    #[must_use]
    pub const fn is_seeded(&self) -> bool {
        matches!(self.state, State::Working(_))
    }

    /// The source is of no use any more. Key and pool are overwritten.
    pub fn give_up(&mut self) {
        if self.failure().is_none() {
            self.fail(Failure::Device);
        }
    }

    /// Bytes of the source, as it gave them. The first that fails a test ends everything: key and pool are
    /// overwritten, and none that come later are looked at.
    pub fn feed(&mut self, now: Duration, bytes: &[u8]) {
        for byte in bytes {
            if self.failure().is_some() {
                return;
            }
            match self.health.test(*byte) {
                Ok(()) => self.take(now, *byte),
                Err(failure) => self.fail(failure),
            }
        }
    }

    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn random(&mut self, now: Duration, out: &mut [u8]) -> Result<(), Refused> {
        let working = match &mut self.state {
            State::Starting(_) => return Err(Refused::Starting),
            State::Failed(failure) => return Err(Refused::Failed(*failure)),
            State::Working(working) => working,
        };
        if out.len() > MAX_REQUEST {
            return Err(Refused::BadLength);
        }
        if working.past(now, out.len(), SEED_MAX_AGE, SEED_MAX_BYTES) {
            return Err(Refused::Overdue);
        }
        working.given = working.given.saturating_add(out.len());
        working.drbg.fill(out);
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.state = State::Failed(failure);
        self.pool = Pool::default();
    }

    /// A byte that passed.
    fn take(&mut self, now: Duration, byte: u8) {
        if let State::Starting(left @ 1..) = &mut self.state {
            *left -= 1;
            return;
        }
        let Some(seed) = self.pool.push(byte) else { return };
        match &mut self.state {
            State::Starting(_) => {
                let drbg = Drbg::new(seed);
                self.state = State::Working(Working { drbg, seeded: now, given: 0 });
            }
            State::Working(working) => {
                working.drbg.seed(seed);
                (working.seeded, working.given) = (now, 0);
            }
            State::Failed(_) => {}
        }
    }
}
