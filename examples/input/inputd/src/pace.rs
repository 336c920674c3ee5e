//! How many lines there are: a few in a second, and one for all that were left out.

use core::time::Duration;

/// Keys that are told in a period.
pub const LINES: u32 = 16;
/// The length of a period, which begins with the first event in it.
pub const PERIOD: Duration = Duration::from_secs(1);

/// What was left out in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Keys that were not told.
    pub untold: u64,
    /// Events that were not 8 bytes long.
    pub dropped: u64,
}

/// Counts lines. All times are since boot.
#[derive(Debug, Default)]
pub struct Pace {
    /// The end of this period.
    end: Duration,
    /// Lines in it so far.
    told: u32,
    rest: Rest,
}

impl Pace {
    /// True when a key may be told now; else it is counted.
    pub fn may_tell(&mut self, now: Duration) -> bool {
        self.begin(now);
        let may = self.told < LINES;
        if may {
            self.told += 1;
        } else {
            self.rest.untold = self.rest.untold.saturating_add(1);
        }
        may
    }

    /// Counts an event that is dropped.
    pub fn drop_one(&mut self, now: Duration) {
        self.begin(now);
        self.rest.dropped = self.rest.dropped.saturating_add(1);
    }

    /// What was left out, once its period is over.
    pub fn rest(&mut self, now: Duration) -> Option<Rest> {
        let is_due = self.due().is_some_and(|end| end <= now);
        is_due.then(|| core::mem::take(&mut self.rest))
    }

    /// When there is something for [`Self::rest`]; `None` while nothing was left out.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        (self.rest != Rest::default()).then_some(self.end)
    }

    /// Begins a period, if the last is over and all of it was told.
    fn begin(&mut self, now: Duration) {
        if self.end <= now && self.due().is_none() {
            (self.end, self.told) = (now.saturating_add(PERIOD), 0);
        }
    }
}
