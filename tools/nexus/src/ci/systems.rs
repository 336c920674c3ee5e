//! Systems of their own: those under tests/systems that say how they must end, and the examples.
//!
//! A guest has one hart, so that two of them run at a time; what each runs is built by one after the other.

use super::guest::{assertions, judged};
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::desc::Expect;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session, Until, profile_of, shipped_beside};
use anyhow::Result;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::{io, thread};

/// Guests at a time: as many as there are cores where `make test` has its share of time.
const AT_ONCE: usize = 2;
/// They have steps of their own.
const ELSEWHERE: [&str; 4] = [
    "tests/systems/bench",
    "tests/systems/bench-disk",
    "tests/systems/bench-net",
    "tests/systems/bench-store",
];

/// What only one does at a time.
#[derive(Default)]
struct Turns {
    build: Mutex<()>,
    print: Mutex<()>,
}

pub(super) fn check() -> Result<Outcome> {
    let systems = Mutex::new(systems()?.into_iter());
    let turns = Turns::default();
    let work = || {
        let mut total = Outcome::default();
        while let Some(directory) = { lock(&systems).next() } {
            let outcome = one(&directory, &turns)?;
            total = total.and(Outcome { note: String::new(), ..outcome });
        }
        Ok(total)
    };
    thread::scope(|scope| {
        let workers = [(); AT_ONCE].map(|()| scope.spawn(work));
        let each =
            workers.map(|worker| worker.join().unwrap_or_else(|why| panic::resume_unwind(why)));
        each.into_iter().try_fold(Outcome::default(), |total, one: Result<_>| Ok(total.and(one?)))
    })
}

/// Nothing that is guarded here can be left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one(directory: &Path, turns: &Turns) -> Result<Outcome> {
    let mut options = Options { quiet: true, ..Options::from_environment()? };
    if let Some(Expect::Prompt(prompt)) = Expect::of_system(directory)? {
        options.until = Until::Marker(prompt.reaches);
    }
    let system = Some(directory.to_path_buf());
    let args = SystemArgs { profile: profile_of(Some(directory))?, system };
    let (built, ships) = built(&args, turns)?;
    let start = Instant::now();
    let mut session = Session::run(&built, &options)?;
    if let Some(ships) = &ships {
        session.hold_against(&built.image, ships, &options)?;
    }
    let took = start.elapsed();
    let asserts = || {
        let _builds = lock(&turns.build);
        assertions(directory, &args.profile)
    };
    let _prints = lock(&turns.print);
    println!("-- {}, in {:.1} s", directory.display(), took.as_secs_f64());
    session.console().iter().for_each(|line| println_raw!("{line}"));
    session.report()?;
    let mut outcome = judged(&session).and(asserts()?);
    // Proofs of its own are no test of the standard system.
    if outcome.failed > 0 || !built.checked.judged {
        outcome.ran.clear();
    }
    if outcome.failed == 0 {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        outcome.ran.push(format!("system {name}"));
    }
    Ok(outcome)
}

fn built(args: &SystemArgs, turns: &Turns) -> Result<(Built, Option<Built>)> {
    let _builds = lock(&turns.build);
    let built = build::system(args)?;
    let ships = shipped_beside(&built, args)?;
    Ok((built, ships))
}

/// The directories of all, in the order in which they are begun.
fn systems() -> Result<Vec<PathBuf>> {
    let root = paths::root()?;
    let mut all = Vec::new();
    for parent in ["tests/systems", "examples"] {
        all.extend(directories(&root.join(parent))?);
    }
    all.retain(|directory| !ELSEWHERE.iter().any(|own| directory.ends_with(own)));
    Ok(all)
}

/// Directories in `parent` that hold a system, by name.
fn directories(parent: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = parent.read_dir() else { return Ok(Vec::new()) };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|one| one.map(|one| one.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.join("system.toml").is_file());
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_each_system_is_begun_once() {
        let mut all = systems().unwrap();
        for own in ["tests/systems/faults", "tests/systems/wild", "examples"] {
            assert!(all.iter().any(|path| path.to_string_lossy().contains(own)), "{own}");
        }
        assert!(!all.iter().any(|path| path.ends_with("tests/systems/bench")));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
