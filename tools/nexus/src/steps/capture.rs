//! Runs a command, shows what it says, and keeps it.

use anyhow::{Context, Result};
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs `command`; returns whether it succeeded and what it wrote, both streams in order.
pub(crate) fn run(command: &mut Command) -> Result<(bool, String)> {
    run_showing(command, &|_| true)
}

/// As [`run`], but shows only lines for which `shown` is true.
pub(crate) fn run_showing(
    command: &mut Command,
    shown: &dyn Fn(&str) -> bool,
) -> Result<(bool, String)> {
    let name = command.get_program().display().to_string();
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn().with_context(|| format!("starting {name}"));
    // The pipe ends when nobody holds its other end any more, and the command still does.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child?;
    let mut all = String::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if shown(&line) {
            println!("{line}");
        }
        all.push_str(&line);
        all.push('\n');
    }
    Ok((child.wait()?.success(), all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_both_streams_in_order() {
        let script = "echo one; echo two >&2; echo three; exit 3";
        let (good, text) = run(Command::new("sh").args(["-c", script])).unwrap();
        assert!(!good);
        assert_eq!(text, "one\ntwo\nthree\n");
        assert!(run(&mut Command::new("/no/such/program")).is_err());
    }
}
