//! Assertion files.

use super::eval::{Outcome, evaluate};
use super::sentence::{self, Sentence};
use crate::audit::Audit;
use crate::desc::files::open;
use crate::desc::source::{At, Paths, Source};
use crate::desc::table::{Key, Parsed, Table, key};
use crate::desc::{Kind, Report, Reporter};
use anyhow::{Result, anyhow};
use nexus_sysdesc::{Profile, bounds};
use std::path::Path;
use std::sync::Arc;

const ASSERT: Key = key("assert", "[]");
const ID: Key = key("id", "\"one-owner-each\"");
const THAT: Key = key("that", "\"each device has exactly one owner\"");
const WHY: Key = key("why", "\"two drivers would disturb each other\"");
const PROFILES: Key = key("profiles", "[\"prod\"]");

/// The assertions of one file.
#[derive(Debug)]
pub struct Assertions {
    all: Vec<Assertion>,
}

/// One assertion.
#[derive(Debug)]
pub(crate) struct Assertion {
    pub(crate) id: String,
    pub(crate) text: At<String>,
    pub(crate) sentence: Sentence,
    pub(crate) why: String,
    /// Empty for all.
    pub(crate) profiles: Vec<Profile>,
}

impl Assertions {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, as text.
    pub fn read(path: &Path) -> Result<Assertions> {
        let here = std::env::current_dir()?;
        Assertions::read_from(path, &here)
            .map_err(|report| anyhow!("the assertions cannot be read\n\n{report}"))
    }

    /// Reads a file; its path is shown relative to `shown_from`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read_from(path: &Path, shown_from: &Path) -> Result<Assertions, Report> {
        let reporter = Reporter::new(Paths::relative_to(shown_from));
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let fix = "give the path of a file with [[assert]] tables";
        let source = open(&reporter, &path, "the assertion file", fix);
        let all = source.map(|source| read_all(&reporter, &source)).unwrap_or_default();
        reporter.stop_if_refused()?;
        Ok(Assertions { all })
    }

    /// Holds them against an audit.
    #[must_use]
    pub fn check(&self, audit: &Audit) -> Outcome {
        evaluate(&self.all, audit)
    }
}

fn read_all(reporter: &Reporter, source: &Arc<Source>) -> Vec<Assertion> {
    let parsed = Parsed::new(source);
    let mut table = parsed.root("an assertion file", reporter);
    let all = table.tables(ASSERT, "[[assert]]").into_iter().filter_map(read_one).collect();
    table.finish();
    all
}

fn read_one(mut table: Table<'_>) -> Option<Assertion> {
    table.must_have(ID);
    table.must_have(THAT);
    let profiles = [Profile::Prod, Profile::Test].map(|profile| (profile.name(), profile));
    let id = table.name(ID);
    let text = table.text(THAT, bounds::MAX_REASON);
    let why = table.text(WHY, bounds::MAX_REASON);
    let profiles = table.choices(PROFILES, "a kind of profile", &profiles);
    let sentence = text.as_ref().and_then(|text| read_sentence(&table, text));
    table.finish();
    Some(Assertion {
        id: id?.value,
        text: text?,
        sentence: sentence?,
        why: why.map(|why| why.value).unwrap_or_default(),
        profiles: profiles.iter().map(|profile| profile.value).collect(),
    })
}

fn read_sentence(table: &Table<'_>, text: &At<String>) -> Option<Sentence> {
    match sentence::parse(text) {
        Ok(sentence) => Some(sentence),
        Err(why) => {
            table.refuse(Kind::BadSentence, &text.span, why.message, why.fix);
            None
        }
    }
}
