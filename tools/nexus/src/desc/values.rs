//! Single values of a table: typed, within their range, and with a place.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::report::Reporter;
use super::source::{At, Span};
use super::suggest;
use super::table::{Key, Table};
use nexus_sysdesc::bounds;
use std::ops::RangeInclusive;
use toml::de::DeValue;

impl Table<'_> {
    /// A string, if there is one.
    pub(crate) fn string(&mut self, key: Key) -> Option<At<String>> {
        let (span, value) = self.entry(key)?;
        let DeValue::String(text) = value else {
            self.wrong_type(key, &span, "a string", value);
            return None;
        };
        Some(At { value: text.clone().into_owned(), span })
    }

    /// A string of printable ASCII of at most `max` characters, if there is one.
    pub(crate) fn text(&mut self, key: Key, max: usize) -> Option<At<String>> {
        let text = self.string(key)?;
        if bounds::is_text(&text, max) {
            return Some(text);
        }
        let message = format!("`{}` cannot be shown on every terminal as it is", key.name);
        let fix = format!("use 1 to {max} printable ASCII characters, on one line");
        self.refuse(Kind::BadText, &text.span, message, fix);
        None
    }

    /// A well-formed name, if there is one.
    pub(crate) fn name(&mut self, key: Key) -> Option<At<String>> {
        let name = self.string(key)?;
        check_name(self.reporter, &name.span, &name).then_some(name)
    }

    /// A truth value, if there is one.
    pub(crate) fn boolean(&mut self, key: Key) -> Option<At<bool>> {
        let (span, value) = self.entry(key)?;
        let DeValue::Boolean(value) = value else {
            self.wrong_type(key, &span, "true or false", value);
            return None;
        };
        Some(At { value: *value, span })
    }

    /// A number within `range`, if there is one.
    pub(crate) fn number<T: Copy + TryFrom<u64> + Into<u64>>(
        &mut self,
        key: Key,
        range: RangeInclusive<T>,
    ) -> Option<At<T>> {
        let (span, value) = self.entry(key)?;
        let number = self.number_of((key.name, key.example), &span, value, range);
        number.map(|value| At { value, span })
    }

    /// `value`, which stands at `span` under `name`, when it is a number within `range`.
    pub(super) fn number_of<T: Copy + TryFrom<u64> + Into<u64>>(
        &self,
        (name, example): (&str, &str),
        span: &Span,
        value: &DeValue<'_>,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let (low, high): (u64, u64) = ((*range.start()).into(), (*range.end()).into());
        let DeValue::Integer(digits) = value else {
            self.wrong_type_of(name, example, span, "a whole number", value);
            return None;
        };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.filter(|number| (low..=high).contains(number));
        if let Some(value) = number.and_then(|number| T::try_from(number).ok()) {
            return Some(value);
        }
        let message = format!("{digits} is out of range for `{name}`");
        let fix = format!("write a number from {low} to {high}");
        self.refuse(Kind::OutOfRange, span, message, fix);
        None
    }

    /// One of certain words, if there is one. `what` says what the words are.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: Key,
        what: &str,
        choices: &[(&str, T)],
    ) -> Option<At<T>> {
        let word = self.string(key)?;
        let value = self.choose(&word, what, choices)?;
        Some(At { value, span: word.span })
    }

    /// The value that `word` stands for, if it is one of these.
    pub(crate) fn choose<T: Copy>(
        &self,
        word: &At<String>,
        what: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(name, _)| *name == word.value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = format!("`{}` is not {what}", word.value);
            let near = suggest::nearest(word, names.iter().copied());
            let fix = match (near, names.as_slice()) {
                (Some(near), _) => format!("did you mean \"{near}\"?"),
                (None, [one]) => format!("write \"{one}\""),
                (None, _) => format!("choose from {}", suggest::list(names.iter().copied())),
            };
            self.refuse(Kind::UnknownWord, &word.span, message, fix);
        }
        found.map(|(_, value)| *value)
    }
}

/// Reports a malformed name; true when it is well formed.
pub(crate) fn check_name(reporter: &Reporter, span: &Span, name: &str) -> bool {
    let good = bounds::is_name(name);
    if !good {
        let message = format!("`{}` cannot be a name", name.escape_default());
        let lower = name.to_ascii_lowercase().replace(['_', ' '], "-");
        let example = if bounds::is_name(&lower) { format!(": `{lower}`") } else { String::new() };
        let fix = format!(
            "use a to z, 0 to 9 and `-`, beginning with a letter, at most {} characters{example}",
            bounds::MAX_NAME
        );
        reporter.add(Diagnostic::at(Kind::BadName, span, message, fix));
    }
    good
}
