//! One reader for each sort of file. What cannot be read is reported, and left out.

mod addresses;
mod board;
mod lines;
mod net;
mod policy;
mod profile;
mod queues;
mod restart;
mod rights;
mod service;
mod state;
mod system;

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::report::Reporter;
use super::source::{At, Source, Span};
use super::values::check_name;
use crate::files::Unread;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub(crate) use addresses::network as parse_network;
pub(crate) use board::read_board;
pub(crate) use policy::{PolicyFile, read_policy};
pub(crate) use profile::read_profile;
pub(crate) use service::read_service;
pub(crate) use state::{fresh_tree, rights_toml};
pub(crate) use system::{SystemFile, read_system};

/// The text of a file that must be there. `what` says what it is and `fix` what to do without it.
pub(crate) fn open(reporter: &Reporter, path: &Path, what: &str, fix: &str) -> Option<Arc<Source>> {
    match reporter.paths.read(path) {
        Ok(source) => {
            report_hidden(reporter, &source);
            report_mistakes(reporter, &source);
            Some(source)
        }
        Err(why) => {
            report_unread(reporter, path, &why, what, fix);
            None
        }
    }
}

/// Reports that `path` could not be read.
pub(crate) fn report_unread(
    reporter: &Reporter,
    path: &Path,
    why: &Unread,
    what: &str,
    missing: &str,
) {
    let (kind, message, fix) = match why {
        Unread::Missing => (Kind::MissingFile, format!("{what} is missing"), missing),
        Unread::Dangling(_) => {
            (Kind::NotAFile, format!("{what}: {why}"), "let the link lead to a file, or remove it")
        }
        Unread::NoFile(_) => (Kind::NotAFile, format!("{what}: {why}"), "put a file of text there"),
        Unread::TooLarge(_) => (Kind::NotAFile, format!("{what}: {why}"), "write less"),
        Unread::NotText(..) => (Kind::BadText, format!("{what}: {why}"), "save it as UTF-8"),
        Unread::Failed(_) => {
            (Kind::MissingFile, format!("{what}: {why}"), "make it readable for you")
        }
    };
    reporter.add(Diagnostic::path(kind, reporter.paths.show(path), message, fix));
}

/// Reports each line with characters that a reader does not see.
fn report_hidden(reporter: &Reporter, source: &Arc<Source>) {
    let mut last = 0;
    for bytes in &source.hidden {
        let (line, _) = source.position(bytes.start);
        if line == last {
            continue;
        }
        last = line;
        let on_line = source.hidden.iter().filter(|other| source.position(other.start).0 == line);
        let text =
            |bytes: &Range<usize>| source.text.get(bytes.clone()).and_then(|c| c.chars().next());
        let mut names: Vec<String> =
            on_line.filter_map(text).map(|c| format!("U+{:04X}", u32::from(c))).collect();
        names.dedup();
        names.truncate(MOST_NAMES);
        let message = format!("a reader does not see what stands here: {}", names.join(" "));
        let fix = "remove it: a file of a system holds visible characters, spaces and tabs, in \
                   comments as well";
        let span = Span { source: Arc::clone(source), bytes: bytes.clone() };
        reporter.add(Diagnostic::at(Kind::HiddenCharacter, &span, message, fix));
    }
}

fn report_mistakes(reporter: &Reporter, source: &Arc<Source>) {
    for mistake in &source.mended.mistakes {
        let span = Span { source: Arc::clone(source), bytes: mistake.bytes.clone() };
        let diagnostic = Diagnostic::at(Kind::Syntax, &span, &mistake.message, &mistake.fix);
        reporter.add(diagnostic);
    }
}

/// Most characters of a line that are named.
const MOST_NAMES: usize = 8;

/// The name that a file's name gives; `None` after an error was reported.
fn name_of_file(reporter: &Reporter, source: &Arc<Source>, path: &Path) -> Option<At<String>> {
    let span = Span::start_of(source);
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned())?;
    check_name(reporter, &span, &name).then_some(At { value: name, span })
}
