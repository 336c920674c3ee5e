//! The machine that a page is read on.

use crate::build::Place;
use crate::ci::examples;
use crate::paths;
use crate::test_os::TRANSCRIPT;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A copy of an example is called so in its page: `../my-flash`.
const COPY: &str = "../my-";
/// The first words of what cargo says about compiling.
const CARGO: [&str; 8] = [
    "Compiling",
    "Finished",
    "Running",
    "Blocking",
    "Updating",
    "Locking",
    "Downloading",
    "Downloaded",
];

/// The tree, and a place beside it for copies of the examples.
///
/// What is built of a copy is what is built of the example but for its name and its place, so commands
/// that build, and those that look at what was built, are about the example itself; what `test-os`
/// prints is what it printed when this example was judged last.
pub(super) struct Host<'a> {
    root: &'a Path,
    beside: TempDir,
}

impl Host<'_> {
    pub(super) fn new(root: &Path) -> Result<Host<'_>> {
        Ok(Host { root, beside: tempfile::tempdir()? })
    }

    /// A shell with the command, whose `cargo nexus` is this tool.
    pub(super) fn command(&self, typed: &str) -> Result<Command> {
        let copies = format!("{}/my-", self.beside.path().display());
        let about = if builds(typed) { "examples/" } else { copies.as_str() };
        let script = format!(
            "cargo() {{ if [ \"$1\" = nexus ]; then shift; /proc/{}/exe \"$@\"; else \
             command cargo \"$@\"; fi; }}\n{}",
            std::process::id(),
            typed.replace(COPY, about)
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.root);
        // What is shown is as wide as where nobody says how wide.
        command.env_remove("NEXUS_UPDATE").env_remove("COLUMNS");
        // Whoever reads keeps something on the disks of the tree.
        command.env(paths::DISKS_VARIABLE, self.beside.path());
        if typed.contains(COPY) && typed.starts_with("cargo test") {
            command.envs(examples::environment()?);
        }
        Ok(command)
    }

    /// What a command prints, both streams in order.
    pub(super) fn run(&self, typed: &str) -> Result<Vec<String>> {
        if let Some(text) = judged(typed)? {
            return Ok(text.lines().map(str::to_owned).collect());
        }
        let (reader, writer) = std::io::pipe()?;
        let mut command = self.command(typed)?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        drop(command);
        let text = std::io::read_to_string(reader)?;
        child.wait()?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Lines as the reader of a page sees them: where things are for them, without cargo's progress.
    pub(super) fn as_shown(&self, printed: Vec<String>) -> Result<Vec<String>> {
        let beside = format!("{}/", self.beside.path().display());
        let build = paths::build()?.display().to_string();
        let examples: Vec<String> = self
            .root
            .join("examples")
            .read_dir()?
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        let place = |line: String| {
            let mut line = line.replace(&beside, "../").replace(&build, "/home/me/nexus/build");
            for name in &examples {
                line = line.replace(&format!("build/{name}-"), &format!("build/my-{name}-"));
                if line.starts_with(&format!("{name} ")) {
                    line.insert_str(0, "my-");
                }
            }
            line
        };
        Ok(printed.into_iter().filter(|line| !is_progress(line)).map(place).collect())
    }
}

/// What `test-os` printed when the system was judged last; `None` for other commands, and when it never
/// was.
fn judged(typed: &str) -> Result<Option<String>> {
    let Some((_, system)) = typed.split_once("nexus test-os --system ") else { return Ok(None) };
    let system = paths::root()?.join(system.replace(COPY, "examples/"));
    let name = system.file_name().unwrap_or_default().to_string_lossy();
    let path = Place::tree()?.folder_of(&system, &name, "test")?.join(TRANSCRIPT);
    if !path.is_file() {
        return Ok(None);
    }
    fs::read_to_string(&path).map(Some).with_context(|| format!("{}", path.display()))
}

/// True for what builds a copy, or looks at what was built of it.
fn builds(typed: &str) -> bool {
    ["cargo test", "nexus build", "nexus audit", "nexus run", "nexus test-os"]
        .iter()
        .any(|command| typed.starts_with(command) || typed.contains(&format!("cargo {command}")))
}

fn is_progress(line: &str) -> bool {
    let word = line.trim_start().split(' ').next().unwrap_or_default();
    line.starts_with(' ') && CARGO.contains(&word)
}
