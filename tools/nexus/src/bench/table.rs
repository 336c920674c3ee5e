//! Figures as text and as JSON.

use super::peers::{GOALS, goal_of};
use crate::columns;
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

/// Live objects at which each operation is measured again.
const CROWDS: [&str; 3] = ["10", "100", "1000"];

/// All figures as a table: a row for each operation, with the growth beside it; in `width` columns,
/// where that is known.
pub(super) fn text(figures: &[Bench], width: Option<usize>) -> String {
    let median = |name: &str| figures.iter().find(|figure| figure.name == name);
    let mut text = String::from(
        "Instructions, user stub included; also with 10, 100 and 1,000 live objects; seL4 beside \
         them.\n\n",
    );
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for goal in GOALS {
        let Some(figure) = median(goal.name) else { continue };
        let crowd = CROWDS.map(|count| {
            let figure = median(&format!("{}_at_{count}", goal.name));
            number(figure.map(|figure| figure.median))
        });
        let [ten, hundred, thousand] = crowd;
        let (ours, equal) = (figure.median.to_string(), equal(figure));
        let (most, sel4) = (number(goal.at_most), number(goal.sel4));
        let about = goal.about.to_owned();
        rows.push([about, ours, ten, hundred, thousand, most, sel4, equal]);
    }
    match width {
        Some(width) if width < WIDTH => {
            let rows: Vec<Vec<String>> = rows.iter().map(|row| row.to_vec()).collect();
            columns::section(&mut text, width, "", &rows);
        }
        _ => rows.iter().for_each(|cells| line(&mut text, cells)),
    }
    if let Some(start) = median(START) {
        let _ = writeln!(
            text,
            "\nQEMU start to all owners ready: {} ms (aim: at most {} ms; seL4 to its root task 590 \
             ms, xv6 to its shell 290 ms, Linux 6.12 to init 1890 ms)",
            start.median / 1000,
            START_AT_MOST / 1000
        );
    }
    text
}

/// What stands over the columns.
const HEADINGS: [&str; 8] = ["operation", "ours", "10", "100", "1000", "at most", "seL4", "equal"];

/// Columns of a [`line`].
const WIDTH: usize = 94;

fn line(text: &mut String, cells: &[String; 8]) {
    let [name, ours, ten, hundred, thousand, most, sel4, equal] = cells;
    let _ = writeln!(
        text,
        "{name:34} {ours:>7} {ten:>7} {hundred:>7} {thousand:>7}  {most:>7} {sel4:>7}  {equal:>7}"
    );
}

fn number(value: Option<u64>) -> String {
    value.map_or(String::from("-"), |value| value.to_string())
}

fn equal(figure: &Bench) -> String {
    format!("{}/{}", figure.equal, figure.samples)
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
    fn test_table_shows_growth_and_peers() {
        let at_100 = figure("ipc_call_reply_8w_at_100", 531);
        let text = text(&[figure("ipc_call_reply_8w", 530), at_100, figure(START, 400_000)], None);
        assert!(text.contains("530       -     531       -      540    1872    64/64"), "{text}");
        assert!(text.contains("400 ms"));
    }

    #[test]
    fn test_table_fits_terminals_of_40_to_200_columns() {
        let figures: Vec<Bench> = GOALS.iter().map(|goal| figure(goal.name, 123_456)).collect();
        for width in 40..=200 {
            let text = columns::fold(&text(&figures, Some(width)), width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        }
        assert!(text(&figures, None).lines().skip(2).all(|line| line.chars().count() <= WIDTH));
    }
}
