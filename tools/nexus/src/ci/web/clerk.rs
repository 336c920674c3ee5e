//! Types at a prompt for others: a line that comes by its socket is typed, and what is printed goes back as JSON, a
//! list of lines in one line.

use crate::page_guest::PageGuest;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use tempfile::TempDir;

/// Whoever has a prompt.
pub(super) trait Prompt: Send + 'static {
    /// What is printed when `line` is typed.
    fn ask(&mut self, line: &str) -> Result<Vec<String>>;
}

impl Prompt for PageGuest {
    fn ask(&mut self, line: &str) -> Result<Vec<String>> {
        self.command(line)
    }
}

/// Serves one who asks after the other.
pub(super) struct Clerk {
    socket: PathBuf,
    work: JoinHandle<Result<()>>,
    _scratch: TempDir,
}

impl Clerk {
    /// Of this prompt; both end when it is closed.
    ///
    /// # Errors
    /// There is no place for a socket.
    pub(super) fn of(mut prompt: impl Prompt) -> Result<Clerk> {
        let scratch = tempfile::tempdir().context("making a scratch directory")?;
        let socket = scratch.path().join("prompt");
        let listener = UnixListener::bind(&socket).context("listening for questions")?;
        let work = thread::spawn(move || {
            for client in listener.incoming() {
                if !serve(client?, &mut prompt)? {
                    break;
                }
            }
            Ok(())
        });
        Ok(Clerk { socket, work, _scratch: scratch })
    }

    /// Where its socket is.
    #[must_use]
    pub(super) fn place(&self) -> &Path {
        &self.socket
    }

    /// Ends it, and the machine that has the prompt.
    ///
    /// # Errors
    /// What went wrong at the prompt.
    pub(super) fn close(self) -> Result<()> {
        // Nobody is there any more when something went wrong.
        if let Ok(mut last) = UnixStream::connect(&self.socket) {
            let _ = last.write_all(LAST);
        }
        self.work.join().unwrap_or_else(|why| panic::resume_unwind(why))
    }
}

/// What no keyboard types, from whoever is the last.
const LAST: &[u8] = b"\0\n";

/// Answers one who asks, line by line; false when nobody comes after.
fn serve(client: UnixStream, prompt: &mut impl Prompt) -> Result<bool> {
    let mut answers = client.try_clone()?;
    for line in BufReader::new(client).lines() {
        let line = line?;
        if line == "\0" {
            return Ok(false);
        }
        let printed = prompt.ask(&line)?;
        let mut answer = serde_json::to_vec(&printed)?;
        answer.push(b'\n');
        answers.write_all(&answer)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    struct Echo;

    impl Prompt for Echo {
        fn ask(&mut self, line: &str) -> Result<Vec<String>> {
            if line == "poweroff" {
                bail!("no prompt");
            }
            Ok(vec![line.to_owned(), "\"two\"".to_owned()])
        }
    }

    fn asked(clerk: &Clerk, line: &str) -> String {
        let mut client = UnixStream::connect(clerk.place()).unwrap();
        client.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(client).read_line(&mut answer).unwrap();
        answer
    }

    #[test]
    fn test_whoever_asks_is_answered_until_it_is_closed() {
        let clerk = Clerk::of(Echo).unwrap();
        assert_eq!(asked(&clerk, "ps"), "[\"ps\",\"\\\"two\\\"\"]\n");
        assert_eq!(asked(&clerk, "why nsh uart0"), "[\"why nsh uart0\",\"\\\"two\\\"\"]\n");
        let place = clerk.place().to_owned();
        clerk.close().unwrap();
        assert!(UnixStream::connect(place).is_err());
    }

    #[test]
    fn test_a_prompt_that_fails_is_told() {
        let clerk = Clerk::of(Echo).unwrap();
        assert_eq!(asked(&clerk, "poweroff"), "");
        assert!(clerk.close().unwrap_err().to_string().contains("no prompt"));
    }
}
