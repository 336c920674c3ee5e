//! What a `Cargo.toml` says of a package.

use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Why a package has no such binary.
pub(super) enum NoBinary {
    /// It has others.
    Unknown,
    /// This file of it is missing, relative to the package.
    NoFile(String),
}

pub(super) fn package_name(manifest: &DeTable<'_>) -> Option<String> {
    string_in(table_in(manifest, "package")?, "name")
}

/// Looks for a binary that is declared, or that cargo finds by itself, and its file.
pub(super) fn find_binary(
    dir: &Path,
    manifest: &DeTable<'_>,
    package: &str,
    bin: &str,
) -> Result<(), NoBinary> {
    let declared = declared(manifest, bin);
    if let Some(file) = declared.and_then(|entry| string_in(entry, "path")) {
        return if dir.join(&file).is_file() { Ok(()) } else { Err(NoBinary::NoFile(file)) };
    }
    let mut usual = vec![format!("src/bin/{bin}.rs"), format!("src/bin/{bin}/main.rs")];
    if bin == package {
        usual.insert(0, "src/main.rs".to_owned());
    }
    let looks = declared.is_some() || !has_no_more(manifest);
    let found = usual.iter().any(|file| dir.join(file).is_file());
    match declared {
        _ if looks && found => Ok(()),
        Some(_) => Err(NoBinary::NoFile(usual.swap_remove(0))),
        None => Err(NoBinary::Unknown),
    }
}

/// The `[[bin]]` of this name.
fn declared<'a>(manifest: &'a DeTable<'a>, bin: &str) -> Option<&'a DeTable<'a>> {
    let Some(DeValue::Array(binaries)) = value_in(manifest, "bin") else { return None };
    let mut tables = binaries.iter().filter_map(|entry| match entry.get_ref() {
        DeValue::Table(entry) => Some(entry),
        _ => None,
    });
    tables.find(|entry| string_in(entry, "name").is_some_and(|name| name == bin))
}

/// `autobins = false`: cargo looks for no binaries by itself.
fn has_no_more(manifest: &DeTable<'_>) -> bool {
    let package = table_in(manifest, "package");
    matches!(
        package.and_then(|package| value_in(package, "autobins")),
        Some(DeValue::Boolean(false))
    )
}

pub(super) fn value_in<'a>(table: &'a DeTable<'a>, key: &str) -> Option<&'a DeValue<'a>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
}

pub(super) fn table_in<'a>(table: &'a DeTable<'a>, key: &str) -> Option<&'a DeTable<'a>> {
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

/// The strings of a list; none where there is no list.
pub(super) fn strings_in(table: &DeTable<'_>, key: &str) -> Vec<String> {
    let Some(DeValue::Array(items)) = value_in(table, key) else { return Vec::new() };
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    items.iter().filter_map(|item| text(item.get_ref())).collect()
}
