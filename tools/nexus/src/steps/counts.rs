//! How many tests ran, from what the test runner said.

use super::outcome::Outcome;

/// The counts in the output of `cargo nextest run` or `cargo test`.
pub(crate) fn of_output(text: &str) -> Outcome {
    let mut total = Outcome::default();
    for line in text.lines() {
        let plain = without_colours(line);
        let plain = plain.trim_start();
        let summary = plain
            .strip_prefix("test result: ")
            .or_else(|| plain.strip_prefix("Summary ").filter(|rest| rest.contains(" run: ")));
        if let Some(summary) = summary {
            total.passed += before(summary, "passed");
            total.failed += before(summary, "failed") + before(summary, "timed out");
            total.skipped += before(summary, "ignored");
        }
    }
    total
}

/// The number before `word`.
fn before(text: &str, word: &str) -> usize {
    let Some((front, _)) = text.split_once(&format!(" {word}")) else { return 0 };
    front.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut parts = line.split('\u{1b}');
    plain.extend(parts.next());
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> (usize, usize, usize) {
        let outcome = of_output(text);
        (outcome.passed, outcome.failed, outcome.skipped)
    }

    #[test]
    fn test_nextest() {
        assert_eq!(
            counts("     Summary [   0.258s] 59 tests run: 59 passed, 0 skipped"),
            (59, 0, 0)
        );
        let failed = "Summary [ 1.2s] 47/59 tests run: 44 passed, 2 failed, 1 timed out, 3 skipped";
        assert_eq!(counts(failed), (44, 3, 0));
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [ 0.1s] 2 tests run: \u{1b}[1m2\u{1b}[0m passed, 0 skipped";
        assert_eq!(counts(coloured), (2, 0, 0));
    }

    #[test]
    fn test_cargo_test_adds_up() {
        let text = "running 18 tests\n\
            test result: ok. 18 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(counts(text), (21, 2, 1));
    }

    #[test]
    fn test_nothing_is_nothing() {
        assert_eq!(counts("error: could not compile"), (0, 0, 0));
    }
}
