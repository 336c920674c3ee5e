//! The system in use on many machines: each row of the matrix says what must hold on its own.

mod edit;
mod rows;

use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::qemu::{self, Event, Guest};
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result};
use rows::{Holds, ROWS, Row};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest time for one machine: a safety net.
const LIMIT: Duration = Duration::from_secs(90);
const PROMPT: &str = "nexus> ";
/// Of the standard system, all with an owner.
const DEVICES: [&str; 6] = ["uart0", "rtc0", "power0", "rng0", "blk0", "net0"];

/// A QEMU of the matrix.
pub(super) struct Emulator {
    name: &'static str,
    pub(super) program: PathBuf,
    /// Where it has its firmware, when not beside it.
    pub(super) data: Option<PathBuf>,
}

/// The second one, where the environment names it.
pub(super) fn second() -> Option<Emulator> {
    env::var_os("NEXUS_QEMU10").map(|program| Emulator {
        name: "QEMU 10",
        program: program.into(),
        data: env::var_os("NEXUS_QEMU10_DATA").map(PathBuf::from),
    })
}

/// Boots every row on every QEMU that is here.
///
/// # Errors
/// When the system cannot be built, or a QEMU cannot be started.
pub(super) fn check() -> Result<Outcome> {
    let built = build::system(&SystemArgs { system: None, profile: "prod".to_owned() })?;
    let only = env::var("NEXUS_MACHINES").unwrap_or_default();
    let rows = ROWS.iter().filter(|row| row.name.contains(&only));
    let old = Emulator { name: "QEMU", program: qemu::find(None)?, data: None };
    let new = second();
    let mut total = Outcome::default();
    for row in rows {
        if !row.only_new {
            total = total.and(judge(&built, row, &old)?);
        }
        total = total.and(match &new {
            _ if row.only_old => Outcome::default(),
            Some(new) => judge(&built, row, new)?,
            None => Outcome { skipped: 1, ..Outcome::default() },
        });
    }
    let note = match new {
        Some(_) => String::new(),
        None => "NEXUS_QEMU10 names no second QEMU".to_owned(),
    };
    Ok(Outcome { note, ..total })
}

/// Boots one row, says how it came out, and counts it.
fn judge(built: &Built, row: &Row, emulator: &Emulator) -> Result<Outcome> {
    let scratch = tempfile::tempdir()?;
    let (run, wrong) = match Run::of(built, row, emulator, scratch.path()) {
        Ok(run) => {
            let wrong = run.wrong(&row.holds);
            (run, wrong)
        }
        Err(error) => (Run::default(), Some(format!("{error:#}"))),
    };
    match &wrong {
        None => println!("{} on {}: holds", row.name, emulator.name),
        Some(wrong) => {
            println!("{} on {}: {wrong}", row.name, emulator.name);
            run.lines.iter().rev().take(12).rev().for_each(|line| println!("    {line}"));
        }
    }
    Ok(Outcome::of(wrong.is_none(), ""))
}

/// What a machine has shown.
#[derive(Default)]
struct Run {
    /// Console lines up to the prompt, or to the end.
    lines: Vec<String>,
    /// What `owners` prints; `None` when there was no prompt.
    owners: Option<Vec<String>>,
    /// The time was over before anything was decided.
    late: bool,
}

impl Run {
    fn of(built: &Built, row: &Row, emulator: &Emulator, scratch: &Path) -> Result<Run> {
        let mut arguments = row.arguments();
        if let Some(data) = &emulator.data {
            arguments.extend(["-L".to_owned(), data.display().to_string()]);
        }
        if !row.edits.is_empty() {
            let tree = edited_tree(row, emulator, &arguments, scratch)?;
            arguments.extend(["-dtb".to_owned(), tree.display().to_string()]);
        }
        let image = built.directory.join("boot.img");
        let mut command = qemu::command(&emulator.program, &arguments, &built.kernel, &image);
        command.args(["-serial", "stdio", "-monitor", "none"]);
        let mut guest = Guest::start(command)?;
        let mut run = Run::default();
        run.watch(&mut guest, Instant::now() + LIMIT)?;
        Ok(run)
    }

    /// Reads up to the prompt, asks who owns what, and reads up to the next.
    fn watch(&mut self, guest: &mut Guest, deadline: Instant) -> Result<()> {
        let mut done = false;
        loop {
            match guest.next(deadline)? {
                Event::Line(line) => self.owners.as_mut().unwrap_or(&mut self.lines).push(line),
                Event::Part(part) if part.contains(PROMPT) && self.owners.is_none() => {
                    self.owners = Some(Vec::new());
                    guest.send("owners\n")?;
                }
                Event::Part(part) if part.contains(PROMPT) && !done => {
                    done = self.owners.iter().flatten().any(|line| line.starts_with("DEVICE"));
                    if done {
                        return Ok(());
                    }
                }
                Event::Part(_) => {}
                Event::End(_) => return Ok(()),
                Event::Deadline => {
                    self.late = true;
                    return Ok(());
                }
            }
        }
    }

    /// What is not as it must be.
    fn wrong(&self, holds: &Holds) -> Option<String> {
        let (says, lacks, prompt) = match holds {
            Holds::Boots { says, lacks } => (says, *lacks, true),
            Holds::Ends { says } => (says, &[][..], false),
        };
        let said = |text: &&&str| self.lines.iter().any(|line| line.contains(**text));
        if let Some(missing) = says.iter().find(|text| !said(text)) {
            return Some(format!("nothing says `{missing}`"));
        }
        match (&self.owners, prompt) {
            _ if self.late => Some(format!("undecided after {LIMIT:?}")),
            (None, false) => None,
            (Some(_), false) => Some("it boots".to_owned()),
            (None, true) => Some("there is no prompt".to_owned()),
            (Some(owners), true) => DEVICES.into_iter().find_map(|device| {
                let line = owners.iter().find(|line| line.split(' ').next() == Some(device))?;
                let held = !line.contains("nobody");
                let expected = !lacks.contains(&device);
                (held != expected).then(|| format!("`{}`", line.trim()))
            }),
        }
    }
}

/// The device tree that this QEMU makes for these arguments, changed as the row says.
fn edited_tree(
    row: &Row,
    emulator: &Emulator,
    arguments: &[String],
    scratch: &Path,
) -> Result<PathBuf> {
    let (dump, file) = (scratch.join("dump.dtb"), scratch.join("edited.dtb"));
    let mut command = Command::new(&emulator.program);
    command.args(arguments).args(["-display", "none", "-machine"]);
    command.arg(format!("dumpdtb={}", dump.display()));
    let output = command.output().context("starting QEMU")?;
    let bytes = fs::read(&dump).with_context(|| {
        format!("QEMU made no device tree: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let edited = edit::apply(&bytes, row.edits).with_context(|| format!("in row {}", row.name))?;
    fs::write(&file, edited)?;
    Ok(file)
}
