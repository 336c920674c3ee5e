//! Times as text and as JSON.

use crate::protocol::Load;
use serde_json::json;
use std::fmt::Write;

/// One load, of all rounds.
#[derive(Debug, PartialEq)]
struct Figure<'a> {
    name: &'a str,
    /// Requests in a second: each round, the slowest first.
    rates: Vec<f64>,
    /// Bytes of a request.
    bytes: f64,
}

impl Figure<'_> {
    fn median(&self) -> f64 {
        self.rates.get(self.rates.len() / 2).copied().unwrap_or_default()
    }

    fn mib(&self, rate: f64) -> f64 {
        rate * self.bytes / f64::from(1 << 20)
    }

    fn ends(&self) -> [f64; 2] {
        [self.rates.first(), self.rates.last()].map(|rate| rate.copied().unwrap_or_default())
    }
}

/// A number as it is told: no time is measured to 15 digits.
#[allow(clippy::cast_precision_loss)]
fn real(number: u64) -> f64 {
    number as f64
}

/// Each load once, in the order of the first round.
fn figures(loads: &[Load]) -> Vec<Figure<'_>> {
    let mut figures: Vec<Figure<'_>> = Vec::new();
    for load in loads {
        let rate = real(load.requests) * 1e9 / real(load.ns.max(1));
        match figures.iter_mut().find(|figure| figure.name == load.name) {
            Some(figure) => figure.rates.push(rate),
            None => figures.push(Figure {
                name: &load.name,
                rates: vec![rate],
                bytes: real(load.bytes) / real(load.requests.max(1)),
            }),
        }
    }
    figures.iter_mut().for_each(|figure| figure.rates.sort_by(f64::total_cmp));
    figures
}

/// A table: a row for each load.
pub(super) fn text(loads: &[Load]) -> String {
    let figures = figures(loads);
    let rounds = figures.iter().map(|figure| figure.rates.len()).min().unwrap_or(0);
    let mut text = format!(
        "\nWall time, median of {rounds} rounds in one boot, and the slowest and the fastest of them.\n\n\
         {:22} {:>9} {:>9} {:>9}   {}\n",
        "load", "requests/s", "MiB/s", "us each", "requests/s"
    );
    for figure in figures {
        let (median, [least, most]) = (figure.median(), figure.ends());
        let _ = writeln!(
            text,
            "{:22} {median:>10.0} {:>9.1} {:>9.1}   {least:.0} to {most:.0}",
            figure.name,
            figure.mib(median),
            1e6 / median.max(f64::MIN_POSITIVE),
        );
    }
    text
}

/// A JSON object for each load.
pub(super) fn json(loads: &[Load]) -> Vec<String> {
    let object = |figure: &Figure<'_>| {
        let [least, most] = figure.ends();
        json!({
            "name": figure.name,
            "rate": figure.median(),
            "mib": figure.mib(figure.median()),
            "rounds": figure.rates.len(),
            "least": least,
            "most": most,
        })
    };
    figures(loads).iter().map(|figure| object(figure).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, requests: u64, ns: u64) -> Load {
        let bytes = requests * 4096;
        Load { name: name.into(), requests, bytes, ns, batches: requests, doorbells: requests }
    }

    fn rounds() -> Vec<Load> {
        // 1000, 4000 and 2000 requests in a second; and 256.
        [1_000_000_000, 250_000_000, 500_000_000]
            .iter()
            .flat_map(|ns| [load("read", 1000, *ns), load("write", 256, 1_000_000_000)])
            .collect()
    }

    #[test]
    fn test_the_median_of_the_rounds_and_its_ends() {
        let text = text(&rounds());
        assert!(text.contains("median of 3 rounds"), "{text}");
        let row = "read                         2000       7.8     500.0   1000 to 4000";
        assert!(text.lines().any(|line| line == row), "{text}");
        let row = "write                         256       1.0    3906.2   256 to 256";
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn test_json_has_a_line_for_each_load() {
        let lines = json(&rounds());
        assert_eq!(lines.len(), 2);
        let first =
            r#"{"least":1000.0,"mib":7.8125,"most":4000.0,"name":"read","rate":2000.0,"rounds":3}"#;
        assert_eq!(lines[0], first);
    }

    #[test]
    fn test_no_time_at_all_is_no_division() {
        assert!(text(&[load("read", 0, 0)]).contains("read"));
    }
}
