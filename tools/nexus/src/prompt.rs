//! A session at the prompt of a booted system.

use anyhow::{Context, Result, bail};
use std::io::{PipeReader, Read, Write, pipe};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

const PROMPT: &str = "nexus> ";
/// A safety net: a boot takes a second, a build some minutes.
const LIMIT: Duration = Duration::from_secs(600);
/// What leaves QEMU, as `cargo nexus run` sets it up.
const LEAVE: &[u8] = b"\x1dx";

/// A terminal with a system behind it.
#[derive(Debug)]
pub(crate) struct Session {
    child: Child,
    keyboard: ChildStdin,
    bytes: Receiver<u8>,
    row: Row,
}

impl Session {
    /// Starts `command` and goes on to its prompt; what was printed before that.
    pub(crate) fn start(command: &mut Command) -> Result<(Session, Vec<String>)> {
        let (reader, writer) = pipe()?;
        command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().context("starting the session")?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let keyboard = child.stdin.take().context("a keyboard")?;
        let mut session = Session { child, keyboard, bytes: listen(reader), row: Row::default() };
        let before = session.until(|row| row.text() == PROMPT)?;
        if session.row.text() != PROMPT {
            bail!("no prompt came: {before:?}");
        }
        Ok((session, before))
    }

    /// Types a line; what is printed until the next prompt, or the end.
    pub(crate) fn command(&mut self, typed: &str) -> Result<Vec<String>> {
        self.keyboard.write_all(format!("{typed}\r").as_bytes())?;
        let echo = format!("{PROMPT}{typed}");
        self.until(|row| row.text() == echo)?;
        let mut lines = self.until(|row| row.text() == PROMPT)?;
        if lines.first() == Some(&echo) {
            lines.remove(0);
        }
        Ok(lines)
    }

    /// The next line that is as `wanted`.
    ///
    /// # Errors
    /// It does not come, or the system ends before.
    pub(crate) fn line(&mut self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let byte = self.bytes.recv_timeout(left).context("waiting for a line")?;
            if let Some(line) = self.row.show(byte).filter(|line| wanted(line)) {
                return Ok(line);
            }
        }
    }

    /// The lines that end before the row is as wanted, or before the end.
    fn until(&mut self, wanted: impl Fn(&Row) -> bool) -> Result<Vec<String>> {
        let deadline = Instant::now() + LIMIT;
        let mut lines = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("nothing more came: {:?} after {lines:?}", self.row.text());
            }
            let Ok(byte) = self.bytes.recv_timeout(left) else { return Ok(lines) };
            lines.extend(self.row.show(byte));
            if wanted(&self.row) {
                return Ok(lines);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Nobody is there any more when it has ended already.
        let _ = self.keyboard.write_all(LEAVE);
        let _ = self.child.wait();
    }
}

fn listen(mut reader: PipeReader) -> Receiver<u8> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            for byte in bytes.iter().take(count) {
                if sender.send(*byte).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// The row of a terminal that the cursor is in, as far as Nexus and cargo use one.
#[derive(Debug, Default)]
struct Row {
    bytes: Vec<u8>,
    column: usize,
    /// An escape sequence that is not complete.
    escape: Option<Vec<u8>>,
}

impl Row {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Shows a byte; the row when that ends it.
    fn show(&mut self, byte: u8) -> Option<String> {
        if let Some(mut escape) = self.escape.take() {
            escape.push(byte);
            self.escape(escape);
            return None;
        }
        match byte {
            b'\n' => {
                let text = self.text();
                *self = Row::default();
                return Some(text);
            }
            b'\r' => self.column = 0,
            0x1b => self.escape = Some(Vec::new()),
            0x00..=0x1f => {}
            byte => {
                self.bytes.resize(self.bytes.len().max(self.column + 1), b' ');
                if let Some(cell) = self.bytes.get_mut(self.column) {
                    *cell = byte;
                }
                self.column += 1;
            }
        }
        None
    }

    fn escape(&mut self, escape: Vec<u8>) {
        match escape.as_slice() {
            b"[K" => self.bytes.truncate(self.column),
            // Where the cursor was is where it comes back to.
            [b'7' | b'8'] => {}
            [b'[', .., 0x40..=0x7e] => {}
            [b'['] | [b'[', ..] => self.escape = Some(escape),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_rows() {
        let mut row = Row::default();
        let bytes = b"nexus: one\r\n\r\x1b[Knexus> \x1b7\x1b[999C\x1b[6n\x1b8\r\x1b[Kline\r\n\r\x1b[Knexus> ps";
        let lines: Vec<String> = bytes.iter().filter_map(|byte| row.show(*byte)).collect();
        assert_eq!(lines, ["nexus: one", "line"]);
        assert_eq!(row.text(), "nexus> ps");
    }

    #[test]
    fn test_a_session() {
        // Reads bytes one by one: a keyboard ends lines with a return.
        let shell = r#"
            printf 'up\nnexus> '; line=
            while c=$(dd bs=1 count=1 2>/dev/null | od -An -c | tr -d ' \n'); [ -n "$c" ]; do
                case $c in
                '\r')
                    printf '%s\nso be it\n' "$line"
                    [ "$line" = end ] && exit
                    line=; printf 'nexus> ' ;;
                *) line=$line$c ;;
                esac
            done"#;
        let mut command = Command::new("sh");
        command.args(["-c", shell]);
        let (mut session, before) = Session::start(&mut command).unwrap();
        assert_eq!(before, ["up"]);
        assert_eq!(session.command("ps").unwrap(), ["so be it"]);
        session.keyboard.write_all(b"owners\r").unwrap();
        assert_eq!(session.line(|line| line.starts_with("so")).unwrap(), "so be it");
        session.until(|row| row.text() == PROMPT).unwrap();
        assert_eq!(session.command("end").unwrap(), ["so be it"]);
        assert!(session.line(|_| true).is_err(), "it has ended");
    }
}
