//! Reading one TOML table: typed, with places, and with an error for whatever does not belong.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::report::Reporter;
use super::source::{Source, Span};
use super::suggest;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A key and a value that it could have, for advice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

pub(crate) const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

/// A TOML file without what is no TOML in it.
pub(crate) struct Parsed<'i> {
    table: DeTable<'i>,
    source: &'i Arc<Source>,
}

impl<'i> Parsed<'i> {
    /// What can be read of a file's tables. What is no TOML was reported when it was opened.
    pub(crate) fn new(source: &'i Arc<Source>) -> Parsed<'i> {
        let (table, _) = DeTable::parse_recoverable(&source.mended.text);
        Parsed { table: table.into_inner(), source }
    }

    /// The outermost table. `what` is what such a file is called.
    pub(crate) fn root<'a>(&'a self, what: &'static str, reporter: &'a Reporter) -> Table<'a> {
        let span = Span::start_of(self.source);
        Table::new(reporter, what, span, &self.table)
    }
}

/// One table while it is read.
pub(crate) struct Table<'a> {
    pub(super) reporter: &'a Reporter,
    what: &'static str,
    /// Where the table begins.
    pub(crate) span: Span,
    pub(super) entries: &'a DeTable<'a>,
    asked: Vec<&'static str>,
    missing: Vec<Key>,
}

type Entry<'a> = (Span, &'a DeValue<'a>);

impl<'a> Table<'a> {
    pub(super) fn new(
        reporter: &'a Reporter,
        what: &'static str,
        span: Span,
        entries: &'a DeTable<'a>,
    ) -> Table<'a> {
        Table { reporter, what, span, entries, asked: Vec::new(), missing: Vec::new() }
    }

    /// Reports a refusal.
    pub(crate) fn refuse(&self, kind: Kind, span: &Span, message: String, fix: impl Into<String>) {
        self.reporter.add(Diagnostic::at(kind, span, message, fix));
    }

    pub(super) fn span_of(&self, bytes: Range<usize>) -> Span {
        Span { source: Arc::clone(&self.span.source), bytes }
    }

    pub(super) fn entry(&mut self, key: Key) -> Option<Entry<'a>> {
        self.asked.push(key.name);
        let (_, value) = self.entries.iter().find(|(name, _)| name.get_ref() == key.name)?;
        Some((self.span_of(value.span()), value.get_ref()))
    }

    pub(super) fn wrong_type(&self, key: Key, span: &Span, wanted: &str, found: &DeValue<'_>) {
        self.wrong_type_of(key.name, key.example, span, wanted, found);
    }

    pub(super) fn wrong_type_of(
        &self,
        name: &str,
        example: &str,
        span: &Span,
        wanted: &str,
        found: &DeValue<'_>,
    ) {
        let message = format!("`{name}` must be {wanted}, not {}", type_of(found));
        let fix = format!("write it like `{name} = {example}`");
        self.refuse(Kind::WrongType, span, message, fix);
    }

    /// Remembers that `key` is missing, if it is; [`Table::finish`] reports it.
    pub(crate) fn must_have(&mut self, key: Key) {
        if !self.has(key) {
            self.missing.push(key);
        }
    }

    /// True when the key is there, whatever its value.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.entries.iter().any(|(name, _)| name.get_ref() == key.name)
    }

    /// A table within this one, if there is one.
    pub(crate) fn table(&mut self, key: Key, what: &'static str) -> Option<Table<'a>> {
        let (span, value) = self.entry(key)?;
        let DeValue::Table(entries) = value else {
            self.wrong_type(key, &span, "a table", value);
            return None;
        };
        Some(Table::new(self.reporter, what, span, entries))
    }

    /// A list of tables; empty when it is absent.
    pub(crate) fn tables(&mut self, key: Key, what: &'static str) -> Vec<Table<'a>> {
        let Some((span, value)) = self.entry(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            self.wrong_type(key, &span, "a list of tables", value);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            let span = self.span_of(item.span());
            match item.get_ref() {
                DeValue::Table(entries) => {
                    tables.push(Table::new(self.reporter, what, span, entries));
                }
                other => self.wrong_type(key, &span, "a list of tables", other),
            }
        }
        tables
    }

    /// Reports every key that nobody asked for, and every key that is missing. A key that was
    /// misspelt is both, and reported once.
    pub(crate) fn finish(mut self) {
        for (name, _) in self.entries {
            if self.asked.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let span = self.span_of(name.span());
            let message = format!("`{}` is not a key of {}", name.get_ref(), self.what);
            let known = suggest::nearest(name.get_ref(), self.asked.iter().copied());
            let fix = match known {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!(
                    "remove it; the keys of {} are {}",
                    self.what,
                    suggest::list(self.asked.iter().copied())
                ),
            };
            self.refuse(Kind::UnknownKey, &span, message, fix);
            self.missing.retain(|missing| Some(missing.name) != known);
        }
        // What stands in a line that is no TOML is not missing.
        let lost = &self.span.source.mended.lost;
        self.missing.retain(|missing| !lost.contains(missing.name));
        for missing in &self.missing {
            let message = format!("the key `{}` is missing in {}", missing.name, self.what);
            let fix = format!("add `{} = {}`", missing.name, missing.example);
            self.refuse(Kind::MissingKey, &self.span, message, fix);
        }
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
