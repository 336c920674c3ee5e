//! Several defences, two at a time, and a table of what noticed their absence.

use super::{Noticed, host, qemu};
use crate::broken::Defence;
use anyhow::Result;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How many are built and run side by side: linking the kernel keeps one core busy.
const LANES: usize = 2;

/// Tries each of `chosen`, says what came of it, and prints the table. Returns how many were
/// noticed as they must be, and how many not; one that does not build is not.
pub(super) fn all_of(chosen: &[Defence], qemu: Option<&PathBuf>) -> (usize, usize) {
    let start = Instant::now();
    let next = Mutex::new(chosen.iter().enumerate());
    let rows = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for lane in 0..LANES.min(chosen.len()) {
            let (next, rows) = (&next, &rows);
            scope.spawn(move || {
                while let Some((index, defence)) = locked(next, Iterator::next) {
                    let row = Row::of(&Defence { lane, ..defence.clone() }, qemu);
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
    noticed: Result<Noticed>,
    took: Duration,
}

impl Row {
    fn of(defence: &Defence, qemu: Option<&PathBuf>) -> Row {
        let start = Instant::now();
        let noticed = match &defence.host_test {
            Some(filter) => host::failing(defence, filter),
            None => qemu::failing(defence, qemu),
        };
        Row { name: defence.name.clone(), noticed, took: start.elapsed() }
    }

    fn good(&self) -> bool {
        matches!(self.noticed, Ok(Noticed::AsExpected(_)))
    }

    fn line(&self) -> String {
        let what = match &self.noticed {
            Ok(noticed) => noticed.to_string(),
            Err(error) => format!("FAILED to run: {error:#}"),
        };
        format!("{:20} {what}  {:.0}", self.name, self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_broken::tests::defence;

    #[test]
    fn test_what_does_not_build_is_not_noticed() {
        let mut none = defence("none");
        none.package = "there-is-no-such-package".into();
        none.host_test = Some("x".into());
        let row = Row::of(&none, None);
        assert!(!row.good() && row.line().contains("FAILED to run"), "{}", row.line());
        assert_eq!(all_of(&[none.clone(), none], None), (0, 2));
        assert_eq!(all_of(&[], None), (0, 0));
    }
}
