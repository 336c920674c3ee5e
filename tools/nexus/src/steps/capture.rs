//! Runs a command, shows what it says, and keeps it.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// Runs `command`; returns whether it succeeded and what it wrote, both streams together.
pub(crate) fn run(command: &mut Command) -> Result<(bool, String)> {
    let name = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let (sender, lines) = channel();
    if let Some(output) = child.stdout.take() {
        follow(output, sender.clone());
    }
    if let Some(output) = child.stderr.take() {
        follow(output, sender);
    }
    let mut all = String::new();
    for line in lines {
        println!("{line}");
        all.push_str(&line);
        all.push('\n');
    }
    Ok((child.wait()?.success(), all))
}

fn follow(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { return };
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}
