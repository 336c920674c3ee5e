//! Calls of cargo for the bare-metal target.

use super::defect::Defect;
use crate::broken::Defence;
use crate::exit::Exit;
use crate::toolchain::{TARGET, Toolchain};
use crate::{image, paths};
use anyhow::{Context, Result, anyhow};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that cargo would call instead of the compiler.
const WRAPPERS: [&str; 4] = [
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
];

/// One set of packages, built together.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// The `Cargo.toml` of the workspace or package.
    pub(super) manifest: &'a Path,
    /// Names of packages whose binary has the same name.
    pub(super) packages: &'a [String],
    /// Features of them.
    pub(super) features: &'a [&'a str],
    /// The defence to leave out.
    pub(super) broken: Option<&'a Defence>,
}

/// Builds `job` and returns where the binaries are. What lacks a defence is compiled in a place of
/// its own, and never stands where a whole one is looked for.
///
/// # Errors
/// With [`Exit::Build`] when it does not compile.
pub(super) fn build(toolchain: &Toolchain, job: &Job<'_>) -> Result<PathBuf> {
    let target = job.broken.map_or_else(target_dir, target_of_broken)?;
    let target_dir = target_dir_of(&target, job.manifest)?;
    let status =
        command(toolchain, job, &target, &target_dir)?.status().context("starting cargo")?;
    if !status.success() {
        return Err(anyhow!("{} did not compile", job.packages.join(", ")).context(Exit::Build));
    }
    Ok(target_dir.join(TARGET).join("release"))
}

/// Only `job.broken` can leave out a defence: flags and wrappers of the environment do not reach the
/// compiler.
fn command(
    toolchain: &Toolchain,
    job: &Job<'_>,
    target: &Path,
    target_dir: &Path,
) -> Result<Command> {
    let mut command = toolchain.cargo("build", &rustflags(toolchain, job)?);
    command.arg("--release").arg("--manifest-path").arg(job.manifest);
    command.arg("--target-dir").arg(target_dir);
    for wrapper in WRAPPERS {
        command.env_remove(wrapper);
    }
    if let Some(defence) = job.broken {
        Defect::new(defence, target)?.apply(&mut command);
    }
    for package in job.packages {
        command.args(["--package", package]);
    }
    if !job.features.is_empty() {
        command.args(["--features", &job.features.join(",")]);
    }
    Ok(command)
}

/// Cargo's target directory: the one that the environment names, else the one of the tree.
///
/// # Errors
/// See [`paths::root`].
pub fn target_dir() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => Ok(paths::root()?.join("target")),
    }
}

/// Where builds without `defence` work.
///
/// # Errors
/// See [`paths::root`].
pub fn target_of_broken(defence: &Defence) -> Result<PathBuf> {
    Ok(target_dir()?.join(format!("broken-{}", defence.lane)))
}

/// Where the workspace of `manifest` is compiled: in `target`, or for another one than that of the
/// tree in a directory of its own there. Cargo tells a package of one workspace from one of another
/// by the path inside the workspace alone, and would take one copy of a system for another.
///
/// # Errors
/// See [`paths::root`].
pub fn target_dir_of(target: &Path, manifest: &Path) -> Result<PathBuf> {
    if manifest == paths::root()?.join("Cargo.toml") {
        return Ok(target.to_path_buf());
    }
    let mut name = image::sha256(manifest.as_os_str().as_encoded_bytes());
    name.truncate(16);
    Ok(target.join("workspaces").join(name))
}

/// The same for the kernel and for programs, so that what both use is compiled once. The kernel and
/// nexus-rt each have a `link.ld`, and a build script that lets the linker find it.
fn rustflags(toolchain: &Toolchain, job: &Job<'_>) -> Result<Vec<String>> {
    let mut flags = vec![
        "-Clink-arg=-Tlink.ld".to_owned(),
        "-Crelocation-model=static".to_owned(),
        "-Cforce-frame-pointers=yes".to_owned(),
        // Labels of the compiler would hide the names of functions written in assembly.
        "-Clink-arg=--discard-locals".to_owned(),
    ];
    flags.extend(remaps(toolchain, job.manifest)?);
    Ok(flags)
}

/// Names of machine directories that must not reach a panic message: two trees in different places
/// give the same bytes. A later one wins over an earlier one.
fn remaps(toolchain: &Toolchain, manifest: &Path) -> Result<Vec<String>> {
    let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let source = toolchain.sysroot.join("lib/rustlib/src/rust");
    let mut pairs = vec![
        (cargo_home, "/cargo"),
        (source.canonicalize().unwrap_or(source), "/rust"),
        (paths::root()?, "/nexus"),
    ];
    let directory = manifest.parent().context("a manifest has a directory")?.canonicalize()?;
    if !directory.starts_with(paths::root()?) {
        pairs.push((directory, "/system"));
    }
    if cfg!(broken = "remap-paths") {
        pairs.clear();
    }
    Ok(pairs
        .into_iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broken;
    use std::ffi::OsStr;

    /// The value of each variable that decides what else the compiler is told.
    fn told(broken: Option<&Defence>) -> Vec<(String, Option<String>)> {
        let toolchain = Toolchain::find().unwrap();
        let manifest = paths::root().unwrap().join("Cargo.toml");
        let packages = &["neuron".to_owned()];
        let job = Job { manifest: &manifest, packages, features: &[], broken };
        let scratch = tempfile::tempdir().unwrap();
        let command = command(&toolchain, &job, scratch.path(), scratch.path()).unwrap();
        let decides = |name: &OsStr| {
            WRAPPERS.iter().any(|one| name == *one) || name == "CARGO_ENCODED_RUSTFLAGS"
        };
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let variables = command.get_envs().filter(|(name, _)| decides(name));
        variables.map(|(name, value)| (text(name), value.map(text))).collect()
    }

    // attack 70 H: a flag or wrapper in the environment leaves a defence out of an image; neither reaches the compiler
    #[test]
    fn test_environment_leaves_no_defence_out() {
        let told = told(None);
        assert_eq!(told.len(), WRAPPERS.len() + 1, "each is set or taken away: {told:?}");
        for (name, value) in told {
            match value {
                Some(flags) => assert!(name.ends_with("RUSTFLAGS") && !flags.contains("--cfg")),
                None => assert!(WRAPPERS.contains(&name.as_str())),
            }
        }
    }

    // attack 72 H: where the tree is reaches the compiler's output; it is called the same everywhere; broken: remap-paths
    #[test]
    fn test_all_trees_are_in_one_place() {
        let flags: Vec<String> = told(None).into_iter().filter_map(|(_, flags)| flags).collect();
        let root = paths::root().unwrap();
        let renamed = format!("--remap-path-prefix={}=/nexus", root.display());
        assert!(flags.concat().contains(&renamed), "{flags:?}");
    }

    #[test]
    fn test_one_build_leaves_out_one_defence() {
        let defence = broken::find("window-end").unwrap();
        let told = told(Some(&defence));
        let wrapper = told.iter().find(|(name, _)| name == "RUSTC_WORKSPACE_WRAPPER").unwrap();
        assert!(wrapper.1.as_ref().unwrap().ends_with("/window-end"), "{told:?}");
    }
}
