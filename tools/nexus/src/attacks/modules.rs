//! Under which name a test of a file runs: its test binary, and the module of the file.

use super::rust;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// The test binary, as nextest names it: `package`, `package::file`, `package::bin/name`.
    pub(super) binary: String,
    /// Names of modules, from the root of the crate.
    pub(super) path: Vec<String>,
}

/// Files of the packages that were asked about.
#[derive(Debug, Default)]
pub(super) struct Modules {
    packages: BTreeMap<PathBuf, BTreeMap<PathBuf, Module>>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Modules {
    /// The module that `file` is; `None` when no crate has it.
    ///
    /// # Errors
    /// When a file of its package cannot be read.
    pub(super) fn of_file(&mut self, file: &Path) -> Result<Option<Module>> {
        let Some((directory, name)) = package_of(file)? else { return Ok(None) };
        if !self.packages.contains_key(&directory) {
            let files = files_of(&directory, &name)?;
            self.packages.insert(directory.clone(), files);
        }
        Ok(self.packages.get(&directory).and_then(|files| files.get(file)).cloned())
    }
}

/// The package that `file` is in: its directory and name.
fn package_of(file: &Path) -> Result<Option<(PathBuf, String)>> {
    for directory in file.ancestors().skip(1) {
        let manifest = directory.join("Cargo.toml");
        if manifest.is_file() {
            let name = package_name(&manifest)?;
            return Ok(name.map(|name| (directory.to_path_buf(), name)));
        }
    }
    Ok(None)
}

/// The name of the package of `manifest`; `None` when it is of a workspace alone.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn package_name(manifest: &Path) -> Result<Option<String>> {
    let text = fs::read_to_string(manifest)?;
    let manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("in {}", manifest.display()))?;
    Ok(manifest.package.map(|package| package.name))
}

fn files_of(directory: &Path, package: &str) -> Result<BTreeMap<PathBuf, Module>> {
    let mut files = BTreeMap::new();
    let source = directory.join("src");
    let mut roots = vec![(source.join("lib.rs"), package.to_owned())];
    roots.extend(programs(directory, package)?);
    roots.extend(crates_in(&directory.join("tests"), &|name| format!("{package}::{name}"))?);
    visit_all(roots, &mut files)?;
    Ok(files)
}

/// Files of the programs of a package alone.
#[cfg(test)]
pub(super) fn files_of_programs(directory: &Path) -> Result<BTreeMap<PathBuf, Module>> {
    let mut files = BTreeMap::new();
    visit_all(programs(directory, "")?, &mut files)?;
    Ok(files)
}

fn programs(directory: &Path, package: &str) -> Result<Vec<(PathBuf, String)>> {
    let source = directory.join("src");
    let mut roots = crates_in(&source.join("bin"), &|name| format!("{package}::bin/{name}"))?;
    roots.insert(0, (source.join("main.rs"), format!("{package}::bin/{package}")));
    Ok(roots)
}

fn visit_all(roots: Vec<(PathBuf, String)>, files: &mut BTreeMap<PathBuf, Module>) -> Result<()> {
    for (root, binary) in roots {
        if root.is_file() {
            visit(&root, Module { binary, path: Vec::new() }, true, files)?;
        }
    }
    Ok(())
}

/// `NAME.rs` and `NAME/main.rs` in `directory`.
fn crates_in(directory: &Path, binary: &dyn Fn(&str) -> String) -> Result<Vec<(PathBuf, String)>> {
    let mut crates = Vec::new();
    let Ok(entries) = directory.read_dir() else { return Ok(crates) };
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let name = binary(name);
        if path.extension().is_some_and(|extension| extension == "rs") {
            crates.push((path, name));
        } else if path.is_dir() {
            crates.push((path.join("main.rs"), name));
        }
    }
    Ok(crates)
}

/// Notes `file` as `module`, and every file that it declares. A `root` looks for them beside itself.
fn visit(
    file: &Path,
    module: Module,
    root: bool,
    files: &mut BTreeMap<PathBuf, Module>,
) -> Result<()> {
    if files.contains_key(file) {
        return Ok(());
    }
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let source = rust::read(&text).with_context(|| format!("in {}", file.display()))?;
    files.insert(file.to_path_buf(), module.clone());
    let here = file.parent().context("a file has a directory")?;
    let beside = root || file.ends_with("mod.rs");
    let base = if beside { here.to_path_buf() } else { file.with_extension("") };
    for declared in source.modules {
        let place = declared.path.iter().fold(base.clone(), |place, name| place.join(name));
        let candidates = match &declared.file {
            Some(file) => vec![here.join(file)],
            None => vec![place.with_extension("rs"), place.join("mod.rs")],
        };
        let path = module.path.iter().chain(&declared.path).cloned().collect();
        let child = Module { binary: module.binary.clone(), path };
        if let Some(found) = candidates.iter().find(|candidate| candidate.is_file()) {
            visit(found, child, false, files)?;
        }
    }
    Ok(())
}
