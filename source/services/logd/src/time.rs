//! Wall clock time, once somebody with the right to do so has told it.

const NS_PER_SECOND: u64 = 1_000_000_000;

/// A point in time, by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Ticks of the `time` CSR.
    pub ticks: u64,
    /// Nanoseconds after 1970-01-01; 0 if that was not known yet.
    pub unix_ns: u64,
}

/// Turns ticks into Unix time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    timebase_hz: u64,
    base: Option<Base>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Base {
    tick: u64,
    unix_ns: u64,
}

impl Clock {
    /// A clock that has not been set. `timebase_hz` is ticks a second; 0 counts as 1.
    #[must_use]
    pub fn new(timebase_hz: u64) -> Clock {
        Clock { timebase_hz: timebase_hz.max(1), base: None }
    }

    /// Sets it: at `tick` it was `unix_ns` nanoseconds after 1970-01-01.
    pub fn set(&mut self, tick: u64, unix_ns: u64) {
        self.base = Some(Base { tick, unix_ns });
    }

    /// The moment of tick `ticks`.
    #[must_use]
    pub fn at(&self, ticks: u64) -> Moment {
        Moment { ticks, unix_ns: self.unix_ns(ticks) }
    }

    fn unix_ns(&self, now: u64) -> u64 {
        let Some(base) = self.base else { return 0 };
        let span = self.span_ns(now.abs_diff(base.tick));
        if now >= base.tick {
            base.unix_ns.saturating_add(span)
        } else {
            base.unix_ns.saturating_sub(span)
        }
    }

    fn span_ns(&self, ticks: u64) -> u64 {
        let ns = u128::from(ticks) * u128::from(NS_PER_SECOND) / u128::from(self.timebase_hz);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_until_set_then_linear() {
        let mut clock = Clock::new(10_000_000);
        assert_eq!(clock.unix_ns(123), 0);
        clock.set(10_000_000, 1_700_000_000_000_000_000);
        assert_eq!(clock.unix_ns(10_000_000), 1_700_000_000_000_000_000);
        assert_eq!(clock.unix_ns(25_000_000), 1_700_000_001_500_000_000);
        assert_eq!(clock.unix_ns(0), 1_699_999_999_000_000_000);
    }

    #[test]
    fn bounds_saturate() {
        let mut clock = Clock::new(0);
        clock.set(0, u64::MAX);
        assert_eq!(clock.unix_ns(u64::MAX), u64::MAX);
        clock.set(u64::MAX, 5);
        assert_eq!(clock.unix_ns(0), 0);
    }
}
