//! A token bucket: how fast one sender may write ordinary lines.

/// Lines that a sender may write at once after a quiet time.
pub const BURST: u32 = 64;
/// Lines a second that a sender may write for ever.
pub const PER_SECOND: u32 = 32;

/// Holds up to [`BURST`] tokens and gains [`PER_SECOND`] a second. A line costs one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    tokens: u32,
    /// Tick up to which tokens have been counted.
    counted: u64,
    ticks_per_token: u64,
}

impl Bucket {
    /// A full bucket. `timebase_hz` is ticks a second.
    #[must_use]
    pub fn new(timebase_hz: u64) -> Bucket {
        let ticks_per_token = (timebase_hz / u64::from(PER_SECOND)).max(1);
        Bucket { tokens: BURST, counted: 0, ticks_per_token }
    }

    /// Takes a token at tick `now`; false when there is none. A `now` in the past gains nothing.
    pub fn take(&mut self, now: u64) -> bool {
        let gained = now.saturating_sub(self.counted) / self.ticks_per_token;
        let room = BURST.saturating_sub(self.tokens);
        if gained >= u64::from(room) {
            self.tokens = BURST;
            self.counted = self.counted.max(now);
        } else {
            self.tokens += u32::try_from(gained).unwrap_or(room);
            self.counted += gained * self.ticks_per_token;
        }
        let taken = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(32_000);
        assert_eq!((0..200).filter(|_| bucket.take(5)).count(), 64);
        assert!(!bucket.take(1_004), "not yet");
        assert!(bucket.take(1_005));
        assert!(!bucket.take(1_005));
        assert_eq!((0..200).filter(|_| bucket.take(33_005)).count(), 32);
    }

    #[test]
    fn time_at_its_bounds() {
        let mut bucket = Bucket::new(0);
        assert!(bucket.take(0));
        assert!(bucket.take(u64::MAX));
        assert!(bucket.take(0), "going back costs a token and gains none");
        assert_eq!((0..200).filter(|_| bucket.take(u64::MAX)).count(), 62);
    }
}
