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

/// A difference from what the clock says that changes nothing.
pub const TOLERANCE_NS: u64 = NS_PER_SECOND;
/// The farthest that it can be set from the first time that it was set to, as it goes on from there.
pub const REACH_NS: u64 = 300 * NS_PER_SECOND;
/// Times that it can be set after the first: each leaves a record that is never folded away.
pub const CORRECTIONS: u8 = 16;

/// What a time that the clock is told comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It says that already, within [`TOLERANCE_NS`].
    None,
    /// It is to be set.
    Set,
    /// It is more than [`REACH_NS`] from the first.
    TooFar,
    /// It was set [`CORRECTIONS`] times.
    TooOften,
}

/// Turns ticks into Unix time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    timebase_hz: u64,
    /// What it was set to first.
    first: Option<Base>,
    base: Option<Base>,
    corrections: u8,
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
        Clock { timebase_hz: timebase_hz.max(1), first: None, base: None, corrections: 0 }
    }

    /// What it comes to that at `tick` it was `unix_ns` nanoseconds after 1970-01-01. The first time
    /// is believed.
    #[must_use]
    pub fn change(&self, tick: u64, unix_ns: u64) -> Change {
        let from = |base| self.from(base, tick).abs_diff(unix_ns);
        let (Some(first), Some(base)) = (self.first, self.base) else { return Change::Set };
        match (from(base), from(first)) {
            (..=TOLERANCE_NS, _) => Change::None,
            (_, ..=REACH_NS) if self.corrections < CORRECTIONS => Change::Set,
            (_, ..=REACH_NS) => Change::TooOften,
            _ => Change::TooFar,
        }
    }

    /// Sets it: at `tick` it was `unix_ns` nanoseconds after 1970-01-01.
    pub fn set(&mut self, tick: u64, unix_ns: u64) {
        let base = Base { tick, unix_ns };
        match self.first {
            None => self.first = Some(base),
            Some(_) => self.corrections = self.corrections.saturating_add(1),
        }
        self.base = Some(base);
    }

    /// The moment of tick `ticks`.
    #[must_use]
    pub fn at(&self, ticks: u64) -> Moment {
        Moment { ticks, unix_ns: self.unix_ns(ticks) }
    }

    fn unix_ns(&self, now: u64) -> u64 {
        self.base.map_or(0, |base| self.from(base, now))
    }

    fn from(&self, base: Base, now: u64) -> u64 {
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

    // attack 84 U: the clock is set again and again, a little further each time; it stays near the first time; broken: logd-clock
    #[test]
    fn it_is_set_right_within_reach_and_not_for_ever() {
        let second = NS_PER_SECOND;
        let start = 1_700_000_000 * second;
        let mut clock = Clock::new(10);
        assert_eq!(clock.change(0, start), Change::Set);
        clock.set(0, start);
        let at = |ns: u64| start + 100 * second + ns;
        assert_eq!(clock.change(1000, at(0)), Change::None);
        assert_eq!(clock.change(1000, at(second)), Change::None);
        assert_eq!(clock.change(1000, at(second + 1)), Change::Set);
        assert_eq!(clock.change(1000, at(0) - 300 * second), Change::Set);
        for far in [at(300 * second + 1), at(0) - 300 * second - 1, 0, u64::MAX] {
            assert_eq!(clock.change(1000, far), Change::TooFar, "{far}");
        }
        clock.set(1000, at(200 * second));
        assert_eq!(
            clock.change(1000, at(301 * second)),
            Change::TooFar,
            "from the first, not the last"
        );
        for step in 1..16 {
            let back = u64::from(step % 2 == 0) * 200 * second;
            assert_eq!(clock.change(1000, at(back)), Change::Set, "{step}");
            clock.set(1000, at(back));
        }
        assert_eq!(clock.change(1000, at(200 * second)), Change::TooOften);
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
