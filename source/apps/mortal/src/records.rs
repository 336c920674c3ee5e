//! The records that lives leave.

use alloc::format;

use nexus_test::Check;

use crate::keeper::holds;

/// Records of one life: decision, grant, end.
const OF_A_LIFE: u64 = 3;
/// Lives for each time that the ledger folds old ones, at least.
const FOLDED: u64 = 4;

/// How many there were at the last look.
#[derive(Debug, Default)]
pub(crate) struct Records {
    all: u64,
    lives: u64,
    folds: u64,
}

impl Records {
    /// Before the first life: `all` in all.
    #[must_use]
    pub(crate) const fn new(all: u64) -> Records {
        Records { all, lives: 0, folds: 0 }
    }

    /// There are `all` after so many lives: so many for each since the last look, and one at most with which
    /// the ledger has folded old lives.
    ///
    /// # Errors
    /// When that is not so.
    pub(crate) fn after(&mut self, all: u64, lives: u64) -> Check {
        let of_lives = OF_A_LIFE * lives.saturating_sub(self.lives);
        let more = all.saturating_sub(self.all);
        let folds = self.folds + u64::from(more == of_lives + 1);
        let fits = more == of_lives + (folds - self.folds) && folds <= lives.div_ceil(FOLDED);
        (self.all, self.lives, self.folds) = (all, lives, folds);
        holds(fits, || format!("{more} records more, after {lives} lives and {folds} folds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_leaves_three_and_some_a_fold() {
        let mut records = Records::new(26);
        assert!(records.after(29, 1).is_ok());
        assert!(records.after(36, 3).is_ok(), "with a fold");
        assert!(records.after(42, 5).is_ok());
        assert!(records.after(44, 6).is_err(), "one is missing");
        assert!(records.after(49, 7).is_err(), "two more than there are to be");
        let mut records = Records::new(0);
        assert!(records.after(4, 1).is_ok());
        assert!(records.after(8, 2).is_err(), "a fold for each life");
    }
}
