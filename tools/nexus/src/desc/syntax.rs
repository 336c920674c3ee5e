//! Mistakes of TOML: every one of a file, each with what to do, and what can be read in spite of them.
//!
//! After a mistake a parser finds others that are none. So the statement that holds the first one
//! is blanked out, and the rest is parsed anew, until nothing is left to say.

use std::ops::Range;
use toml::de::DeTable;

/// Most mistakes that are told of one file.
const MOST: usize = 20;
/// Statements before the place of a mistake that can be where it began.
const BACK: usize = 8;

/// A mistake: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) bytes: Range<usize>,
    pub(crate) message: String,
    pub(crate) fix: String,
}

/// A text without its mistakes: as long as it was, so that places in it stay what they are.
#[derive(Debug, Default)]
pub(crate) struct Mended {
    pub(crate) text: String,
    pub(crate) mistakes: Vec<Mistake>,
    /// What was blanked out.
    pub(crate) lost: String,
}

/// Finds the mistakes of `text`.
pub(crate) fn mend(text: &str) -> Mended {
    let mut mended = Mended { text: text.to_owned(), ..Mended::default() };
    while mended.mistakes.len() < MOST {
        let Some(first) = first_mistake(&mended.text) else { return mended };
        let range = match first.message.contains("multi-line") {
            true => unclosed(&mended.text, first.bytes.start),
            false => faulty(&mended.text, first.bytes.start),
        };
        let lost = mended.text.get(range.clone()).unwrap_or_default().to_owned();
        mended.text = without(&mended.text, &range);
        mended.mistakes.push(first);
        if lost.trim().is_empty() {
            break;
        }
        mended.lost += &lost;
    }
    // Too many, or one that nothing takes away: nothing of it can be relied on.
    mended.lost += &mended.text;
    mended.text.clear();
    mended
}

fn errors(text: &str) -> Vec<(Range<usize>, String)> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let place = |error: &toml::de::Error| error.span().unwrap_or(text.len()..text.len());
    errors.iter().map(|error| (place(error), error.message().to_owned())).collect()
}

fn first_mistake(text: &str) -> Option<Mistake> {
    // At one place, what is wrong with a text comes before what that does to the list around it, and
    // that before what a line becomes that stands in the list by mistake.
    let rank = |message: &str| match message {
        _ if message.contains("must be quoted") => 2,
        _ => u8::from(message.contains("array")),
    };
    let order = |(bytes, message): &(Range<usize>, String)| (bytes.start, rank(message));
    let (bytes, message) = errors(text).into_iter().min_by_key(order)?;
    let line = text.get(line_of(text, bytes.start)).unwrap_or_default();
    let fix = fix(&message, line);
    Some(Mistake { bytes, message: format!("this is not TOML: {message}"), fix })
}

/// The statement that holds the mistake found at `at`: of the line there and the statements before
/// it, the one without which the fewest mistakes are left, each line that goes with it counted as one.
fn faulty(text: &str, at: usize) -> Range<usize> {
    let line = line_of(text, at);
    let starts = starts_before(text, line.end);
    let mut candidates = vec![section(text, line.clone())];
    for start in starts {
        let first = section(text, line_of(text, start));
        candidates.push(first.start..first.end.max(line.end));
        candidates.push(first);
    }
    candidates.retain(|range| !text.get(range.clone()).unwrap_or_default().trim().is_empty());
    let statements = |range: &Range<usize>| {
        text.get(range.clone())
            .unwrap_or_default()
            .lines()
            .filter(|line| is_statement(line))
            .count()
    };
    let left = |range: &Range<usize>| {
        (errors(&without(text, range)).len() + statements(range), range.len())
    };
    candidates.into_iter().min_by_key(left).unwrap_or(line)
}

/// From the statement with the last three quotes before `at` to there.
fn unclosed(text: &str, at: usize) -> Range<usize> {
    let before = text.get(..at).unwrap_or_default();
    let quotes = ["\"\"\"", "'''"].iter().filter_map(|quotes| before.rfind(quotes)).max();
    line_of(text, quotes.unwrap_or(at)).start..line_of(text, at).end
}

/// A line; with all that stands under it when it is the heading of a table.
fn section(text: &str, line: Range<usize>) -> Range<usize> {
    let is_heading = |line: &str| line.trim_start().starts_with('[');
    if !is_heading(text.get(line.clone()).unwrap_or_default()) {
        return line;
    }
    let mut end = line.end;
    for next in text.get(line.end..).unwrap_or_default().split_inclusive('\n') {
        if is_heading(next) {
            break;
        }
        end += next.len();
    }
    line.start..end
}

/// Where the last statements before `end` begin, the nearest first.
fn starts_before(text: &str, end: usize) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.get(..end).unwrap_or_default().split_inclusive('\n') {
        if is_statement(line) {
            starts.push(at);
        }
        at += line.len();
    }
    starts.into_iter().rev().take(BACK).collect()
}

/// True for `key = …`, `key …` and `[…`, at the beginning of a line.
fn is_statement(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | '_' | '"' | '-'))
}

fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let start =
        text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let end = text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |n| at + n + 1);
    start..end
}

/// `text` with spaces in a range of it; newlines stay.
fn without(text: &str, range: &Range<usize>) -> String {
    let (Some(before), Some(inside), Some(after)) =
        (text.get(..range.start), text.get(range.clone()), text.get(range.end..))
    else {
        return text.to_owned();
    };
    let blank: String = inside.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
    [before, &blank, after].concat()
}

/// What to do about a mistake. `line` is the one that it stands on.
fn fix(message: &str, line: &str) -> String {
    let has = |part: &str| message.contains(part);
    let colon = line.split_once(':').is_some_and(|(key, _)| !key.contains(['=', '#', '"', '[']));
    let fix = if colon && has("key") {
        "write `=` instead of `:`"
    } else if has("key with no value") {
        "write `key = value`, with `=` between them"
    } else if has("extra `=`") {
        "write one `=`"
    } else if has("comma between array") {
        "write a comma between the elements of the list, or close the list with `]` before this"
    } else if has("unclosed array table") {
        "close the heading with `]]`"
    } else if has("unclosed array") || has("in array") {
        "close the list with `]`"
    } else if has("unclosed table") {
        "close the heading with `]`"
    } else if has("comma between key-value") {
        "write a comma between the entries of `{ … }`"
    } else if has("inline table") {
        "close the entry with `}`"
    } else if has("string values must be quoted") {
        return unquoted(line);
    } else if has("multi-line") {
        "close the text with the three quotes that it begins with"
    } else if has("basic string") || has("literal string") {
        "close the text with a quote, on the line where it begins"
    } else if has("escape") {
        "write `\\\\` for one `\\`, or put the text in single quotes"
    } else if has("duplicate key") {
        "keep one of the two: this key or heading is there already"
    } else if has("unquoted key") {
        "write a key of a to z, 0 to 9 and `-` before `=`"
    } else if has("leading zero") || has("digits") || has("mantissa") || has("number") {
        "write a number as 16, 0x10 or 1_000"
    } else if has("date") || has("time") {
        "put it in quotes: no file of a system has dates"
    } else if has("expected newline") {
        "begin a new line for it: one `key = value` a line"
    } else if has("comment") {
        "remove it from the comment"
    } else {
        "write `key = value`, `[table]` or `[[list]]`, with text in quotes"
    };
    fix.to_owned()
}

/// The line with its value in quotes, or how a value is written when there is none.
fn unquoted(line: &str) -> String {
    match line.matches('=').count() {
        0 | 1 => {}
        _ if line.contains('{') => {
            return "write a comma between the entries of `{ … }`, and text in quotes".to_owned();
        }
        _ => return "begin a new line for it: one `key = value` a line".to_owned(),
    }
    let (key, value) = line.split_once('=').unwrap_or_default();
    let value = value.split('#').next().unwrap_or_default().trim();
    let plain = |text: &str| !text.contains(['"', '\'', '[', '{', ',', '\\']);
    match value {
        "" => "write a value behind `=`".to_owned(),
        value if plain(value) => format!("put text in quotes: `{} = \"{value}\"`", key.trim()),
        _ => "put text in quotes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the mistakes in `text`, and what is left of it.
    fn found(text: &str) -> (Vec<usize>, String) {
        let Mended { text: left, mistakes, .. } = mend(text);
        let line = |mistake: &Mistake| text[..mistake.bytes.start].matches('\n').count() + 1;
        (mistakes.iter().map(line).collect(), left.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn test_each_mistake_is_found_and_the_rest_is_read() {
        for (text, lines, left) in [
            ("id = 1\nname = \"a\"\n", vec![], "id = 1 name = \"a\""),
            ("id = 12x\nb = 3\nc \"x\"\nd = 4\n", vec![1, 3], "b = 3 d = 4"),
            ("a = [\"b\", \"c]\nd = [\"x\"]\ne = 01\n", vec![1, 3], "d = [\"x\"]"),
            ("x = [1,2\ny = 3\nz = 4\n", vec![2], "y = 3 z = 4"),
            (
                "n = [\n { d = \"x\" }\n { d = \"y\" }\n]\ni = 3\n",
                vec![3],
                "n = [ { d = \"x\" } ] i = 3",
            ),
            ("[[allow]\nid = \"x\"\n[[allow]]\nid = y\ns = 1\n", vec![1, 4], "[[allow]] s = 1"),
            ("a = 1\na = 2\nb = 3\n", vec![2], "a = 1 b = 3"),
            ("a = \"\"\"\nxx\nb = 1\n", vec![4], ""),
            ("t = [\"i\", \"l\"\ns = true\ns = false\n", vec![2, 3], "s = false"),
            ("id: 3\nname = x y\nz = 1\n", vec![1, 2], "z = 1"),
        ] {
            assert_eq!(found(text), (lines, left.to_owned()), "{text}");
        }
    }

    #[test]
    fn test_each_mistake_has_its_own_fix() {
        let fix = |text: &str| mend(text).mistakes.first().map(|one| one.fix.clone()).unwrap();
        assert_eq!(fix("id: 3\n"), "write `=` instead of `:`");
        assert_eq!(fix("id = rngd # x\n"), "put text in quotes: `id = \"rngd\"`");
        assert_eq!(fix("id =\n"), "write a value behind `=`");
        assert_eq!(fix("a = [1, 2\n"), "close the list with `]`");
        assert_eq!(fix("a = \"x\n"), "close the text with a quote, on the line where it begins");
        assert_eq!(fix("[a\nb = 1\n"), "close the heading with `]`");
        assert_eq!(fix("[[a]\nb = 1\n"), "close the heading with `]]`");
        assert_eq!(
            fix("a = \"\\q\"\n"),
            "write `\\\\` for one `\\`, or put the text in single quotes"
        );
        assert!(fix("a = 1\na = 2\n").starts_with("keep one of the two"));
        assert_eq!(fix("a = 012\n"), "write a number as 16, 0x10 or 1_000");
        assert_eq!(fix("a = = 3\n"), "write one `=`");
        assert!(fix("a = 1 b = \"2\"\n").contains("line"), "{}", fix("a = 1 b = \"2\"\n"));
        assert!(fix("a = {b = 1 c = 2}\n").starts_with("write a comma between the entries"));
        assert!(fix("a = {b = \"1\" c = 2}\n").starts_with("write a comma between the entries"));
    }

    #[test]
    fn test_rubbish_ends() {
        for text in ["= = =\n".repeat(100), "[".repeat(1000), "\"\"\"".into(), "\u{feff}[".into()] {
            assert!(mend(&text).mistakes.len() <= MOST);
        }
    }
}
