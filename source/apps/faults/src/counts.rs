//! What came of many lives.

use alloc::vec::Vec;
use core::fmt;

use nexus_proto::init::EndKind;

use crate::ask::{Ended, LATE};

/// How a life with faults ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a fault of the processor.
    Faulted,
    /// By a panic, or a wish of its own.
    Ended,
    /// At its deadline, having answered nothing.
    Silent,
    /// At its deadline, having answered wrongly, or refused.
    Wrong,
    /// At its deadline, with no sign of a fault.
    Sound,
}

impl End {
    /// By what init says, and what a client had of it.
    #[must_use]
    pub const fn of(ended: &Ended, heard: Heard) -> End {
        let by_deadline = matches!(ended.end, EndKind::Killed) && ended.code == LATE;
        match (by_deadline, heard) {
            (false, _) if matches!(ended.end, EndKind::Fault) => End::Faulted,
            (false, _) => End::Ended,
            (true, Heard { wrong: 1.., .. }) => End::Wrong,
            (true, Heard { right: 0, .. }) => End::Silent,
            (true, _) => End::Sound,
        }
    }

    /// As the host reads it.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            End::Faulted => 'f',
            End::Ended => 'e',
            End::Silent => 's',
            End::Wrong => 'w',
            End::Sound => 'o',
        }
    }
}

/// How lives with faults ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Lives.
    pub lives: u64,
    /// Faults that they had in all.
    pub faults: u64,
    /// By a fault of the processor.
    pub faulted: u64,
    /// By a panic, or a wish of their own.
    pub ended: u64,
    /// At their deadline, having answered nothing.
    pub silent: u64,
    /// At their deadline, having answered wrongly, or refused.
    pub wrong: u64,
    /// At their deadline, with no sign of a fault.
    pub sound: u64,
}

/// What a client had of a life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Answers as they must be.
    pub right: u64,
    /// Others, and refusals.
    pub wrong: u64,
}

impl Ends {
    /// Counts a life with so many faults.
    pub const fn count(&mut self, faults: u64, end: End) {
        self.lives += 1;
        self.faults += faults;
        let place = match end {
            End::Faulted => &mut self.faulted,
            End::Ended => &mut self.ended,
            End::Silent => &mut self.silent,
            End::Wrong => &mut self.wrong,
            End::Sound => &mut self.sound,
        };
        *place += 1;
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ends { faulted, ended, silent, wrong, sound, .. } = self;
        write!(f, "{faulted} faulted, {ended} ended, {silent} silent, {wrong} wrong, {sound} sound")
    }
}

/// Times, of which the middle, the largest but 1 in 100, and the largest are told.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<u32>);

impl Times {
    /// One more, in microseconds.
    pub fn add(&mut self, us: u64) {
        self.0.push(u32::try_from(us).unwrap_or(u32::MAX));
    }

    /// Median, 99th percentile and maximum; zeroes when there is none.
    #[must_use]
    pub fn figures(&mut self) -> [u32; 3] {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let at = |place: usize| self.0.get(place).copied().unwrap_or(0);
        [at(last / 2), at((last * 99).div_ceil(100)), at(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_is_counted_once() {
        let mut ends = Ends::default();
        let lives = [
            (8, (EndKind::Fault, 13), (1, 1), 'f'),
            (9, (EndKind::Exit, 101), (0, 0), 'e'),
            (10, (EndKind::Killed, LATE), (0, 0), 's'),
            (11, (EndKind::Killed, LATE), (3, 1), 'w'),
            (12, (EndKind::Killed, LATE), (3, 0), 'o'),
        ];
        for (faults, (end, code), (right, wrong), letter) in lives {
            let ended = Ended { end, code, died: 0, at_rest: 0, again: 0 };
            let end = End::of(&ended, Heard { right, wrong });
            assert_eq!(end.letter(), letter);
            ends.count(faults, end);
        }
        let each =
            Ends { lives: 5, faults: 50, faulted: 1, ended: 1, silent: 1, wrong: 1, sound: 1 };
        assert_eq!(ends, each);
    }

    #[test]
    fn the_middle_the_largest_but_few_and_the_largest() {
        let mut times = Times::default();
        assert_eq!(times.figures(), [0; 3]);
        for us in (0..=100).rev() {
            times.add(us);
        }
        assert_eq!(times.figures(), [50, 99, 100]);
    }
}
