//! A running QEMU: its serial output as lines, its exit code.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::mem;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

/// The longest line that is kept whole; a longer one is cut here. Bounds memory.
const LONGEST_LINE: usize = 64 * 1024;

/// What a guest did next.
#[derive(Debug)]
pub enum Event {
    /// It completed a line on the serial port.
    Line(String),
    /// It stopped in the middle of a line, for now: a prompt, for example.
    Part(String),
    /// QEMU ended.
    End(ExitStatus),
    /// The deadline passed first.
    Deadline,
}

/// A QEMU whose serial port is its standard input and output.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    serial: ChildStdin,
    lines: Receiver<Event>,
}

impl Guest {
    /// Starts `command`. Its standard error goes where ours goes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: Command) -> Result<Guest> {
        Guest::start_and(command, || {})
    }

    /// The same; `at_end` runs when nothing can come from the guest any more.
    ///
    /// # Errors
    /// See [`Guest::start`].
    pub fn start_and(
        mut command: Command,
        at_end: impl FnOnce() + Send + 'static,
    ) -> Result<Guest> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let serial = child.stdin.take().context("QEMU has no input")?;
        let output = child.stdout.take().context("QEMU has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            split(output, &sender);
            at_end();
        });
        Ok(Guest { child, serial, lines })
    }

    /// The next event, at the latest at `deadline`.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn next(&mut self, deadline: Instant) -> Result<Event> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(event) => Ok(event),
            Err(RecvTimeoutError::Timeout) => Ok(Event::Deadline),
            // The output closes when QEMU ends.
            Err(RecvTimeoutError::Disconnected) => Ok(Event::End(self.child.wait()?)),
        }
    }

    /// Sends `text` to the serial port.
    ///
    /// # Errors
    /// When QEMU no longer takes it.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.serial.write_all(text.as_bytes())?;
        self.serial.flush().context("writing to the serial port")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn split(mut output: impl Read, lines: &Sender<Event>) {
    let mut buffer = [0; 4096];
    let mut serial = Lines::default();
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        for line in buffer.iter().take(count).filter_map(|byte| serial.take(*byte)) {
            if lines.send(Event::Line(line)).is_err() {
                return;
            }
        }
        if let Some(part) = serial.rest()
            && lines.send(Event::Part(part)).is_err()
        {
            return;
        }
    }
    if let Some(line) = serial.rest() {
        let _ = lines.send(Event::Line(line));
    }
}

/// What comes from a serial port, in lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes a byte; the line that it ends, as a terminal shows that.
    pub fn take(&mut self, byte: u8) -> Option<String> {
        match byte {
            b'\n' => Some(text(&mem::take(&mut self.line))),
            byte => {
                if self.line.len() < LONGEST_LINE {
                    self.line.push(byte);
                }
                None
            }
        }
    }

    /// What there is of a line that has not ended.
    #[must_use]
    pub fn rest(&self) -> Option<String> {
        (!self.line.is_empty()).then(|| text(&self.line))
    }
}

/// What a terminal begins a line anew with, to write over a prompt.
const ERASE: &str = "\r\u{1b}[K";

/// The line as a terminal shows it in the end.
fn text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    text.rsplit_once(ERASE).map_or(text, |(_, last)| last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shell(script: &str) -> Guest {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Guest::start(command).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// What comes next, parts of lines left out.
    fn next(guest: &mut Guest) -> Event {
        loop {
            match guest.next(soon()).unwrap() {
                Event::Part(_) => {}
                event => return event,
            }
        }
    }

    #[test]
    fn test_lines_then_exit_code() {
        let mut guest = shell("printf 'one\\r\\ntwo\\npart'; exit 33");
        for expected in ["one", "two", "part"] {
            assert!(matches!(next(&mut guest), Event::Line(line) if line == expected));
        }
        assert!(matches!(next(&mut guest), Event::End(status) if status.code() == Some(33)));
    }

    #[test]
    fn test_a_prompt_is_told() {
        let mut guest = shell("printf 'nexus> '; exec sleep 1000");
        assert!(matches!(guest.next(soon()).unwrap(), Event::Part(part) if part == "nexus> "));
    }

    #[test]
    fn test_a_line_over_a_prompt_is_a_line() {
        assert_eq!(text(b"\r\x1b[Knexus> \r\x1b[K@nx 1 witness-ready\r"), "@nx 1 witness-ready");
        assert_eq!(text(b"nexus> @nx"), "nexus> @nx");
    }

    #[test]
    fn test_what_is_sent_arrives() {
        let mut guest = shell("read word; echo got $word");
        guest.send("witness-done\n").unwrap();
        assert!(matches!(next(&mut guest), Event::Line(line) if line == "got witness-done"));
    }

    #[test]
    fn test_deadline_ends_a_silent_guest() {
        let mut guest = shell("exec sleep 1000");
        assert!(matches!(guest.next(Instant::now()).unwrap(), Event::Deadline));
    }
}
