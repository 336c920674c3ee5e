//! Defences whose absence tests on the host must notice.

use super::Noticed;
use crate::broken::Without;
use crate::exit::Exit;
use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Compiled without what only speed needs: most of the time goes into compiling. Crates of others are built as in the
/// tree.
const PLAIN: [&str; 2] = ["--config", "profile.dev.package.neuron-core.opt-level=0"];

/// A program of tests without a defence, and which of them must fail.
pub(super) struct Tests {
    program: PathBuf,
    /// Where cargo would run it.
    directory: PathBuf,
    paths: Vec<String>,
}

/// Builds `binary` (as nextest names it) into `kept`, of whose tests `paths` must fail.
///
/// # Errors
/// With [`Exit::Build`] when they do not compile.
pub(super) fn build(
    without: &Without<'_>,
    binary: &str,
    paths: BTreeSet<&str>,
    kept: &Path,
) -> Result<Tests> {
    let (package, crate_of_tests) = binary.split_once("::").unwrap_or((binary, ""));
    let mut command = without.cargo(&["test", "--package", package])?;
    match crate_of_tests.strip_prefix("bin/") {
        Some(program) => command.args(["--bin", program]),
        None if crate_of_tests.is_empty() => command.arg("--lib"),
        None => command.args(["--test", crate_of_tests]),
    };
    command.args(PLAIN).args(["--quiet", "--no-run", "--message-format=json-render-diagnostics"]);
    let built = command.stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !built.status.success() {
        let what = format!("the tests of {binary} did not compile");
        return Err(anyhow!(what).context(Exit::Build));
    }
    let said = String::from_utf8_lossy(&built.stdout);
    let (program, directory) = program(&said).with_context(|| format!("{binary} has no tests"))?;
    // The next build puts another one there.
    let own = kept.join(program.file_name().context("a program has a name")?);
    fs::copy(&program, &own).with_context(|| format!("copying {}", program.display()))?;
    let paths = paths.into_iter().map(str::to_owned).collect();
    Ok(Tests { program: own, directory, paths })
}

/// The one program of tests that cargo says it made, and the directory of its package.
fn program(said: &str) -> Option<(PathBuf, PathBuf)> {
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["profile"]["test"] == true);
    let message = programs.find(|message| message["executable"].is_string())?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some((PathBuf::from(message["executable"].as_str()?), manifest.parent()?.to_path_buf()))
}

impl Tests {
    /// Runs them: each must fail.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn run(&self) -> Result<Noticed> {
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let mut run = Command::new(&self.program);
        run.arg("--exact").args(&paths).current_dir(&self.directory);
        run.env("CARGO_MANIFEST_DIR", &self.directory);
        let run = run.output().with_context(|| self.program.display().to_string())?;
        Ok(judge(&paths, &String::from_utf8_lossy(&run.stdout)))
    }
}

/// Judges what a program of tests said of the tests `paths`.
fn judge(paths: &[&str], output: &str) -> Noticed {
    let failed = |path: &&&str| {
        let mut ends = output.lines().filter_map(|line| {
            let (path, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
            Some((path, end))
        });
        ends.any(|(one, end)| one == **path && end == "FAILED")
    };
    let passed: Vec<&str> = paths.iter().filter(|path| !failed(path)).copied().collect();
    if passed.is_empty() {
        return Noticed::AsExpected(format!("test {}", paths.join(", ")));
    }
    let last = output.lines().rev().take(5).map(str::to_owned).collect();
    Noticed::Otherwise(format!("a failure of {}", passed.join(", ")), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_program_of_the_tests() {
        let said = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","profile":{"test":false},"executable":"/t/a"}
            {"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","profile":{"test":true},"executable":"/t/a-1"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(program(said), Some(("/t/a-1".into(), "/a".into())));
        assert_eq!(program(""), None);
    }

    #[test]
    fn test_each_of_the_tests_must_fail_itself() {
        let output = "test mmio::a ... ok\ntest mmio::b ... FAILED\ntest mmio::c ... FAILED\n\
                      test result: FAILED. 1 passed";
        assert_eq!(judge(&["mmio::b"], output), Noticed::AsExpected("test mmio::b".into()));
        assert!(matches!(judge(&["mmio::b", "mmio::c"], output), Noticed::AsExpected(_)));
        for paths in [&["mmio::a"][..], &["mmio"], &["mmio::a", "mmio::b"]] {
            assert!(matches!(judge(paths, output), Noticed::Otherwise(..)), "{paths:?}");
        }
        assert!(matches!(judge(&["mmio::a"], "signal: 6"), Noticed::Otherwise(..)));
    }
}
