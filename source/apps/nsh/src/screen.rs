//! The terminal, by way of consoled.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_abi::{Error, Handle, NO_DEADLINE};
use nexus_proto::console::{
    Console, Insert, LineEvent, LineEventKind, LineText, Prompt, ReadKey, ReadLine, Write,
};
use nexus_proto::{Operation, ServiceError, Text, Zero};
use nexus_rt::{CallError, Client, Deadline, sys};

use crate::table;

/// Milliseconds that consoled has to take a piece of text.
const WRITE_MS: u64 = 2000;
/// Milliseconds to wait before a piece is offered again that consoled had no room for.
const AGAIN_MS: u64 = 5;
/// Times that it is offered: 10 seconds in all.
const ATTEMPTS: usize = 2000;

/// Lives of consoled that a call may end with.
const MOST_ENDS: usize = 8;

/// The terminal.
#[derive(Debug)]
pub struct Screen {
    console: Client<Console>,
    /// What each life of consoled is told.
    prompt: Prompt,
    /// Nobody signals it: what to wait on for nothing but time.
    never: Handle,
}

/// What the person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A whole line.
    Line(String),
    /// Tab, in this line, at this byte.
    Tab(String, usize),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
}

impl Screen {
    /// The terminal behind `console`, with this prompt.
    ///
    /// # Errors
    /// consoled, or the kernel, does not take part.
    pub fn new(console: Client<Console>, prompt: &str) -> Result<Screen, CallError> {
        let never = sys::notification_create().map_err(CallError::Kernel)?;
        let prompt = Prompt { text: Text::piece(prompt.as_bytes()) };
        console.call(&prompt, Deadline::after_ms(WRITE_MS))?;
        Ok(Screen { console, prompt, never })
    }

    /// Calls consoled. When it ends meanwhile, its next life is told the prompt, and called again: what was
    /// typed is gone, and a piece of text may be shown twice.
    fn call<O: Operation<Protocol = Console>>(
        &self,
        op: &O,
        deadline: Deadline,
    ) -> Result<O::Reply, CallError> {
        let mut answer = self.console.call(op, deadline);
        for _ in 0..MOST_ENDS {
            if !matches!(answer, Err(CallError::Kernel(Error::PeerGone))) {
                break;
            }
            answer = self
                .console
                .call(&self.prompt, Deadline::after_ms(WRITE_MS))
                .and_then(|()| self.console.call(op, deadline));
        }
        answer
    }

    /// Lets time pass.
    pub fn pause(&self, ms: u64) {
        // Nothing but the deadline ends it.
        let _ = sys::wait(self.never, Deadline::after_ms(ms).ticks(), Handle::NONE);
    }

    /// Shows text, no line of it wider than the terminal. When the terminal takes no more for a long
    /// time, the rest is lost.
    pub fn print(&self, text: &str) {
        for piece in Text::pieces(table::fold(text).as_bytes()) {
            if !self.print_piece(piece) {
                return;
            }
        }
    }

    fn print_piece(&self, text: Text) -> bool {
        for _ in 0..ATTEMPTS {
            match self.call(&Write { text }, Deadline::after_ms(WRITE_MS)) {
                Ok(()) => return true,
                Err(CallError::Service(ServiceError::Busy)) => self.pause(AGAIN_MS),
                Err(_) => return false,
            }
        }
        false
    }

    /// Waits for what the person does in the line.
    ///
    /// # Errors
    /// consoled is gone, or somebody else has the keyboard.
    pub fn read(&self) -> Result<Typed, CallError> {
        // A life of consoled that began meanwhile does not know it yet. Whether there is one, the next call
        // tells.
        let _ = self.call(&self.prompt, Deadline::after_ms(WRITE_MS));
        let event = self.call(&ReadLine { deadline: NO_DEADLINE }, Deadline::NEVER)?;
        table::set_columns(event.columns.into());
        // It is gone with the life of consoled that had it.
        let Ok(text) = self.text(&event) else { return Ok(Typed::Interrupt) };
        Ok(match event.kind {
            LineEventKind::Entered => Typed::Line(text),
            LineEventKind::Tab => Typed::Tab(text, event.cursor.into()),
            LineEventKind::Interrupted | LineEventKind::TimedOut => Typed::Interrupt,
            LineEventKind::EndOfInput => Typed::EndOfInput,
        })
    }

    /// The whole line of an event: its first piece came with it.
    fn text(&self, event: &LineEvent) -> Result<String, CallError> {
        let mut bytes: Vec<u8> = event.text.as_bytes().to_vec();
        let mut more = event.text.more();
        while more && bytes.len() < event.len.into() {
            let offset = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let ask = LineText { offset, zero: Zero::ZERO };
            let piece = self.console.call(&ask, Deadline::after_ms(WRITE_MS))?;
            bytes.extend_from_slice(piece.as_bytes());
            more = piece.more() && !piece.as_bytes().is_empty();
        }
        Ok(String::from_utf8_lossy(&bytes).to_string())
    }

    /// Puts text at the cursor of the line that Tab was pressed in.
    pub fn insert(&self, text: &str) {
        for text in Text::pieces(text.as_bytes()) {
            // Without it the person types on.
            let _ = self.console.call(&Insert { text }, Deadline::after_ms(WRITE_MS));
        }
    }

    /// A key pressed within `ms` milliseconds.
    ///
    /// # Errors
    /// consoled is gone, or somebody else has the keyboard.
    pub fn key(&self, ms: u64) -> Result<Option<u8>, CallError> {
        let deadline = Deadline::after_ms(ms).ticks();
        match self.call(&ReadKey { deadline }, Deadline::NEVER) {
            Ok(key) => Ok(Some(key.byte)),
            Err(CallError::Service(ServiceError::TimedOut))
            | Err(CallError::Kernel(Error::TimedOut)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
