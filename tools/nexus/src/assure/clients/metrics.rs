//! The text format of Prometheus, version 0.0.4, read by its rules and nothing more.

use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};

/// What samples are: name with labels as written, and value.
pub(super) type Samples = BTreeMap<String, f64>;

/// Every sample of a text.
///
/// # Errors
/// Which line is none, or breaks a rule: lines of a family are one group, with at most one `HELP` and one `TYPE` before
/// its samples; no sample is there twice; what counts is not below 0; the last line ends.
pub(super) fn samples(text: &str) -> Result<Samples> {
    ensure!(text.ends_with('\n'), "the last line has no end");
    let mut reader = Reader::default();
    for (number, line) in (1..).zip(text.lines()) {
        reader.line(line).with_context(|| format!("line {number}, `{line}`"))?;
    }
    Ok(reader.samples)
}

#[derive(Default)]
struct Reader {
    /// The family that is read, its type, and whether it has samples.
    family: String,
    kind: Option<String>,
    sampled: bool,
    helped: bool,
    /// Families that were read before.
    over: BTreeSet<String>,
    samples: Samples,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, _) = rest.split_once(' ').unwrap_or((rest, ""));
            self.begin(name)?;
            ensure!(!self.helped && !self.sampled, "help where it may not be");
            self.helped = true;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').context("a type without a name")?;
            self.begin(name)?;
            ensure!(self.kind.is_none() && !self.sampled, "a type where it may not be");
            ensure!(["counter", "gauge"].contains(&kind), "no type of ours");
            self.kind = Some(kind.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            self.sample(line)?;
        }
        Ok(())
    }

    /// A line of this family.
    fn begin(&mut self, name: &str) -> Result<()> {
        ensure!(is_name(name, true), "no name");
        if name != self.family {
            ensure!(!self.over.contains(name), "the family was over");
            let before = std::mem::replace(&mut self.family, name.to_owned());
            self.over.insert(before);
            (self.kind, self.sampled, self.helped) = (None, false, false);
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<()> {
        let name_end = line.find(['{', ' ']).context("a name alone")?;
        let (name, rest) = line.split_at(name_end);
        self.begin(name)?;
        self.sampled = true;
        let labels_len = match rest.strip_prefix('{') {
            Some(labels) => 1 + labels_len(labels)?,
            None => 0,
        };
        let (labels, value) = rest.split_at(labels_len);
        let mut words = value.split_whitespace();
        let value = words.next().context("no value")?;
        let value: f64 = value.parse().context("a value that is no number")?;
        ensure!(words.next().is_none(), "more than a value");
        if self.kind.as_deref() == Some("counter") {
            ensure!(name.ends_with("_total") && value >= 0.0, "no counter");
        }
        let before = self.samples.insert(format!("{name}{labels}"), value);
        ensure!(before.is_none(), "a sample that was there");
        Ok(())
    }
}

/// How long labels are, with the brace that ends them.
fn labels_len(labels: &str) -> Result<usize> {
    let (mut rest, mut names) = (labels, BTreeSet::new());
    loop {
        let (name, behind) = rest.split_once("=\"").context("a label without a value")?;
        ensure!(is_name(name, false) && names.insert(name), "no label, or one twice");
        rest = value_of(behind)?;
        match (rest.strip_prefix(','), rest.strip_prefix('}')) {
            (Some(next), _) => rest = next,
            (_, Some(end)) => return Ok(labels.len() - end.len()),
            _ => bail!("labels without an end"),
        }
    }
}

/// What stands behind the value of a label.
fn value_of(text: &str) -> Result<&str> {
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok(&text[at + 1..]),
            '\\' => ensure!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "no escape"),
            _ => {}
        }
    }
    bail!("a value without an end")
}

/// Names of metrics may have colons, those of labels may not.
fn is_name(name: &str, colons: bool) -> bool {
    let is = |char: char| char.is_ascii_alphanumeric() || char == '_' || colons && char == ':';
    !name.is_empty()
        && name.chars().all(is)
        && !name.starts_with(|char: char| char.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_samples_are_read() {
        let text = "# HELP a_total All.\n# TYPE a_total counter\na_total{b=\"x\",c=\"\\\"}\\\\\\n\"} 1\n\
                    a_total{b=\"y\"} 2.5\n\n# a comment\n# TYPE d gauge\nd -1\n";
        let samples = samples(text).unwrap();
        let seen: Vec<(&str, f64)> =
            samples.iter().map(|(name, at)| (name.as_str(), *at)).collect();
        let first = "a_total{b=\"x\",c=\"\\\"}\\\\\\n\"}";
        assert_eq!(seen, [(first, 1.0), ("a_total{b=\"y\"}", 2.5), ("d", -1.0)]);
    }

    #[test]
    fn test_what_is_no_text_of_samples() {
        for text in [
            "a 1",
            "a\n",
            "a x\n",
            "a 1 2 3\n",
            "1a 1\n",
            "a 1\na 1\n",
            "a 1\nb 1\na{c=\"d\"} 1\n",
            "a 1\n# TYPE a gauge\n",
            "# TYPE a gauge\n# TYPE a gauge\na 1\n",
            "# TYPE a thing\na 1\n",
            "# TYPE a counter\na 1\n",
            "# TYPE a_total counter\na_total -1\n",
            "# HELP a b\n# HELP a b\na 1\n",
            "a{} 1\n",
            "a{b=c} 1\n",
            "a{b:c=\"d\"} 1\n",
            "a{b=\"c\",b=\"d\"} 1\n",
            "a{b=\"c} 1\n",
            "a{b=\"\\c\"} 1\n",
            "a{b=\"c\" 1\n",
        ] {
            assert!(samples(text).is_err(), "{text}");
        }
    }
}
