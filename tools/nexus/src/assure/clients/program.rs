//! A client that runs: what it is given, and what it says.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

/// Seconds that any of them runs at most: a safety net. It is kept by `timeout`, so that it holds also while one takes
/// nothing of what it is given.
const LIMIT: &str = "60";
/// How `timeout` ends when it has ended the other by a signal, or by one that cannot be caught.
const LATE: [i32; 2] = [124, 137];
/// Most bytes of what one says.
const MOST: u64 = 64 << 20;

/// What it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) out: Vec<u8>,
    pub(super) err: String,
}

/// A client.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    out: JoinHandle<Vec<u8>>,
    err: JoinHandle<Vec<u8>>,
    name: String,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(name: &str, arguments: &[&str]) -> Result<Program> {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", LIMIT, name])
            .args(arguments)
            .env_remove("http_proxy")
            .env("LC_ALL", "C");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().with_context(|| format!("starting {name}"))?;
        let out = read(child.stdout.take().context("it says nothing")?);
        let err = read(child.stderr.take().context("it says nothing")?);
        Ok(Program { child, out, err, name: name.to_owned() })
    }

    /// Gives it some more to read; false when it takes nothing any more.
    pub(super) fn give(&mut self, bytes: &[u8]) -> bool {
        let stdin = self.child.stdin.as_mut();
        stdin.is_some_and(|stdin| stdin.write_all(bytes).and_then(|()| stdin.flush()).is_ok())
    }

    /// True when it has ended.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(super) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().context("looking at a client")?.is_some())
    }

    /// Waits for its end, with nothing more to read for it.
    ///
    /// # Errors
    /// It does not end.
    pub(super) fn end(mut self) -> Result<Said> {
        drop(self.child.stdin.take());
        let status = self.child.wait().context("waiting for a client")?;
        let late = status.code().is_some_and(|code| LATE.contains(&code));
        ensure!(!late, "{} does not end", self.name);
        let bytes = |said: JoinHandle<Vec<u8>>| said.join().unwrap_or_default();
        let err = String::from_utf8_lossy(&bytes(self.err)).into_owned();
        Ok(Said { status, out: bytes(self.out), err })
    }
}

/// Runs one to its end, with these bytes to read.
///
/// # Errors
/// It cannot be started, or does not end.
pub(super) fn run(name: &str, arguments: &[&str], bytes: &[u8]) -> Result<Said> {
    let mut program = Program::start(name, arguments)?;
    // Whoever is told to read nothing has ended its input.
    program.give(bytes);
    program.end()
}

fn read(from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error counts.
        let _ = from.take(MOST).read_to_end(&mut bytes);
        bytes
    })
}
