//! What all runs came to.

use super::ran::{Driver, Ran};
use crate::steps::figures::Row;
use crate::steps::results::Kept;
use std::time::Duration;

/// All runs that were made.
#[derive(Debug, Default)]
pub(super) struct Sum {
    runs: u32,
    /// How many there are to be.
    of: u32,
    failed: Vec<u64>,
    lost: u64,
    written: [u64; 3],
    took: Duration,
    drivers: Vec<Driver>,
}

impl Sum {
    /// Of these, of so many that there are to be.
    pub(super) fn of(kept: impl Iterator<Item = Kept<Ran>>, of: u32) -> Sum {
        let mut sum = Sum { of, ..Sum::default() };
        for Kept { outcome, took, .. } in kept {
            sum.add(outcome, took);
        }
        sum
    }

    fn add(&mut self, ran: Ran, took: Duration) {
        let Ran { seed, passed, lost, written, drivers } = ran;
        self.runs += 1;
        self.failed.extend((!passed).then_some(seed));
        self.lost += lost;
        added(&mut self.written, written);
        self.took += took;
        for driver in drivers {
            match self.drivers.iter_mut().find(|own| own.name == driver.name) {
                Some(own) => add(own, &driver),
                None => self.drivers.push(driver),
            }
        }
    }

    /// There are all, and none failed.
    pub(super) fn passed(&self) -> bool {
        self.failed.is_empty() && self.runs == self.of
    }

    /// For the page: a row for each driver, and one for all.
    pub(super) fn rows(&self, tree: &str, seed: u64) -> Vec<Row> {
        let mut rows: Vec<Row> = self.drivers.iter().map(|driver| row(driver, self.took)).collect();
        let faults: u64 = self.drivers.iter().map(|driver| driver.faults).sum();
        let lives: u64 = self.drivers.iter().map(|driver| driver.lives).sum();
        let failed = match self.failed.as_slice() {
            [] => "none failed".to_owned(),
            seeds => format!("failed with seeds {seeds:?}"),
        };
        let [writes, written, _] = self.written;
        let tree = tree.get(..16).unwrap_or(tree);
        let text = format!(
            "{faults} faults in {lives} lives; {writes} writes into rings in {written} lives; {} of {} runs, \
             seeds from {seed}, {failed}; {} questions lost; tree {tree}",
            self.runs, self.of, self.lost,
        );
        rows.push(Row { name: "all".to_owned(), text, took: self.took });
        rows
    }
}

/// Counts are added; of times the larger is kept, of each kind.
fn add(own: &mut Driver, more: &Driver) {
    own.faults += more.faults;
    own.lives += more.lives;
    added(&mut own.ends, more.ends);
    added(&mut own.registers, more.registers);
    if more.recovery.last() > own.recovery.last() {
        own.slowest = more.slowest;
    }
    own.recovery.iter_mut().zip(more.recovery).for_each(|(own, more)| *own = (*own).max(more));
}

fn added<const N: usize>(own: &mut [u64; N], more: [u64; N]) {
    own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
}

fn ends([faulted, ended, silent, wrong, sound]: [u64; 5]) -> String {
    format!("{faulted} faulted, {ended} ended, {silent} silent, {wrong} wrong, {sound} sound")
}

fn row(driver: &Driver, took: Duration) -> Row {
    let [median, p99, longest] = driver.recovery;
    let text = format!(
        "{} faults in {} lives: {}; with random registers: {}; \
         recovery, of the worst run: median {median} us, p99 {p99}, max {longest} after life {}",
        driver.faults,
        driver.lives,
        ends(driver.ends),
        ends(driver.registers),
        driver.slowest,
    );
    Row { name: driver.name.clone(), text, took }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(seed: u64, passed: bool, recovery: [u64; 3]) -> Ran {
        let ends = [50, 30, 10, 5, 5];
        let name = "rngd".to_owned();
        let registers = [0, 4, 0, 0, 1];
        let slowest = seed << 20 | 3;
        let driver = Driver { name, faults: 1200, lives: 100, ends, registers, recovery, slowest };
        Ran { seed, passed, lost: 1, written: [30, 2, 2], drivers: vec![driver] }
    }

    #[test]
    fn test_the_sum_of_all_runs() {
        let mut sum = Sum { of: 2, ..Sum::default() };
        sum.add(ran(7, true, [3, 4, 9]), Duration::from_secs(60));
        assert!(!sum.passed(), "one is left");
        sum.add(ran(8, true, [2, 5, 8]), Duration::from_secs(60));
        assert!(sum.passed());
        let rows = sum.rows("0123456789abcdef0", 7);
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "2400 faults in 200 lives: 100 faulted, 60 ended, 20 silent, 10 wrong, 10 sound; \
                 with random registers: 0 faulted, 8 ended, 0 silent, 0 wrong, 2 sound; \
                 recovery, of the worst run: median 3 us, p99 5, max 9 after life 7340035",
                "2400 faults in 200 lives; 60 writes into rings in 4 lives; 2 of 2 runs, seeds from 7, \
                 none failed; 2 questions lost; tree 0123456789abcdef",
            ]
        );
        sum.add(ran(9, false, [0; 3]), Duration::ZERO);
        assert!(!sum.passed());
        assert!(sum.rows("", 7)[1].text.contains("failed with seeds [9]"));
    }
}
