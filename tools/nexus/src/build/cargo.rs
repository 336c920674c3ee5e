//! Calls of cargo for the bare-metal target.

use super::Place;
use crate::exit::Exit;
use crate::toolchain::{TARGET, Toolchain};
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
    /// Names of packages.
    pub(super) packages: &'a [String],
    /// Names of binaries of them: no other is built.
    pub(super) binaries: &'a [String],
    /// Features of them.
    pub(super) features: &'a [&'a str],
    /// The tree.
    pub(super) place: &'a Place,
}

/// Builds `job` and returns where the binaries are.
///
/// # Errors
/// With [`Exit::Build`] when it does not compile.
pub(super) fn build(toolchain: &Toolchain, job: &Job<'_>) -> Result<PathBuf> {
    let status = command(toolchain, job)?.status().context("starting cargo")?;
    if !status.success() {
        return Err(anyhow!("{} did not compile", job.binaries.join(", ")).context(Exit::Build));
    }
    Ok(job.place.target_of(job.manifest).join(TARGET).join("release"))
}

/// Flags and wrappers of the environment do not reach the compiler.
fn command(toolchain: &Toolchain, job: &Job<'_>) -> Result<Command> {
    let mut command = toolchain.cargo("build", &rustflags(toolchain, job)?);
    command.arg("--release").arg("--manifest-path").arg(job.manifest);
    command.arg("--target-dir").arg(job.place.target_of(job.manifest));
    for wrapper in WRAPPERS {
        command.env_remove(wrapper);
    }
    for package in job.packages {
        command.args(["--package", package]);
    }
    for binary in job.binaries {
        command.args(["--bin", binary]);
    }
    if !job.features.is_empty() {
        command.args(["--features", &job.features.join(",")]);
    }
    Ok(command)
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
    flags.extend(remaps(toolchain, job)?);
    if job.place.lenient {
        flags.push("--cap-lints=warn".to_owned());
    }
    Ok(flags)
}

fn remaps(toolchain: &Toolchain, job: &Job<'_>) -> Result<Vec<String>> {
    let names = names(toolchain, &job.place.root, job.manifest)?;
    let flag = |(from, to): (PathBuf, _)| format!("--remap-path-prefix={}={to}", from.display());
    Ok(names.into_iter().map(flag).collect())
}

/// Machine directories whose names must not reach a panic message, and what they are called instead: two trees in
/// different places give the same bytes. A later one wins over an earlier one.
pub(crate) fn names(
    toolchain: &Toolchain,
    root: &Path,
    manifest: &Path,
) -> Result<Vec<(PathBuf, &'static str)>> {
    let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let source = toolchain.sysroot.join("lib/rustlib/src/rust");
    let mut names = vec![
        (cargo_home, "/cargo"),
        (source.canonicalize().unwrap_or(source), "/rust"),
        (root.to_owned(), "/nexus"),
    ];
    let directory = manifest.parent().context("a manifest has a directory")?.canonicalize()?;
    if !directory.starts_with(root) {
        names.push((directory, "/system"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    /// The value of each variable that decides what else the compiler is told.
    fn told() -> Vec<(String, Option<String>)> {
        let toolchain = Toolchain::find().unwrap();
        let place = Place::tree().unwrap();
        let manifest = place.root.join("Cargo.toml");
        let kernel = &["neuron".to_owned()];
        let (packages, binaries) = (kernel, kernel);
        let job = Job { manifest: &manifest, packages, binaries, features: &[], place: &place };
        let command = command(&toolchain, &job).unwrap();
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
        let told = told();
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
        let flags: Vec<String> = told().into_iter().filter_map(|(_, flags)| flags).collect();
        let root = Place::tree().unwrap().root;
        let renamed = format!("--remap-path-prefix={}=/nexus", root.display());
        assert!(flags.concat().contains(&renamed), "{flags:?}");
    }
}
