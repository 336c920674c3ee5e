//! Defences that can be left out of a copy of the tree (tests/broken.toml).

mod copy;
mod edit;

pub use copy::{Copy, Without};
pub use edit::Edit;

use crate::attacks::Test;
use crate::paths;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The list, from the root of the tree.
pub const LIST: &str = "tests/broken.toml";

/// How the finding of a missing proof begins.
pub const MISSING: &str = "proof missing: ";

/// How a finding of the checker in the kernel begins.
pub const CHECKER: &str = "checker: ";

/// The finding of a run in which init ended.
pub const ENDED: &str = "init ended";

/// What notices in QEMU that a defence is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A proof that the guest gives.
    Proof,
    /// The host, which compares audit, ledger, page tables and how the run ended.
    Judge,
    /// The checker in the kernel, a system that does not come up, or nothing: tests on the host.
    Other,
}

/// One defence, and what is written in its place. The sources have it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Defence {
    /// Its name.
    pub name: String,
    /// What it is that is left out, in a sentence.
    pub defence: String,
    /// What must catch it in a run in QEMU: a finding with this text. Absent when no run can show it.
    pub caught_by: Option<String>,
    /// The system under tests/systems/ that is run. The standard one when absent.
    pub system: Option<String>,
    /// What is left out where; one after the other.
    #[serde(rename = "edit")]
    pub edits: Vec<Edit>,
}

impl Defence {
    /// True when a run without it looks at `test`: any test on the host can be run without it, and in
    /// QEMU the one system, with what its row says that must be found.
    #[must_use]
    pub fn tries(&self, test: &Test) -> bool {
        match test {
            Test::Host { .. } | Test::Refusal(_) | Test::Fuzz(_) => true,
            Test::Proof { service, id } => {
                self.caught_by == Some(format!("{MISSING}{service} {id}"))
            }
            Test::System(name) => self.system.as_ref() == Some(name),
            Test::Step(name) => {
                let proof = |by: &String| by.starts_with(MISSING);
                let found = self.caught_by.as_ref().is_some_and(|by| !proof(by));
                name == "os" && self.system.is_none() && found
            }
            Test::Assure(_) | Test::Web(_) => false,
        }
    }

    /// What notices in QEMU that it is missing.
    #[must_use]
    pub fn noticed_by(&self) -> By {
        match &self.caught_by {
            Some(by) if by.starts_with(MISSING) => By::Proof,
            Some(by) if by.starts_with(CHECKER) || by == ENDED => By::Other,
            // The host compares only in systems that come up.
            Some(_) if self.system.is_none() => By::Judge,
            _ => By::Other,
        }
    }

    /// The directory of the system that is run, in the tree at `root`.
    #[must_use]
    pub fn system(&self, root: &Path) -> PathBuf {
        match &self.system {
            Some(name) => root.join("tests/systems").join(name),
            None => root.join("system"),
        }
    }

    /// The files of the tree at `root` that are other without it, from the root, and what is in them
    /// then.
    ///
    /// # Errors
    /// Says which text is not there exactly once, and where.
    pub fn edited(&self, root: &Path) -> Result<BTreeMap<String, String>> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for edit in &self.edits {
            let before = files.remove(&edit.file).map_or_else(|| edit.read(root), Ok);
            let after = before.and_then(|before| edit.apply(&before));
            files.insert(edit.file.clone(), after.with_context(|| self.place())?);
        }
        if files.is_empty() {
            bail!("{}: no [[broken.edit]]: nothing would be left out", self.place());
        }
        Ok(files)
    }

    /// Where its row is.
    fn place(&self) -> String {
        format!("{LIST}: `{}`", self.name)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    broken: Vec<Defence>,
}

/// Every defence that can be left out, in the order of the file.
///
/// # Errors
/// When the file cannot be read, or two have one name.
pub fn all() -> Result<Vec<Defence>> {
    let path = paths::root()?.join(LIST);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let file: File = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    for (index, one) in file.broken.iter().enumerate() {
        if file.broken.iter().take(index).any(|other| other.name == one.name) {
            bail!("{}: `{}` is there twice", path.display(), one.name);
        }
    }
    Ok(file.broken)
}

/// What is wrong with the rows, without building any: a text that is not there exactly once, a system
/// that is not there.
///
/// # Errors
/// When the list cannot be read.
pub fn faults() -> Result<Vec<String>> {
    let root = paths::root()?;
    let mut faults = Vec::new();
    for one in all()? {
        faults.extend(one.edited(&root).err().map(|error| format!("{error:#}")));
        let system = one.system(&root);
        if !system.is_dir() {
            faults.push(format!("{}: there is no {}", one.place(), system.display()));
        }
    }
    Ok(faults)
}

/// The defence called `name`.
///
/// # Errors
/// Names the ones that there are.
pub fn find(name: &str) -> Result<Defence> {
    let all = all()?;
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let found = all.iter().find(|one| one.name == name).cloned();
    found.with_context(|| format!("no defence is called `{name}`; there are {}", names.join(", ")))
}
