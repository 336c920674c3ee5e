//! Several defences, two at a time, and a table of what noticed their absence.

use super::{Noticed, Tried, host, qemu};
use crate::attacks::Test;
use crate::broken::Defence;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How many are built and run side by side: linking the kernel keeps one core busy.
const LANES: usize = 2;

/// Tries each of `chosen`, says what came of it, and prints the table. Returns how many were
/// noticed as they must be, and how many not; one that does not build is not.
pub(super) fn all_of(chosen: &[Tried], qemu: Option<&PathBuf>) -> (usize, usize) {
    let start = Instant::now();
    let next = Mutex::new(chosen.iter().enumerate());
    let rows = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for lane in 0..LANES.min(chosen.len()) {
            let (next, rows) = (&next, &rows);
            scope.spawn(move || {
                while let Some((index, tried)) = locked(next, Iterator::next) {
                    let defence = Defence { lane, ..tried.defence.clone() };
                    let row = Row::of(&defence, &tried.tests, qemu);
                    println!("broken {}", row.line());
                    locked(rows, |rows| rows.push((index, row)));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by_key(|(index, _)| *index);
    println!("\nleft out, noticed by, seconds:");
    rows.iter().for_each(|(_, row)| println!("  {}", row.line()));
    println!("{} in {:.0} s", rows.len(), start.elapsed().as_secs_f64());
    let passed = rows.iter().filter(|(_, row)| row.good()).count();
    (passed, chosen.len() - passed)
}

fn locked<T, R>(mutex: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
    work(&mut mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// What came of one.
struct Row {
    name: String,
    noticed: Vec<Result<Noticed>>,
    took: Duration,
}

impl Row {
    fn of(defence: &Defence, tests: &[Test], qemu: Option<&PathBuf>) -> Row {
        let start = Instant::now();
        let run = defence.caught_by.iter().map(|by| qemu::failing(defence, by, qemu));
        let mut binaries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (binary, path) in tests.iter().filter_map(Test::on_host) {
            binaries.entry(binary).or_default().push(path);
        }
        let tests = binaries.iter().map(|(binary, paths)| host::failing(defence, binary, paths));
        let noticed = run.chain(tests).collect();
        Row { name: defence.name.clone(), noticed, took: start.elapsed() }
    }

    /// True when each of them noticed it, and there was one.
    fn good(&self) -> bool {
        let good = |noticed: &Result<Noticed>| matches!(noticed, Ok(Noticed::AsExpected(_)));
        !self.noticed.is_empty() && self.noticed.iter().all(good)
    }

    fn line(&self) -> String {
        let what = self.noticed.iter().map(|noticed| match noticed {
            Ok(noticed) => noticed.to_string(),
            Err(error) => format!("FAILED to run: {error:#}"),
        });
        let what = what.collect::<Vec<_>>().join("; ");
        format!("{:20} {what}  {:.0}", self.name, self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_broken::tests::defence;

    #[test]
    fn test_all_that_look_at_it_must_notice() {
        let row = |noticed| Row { name: "one".into(), noticed, took: Duration::ZERO };
        let noticed = || Ok(Noticed::AsExpected("a finding".into()));
        assert!(row(vec![noticed(), noticed()]).good());
        assert!(!row(vec![noticed(), Ok(Noticed::Not)]).good());
        assert!(!row(vec![]).good());
    }

    #[test]
    fn test_what_does_not_build_is_not_noticed() {
        let test = Test::Host { binary: "there-is-no-such-package".into(), path: "x".into() };
        let none = Tried { defence: defence("none"), tests: vec![test] };
        let row = Row::of(&none.defence, &none.tests, None);
        assert!(!row.good() && row.line().contains("FAILED to run"), "{}", row.line());
        assert_eq!(all_of(&[none.clone(), none], None), (0, 2));
        assert_eq!(all_of(&[], None), (0, 0));
    }
}
