//! What came of many lives.

use alloc::vec::Vec;

use nexus_proto::init::EndKind;

use crate::ask::{Ended, LATE};

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
    pub const fn count(&mut self, faults: u64, ended: &Ended, heard: Heard) {
        self.lives += 1;
        self.faults += faults;
        let by_deadline = matches!(ended.end, EndKind::Killed) && ended.code == LATE;
        let place = match (by_deadline, heard) {
            (false, _) if matches!(ended.end, EndKind::Fault) => &mut self.faulted,
            (false, _) => &mut self.ended,
            (true, Heard { wrong: 1.., .. }) => &mut self.wrong,
            (true, Heard { right: 0, .. }) => &mut self.silent,
            (true, _) => &mut self.sound,
        };
        *place += 1;
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
        let ended = |end, code| Ended { end, code, died: 0, at_rest: 0, again: 0 };
        let heard = |right, wrong| Heard { right, wrong };
        ends.count(8, &ended(EndKind::Fault, 13), heard(1, 1));
        ends.count(9, &ended(EndKind::Exit, 101), heard(0, 0));
        ends.count(10, &ended(EndKind::Killed, LATE), heard(0, 0));
        ends.count(11, &ended(EndKind::Killed, LATE), heard(3, 1));
        ends.count(12, &ended(EndKind::Killed, LATE), heard(3, 0));
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
