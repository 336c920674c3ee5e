//! A debugger at a machine that runs: one service stops where it is told to, by name, and then goes on.

use crate::debugger;
use crate::page_guest::PageGuest;
use crate::paths;
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What stands on gdb's screen once it listens to what it is told.
const READY: &str = "The machine stands still.";
/// What it is told: to stop a service in a function, to say where it is, and to leave.
const TOLD: [&str; 7] = [
    "-batch",
    "-ex=break random",
    "-ex=continue",
    "-ex=backtrace",
    "-ex=print $in_service()",
    "-ex=delete",
    "-ex=detach",
];
/// What it must say then: where the service was, and how it came there.
const SAYS: [&str; 5] = [
    "Breakpoint 1, random",
    "at source/services/rngd/src/generator.rs:",
    "at source/services/rngd/src/main.rs:",
    "in _start () at source/libs/nexus-rt/src/entry.rs:",
    "$1 = true",
];

/// Boots, attaches, and asks at the prompt for what the service does there.
pub(super) fn check() -> Result<Outcome> {
    if let Err(why) = debugger::find(None) {
        return Ok(Outcome::skip(format!("left out: {why:#}")));
    }
    let mut machine = PageGuest::boot_with(&["--gdb"])?;
    let mut gdb = Attached::to("rngd")?;
    let mut said = gdb.until_ready()?;
    let numbers = machine.command("random 4")?;
    said += &gdb.rest()?;
    // It goes on without the debugger.
    let again = machine.command("random 4")?;
    let good = |lines: &[String]| matches!(lines, [line] if line.len() == 8);
    let answers = good(&numbers) && good(&again);
    let missing: Vec<&str> = SAYS.into_iter().filter(|text| !said.contains(text)).collect();
    if !answers || !missing.is_empty() {
        eprintln!("gdb said:\n{said}\nand the prompt {numbers:?}, {again:?}; missing: {missing:?}");
    }
    Ok(Outcome::of(answers, "").and(Outcome::of(missing.is_empty(), "")))
}

/// A gdb that is attached to a service.
struct Attached {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Attached {
    fn to(service: &str) -> Result<Attached> {
        let mut command = Command::new(paths::TOOL);
        command.args(["gdb", service, "--"]).args(TOLD).current_dir(paths::root()?);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting gdb")?;
        let says = child.stdout.take().context("gdb has an output")?;
        Ok(Attached { child, says: BufReader::new(says) })
    }

    fn until_ready(&mut self) -> Result<String> {
        let mut said = String::new();
        while !said.contains(READY) {
            let more = self.says.read_line(&mut said).context("reading what gdb says")?;
            ensure!(more > 0, "gdb ended: {said}");
        }
        Ok(said)
    }

    fn rest(&mut self) -> Result<String> {
        let mut said = String::new();
        self.says.read_to_string(&mut said).context("reading what gdb says")?;
        Ok(said)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Fails when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
