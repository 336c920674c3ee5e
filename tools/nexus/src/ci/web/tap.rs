//! What node's test runner says, in the Test Anything Protocol (version 13).

use crate::steps::outcome::Outcome;

/// What stands before the name of a test that passed, and of one that did not, behind its number.
const PASSED: &str = "ok ";
const FAILED: &str = "not ok ";
/// What is behind a test that did nothing.
const SKIPPED: &str = "# SKIP";

/// A line about a test of the first level: whether it passed, its name, whether it did anything.
fn result(line: &str) -> Option<(bool, &str, bool)> {
    let (passed, rest) = match line.strip_prefix(FAILED) {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix(PASSED)?),
    };
    let (_, name) = rest.split_once(" - ")?;
    let (name, did) = name.split_once(SKIPPED).map_or((name, true), |(name, _)| (name, false));
    Some((passed, name.trim_end(), did))
}

/// Lines that a person wants to see: results, and why one is not good.
pub(super) fn is_shown(line: &str) -> bool {
    const NOISE: [&str; 8] = [
        "TAP version",
        "# Subtest",
        "# tests",
        "# suites",
        "  ---",
        "  ...",
        "  duration_ms",
        "  type:",
    ];
    let counted = line.starts_with("# ") && line.ends_with(|last: char| last.is_ascii_digit());
    let noise = NOISE.iter().any(|noise| line.starts_with(noise));
    !(line.trim().is_empty() || counted || noise || is_plan(line))
}

fn is_plan(line: &str) -> bool {
    line.strip_prefix("1..").is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What the tests came to. `good` says that the runner was content.
pub(super) fn outcome(good: bool, said: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for (passed, name, did) in said.lines().filter_map(result) {
        match (passed, did) {
            (false, _) => outcome.failed += 1,
            (true, false) => outcome.skipped += 1,
            (true, true) => {
                outcome.passed += 1;
                outcome.ran.push(crate::attacks::Test::Web(name.to_owned()).name());
            }
        }
    }
    match (good, &outcome) {
        (_, Outcome { passed: 0, failed: 0, .. }) => outcome.and(Outcome::failure("no test ran")),
        (false, Outcome { failed: 0, .. }) => outcome.and(Outcome::failure("see above")),
        _ => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "TAP version 13\n# Subtest: a\nok 1 - a\n  ---\n  duration_ms: 7.1\n  ...\n\
                        # Subtest: b - c\n    ok 1 - inner\nnot ok 2 - b - c\n  error: 'no'\n\
                        ok 3 - d # SKIP not asked for\n1..3\n# tests 3\n# pass 1\n";

    #[test]
    fn test_what_ran_is_counted() {
        let outcome = outcome(false, SAID);
        assert_eq!((outcome.passed, outcome.failed, outcome.skipped), (1, 1, 1));
        assert_eq!(outcome.ran, ["web a"]);
    }

    #[test]
    fn test_what_did_not_run_fails() {
        assert_eq!(outcome(true, "TAP version 13\n1..0\n").failed, 1);
        assert_eq!(outcome(false, "ok 1 - a\n").failed, 1, "the runner says no");
        assert_eq!(outcome(true, "ok 1 - a\n").failed, 0);
    }

    #[test]
    fn test_what_is_shown() {
        let shown: Vec<&str> = SAID.lines().filter(|line| is_shown(line)).collect();
        let results = ["ok 1 - a", "    ok 1 - inner", "not ok 2 - b - c", "  error: 'no'"];
        assert_eq!(shown, [&results[..], &["ok 3 - d # SKIP not asked for"]].concat());
    }
}
