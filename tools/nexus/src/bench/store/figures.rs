//! Rates of both, as text and as JSON.

use super::Keys;
use crate::protocol::StoreLoad;
use serde_json::json;
use std::fmt::Write;

/// Loads that have a gate, with 10,000 keys: how many times SQLite's rate at least.
const GATES: [(&str, f64); 5] =
    [("put_sync_1", 2.0), ("put_sync_8", 3.0), ("put_100_sync", 1.5), ("get", 1.5), ("scan", 1.5)];
/// What is left of a gate with 1,000,000 keys.
const MANY: f64 = 0.8;

/// One load of one side, of all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Side {
    /// Operations in a second, in the median.
    rate: f64,
    /// Flushes for each 1,000 operations, in the median.
    flushes: f64,
    rounds: usize,
}

/// One load.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    name: String,
    nexus: Side,
    sqlite: Option<Side>,
    gate: Option<f64>,
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        Some(self.nexus.rate / self.sqlite?.rate.max(f64::MIN_POSITIVE))
    }
}

/// A number as it is told: no time is measured to 15 digits.
#[allow(clippy::cast_precision_loss)]
fn real(number: u64) -> f64 {
    number as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn side(loads: &[StoreLoad], name: &str) -> Option<Side> {
    let of_it: Vec<&StoreLoad> = loads.iter().filter(|load| load.name == name).collect();
    let each = |of: fn(&StoreLoad) -> f64| median(of_it.iter().map(|load| of(load)).collect());
    (!of_it.is_empty()).then(|| Side {
        rate: each(|load| real(load.operations) * 1e9 / real(load.ns.max(1))),
        flushes: each(|load| real(load.flushes) * 1e3 / real(load.operations.max(1))),
        rounds: of_it.len(),
    })
}

/// Each load once, in the order in which Nexus did them.
pub(super) fn figures(nexus: &[StoreLoad], sqlite: &[StoreLoad], keys: Keys) -> Vec<Figure> {
    let mut names: Vec<&str> = Vec::new();
    for load in nexus {
        if !names.contains(&load.name.as_str()) {
            names.push(&load.name);
        }
    }
    let part = match keys {
        Keys::Few => Some(1.0),
        Keys::More => None,
        Keys::Many => Some(MANY),
    };
    let figure = |name: &str| {
        let gate = GATES.iter().find(|(gated, _)| *gated == name);
        let gate = gate.and_then(|(_, gate)| Some(gate * part?));
        let (nexus, sqlite) = (side(nexus, name)?, side(sqlite, name));
        Some(Figure { name: name.to_owned(), nexus, sqlite, gate })
    };
    names.into_iter().filter_map(figure).collect()
}

/// A table: a row for each load.
pub(super) fn text(figures: &[Figure]) -> String {
    let mut text = format!(
        "\nOperations in a second, and flushes for each 1,000 operations: medians of the rounds of each.\n\n\
         {:14} {:>10} {:>8} {:>6} {:>10} {:>8} {:>6} {:>6} {:>5}\n",
        "load", "Nexus", "flushes", "rounds", "SQLite", "flushes", "rounds", "ratio", "gate"
    );
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for figure in figures {
        let Figure { name, nexus, sqlite, gate } = figure;
        let _ = writeln!(
            text,
            "{name:14} {:>10.0} {:>8.1} {:>6} {:>10} {:>8} {:>6} {:>6} {:>5}",
            nexus.rate,
            nexus.flushes,
            nexus.rounds,
            or_dash(sqlite.map(|side| format!("{:.0}", side.rate))),
            or_dash(sqlite.map(|side| format!("{:.1}", side.flushes))),
            or_dash(sqlite.map(|side| side.rounds.to_string())),
            or_dash(figure.ratio().map(|ratio| format!("{ratio:.2}"))),
            or_dash(gate.map(|gate| format!("{gate:.1}"))),
        );
    }
    text
}

/// A JSON object.
pub(super) fn json(figure: &Figure) -> String {
    let Figure { name, nexus, sqlite, gate } = figure;
    json!({
        "name": name,
        "nexus": nexus.rate,
        "nexus_flushes": nexus.flushes,
        "sqlite": sqlite.map(|side| side.rate),
        "sqlite_flushes": sqlite.map(|side| side.flushes),
        "ratio": figure.ratio(),
        "gate": gate,
        "rounds": nexus.rounds,
    })
    .to_string()
}

/// The gates that are missed, or could not be measured.
pub(super) fn missed(figures: &[Figure]) -> Vec<String> {
    let gated = figures.iter().filter_map(|figure| Some((figure, figure.gate?)));
    let told = gated.filter_map(|(figure, gate)| match figure.ratio() {
        Some(ratio) if ratio >= gate => None,
        Some(ratio) => Some(format!("{}: {ratio:.2} times SQLite, not {gate:.1}", figure.name)),
        None => Some(format!("{}: nothing beside it", figure.name)),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, operations: u64, ns: u64, flushes: u64) -> StoreLoad {
        StoreLoad { name: name.into(), operations, ns, flushes }
    }

    fn nexus() -> Vec<StoreLoad> {
        let fill = load("fill", 10, 1_000_000_000, 1);
        let puts = [4_000_000_000, 1_000_000_000, 2_000_000_000]
            .map(|ns| load("put_sync_1", 4000, ns, 4000));
        [vec![fill], puts.into()].concat()
    }

    #[test]
    fn test_medians_and_gates() {
        let sqlite = [load("put_sync_1", 1000, 1_000_000_000, 2000)];
        let figures = figures(&nexus(), &sqlite, Keys::Few);
        let told = text(&figures);
        let row =
            "put_sync_1           2000   1000.0      3       1000   2000.0      1   2.00   2.0";
        assert!(told.lines().any(|line| line == row), "{told}");
        let row =
            "fill                   10    100.0      1          -        -      -      -     -";
        assert!(told.lines().any(|line| line == row), "{told}");
        assert!(missed(&figures).is_empty());
    }

    #[test]
    fn test_what_is_slower_is_told() {
        let sqlite = [load("put_sync_1", 1001, 1_000_000_000, 2000)];
        let told = missed(&figures(&nexus(), &sqlite, Keys::Few));
        assert_eq!(told, ["put_sync_1: 2.00 times SQLite, not 2.0"]);
        assert!(missed(&figures(&nexus(), &sqlite, Keys::Many)).is_empty());
        assert!(missed(&figures(&nexus(), &[], Keys::More)).is_empty(), "no gate");
        let alone = missed(&figures(&nexus(), &[], Keys::Few));
        assert_eq!(alone, ["put_sync_1: nothing beside it"]);
    }

    #[test]
    fn test_a_line_of_json() {
        let figures = figures(&nexus()[1..], &[], Keys::Many);
        let line = json(figures.first().unwrap());
        assert_eq!(
            line,
            r#"{"gate":1.6,"name":"put_sync_1","nexus":2000.0,"nexus_flushes":1000.0,"ratio":null,"rounds":3,"sqlite":null,"sqlite_flushes":null}"#
        );
    }
}
