//! How cargo is told to leave out a defence.

use crate::broken::Defence;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sets `cfg(broken = …)` for the crates of a workspace and for no others. A wrapper around
/// the compiler does it and not `RUSTFLAGS`, so that what they depend on is compiled once for all
/// defences: cargo keeps what another wrapper made apart.
#[derive(Debug)]
pub struct Defect {
    wrapper: PathBuf,
}

impl Defect {
    /// Without `defence`, compiling in `target`.
    ///
    /// # Errors
    /// When the wrapper cannot be written.
    pub fn new(defence: &Defence, target: &Path) -> Result<Defect> {
        let directory = target.join("without");
        fs::create_dir_all(&directory)?;
        let wrapper = directory.join(&defence.name);
        let script = script(&defence.name);
        if fs::read_to_string(&wrapper).ok().as_ref() != Some(&script) {
            fs::write(&wrapper, &script)
                .and_then(|()| fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)))
                .with_context(|| format!("writing {}", wrapper.display()))?;
        }
        Ok(Defect { wrapper })
    }

    /// Has `cargo` compile without the defence.
    pub fn apply(&self, cargo: &mut Command) {
        cargo.env("RUSTC_WORKSPACE_WRAPPER", &self.wrapper);
    }
}

fn script(name: &str) -> String {
    format!("#!/bin/sh\nexec \"$@\" --cfg 'broken=\"{name}\"'\n")
}
