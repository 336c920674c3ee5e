//! Figures as text and as JSON.

use super::peers::{GOALS, goal_of};
use crate::protocol::Bench;
use serde_json::json;
use std::fmt::Write;

/// Name of the figure that is wall time in microseconds.
pub(super) const START: &str = "start_to_owners_ready_us";
/// Most that it may be, in microseconds. The peers: xv6 to its shell 290 ms, seL4 to its root task
/// 590 ms, Linux to init 1890 ms.
const START_AT_MOST: u64 = 450_000;

/// One figure as a JSON object.
pub(super) fn json(figure: &Bench) -> String {
    json!({
        "name": figure.name,
        "median": figure.median,
        "samples": figure.samples,
        "equal": figure.equal,
    })
    .to_string()
}

/// All figures as a table.
pub(super) fn text(figures: &[Bench]) -> String {
    let mut text = format!(
        "{:26} {:34} {:>8} {:>8} {:>8} {:>10}\n",
        "instructions", "", "ours", "at most", "seL4", "equal"
    );
    for figure in figures.iter().filter(|figure| figure.name != START) {
        let goal = goal_of(&figure.name);
        let number =
            |value: Option<u64>| value.map_or(String::from("-"), |value| value.to_string());
        let _ = writeln!(
            text,
            "{:26} {:34} {:>8} {:>8} {:>8} {:>10}",
            figure.name,
            goal.map_or("", |goal| goal.about),
            figure.median,
            number(goal.and_then(|goal| goal.at_most)),
            number(goal.and_then(|goal| goal.sel4)),
            format!("{}/{}", figure.equal, figure.samples),
        );
    }
    for figure in figures.iter().filter(|figure| figure.name == START) {
        let _ = writeln!(
            text,
            "\nQEMU start to all owners ready: {} ms (aim: at most {} ms; seL4 to its root task 590 \
             ms, xv6 to its shell 290 ms, Linux 6.12 to init 1890 ms)",
            figure.median / 1000,
            START_AT_MOST / 1000
        );
    }
    text
}

/// Names of figures above what they may be at most. Wall time is no gate.
pub(super) fn over(figures: &[Bench]) -> Vec<&str> {
    let too_much = |figure: &&Bench| {
        let most = goal_of(&figure.name).and_then(|goal| goal.at_most);
        most.is_some_and(|most| figure.median > most)
    };
    figures.iter().filter(too_much).map(|figure| figure.name.as_str()).collect()
}

/// Operations of the table that were not measured.
pub(super) fn missing(figures: &[Bench]) -> Vec<&'static str> {
    let measured = |name: &str| figures.iter().any(|figure| figure.name == name);
    GOALS.iter().map(|goal| goal.name).filter(|name| !measured(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, median: u64) -> Bench {
        Bench { name: name.into(), median, samples: 64, equal: 64 }
    }

    #[test]
    fn test_json_has_the_agreed_names() {
        let text = json(&figure("null_syscall", 90));
        assert_eq!(text, r#"{"equal":64,"median":90,"name":"null_syscall","samples":64}"#);
    }

    #[test]
    fn test_limits() {
        let figures = [
            figure("null_syscall", 110),
            figure("mmio_map", 601),
            figure("mmio_map_at_1000", 600),
            figure("cap_drop_at_10", 501),
            figure("grant", 1_000_000),
            figure(START, 10_000_000),
        ];
        assert_eq!(over(&figures), ["mmio_map", "cap_drop_at_10"]);
        let missing = missing(&figures);
        assert!(missing.contains(&"cap_drop") && !missing.contains(&"null_syscall"));
    }

    #[test]
    fn test_table_shows_the_peers() {
        let text = text(&[figure("ipc_call_reply_8w", 530), figure(START, 400_000)]);
        assert!(text.contains("530      540     1872      64/64"), "{text}");
        assert!(text.contains("400 ms"));
    }
}
