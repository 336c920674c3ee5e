//! One reader for each sort of file. What cannot be read is reported, and left out.

mod board;
mod policy;
mod profile;
mod rights;
mod service;
mod system;

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::report::Reporter;
use super::source::{At, Source, Span};
use super::values::check_name;
use std::path::Path;
use std::rc::Rc;

pub(crate) use board::{BoardFile, read_board};
pub(crate) use policy::{PolicyFile, read_policy};
pub(crate) use profile::read_profile;
pub(crate) use service::read_service;
pub(crate) use system::{SystemFile, read_system};

/// The text of a file that must be there. `what` says what it is and `fix` what to do without it.
pub(crate) fn open(reporter: &Reporter, path: &Path, what: &str, fix: &str) -> Option<Rc<Source>> {
    match reporter.paths.read(path) {
        Ok(source) => Some(source),
        Err(error) => {
            let shown = reporter.paths.show(path);
            let message = if error.kind() == std::io::ErrorKind::NotFound {
                format!("{what} is missing")
            } else {
                format!("{what} cannot be read: {error}")
            };
            reporter.add(Diagnostic::path(Kind::MissingFile, shown, message, fix));
            None
        }
    }
}

/// The name that a file's name gives; `None` after an error was reported.
fn name_of_file(reporter: &Reporter, source: &Rc<Source>, path: &Path) -> Option<At<String>> {
    let span = Span::start_of(source);
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned())?;
    check_name(reporter, &span, &name).then_some(At { value: name, span })
}
