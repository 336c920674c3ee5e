//! Lines for the host and for people, by way of consoled.

use alloc::format;

use nexus_proto::console::{
    Console as Protocol, LineEvent, LineEventKind, Prompt, ReadKey, ReadLine, Write,
};
use nexus_proto::{ServiceError, Text};
use nexus_rt::{CallError, Client, Deadline, sys};

use crate::SAFETY_MS;

/// Stands before what the host types.
const PROMPT: &[u8] = b"host> ";

/// The console, as a test program writes to it.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    consoled: Client<Protocol>,
}

impl Console {
    /// The console that this server has.
    #[must_use]
    pub const fn new(consoled: Client<Protocol>) -> Console {
        Console { consoled }
    }

    /// Shows a line. It goes out whole, whoever else writes.
    ///
    /// # Errors
    /// consoled did not take it in time.
    pub fn line(&self, line: &str) -> Result<(), CallError> {
        let line = format!("{line}\n");
        let deadline = Deadline::after_ms(SAFETY_MS);
        for text in Text::pieces(line.as_bytes()) {
            self.piece(text, deadline)?;
        }
        Ok(())
    }

    /// consoled is busy while the terminal is slower than the lines.
    fn piece(&self, text: Text, deadline: Deadline) -> Result<(), CallError> {
        loop {
            match self.consoled.call(&Write { text }, deadline) {
                Err(CallError::Service(ServiceError::Busy)) if !deadline.has_passed() => {
                    sys::yield_now().map_err(CallError::Kernel)?;
                }
                other => return other,
            }
        }
    }

    /// The next byte that is typed.
    ///
    /// # Errors
    /// Nobody typed one in time: `TimedOut` of consoled.
    pub fn key(&self, deadline: Deadline) -> Result<u8, CallError> {
        let ask = ReadKey { deadline: deadline.ticks() };
        self.consoled.call(&ask, Deadline::NEVER).map(|key| key.byte)
    }

    /// Takes the keyboard: what is typed from now on is for [`Console::key`], and for nobody else.
    ///
    /// # Errors
    /// consoled does not answer.
    pub fn take_keys(&self) -> Result<(), CallError> {
        // A time that is over: no byte is waited for.
        match self.key(Deadline::at(0)) {
            Ok(_) | Err(CallError::Service(ServiceError::TimedOut)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes the keyboard for lines: what is typed from now on is for [`Console::wait_for`], and for nobody else.
    ///
    /// # Errors
    /// consoled does not answer.
    pub fn take_lines(&self) -> Result<(), CallError> {
        let text = Text::piece(PROMPT);
        self.consoled.call(&Prompt { text }, Deadline::after_ms(SAFETY_MS))?;
        // A time that is over: no line is waited for.
        self.consoled.call(&ReadLine { deadline: 0 }, Deadline::NEVER).map(|_| ())
    }

    /// Waits until `expected` is typed as a line, until `deadline` at most.
    ///
    /// # Errors
    /// Nobody typed it in time: `TimedOut` of consoled.
    pub fn wait_for(&self, expected: &str, deadline: Deadline) -> Result<(), CallError> {
        let ask = ReadLine { deadline: deadline.ticks() };
        loop {
            let event: LineEvent = self.consoled.call(&ask, Deadline::NEVER)?;
            match event.kind {
                LineEventKind::Entered if event.text.as_bytes() == expected.as_bytes() => {
                    return Ok(());
                }
                LineEventKind::TimedOut => {
                    return Err(CallError::Service(ServiceError::TimedOut));
                }
                _ => {}
            }
        }
    }
}
