//! Which program a service is: the crate and binary that its file names.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::model::{Binary, Service};
use super::report::Reporter;
use super::source::Span;
use crate::files::{self, Unread};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

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
    let package = package_name(&table)
        .ok_or_else(|| Missing::Manifest("it has no `name` under [package]".to_owned()))?;
    if has_binary(&dir, &table, &package, &binary.bin) {
        Ok((workspace_of(&dir).unwrap_or(manifest), package))
    } else {
        Err(Missing::Binary(package))
    }
}

/// The `Cargo.toml` of the workspace that a package in `dir` is part of: the first above it, or its
/// own, that is one.
fn workspace_of(dir: &Path) -> Option<PathBuf> {
    let mut manifests = dir.ancestors().map(|dir| dir.join("Cargo.toml"));
    manifests.find(|manifest| {
        let text = files::text(manifest).unwrap_or_default();
        DeTable::parse(&text).is_ok_and(|table| value_in(table.get_ref(), "workspace").is_some())
    })
}

fn package_name(manifest: &DeTable<'_>) -> Option<String> {
    string_in(table_in(manifest, "package")?, "name")
}

/// A binary that is declared, or that cargo finds by itself.
fn has_binary(dir: &Path, manifest: &DeTable<'_>, package: &str, bin: &str) -> bool {
    let source = dir.join("src");
    declares_binary(manifest, bin)
        || (bin == package && source.join("main.rs").is_file())
        || source.join("bin").join(format!("{bin}.rs")).is_file()
        || source.join("bin").join(bin).join("main.rs").is_file()
}

fn declares_binary(manifest: &DeTable<'_>, bin: &str) -> bool {
    let Some(DeValue::Array(binaries)) = value_in(manifest, "bin") else { return false };
    binaries.iter().any(|entry| match entry.get_ref() {
        DeValue::Table(entry) => string_in(entry, "name").is_some_and(|name| name == bin),
        _ => false,
    })
}

fn value_in<'a>(table: &'a DeTable<'a>, key: &str) -> Option<&'a DeValue<'a>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
}

fn table_in<'a>(table: &'a DeTable<'a>, key: &str) -> Option<&'a DeTable<'a>> {
    match value_in(table, key) {
        Some(DeValue::Table(inner)) => Some(inner),
        _ => None,
    }
}

fn string_in(table: &DeTable<'_>, key: &str) -> Option<String> {
    match value_in(table, key) {
        Some(DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    }
}
