//! What a proof says.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::{self, Debug, Display};
use core::sync::atomic::{AtomicU32, Ordering};

use nexus_abi::Error;
use nexus_mmio::Outside;
use nexus_rt::{CallError, StartError};
use nexus_test::Failed;

/// Nothing, when the fact is there; else what was seen instead.
pub type Check = Result<(), Failure>;

/// What was seen instead of the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// This.
    pub fn new(what: impl Display) -> Failure {
        Failure(what.to_string())
    }

    /// The same, with where it was seen before it.
    #[must_use]
    pub fn at(self, place: impl Display) -> Failure {
        Failure(format!("{place}: {}", self.0))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure(format!("the kernel said {error:?}"))
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        Failure(format!("this process lacks {error:?}"))
    }
}

impl From<Outside> for Failure {
    fn from(_: Outside) -> Failure {
        Failure(String::from("outside the memory"))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        Failure(format!("no answer: {error:?}"))
    }
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Failure {
        match failed {
            Failed::Start(error) => error.into(),
            Failed::Kernel(error) => error.into(),
            Failed::Call(error) => error.into(),
        }
    }
}

/// Checks that came out as they must since the last [`take_count`]: what a proof rests on. Every
/// [`refused`], [`same`] and [`ensure`] counts here, and nothing else.
static DONE: AtomicU32 = AtomicU32::new(0);

/// Counts so many checks, which came out as they must.
pub(crate) fn passed(checks: u64) {
    DONE.fetch_add(u32::try_from(checks).unwrap_or(u32::MAX), Ordering::Relaxed);
}

/// How many were counted since the last time, which begins a new count.
pub(crate) fn take_count() -> u32 {
    DONE.swap(0, Ordering::Relaxed)
}

/// One check: ends the proof when a condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($arg:tt)+) => {
        $crate::check::in_time!($condition, $($arg)+);
        $crate::check::passed(1);
    };
}
pub(crate) use ensure;

/// Ends the proof when something takes too long. Not a check: how often it is asked depends on how
/// long it takes.
macro_rules! in_time {
    ($condition:expr, $($arg:tt)+) => {
        if !$condition {
            return Err($crate::check::Failure::new(format_args!($($arg)+)));
        }
    };
}
pub(crate) use in_time;

/// That `seen` is exactly this error.
pub(crate) fn refused<T: Debug>(what: &str, seen: Result<T, Error>, expected: Error) -> Check {
    match seen {
        Err(error) if error == expected => {
            passed(1);
            Ok(())
        }
        other => Err(Failure(format!("{what}: {other:?}, expected {expected:?}"))),
    }
}

/// That `seen` is `expected`.
pub(crate) fn same<T: Debug + PartialEq>(what: &str, seen: &T, expected: &T) -> Check {
    if seen == expected {
        passed(1);
        Ok(())
    } else {
        Err(Failure(format!("{what}: {seen:?}, expected {expected:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ensured(fact: bool) -> Check {
        in_time!(true, "never");
        ensure!(fact, "it is not so");
        Ok(())
    }

    // One test, because the count is one of the process.
    #[test]
    fn what_is_as_it_must_be_is_counted_and_nothing_else() {
        take_count();
        assert!(refused("map", Err::<u64, _>(Error::Denied), Error::Denied).is_ok());
        assert!(same("bits", &5, &5).is_ok());
        assert!(ensured(true).is_ok());
        assert!(ensured(false).is_err());
        assert!(same("bits", &5, &6).is_err());
        assert!(refused("map", Ok(1), Error::Denied).is_err());
        passed(7);
        assert_eq!((take_count(), take_count()), (10, 0));
    }

    #[test]
    fn a_refusal_is_the_exact_error_and_no_other() {
        assert_eq!(refused("map", Err::<u64, _>(Error::Denied), Error::Denied), Ok(()));
        let other = refused("map", Err::<u64, _>(Error::Busy), Error::Denied);
        assert_eq!(other.unwrap_err().to_string(), "map: Err(Busy), expected Denied");
        let accepted = refused("map", Ok(1), Error::Denied);
        assert_eq!(accepted.unwrap_err().to_string(), "map: Ok(1), expected Denied");
    }

    #[test]
    fn a_failure_says_where() {
        let failure = Failure::new("odd").at("step 2").at("record 7");
        assert_eq!(failure.to_string(), "record 7: step 2: odd");
    }
}
