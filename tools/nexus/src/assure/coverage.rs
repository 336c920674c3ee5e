//! How much of the code the tests on the host reach.

use crate::paths;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::nightly;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::ops::AddAssign;

/// Where a package is, and the least share of its branches that must be reached, in percent.
const PACKAGES: &[(&str, &str, u64)] = &[
    ("neuron-core", "source/kernel/neuron-core/src/", 95),
    ("policyd", "source/services/policyd/src/", 0),
    ("logd", "source/services/logd/src/", 0),
    ("nexus-sysdesc", "source/libs/nexus-sysdesc/src/", 0),
    ("nexus-net", "source/libs/nexus-net/src/", 0),
    ("netstackd", "source/services/netstackd/src/", 0),
    ("httpd", "source/services/httpd/src/", 0),
];

/// What tests, and what only the target compiles, is not measured.
const NOT: &[&str] =
    &["/check/", "/sim/", "/tests/", "tests.rs", "/testing.rs", "/exercise", "/main.rs"];

/// Enough steps of the random programs.
const STEPS: &str = "100000";

#[derive(Deserialize)]
struct Report {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    summary: Summary,
    /// For each branch of each instance of a generic function: first line and column, last line and
    /// column, how often it was taken, how often not, and more.
    branches: Vec<Vec<u64>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Summary {
    lines: Count,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Count {
    count: u64,
    covered: u64,
}

impl File {
    /// Ways out of branches, taken in any instance; two for each branch.
    fn branches(&self) -> Count {
        let mut found: BTreeMap<&[u64], [bool; 2]> = BTreeMap::new();
        for branch in &self.branches {
            let (Some(place), Some([taken, not])) = (branch.get(..4), branch.get(4..6)) else {
                continue;
            };
            let ways = found.entry(place).or_default();
            ways[0] |= *taken != 0;
            ways[1] |= *not != 0;
        }
        let mut count = Count::default();
        for (_, ways) in found {
            count.count += 2;
            count.covered += u64::from(ways[0]) + u64::from(ways[1]);
        }
        count
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.count += other.count;
        self.covered += other.covered;
    }
}

impl Count {
    /// Tenths of a percent, rounded down.
    fn per_mille(self) -> u64 {
        self.covered.saturating_mul(1000).checked_div(self.count).unwrap_or(1000)
    }
}

pub(super) fn check() -> Result<Outcome> {
    let path = paths::root()?.join("target/coverage.json");
    let mut command = nightly(&["llvm-cov", "--branch", "--json", "--quiet"])?;
    command.arg("--output-path").arg(&path).env("NEURON_STEPS", STEPS);
    command.env("NEURON_STATES", "small");
    for (package, ..) in PACKAGES {
        command.args(["--package", package]);
    }
    if !capture::run(&mut command)?.0 {
        return Ok(Outcome::failure("see above"));
    }
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    let report: Report = serde_json::from_slice(&text).context("what llvm-cov wrote")?;
    let files: Vec<File> = report.data.into_iter().flat_map(|data| data.files).collect();
    let outcomes = PACKAGES.iter().map(|(name, place, least)| one(&files, name, place, *least));
    Ok(outcomes.reduce(Outcome::and).unwrap_or_default())
}

fn one(files: &[File], name: &str, place: &str, least: u64) -> Outcome {
    let (mut branches, mut lines) = (Count::default(), Count::default());
    for file in files {
        let Some((_, inside)) = file.filename.split_once(place) else { continue };
        let inside = format!("/{inside}");
        if !NOT.iter().any(|part| inside.contains(part)) {
            branches += file.branches();
            lines += file.summary.lines;
        }
    }
    let (counts, (branches, lines)) =
        ((branches.count, lines.count), (branches.per_mille(), lines.per_mille()));
    let text = format!(
        "{name}: {}.{} % of {} branches, {}.{} % of {} lines",
        branches / 10,
        branches % 10,
        counts.0,
        lines / 10,
        lines % 10,
        counts.1,
    );
    println!("{text}");
    Outcome::of(counts.1 > 0 && branches >= least * 10, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred branches, of each of which one way was taken, and of the first few the other.
    fn file(filename: &str, both: u64) -> File {
        let lines = Count { count: 100, covered: 100 };
        let branch = |line: u64| vec![line, 1, line, 2, 1, u64::from(line <= both), 0, 0, 4];
        File {
            filename: filename.to_owned(),
            summary: Summary { lines },
            branches: (1..=100).map(branch).collect(),
        }
    }

    #[test]
    fn test_bound() {
        let files = [file("/x/core/src/a.rs", 92), file("/x/core/src/check/b.rs", 0)];
        assert_eq!(one(&files, "core", "core/src/", 96).failed, 0, "tests are not measured");
        assert_eq!(one(&files, "core", "core/src/", 97).failed, 1);
        assert_eq!(one(&files, "other", "other/src/", 0).failed, 1, "nothing was measured");
    }
}
