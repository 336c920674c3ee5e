//! Which tests passed, by name: `BINARY PATH` as nextest writes them.

use super::tools::cargo;
use crate::attacks::package_name;
use crate::ci::host;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

/// True for what `cargo nextest run` says of a test that passed.
pub(crate) fn is_pass(line: &str) -> bool {
    of_nextest_line(line).is_some()
}

/// The names in the output of `cargo nextest run --status-level pass`.
pub(crate) fn of_nextest(text: &str) -> Vec<String> {
    text.lines().filter_map(of_nextest_line).collect()
}

/// `PASS [   0.006s] (  1/159) BINARY PATH`; releases before 0.9.98 have no counts.
fn of_nextest_line(line: &str) -> Option<String> {
    let (_, rest) = line.trim_start().strip_prefix("PASS [")?.split_once(']')?;
    let rest = rest.trim_start();
    let name = match rest.strip_prefix('(') {
        Some(counts) => counts.split_once(')')?.1.trim_start(),
        None => rest,
    };
    Some(name.to_owned())
}

/// Test binaries of the tree: file name and the name that nextest gives it.
pub(crate) type Binaries = BTreeMap<String, String>;

/// The names in the output of `cargo test`, both streams together.
pub(crate) fn of_cargo_test(text: &str, binaries: &Binaries) -> Vec<String> {
    let mut names = Vec::new();
    let mut binary = None;
    for line in text.lines() {
        if let Some(running) = line.trim_start().strip_prefix("Running ") {
            let file = running.rsplit(['/', '(']).next().unwrap_or_default();
            binary = binaries.get(file.trim_end_matches(')'));
        } else if line.trim_start().starts_with("Doc-tests ") {
            binary = None;
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some(path) = test.strip_suffix(" ... ok")
            && let Some(binary) = binary
        {
            let path = path.split(" - should panic").next().unwrap_or(path);
            names.push(format!("{binary} {path}"));
        }
    }
    names
}

#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds every test, and asks cargo for its binary.
///
/// # Errors
/// When they do not compile.
pub(crate) fn binaries() -> Result<Binaries> {
    let mut command = cargo(&["test", "--workspace", "--no-run", "--quiet"])?;
    command.args(host::TESTED);
    command.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = command.output().context("starting cargo")?;
    ensure!(output.status.success(), "the tests do not compile");
    let mut binaries = Binaries::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Message = serde_json::from_str(line)?;
        let Message { manifest_path: Some(manifest), target: Some(target), executable: Some(file) } =
            message
        else {
            continue;
        };
        if let (Some(file), Some(package)) = (file.file_name(), package_name(&manifest)?) {
            binaries.insert(file.to_string_lossy().into_owned(), name_of(&package, &target));
        }
    }
    Ok(binaries)
}

fn name_of(package: &str, target: &Target) -> String {
    let Target { name, kind } = target;
    match kind.first().map_or("", String::as_str) {
        "test" => format!("{package}::{name}"),
        kind @ ("bin" | "example" | "bench") => format!("{package}::{kind}/{name}"),
        _ => package.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn test_names_of_nextest() {
        let text = "   Starting 2 tests\n\
            \x20       PASS [   0.006s] (  1/159) neuron-core::kernel message::one\n\
            \x20       PASS [   0.006s] nexus a::b\n\
            \x20       FAIL [   0.006s] (  3/159) nexus a::c\n\
            \x20    Summary [   0.258s] 59 tests run: 59 passed, 0 skipped";
        assert_eq!(of_nextest(text), ["neuron-core::kernel message::one", "nexus a::b"]);
    }

    #[test]
    fn test_names_of_cargo_test() {
        let text = "     Running unittests src/lib.rs (target/debug/deps/nexus-12ab)\n\
            running 3 tests\n\
            test a::b ... ok\n\
            test a::c ... FAILED\n\
            test a::d - should panic ... ok\n\
            test a::e ... ignored\n\
            \x20    Running tests/kernel/main.rs (/x/deps/kernel-34cd)\n\
            test one ... ok\n\
            \x20  Doc-tests nexus\n\
            test src/lib.rs - f (line 3) ... ok\n";
        let binaries = Binaries::from([
            ("nexus-12ab".to_owned(), "nexus".to_owned()),
            ("kernel-34cd".to_owned(), "neuron-core::kernel".to_owned()),
        ]);
        let names = ["nexus a::b", "nexus a::d", "neuron-core::kernel one"];
        assert_eq!(of_cargo_test(text, &binaries), names);
    }

    #[test]
    fn test_names_of_binaries() {
        let name =
            |kind: &str| name_of("pack", &Target { name: "file".into(), kind: vec![kind.into()] });
        assert_eq!(
            [name("lib"), name("test"), name("bin")],
            ["pack", "pack::file", "pack::bin/file"]
        );
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(package_name(&manifest).unwrap().as_deref(), Some("nexus"));
    }
}
