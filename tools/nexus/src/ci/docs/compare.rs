//! Lines that a document shows, and lines that were printed.

/// Stands for any lines.
const LINES: &str = "[…]";
/// Stands for any text in a line.
const TEXT: char = '…';
/// Hexadecimal digits from which on a word is a hash, which is another each time.
const HASH: usize = 16;
/// Words of a date, as in `Sat 28 Nov 2026 15:37:23`.
const DATE: usize = 5;

/// The first place at which lines are not what is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Different {
    /// Lines that are shown before it.
    pub(super) line: usize,
    /// The line that is shown.
    pub(super) shown: String,
    /// The line that was printed.
    pub(super) printed: String,
}

/// Where `printed` is not what `shown` says; `None` when it is.
pub(super) fn difference(shown: &[String], printed: &[String]) -> Option<Different> {
    let before = shown.iter().take_while(|line| line.trim_end().is_empty()).count();
    let (shown, printed) = (trimmed(shown), trimmed(printed));
    let (line, reached) = furthest(&shown, &printed)?;
    let at = |lines: &[&str], index: usize| lines.get(index).copied().unwrap_or("(end)").to_owned();
    Some(Different { line: before + line, shown: at(&shown, line), printed: at(&printed, reached) })
}

/// What a document shows when this is printed: its own lines where they still hold, and what it left out
/// left out.
pub(super) fn renewed(shown: &[String], printed: &[String]) -> Vec<String> {
    if difference(shown, printed).is_none() {
        return shown.to_vec();
    }
    let mut rest = trimmed(printed);
    let mut new: Vec<String> = Vec::new();
    let mut left_out = false;
    for line in shown {
        if is_left_out(line) {
            new.push(line.clone());
            left_out = true;
            continue;
        }
        let same = rest.iter().position(|other| same(line, other));
        let Some(at) = same.or_else(|| rest.iter().position(|other| alike(line, other))) else {
            continue;
        };
        let before = rest.iter().take(if left_out { 0 } else { at });
        new.extend(before.map(|line| (*line).to_owned()));
        new.extend(if same.is_some() {
            Some(line.clone())
        } else {
            rest.get(at).map(|l| (*l).into())
        });
        rest = rest.split_off(at + 1);
        left_out = false;
    }
    new.extend(
        rest.iter().take(if left_out { 0 } else { rest.len() }).map(|line| (*line).to_owned()),
    );
    new
}

/// True for the line that stands for others.
fn is_left_out(line: &str) -> bool {
    line.trim() == LINES
}

/// True for lines that begin with the same word, or are empty.
fn alike(one: &str, other: &str) -> bool {
    one.split_whitespace().next() == other.split_whitespace().next()
}

/// Without empty lines at the beginning and end.
fn trimmed(lines: &[String]) -> Vec<&str> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let from = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let to = lines.iter().rposition(|line| !line.is_empty()).map_or(from, |last| last + 1);
    lines.get(from..to).unwrap_or_default().to_vec()
}

/// How far both fit, in lines; `None` when they do to their ends.
fn furthest(shown: &[&str], printed: &[&str]) -> Option<(usize, usize)> {
    let mut best = (0, 0);
    let mut open = vec![(0, 0)];
    let mut seen = std::collections::BTreeSet::new();
    while let Some((s, p)) = open.pop() {
        if !seen.insert((s, p)) {
            continue;
        }
        best = best.max((s, p));
        match (shown.get(s), printed.get(p)) {
            (None, None) => return None,
            (Some(one), line) if is_left_out(one) => {
                if line.is_some() {
                    open.push((s, p + 1));
                }
                open.push((s + 1, p));
            }
            (Some(one), Some(other)) if same(one, other) => open.push((s + 1, p + 1)),
            _ => {}
        }
    }
    Some(best)
}

fn same(shown: &str, printed: &str) -> bool {
    let printed = plain(printed);
    let mut rest = printed.as_str();
    let shown = plain(shown);
    let mut parts = shown.split(TEXT);
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else { return false };
    rest = after;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The line with `#` for what differs from time to time, and one space for the room that it takes: times,
/// dates, hashes. A line without them stays as it is.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = without_dates(&words).into_iter().map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if is_hash(bare) || is_time(bare) { word.replace(bare, "#") } else { word.to_owned() }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    if text.contains('#') { text } else { line.to_owned() }
}

/// The words with `#` in place of each date.
fn without_dates<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        kept.push(word);
        let is_clock = word.len() == 8 && word.bytes().filter(|byte| *byte == b':').count() == 2;
        if is_clock && kept.len() >= DATE {
            kept.truncate(kept.len() - DATE);
            kept.push("#");
        }
    }
    kept
}

fn is_hash(word: &str) -> bool {
    word.len() >= HASH && word.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_time(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let number = word.strip_suffix('s').unwrap_or(word);
    number.split_once('.').is_some_and(|(whole, part)| digits(whole) && digits(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(shown: &[&str], printed: &[&str]) -> Option<Different> {
        difference(&owned(shown), &owned(printed))
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn test_lines_that_still_hold_are_kept() {
        let new = |shown: &[&str], printed: &[&str]| renewed(&owned(shown), &owned(printed));
        assert_eq!(new(&["a 1.5 s", "b"], &["a 2.5 s", "c", ""]), owned(&["a 1.5 s", "c"]));
        assert_eq!(new(&["a", "b"], &["a", "x", "b"]), owned(&["a", "x", "b"]));
        let printed = ["one", "two 3", "x", "gone", "end 0.2 s"];
        let shown = ["[…]", "two 2", "  […]", "none", "end 0.1 s"];
        assert_eq!(new(&shown, &printed), owned(&["[…]", "two 3", "  […]", "end 0.1 s"]));
    }

    #[test]
    fn test_the_same_lines_are_the_same() {
        assert_eq!(compared(&[], &["", ""]), None);
        assert_eq!(compared(&["a", "", "b"], &["", "a", "", "b", ""]), None);
        let different = |shown: &[&str], printed: &[&str]| {
            let different = compared(shown, printed).unwrap();
            (different.line, different.shown, different.printed)
        };
        assert_eq!(different(&["a", "b"], &["a", "c"]), (1, "b".into(), "c".into()));
        assert_eq!(different(&["", "a"], &["a", "b"]), (2, "(end)".into(), "b".into()));
        assert_eq!(different(&["a", "b"], &["a"]), (1, "b".into(), "(end)".into()));
        assert!(compared(&["a  b"], &["a b"]).is_some(), "columns stand where they stand");
    }

    #[test]
    fn test_what_is_left_out_may_be_anything() {
        assert_eq!(compared(&["[…]", "b", "[…]"], &["a", "x", "b"]), None);
        assert_eq!(compared(&["a", "[…]"], &["a"]), None);
        assert!(compared(&["[…]", "b"], &["b", "c"]).is_some());
        assert_eq!(compared(&["image …, … KiB"], &["image 12, 744 KiB"]), None);
        assert!(compared(&["image …, … KiB"], &["image 12, 744 MiB"]).is_some());
        assert_eq!(compared(&["reason = \"…\""], &["reason = \"…\""]), None);
    }

    #[test]
    fn test_times_and_hashes_may_differ() {
        assert_eq!(compared(&["done in 43.1 s"], &["done in 0.5 s"]), None);
        assert_eq!(compared(&["    0.285  flashd"], &["   10.285  flashd"]), None);
        assert_eq!(compared(&["Head e8dc98c303dcdf54."], &["Head 0123456789abcdef."]), None);
        assert_eq!(compared(&["finished in 0.08s"], &["finished in 1.20s"]), None);
        assert_eq!(
            compared(
                &["Seconds count from Sun 1 Nov 2026 10:00:00 UTC."],
                &["Seconds count from Mon 22 Nov 2026 15:37:23 UTC."]
            ),
            None
        );
        assert!(compared(&["record 22"], &["record 23"]).is_some());
        assert!(compared(&["done in 43.1 s"], &["done in 43.1 ms"]).is_some());
    }
}
