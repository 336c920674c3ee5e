//! What was measured of both, as text and as JSON, and whether it is enough.

use super::loads::Sample;
use serde_json::json;
use std::fmt::Write;

/// How many times theirs ours is at least, or at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gate {
    Least(f64),
    Most(f64),
}

/// Loads beside the guest's own stack.
const GATES: [(&str, Gate); 5] = [
    ("tcp_out", Gate::Least(1.5)),
    ("tcp_in", Gate::Least(1.5)),
    ("icmp", Gate::Most(0.7)),
    ("udp", Gate::Most(0.6)),
    ("tcp", Gate::Most(0.6)),
];
/// Seconds that 99 of 100 requests take at most, with many at the same time.
const SLOWEST: f64 = 0.050;

/// One load of one side, of all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Side {
    value: f64,
    p99: Option<f64>,
    rounds: usize,
}

/// One load.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    name: String,
    /// Whom it is beside.
    beside: &'static str,
    ours: Side,
    theirs: Option<Side>,
    gate: Option<Gate>,
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours.value / self.theirs?.value.max(f64::MIN_POSITIVE))
    }

    /// What it is measured in, and how many of them a value is.
    fn unit(&self) -> (&'static str, f64) {
        match self.name.as_str() {
            "tcp_out" | "tcp_in" => ("MiB/s", 1.0 / f64::from(1 << 20)),
            "icmp" | "udp" | "tcp" => ("us", 1e6),
            _ => ("1/s", 1.0),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn side(samples: &[Sample], name: &str) -> Option<Side> {
    let of_it: Vec<&Sample> = samples.iter().filter(|sample| sample.name == name).collect();
    let p99: Option<Vec<f64>> = of_it.iter().map(|sample| sample.p99).collect();
    (!of_it.is_empty()).then(|| Side {
        value: median(of_it.iter().map(|sample| sample.value).collect()),
        p99: p99.map(median),
        rounds: of_it.len(),
    })
}

/// Each load once, in the order in which ours were done.
pub(super) fn figures(
    ours: &[Sample],
    theirs: &[Sample],
    beside: &'static str,
    gate: Option<Gate>,
) -> Vec<Figure> {
    let mut names: Vec<&str> = Vec::new();
    for sample in ours {
        if !names.contains(&sample.name.as_str()) {
            names.push(&sample.name);
        }
    }
    let figure = |name: &str| {
        let own = GATES.iter().find(|(gated, _)| *gated == name).map(|(_, gate)| *gate);
        let (ours, theirs) = (side(ours, name)?, side(theirs, name));
        Some(Figure { name: name.to_owned(), beside, ours, theirs, gate: own.or(gate) })
    };
    names.into_iter().filter_map(figure).collect()
}

/// A table: a row for each load.
pub(super) fn text(figures: &[Figure]) -> String {
    let mut text = format!(
        "\nMedians of the rounds of each; p99 in ms.\n\n{:14} {:8} {:>9} {:>7} {:>6} {:>9} {:>7} {:>6} {:>6} {:>8}  {}\n",
        "load",
        "unit",
        "Nexus",
        "p99",
        "rounds",
        "Linux",
        "p99",
        "rounds",
        "ratio",
        "gate",
        "beside"
    );
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let ms = |side: Option<Side>| side?.p99.map(|p99| format!("{:.1}", p99 * 1e3));
    for figure in figures {
        let Figure { name, beside, ours, theirs, gate } = figure;
        let (unit, scale) = figure.unit();
        let _ = writeln!(
            text,
            "{name:14} {unit:8} {:>9.1} {:>7} {:>6} {:>9} {:>7} {:>6} {:>6} {:>8}  {beside}",
            ours.value * scale,
            or_dash(ms(Some(*ours))),
            ours.rounds,
            or_dash(theirs.map(|side| format!("{:.1}", side.value * scale))),
            or_dash(ms(*theirs)),
            or_dash(theirs.map(|side| side.rounds.to_string())),
            or_dash(figure.ratio().map(|ratio| format!("{ratio:.2}"))),
            or_dash(gate.map(|gate| match gate {
                Gate::Least(gate) => format!(">= {gate:.1}"),
                Gate::Most(gate) => format!("<= {gate:.1}"),
            })),
        );
    }
    text
}

/// A JSON object.
pub(super) fn json(figure: &Figure) -> String {
    let Figure { name, beside, ours, theirs, gate } = figure;
    let (unit, scale) = figure.unit();
    let (least, most) = match gate {
        Some(Gate::Least(gate)) => (Some(gate), None),
        Some(Gate::Most(gate)) => (None, Some(gate)),
        None => (None, None),
    };
    json!({
        "name": name,
        "unit": unit,
        "beside": beside,
        "nexus": ours.value * scale,
        "nexus_p99_s": ours.p99,
        "linux": theirs.map(|side| side.value * scale),
        "linux_p99_s": theirs.and_then(|side| side.p99),
        "ratio": figure.ratio(),
        "at_least": least,
        "at_most": most,
        "rounds": ours.rounds,
    })
    .to_string()
}

/// The gates that are missed, or could not be measured.
pub(super) fn missed(figures: &[Figure]) -> Vec<String> {
    let mut missed = Vec::new();
    for figure in figures {
        let Figure { name, beside, ours, gate, .. } = figure;
        match (gate, figure.ratio()) {
            (Some(Gate::Least(gate)), Some(ratio)) if ratio < *gate => {
                missed.push(format!("{name}: {ratio:.2} times {beside}, not {gate:.1}"));
            }
            (Some(Gate::Most(gate)), Some(ratio)) if ratio > *gate => {
                missed.push(format!("{name}: {ratio:.2} times {beside}, at most {gate:.1}"));
            }
            (Some(_), None) => missed.push(format!("{name}: no {beside} beside it")),
            _ => {}
        }
        if let Some(p99) = ours.p99.filter(|p99| name.ends_with("_8") && *p99 >= SLOWEST) {
            missed.push(format!("{name}: 99 of 100 within {:.1} ms, not 50", p99 * 1e3));
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, value: f64, p99: Option<f64>) -> Sample {
        Sample { name: name.into(), value, p99 }
    }

    #[test]
    fn test_medians_and_gates() {
        let mib = f64::from(1 << 20);
        let ours = [60.0, 10.0, 90.0].map(|mibs| sample("tcp_out", mibs * mib, None));
        let ours = [ours.to_vec(), vec![sample("icmp", 70e-6, None)]].concat();
        let theirs = [sample("tcp_out", 40.0 * mib, None), sample("icmp", 100e-6, None)];
        let all = figures(&ours, &theirs, "Linux", None);
        let row = "tcp_out        MiB/s         60.0       -      3      40.0       -      1   1.50   >= 1.5  Linux";
        assert!(text(&all).lines().any(|line| line == row), "{}", text(&all));
        let row = "icmp           us            70.0       -      1     100.0       -      1   0.70   <= 0.7  Linux";
        assert!(text(&all).lines().any(|line| line == row), "{}", text(&all));
        assert!(missed(&all).is_empty(), "{:?}", missed(&all));
        let theirs = [sample("tcp_out", 41.0 * mib, None), sample("icmp", 99e-6, None)];
        let told = missed(&figures(&ours, &theirs, "Linux", None));
        let expected =
            ["tcp_out: 1.46 times Linux, not 1.5", "icmp: 0.71 times Linux, at most 0.7"];
        assert_eq!(told, expected);
        let told = missed(&figures(&ours[..1], &[], "Linux", None));
        assert_eq!(told, ["tcp_out: no Linux beside it"]);
    }

    #[test]
    fn test_the_page_has_a_gate_of_its_own_and_one_for_the_slowest() {
        let ours =
            [sample("page_kept_1", 1000.0, Some(9.0)), sample("page_kept_8", 1000.0, Some(0.05))];
        let theirs = [sample("page_kept_1", 100.0, None), sample("page_kept_8", 99.0, Some(0.2))];
        let all = figures(&ours, &theirs, "busybox", Some(Gate::Least(10.0)));
        assert_eq!(missed(&all), ["page_kept_8: 99 of 100 within 50.0 ms, not 50"]);
        let row = "page_kept_8    1/s         1000.0    50.0      1      99.0   200.0      1  10.10  >= 10.0  busybox";
        assert!(text(&all).lines().any(|line| line == row), "{}", text(&all));
        let alone = figures(&ours[..1], &[], "busybox", None);
        assert!(missed(&alone).is_empty());
    }

    #[test]
    fn test_a_line_of_json() {
        let all = figures(&[sample("udp", 0.5e-3, None)], &[], "Linux", None);
        let expected = r#"{"at_least":null,"at_most":0.6,"beside":"Linux","linux":null,"linux_p99_s":null,"name":"udp","nexus":500.0,"nexus_p99_s":null,"ratio":null,"rounds":1,"unit":"us"}"#;
        assert_eq!(json(&all[0]), expected);
    }
}
