//! Several defences, one after the other: while one is tried the next is built. Then a table of what
//! noticed their absence.

use super::{Noticed, Tried, host, qemu};
use crate::attacks::Test;
use crate::broken::{Copy, Defence};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// Tries each of `chosen`, says what came of it, and prints the table. Returns how many were
/// noticed as they must be, and how many not; one that does not build is not.
///
/// # Errors
/// When there is no copy to leave them out of.
pub(super) fn all_of(chosen: &[Tried], qemu: Option<&PathBuf>) -> Result<(usize, usize)> {
    let start = Instant::now();
    let mut copy = Copy::open()?;
    let (send, receive) = mpsc::sync_channel(0);
    let mut rows = Vec::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            for tried in chosen {
                // Nobody receives any more when the other end has panicked.
                let _ = send.send(Built::of(&mut copy, &tried.defence, &tried.tests));
            }
        });
        for built in receive {
            let row = built.run(qemu);
            println!("broken {}", row.line());
            rows.push(row);
        }
    });
    println!("\nleft out, noticed by, seconds to build, to try:");
    rows.iter().for_each(|row| println!("  {}", row.line()));
    println!("{} in {:.0} s", rows.len(), start.elapsed().as_secs_f64());
    let passed = rows.iter().filter(|row| row.good()).count();
    Ok((passed, chosen.len() - passed))
}

/// What is to be tried without one defence; the copy has it again.
struct Built {
    name: String,
    tries: Vec<Result<Try>>,
    kept: PathBuf,
    seconds: f64,
}

enum Try {
    Image(Box<qemu::Image>),
    Tests(host::Tests),
}

impl Built {
    fn of(copy: &mut Copy, defence: &Defence, tests: &[Test]) -> Built {
        let start = Instant::now();
        let kept = copy.kept.join(&defence.name);
        let tries = match builds(copy, defence, tests, &kept) {
            Ok(tries) => tries,
            Err(error) => vec![Err(error)],
        };
        Built { name: defence.name.clone(), tries, kept, seconds: start.elapsed().as_secs_f64() }
    }

    fn run(self, qemu: Option<&PathBuf>) -> Row {
        let start = Instant::now();
        let run = |one: Result<Try>| match one? {
            Try::Image(image) => image.run(qemu),
            Try::Tests(tests) => tests.run(),
        };
        let noticed = self.tries.into_iter().map(run).collect();
        // It is made anew, the next time.
        let _ = fs::remove_dir_all(&self.kept);
        let tried = start.elapsed().as_secs_f64();
        Row { name: self.name, noticed, seconds: [self.seconds, tried] }
    }
}

fn builds(
    copy: &mut Copy,
    defence: &Defence,
    tests: &[Test],
    kept: &Path,
) -> Result<Vec<Result<Try>>> {
    // What a run that was killed has left there.
    if kept.exists() {
        fs::remove_dir_all(kept).with_context(|| format!("clearing {}", kept.display()))?;
    }
    fs::create_dir_all(kept)?;
    let without = copy.without(defence)?;
    let mut tries = Vec::new();
    if let Some(by) = &defence.caught_by {
        tries.push(
            qemu::build(&without, defence, by, kept).map(|image| Try::Image(Box::new(image))),
        );
    }
    let mut binaries: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (binary, path) in tests.iter().filter_map(Test::on_host) {
        binaries.entry(binary).or_default().insert(path);
    }
    for (binary, paths) in binaries {
        tries.push(host::build(&without, binary, paths, kept).map(Try::Tests));
    }
    Ok(tries)
}

/// What came of one.
struct Row {
    name: String,
    noticed: Vec<Result<Noticed>>,
    /// To build, to try.
    seconds: [f64; 2],
}

impl Row {
    /// True when each of them noticed it, and there was one.
    fn good(&self) -> bool {
        let good = |noticed: &Result<Noticed>| matches!(noticed, Ok(Noticed::AsExpected(_)));
        !self.noticed.is_empty() && self.noticed.iter().all(good)
    }

    fn line(&self) -> String {
        let what = self.noticed.iter().map(|noticed| match noticed {
            Ok(noticed) => noticed.to_string(),
            Err(error) => format!("FAILED, a fault of the row: {error:#}"),
        });
        let what = what.collect::<Vec<_>>().join("; ");
        let [build, tried] = self.seconds;
        format!("{:20} {what}  {build:.0} {tried:.0}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broken::Edit;
    use crate::build::Place;
    use crate::paths;
    use crate::test_broken::tests::defence;

    #[test]
    fn test_all_that_look_at_it_must_notice() {
        let row = |noticed| Row { name: "one".into(), noticed, seconds: [0.0, 0.0] };
        let noticed = || Ok(Noticed::AsExpected("a finding".into()));
        assert!(row(vec![noticed(), noticed()]).good());
        assert!(!row(vec![noticed(), Ok(Noticed::Not)]).good());
        assert!(!row(vec![]).good());
    }

    const CODE: &str = "pub fn one() -> u32 {\n    1\n}\n\n\
        #[test]\nfn is_one() {\n    assert_eq!(one(), 1);\n}\n";

    /// A tree with one crate, and what comes of it with its `1` replaced.
    fn row(replacement: &str) -> Row {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("tree");
        fs::create_dir_all(root.join("source")).unwrap();
        let manifest = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n\
            [lib]\npath = \"source/a.rs\"\n[lints.rust]\nunused = \"deny\"\n";
        fs::write(root.join("Cargo.toml"), manifest).unwrap();
        fs::write(root.join("source/a.rs"), CODE).unwrap();
        let wrapper = paths::root().unwrap().join(Place::WARNS);
        fs::create_dir_all(root.join("scripts")).unwrap();
        fs::copy(wrapper, root.join(Place::WARNS)).unwrap();
        let (build, target) = (root.join("build"), scratch.path().join("target"));
        let mut copy = Copy::of(&Place { root, build, target, lenient: false }).unwrap();
        let (text, replacement) = ("    1\n".to_owned(), replacement.to_owned());
        let file = "source/a.rs".to_owned();
        let one = Defence { edits: vec![Edit { file, text, replacement }], ..defence("one") };
        let test = Test::Host { binary: "small".into(), path: "is_one".into() };
        let left = copy.kept.join("one/of-a-run-that-was-killed");
        fs::create_dir_all(&left).unwrap();
        let built = Built::of(&mut copy, &one, &[test]);
        assert!(!left.exists(), "it stands in the way of what is built now");
        let row = built.run(None);
        assert_eq!(fs::read_to_string(copy.place.root.join("source/a.rs")).unwrap(), CODE);
        assert!(!copy.kept.join("one").exists());
        row
    }

    #[test]
    fn test_what_does_not_build_is_not_noticed() {
        for (replacement, good, says) in [
            ("    return 2;\n    1\n", true, "noticed: test is_one"),
            ("    1 + 0\n", false, "FAILED, but not by `a failure of is_one`"),
            ("    \"2\"\n", false, "FAILED, a fault of the row"),
            ("    1\n", false, "FAILED, a fault of the row"),
        ] {
            let row = row(replacement);
            assert_eq!(row.good(), good, "{}", row.line());
            assert!(row.line().contains(says), "{}", row.line());
        }
    }
}
