//! What became of the calls of one load.

use core::fmt::Display;
use core::sync::atomic::{AtomicU64, Ordering};

use nexus_abi::Error;
use nexus_proto::ServiceError;
use nexus_rt::{CallError, Deadline};
use nexus_test::SAFETY_MS;

use crate::report::Report;

/// Counts of calls, by how they ended, and of reads, since they were last told.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    gone: AtomicU64,
    late: AtomicU64,
    checked: AtomicU64,
    wrong: AtomicU64,
}

impl Tally {
    /// A call has ended, with this answer; `None` when it has none because the server, or what it knew of this
    /// process, ended.
    pub(crate) fn ended<T>(&self, answer: Result<T, CallError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.is_done(1);
                return Some(answer);
            }
            Err(
                CallError::Kernel(Error::PeerGone) | CallError::Service(ServiceError::BadState),
            ) => {
                self.is_gone(1);
            }
            Err(CallError::Kernel(Error::TimedOut)) => self.is_late(),
            Err(error) => self.is_wrong(format_args!("{error:?}")),
        }
        None
    }

    /// So many were done.
    pub(crate) fn is_done(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }

    /// So many ended with the server: done or not.
    pub(crate) fn is_gone(&self, count: u64) {
        self.gone.fetch_add(count, Ordering::Relaxed);
    }

    /// One has ended by its deadline alone.
    pub(crate) fn is_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// What was read is as it must be, or not.
    pub(crate) fn check<E: Display>(&self, check: Result<(), E>) {
        match check {
            Ok(()) => _ = self.checked.fetch_add(1, Ordering::Relaxed),
            Err(why) => self.is_wrong(why),
        }
    }

    /// What must be so, and is not counted when it is.
    pub(crate) fn is_good(&self, good: bool, why: impl Display) {
        if !good {
            self.is_wrong(why);
        }
    }

    pub(crate) fn is_wrong(&self, why: impl Display) {
        if self.wrong.fetch_add(1, Ordering::Relaxed) == 0 {
            nexus_rt::error!("{why}");
        }
    }

    /// As it is told to the keeper. From here on it is counted anew.
    pub(crate) fn report(&self, over: bool) -> Report {
        let of = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let Tally { done, gone, late, checked, wrong } = self;
        Report {
            done: of(done),
            gone: of(gone),
            late: of(late),
            checked: of(checked),
            wrong: of(wrong),
            over,
        }
    }
}

/// By when every call must have ended in another way: restarts are much faster.
pub(crate) fn soon() -> Deadline {
    Deadline::after_ms(SAFETY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_counted_by_how_it_ended() {
        let tally = Tally::default();
        assert_eq!(tally.ended(Ok(5)), Some(5));
        for error in [
            CallError::Kernel(Error::PeerGone),
            CallError::Service(ServiceError::BadState),
            CallError::Kernel(Error::TimedOut),
            CallError::Kernel(Error::BadHandle),
            CallError::Service(ServiceError::DeviceFailed),
        ] {
            assert_eq!(tally.ended::<()>(Err(error)), None);
        }
        let report = Report { done: 1, gone: 2, late: 1, checked: 0, wrong: 2, over: false };
        assert_eq!(tally.report(false), report);
        tally.check::<&str>(Ok(()));
        tally.check(Err("lost"));
        let more = Report { checked: 1, wrong: 1, over: true, ..Report::default() };
        assert_eq!(tally.report(true), more);
    }
}
