//! Builds with one defence left out (tests/broken.toml). Each must fail its run.

use crate::attacks::Test;
use crate::paths;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;

/// The list, from the root of the tree.
pub const LIST: &str = "tests/broken.toml";

/// How the finding of a missing proof begins.
pub const MISSING: &str = "proof missing: ";

/// How a finding of the checker in the kernel begins.
pub const CHECKER: &str = "checker: ";

/// One defence that can be left out. The code asks `cfg!(broken = …)`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Defence {
    /// Its name.
    pub name: String,
    /// What it is that is left out, in a sentence.
    pub defence: String,
    /// The package whose code asks: `neuron-core` and `neuron` are the kernel.
    pub package: String,
    /// What must catch it in a run in QEMU: a finding with this text. Absent when no run can show it.
    pub caught_by: Option<String>,
    /// The system under tests/systems/ that is run. The standard one when absent.
    pub system: Option<String>,
    /// Which of the builds side by side this is; each compiles in a place of its own.
    #[serde(skip)]
    pub lane: usize,
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
            Test::Assure(_) => false,
        }
    }

    /// True when it is the kernel that is built without it.
    #[must_use]
    pub fn in_kernel(&self) -> bool {
        matches!(self.package.as_str(), "neuron" | "neuron-core")
    }

    /// True when the program of `package` is built without it. A library is in every program.
    #[must_use]
    pub fn affects(&self, package: &str) -> bool {
        self.package == package
            || self.package.starts_with("nexus-") && self.package != "nexus-init"
    }

    /// The directory of the system that is run, when not the standard one.
    ///
    /// # Errors
    /// See [`paths::root`].
    pub fn system(&self) -> Result<Option<PathBuf>> {
        let directory = |name| Ok(paths::root()?.join("tests/systems").join(name));
        self.system.as_ref().map(directory).transpose()
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
