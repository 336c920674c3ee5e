//! Lines for the host and for people, by way of consoled.

use alloc::format;

use nexus_proto::console::{Console as Protocol, LineEvent, LineEventKind, ReadLine, Write};
use nexus_proto::{ServiceError, Text};
use nexus_rt::{CallError, Client, Deadline, sys};

use crate::check::Failure;

/// Milliseconds that consoled has to take a piece of a line.
const WRITE_MS: u64 = 10_000;

/// The console.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    consoled: Client<Protocol>,
}

impl Console {
    pub(crate) const fn new(consoled: Client<Protocol>) -> Console {
        Console { consoled }
    }

    /// Shows a line. It goes out whole, whoever else writes.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        let line = format!("{line}\n");
        let deadline = Deadline::after_ms(WRITE_MS);
        for text in Text::pieces(line.as_bytes()) {
            self.piece(text, deadline)?;
        }
        Ok(())
    }

    /// consoled is busy while the terminal is slower than the lines.
    fn piece(&self, text: Text, deadline: Deadline) -> Result<(), Failure> {
        loop {
            match self.consoled.call(&Write { text }, deadline) {
                Ok(()) => return Ok(()),
                Err(CallError::Service(ServiceError::Busy)) if !deadline.has_passed() => {
                    sys::yield_now()?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until `expected` is typed, for `ms` milliseconds at most.
    pub(crate) fn wait_for(&self, expected: &str, ms: u64) -> Result<(), Failure> {
        let deadline = Deadline::after_ms(ms);
        let ask = ReadLine { deadline: deadline.ticks() };
        loop {
            let event: LineEvent = self.consoled.call(&ask, Deadline::NEVER)?;
            match event.kind {
                LineEventKind::Entered if event.text.as_bytes() == expected.as_bytes() => {
                    return Ok(());
                }
                LineEventKind::TimedOut => {
                    return Err(Failure::new(format_args!("nobody typed `{expected}`")));
                }
                _ => {}
            }
        }
    }
}
