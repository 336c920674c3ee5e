//! Time, in ticks of the `time` CSR.

use nexus_abi::NO_DEADLINE;

use crate::{startup, sys};

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Ticks since the machine started.
#[inline]
#[must_use]
pub fn ticks() -> u64 {
    sys::ticks()
}

/// Nanoseconds since the machine started.
#[must_use]
pub fn uptime_ns() -> u64 {
    ns_of_ticks(ticks())
}

/// `ticks` as nanoseconds. Saturates.
#[must_use]
pub fn ns_of_ticks(ticks: u64) -> u64 {
    scale(ticks, NS_PER_SECOND, timebase_hz())
}

/// Nanoseconds as ticks. Saturates.
#[must_use]
pub fn ticks_of_ns(ns: u64) -> u64 {
    scale(ns, timebase_hz(), NS_PER_SECOND)
}

/// Ticks in a second; never 0.
fn timebase_hz() -> u64 {
    startup().block().timebase_hz.max(1)
}

/// `value * to / from` without overflow in between; saturates.
fn scale(value: u64, to: u64, from: u64) -> u64 {
    // In two parts: a division of 128 bits takes hundreds of instructions.
    let (whole, rest) = (value / from, value % from);
    if let Some(part) = rest.checked_mul(to) {
        return whole.saturating_mul(to).saturating_add(part / from);
    }
    let wide = u128::from(value) * u128::from(to) / u128::from(from);
    u64::try_from(wide).unwrap_or(u64::MAX)
}

/// A point in time until which to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// Never passes.
    pub const NEVER: Deadline = Deadline(NO_DEADLINE);

    /// At this tick.
    #[must_use]
    pub const fn at(ticks: u64) -> Deadline {
        Deadline(ticks)
    }

    /// So many milliseconds from now.
    #[must_use]
    pub fn after_ms(ms: u64) -> Deadline {
        Deadline::after_ns(ms.saturating_mul(1_000_000))
    }

    /// So many nanoseconds from now.
    #[must_use]
    pub fn after_ns(ns: u64) -> Deadline {
        Deadline(ticks().saturating_add(ticks_of_ns(ns)))
    }

    /// The tick.
    #[inline]
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// True when it lies behind.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self != Deadline::NEVER && ticks() >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(ns_of_ticks(0), 0);
        assert_eq!(ns_of_ticks(1), 100);
        assert_eq!(ticks_of_ns(99), 0);
        assert_eq!(ticks_of_ns(100), 1);
        assert_eq!(ticks_of_ns(u64::MAX), u64::MAX / 100);
        assert_eq!(ns_of_ticks(u64::MAX), u64::MAX);
        assert_eq!(scale(7, 3, 2), 10);
    }

    #[test]
    fn deadlines() {
        assert!(Deadline::at(0).has_passed());
        assert!(Deadline::after_ms(0).has_passed());
        assert!(!Deadline::after_ms(60_000).has_passed());
        assert!(!Deadline::NEVER.has_passed());
        assert!(Deadline::after_ms(u64::MAX) <= Deadline::NEVER);
        assert!(!Deadline::after_ns(u64::MAX).has_passed());
        assert!(Deadline::after_ms(1) < Deadline::after_ms(60_000));
    }
}
