//! Lists of a table.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::model::MustProve;
use super::source::{At, Span};
use super::table::{Key, Table};
use std::ops::RangeInclusive;
use toml::de::DeValue;

impl<'a> Table<'a> {
    /// A list of certain words, without repetition; empty when it is absent.
    pub(crate) fn choices<T: Copy>(
        &mut self,
        key: Key,
        what: &str,
        choices: &[(&str, T)],
    ) -> Vec<At<T>> {
        let mut chosen = Vec::new();
        for word in self.words(key) {
            if let Some(value) = self.choose(&word, what, choices) {
                chosen.push(At { value, span: word.span });
            }
        }
        chosen
    }

    /// A list of strings without repetition; empty when it is absent.
    pub(crate) fn words(&mut self, key: Key) -> Vec<At<String>> {
        let words = self.strings(key);
        self.refuse_repetition(key.name, &words);
        words
    }

    /// Proofs: a list of names, each of which rests on a check, or a table of names with the number
    /// of checks; empty when it is absent.
    pub(crate) fn proofs(&mut self, key: Key) -> Vec<MustProve> {
        let Some((span, value)) = self.entry(key) else { return Vec::new() };
        let DeValue::Table(entries) = value else {
            let names = self.strings_of(key.name, key.example, &span, value);
            self.refuse_repetition(key.name, &names);
            return names.into_iter().map(|name| MustProve { name, checks: 1 }).collect();
        };
        let mut proofs = Vec::new();
        for (name, value) in entries {
            let name = At { value: name.get_ref().to_string(), span: self.span_of(name.span()) };
            let span = self.span_of(value.span());
            if let Some(checks) = self.number_of((&name, "2"), &span, value.get_ref(), 1..=u32::MAX)
            {
                proofs.push(MustProve { name, checks });
            }
        }
        proofs
    }

    /// A list of numbers within `range`, and where it stands; `None` when it is absent, or none.
    pub(crate) fn numbers<T: Copy + TryFrom<u64> + Into<u64>>(
        &mut self,
        key: Key,
        range: RangeInclusive<T>,
    ) -> Option<(Span, Vec<At<T>>)> {
        let (span, value) = self.entry(key)?;
        let DeValue::Array(items) = value else {
            self.wrong_type(key, &span, "a list of numbers", value);
            return None;
        };
        let numbers = items.iter().filter_map(|item| {
            let span = self.span_of(item.span());
            let name = (key.name, key.example);
            let value = self.number_of(name, &span, item.get_ref(), range.clone())?;
            Some(At { value, span })
        });
        Some((span.clone(), numbers.collect()))
    }

    /// True when there is a list and nothing is in it.
    pub(crate) fn is_empty_list(&mut self, key: Key) -> bool {
        matches!(self.entry(key), Some((_, DeValue::Array(items))) if items.is_empty())
    }

    /// A list of strings; empty when it is absent.
    pub(crate) fn strings(&mut self, key: Key) -> Vec<At<String>> {
        match self.entry(key) {
            Some((span, value)) => self.strings_of(key.name, key.example, &span, value),
            None => Vec::new(),
        }
    }

    /// The tables of a table whose keys are names.
    pub(crate) fn tables_by_name(self, what: &'static str) -> Vec<(At<String>, Table<'a>)> {
        let mut tables = Vec::new();
        for (name, value) in self.entries {
            let name = At { value: name.get_ref().to_string(), span: self.span_of(name.span()) };
            let span = self.span_of(value.span());
            match value.get_ref() {
                DeValue::Table(entries) => {
                    tables.push((name, Table::new(self.reporter, what, span, entries)));
                }
                other => self.wrong_type_of(&name, "{}", &span, "a table", other),
            }
        }
        tables
    }

    /// The lists of a table whose keys are names, each without repetition.
    pub(crate) fn lists_by_name(self, example: &str) -> Vec<(At<String>, Vec<At<String>>)> {
        let mut lists = Vec::new();
        for (name, value) in self.entries {
            let name = At { value: name.get_ref().to_string(), span: self.span_of(name.span()) };
            let span = self.span_of(value.span());
            let list = self.strings_of(&name, example, &span, value.get_ref());
            self.refuse_repetition(&name, &list);
            lists.push((name, list));
        }
        lists
    }

    fn strings_of(
        &self,
        name: &str,
        example: &str,
        span: &Span,
        value: &DeValue<'_>,
    ) -> Vec<At<String>> {
        let wanted = "a list of strings";
        let DeValue::Array(items) = value else {
            self.wrong_type_of(name, example, span, wanted, value);
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in items.iter() {
            let span = self.span_of(item.span());
            match item.get_ref() {
                DeValue::String(text) => strings.push(At { value: text.to_string(), span }),
                other => self.wrong_type_of(name, example, &span, wanted, other),
            }
        }
        strings
    }

    fn refuse_repetition(&self, name: &str, words: &[At<String>]) {
        for (index, word) in words.iter().enumerate() {
            let first = words.iter().take(index).find(|other| other.value == word.value);
            if let Some(first) = first {
                let message = format!("`{}` stands twice in `{name}`", word.value);
                self.reporter.add(
                    Diagnostic::at(Kind::DuplicateEntry, &word.span, message, "remove one of them")
                        .see(&first.span, "the first time"),
                );
            }
        }
    }
}
