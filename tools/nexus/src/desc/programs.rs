//! Which program a service is: the crate and binary that its file names.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::manifest::{self, NoBinary};
use super::model::{Binary, Service};
use super::report::Reporter;
use super::source::Span;
use super::workspace;
use crate::files::{self, Unread};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// A program of the image.
#[derive(Clone, Debug)]
pub struct Program {
    /// Service id.
    pub id: u32,
    /// Service name.
    pub name: String,
    /// The cargo package.
    pub package: String,
    /// The binary of that package.
    pub bin: String,
    /// The `Cargo.toml` that it is built from: of its workspace, or of the package alone.
    pub manifest: PathBuf,
    /// Where its service's budget stands; init has none.
    pub budget: Option<Span>,
}

/// Why a program cannot be found.
enum Missing {
    /// No `Cargo.toml` of a package there.
    Package,
    /// The package has other binaries.
    Binary(String),
    /// The package has it, and not this file of its.
    Source(String, String),
    /// The package is no member of the workspace that it lies in, whose `Cargo.toml` this is.
    Member(String, PathBuf),
    /// Its `Cargo.toml` cannot be read: why.
    Manifest(String),
}

/// Reports a program that is not there.
pub(crate) fn check(service: &Service, reporter: &Reporter) {
    let Some(binary) = &service.binary else { return };
    let Err(missing) = find(binary) else { return };
    let (message, fix) = match missing {
        Missing::Package => (
            format!("there is no crate at `{}`", binary.path.value),
            format!(
                "create it, or write the path of {}'s crate, relative to {}",
                service.name.value,
                shown_dir(reporter, &binary.relative_to)
            ),
        ),
        Missing::Binary(package) => (
            format!("the crate `{package}` has no binary `{}`", binary.bin),
            format!(
                "add [[bin]] with `name = \"{}\"` to its Cargo.toml, or name the right one with \
                 `bin`",
                binary.bin
            ),
        ),
        Missing::Source(package, file) => (
            format!("the crate `{package}` has no file `{file}` for its binary `{}`", binary.bin),
            "create it, or correct [[bin]] in its Cargo.toml".to_owned(),
        ),
        Missing::Member(package, root) => (
            format!("the crate `{package}` is no member of the workspace that it lies in"),
            format!("add it to `members` in {}", reporter.paths.show(&root)),
        ),
        Missing::Manifest(why) => (
            format!("the Cargo.toml at `{}` cannot be used: {why}", binary.path.value),
            "correct it, or write the path of another crate".to_owned(),
        ),
    };
    reporter.add(Diagnostic::at(Kind::MissingBinary, &binary.path.span, message, fix));
}

/// The program of a service that has passed [`check`].
pub(crate) fn of_service(service: &Service) -> Option<Program> {
    let binary = service.binary.as_ref()?;
    let (manifest, package) = find(binary).ok()?;
    Some(Program {
        id: service.id.value,
        name: service.name.value.clone(),
        package,
        bin: binary.bin.clone(),
        manifest,
        budget: service.budget.as_ref().map(|budget| budget.span.clone()),
    })
}

fn shown_dir(reporter: &Reporter, dir: &Path) -> String {
    match reporter.paths.show(dir) {
        shown if shown.is_empty() => String::from("this system's directory"),
        shown => shown,
    }
}

/// The manifest to build from, and the package name.
fn find(binary: &Binary) -> Result<(PathBuf, String), Missing> {
    let dir = binary.relative_to.join(&binary.path.value);
    let dir = dir.canonicalize().map_err(|_| Missing::Package)?;
    let manifest = dir.join("Cargo.toml");
    let text = files::text(&manifest).map_err(|why| match why {
        Unread::Missing => Missing::Package,
        why => Missing::Manifest(why.to_string()),
    })?;
    let table = DeTable::parse(&text);
    let table = table.map_err(|why| Missing::Manifest(why.message().to_owned()))?.into_inner();
    let package = manifest::package_name(&table)
        .ok_or_else(|| Missing::Manifest("it has no `name` under [package]".to_owned()))?;
    match manifest::find_binary(&dir, &table, &package, &binary.bin) {
        Ok(()) => {}
        Err(NoBinary::Unknown) => return Err(Missing::Binary(package)),
        Err(NoBinary::NoFile(file)) => return Err(Missing::Source(package, file)),
    }
    match workspace::of_crate(&dir, &table) {
        Ok(root) => Ok((root, package)),
        Err(root) => Err(Missing::Member(package, root)),
    }
}
