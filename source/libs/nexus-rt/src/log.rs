//! Lines to logd, or to the kernel's console for init before logd is there.
//!
//! A line is best effort: it has a deadline, and what does not get through is counted.

use core::fmt::{Arguments, Write as _};
use core::sync::atomic::{AtomicU64, Ordering};

use nexus_abi::Handle;
pub use nexus_proto::log::Level;
use nexus_proto::log::{Log, Proof, Write};
use nexus_proto::{Text, Zero, ids};

use crate::{CallError, Client, Deadline, startup, sys};

/// Milliseconds that a line may take.
const LINE_MS: u64 = 50;
/// Milliseconds that a proof may take.
const PROOF_MS: u64 = 20_000;

static LOGD: AtomicU64 = AtomicU64::new(0);
static CONSOLE: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Sends lines to this endpoint of logd, instead of the one in the startup block.
pub fn to_logd(endpoint: Handle) {
    LOGD.store(endpoint.0, Ordering::Relaxed);
}

/// Sends lines to the kernel's console (Console capability) as well; `Handle::NONE` ends that.
pub fn to_console(console: Handle) {
    CONSOLE.store(console.0, Ordering::Relaxed);
}

/// Lines that got lost.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

fn logd() -> Option<Client<Log>> {
    match LOGD.load(Ordering::Relaxed) {
        0 => startup().client(ids::LOGD).ok(),
        endpoint => Some(Client::new(Handle(endpoint))),
    }
}

/// Writes a line. Used by [`log!`](crate::log!).
pub fn line(level: Level, arguments: Arguments<'_>) {
    let console = Handle(CONSOLE.load(Ordering::Relaxed));
    if console != Handle::NONE {
        let mut line = ConsoleLine { console, piece: [0; 32], used: 0 };
        // Writing to a line does not fail.
        let _ = writeln!(line, "{arguments}");
        line.flush();
    }
    let Some(logd) = logd() else {
        DROPPED.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let deadline = Deadline::after_ms(LINE_MS);
    let mut line = Line { logd, level, deadline, piece: [0; Text::MAX], used: 0, lost: false };
    // As above.
    let _ = line.write_fmt(arguments);
    line.send(false);
    if line.lost {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A line on its way to logd, in pieces.
struct Line {
    logd: Client<Log>,
    level: Level,
    deadline: Deadline,
    piece: [u8; Text::MAX],
    used: usize,
    lost: bool,
}

impl Line {
    fn send(&mut self, more: bool) {
        if !self.lost {
            let bytes = self.piece.get(..self.used).unwrap_or(&[]);
            let text = Text::piece(bytes).with_more(more);
            let write = Write { level: self.level, zero: Zero::ZERO, text };
            self.lost = self.logd.call(&write, self.deadline).is_err();
        }
        self.used = 0;
    }
}

impl core::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            if self.used == Text::MAX {
                self.send(true);
            }
            if let Some(to) = self.piece.get_mut(self.used) {
                *to = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}

/// A line on its way to the kernel's console, in pieces.
struct ConsoleLine {
    console: Handle,
    piece: [u8; 32],
    used: usize,
}

impl ConsoleLine {
    fn flush(&mut self) {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(self.piece.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [w0, w1, w2, w3] = words;
        // Nobody to tell when it fails.
        let _ = sys::console_write(self.console, self.used as u64, w0, w1, w2, w3);
        self.used = 0;
    }
}

impl core::fmt::Write for ConsoleLine {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            if self.used == self.piece.len() {
                self.flush();
            }
            if let Some(to) = self.piece.get_mut(self.used) {
                *to = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}

/// Records that this process has shown something that the run must show, by so many checks. `name`
/// has at most 48 bytes; a longer one is cut.
///
/// # Errors
/// logd did not take it: it takes no proof without a check.
pub fn proof(name: &str, checks: u32) -> Result<(), CallError> {
    let logd = logd().ok_or(CallError::Kernel(nexus_abi::Error::BadHandle))?;
    let name = Text::piece(name.as_bytes()).with_more(false);
    logd.call(&Proof { checks, zero: Zero::ZERO, name }, Deadline::after_ms(PROOF_MS))
}

/// Logs a line: `log!(Level::Info, "{} pages", n)`.
#[macro_export]
macro_rules! log {
    ($level:expr, $($arg:tt)+) => { $crate::log::line($level, ::core::format_args!($($arg)+)) };
}

/// Logs what happened, for whoever works on the service.
#[macro_export]
macro_rules! debug {
    ($($arg:tt)+) => { $crate::log!($crate::log::Level::Debug, $($arg)+) };
}

/// Logs what happened.
#[macro_export]
macro_rules! info {
    ($($arg:tt)+) => { $crate::log!($crate::log::Level::Info, $($arg)+) };
}

/// Logs that something is not as it should be.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)+) => { $crate::log!($crate::log::Level::Warn, $($arg)+) };
}

/// Logs that the service cannot do its work.
#[macro_export]
macro_rules! error {
    ($($arg:tt)+) => { $crate::log!($crate::log::Level::Error, $($arg)+) };
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::string::String;
    use std::vec::Vec;

    use nexus_proto::log::Request;
    use nexus_proto::{Operation, Request as _, ServiceError};

    use super::*;
    use crate::host::answer_calls;

    /// Text of the pieces, and whether more follows.
    fn pieces(request: &[Request]) -> Vec<(String, bool)> {
        let piece = |request: &Request| match request {
            Request::Write(write) => {
                (write.text.as_bytes().escape_ascii().to_string(), write.text.more())
            }
            other => panic!("{other:?}"),
        };
        request.iter().map(piece).collect()
    }

    // One test, because where lines go is one setting of the process.
    #[test]
    fn lines() {
        crate::info!("nobody takes it");
        assert_eq!(dropped(), 1);
        assert!(proof("p", 1).is_err());

        to_logd(Handle(7));
        let taken = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&taken);
        let answering = answer_calls(move |endpoint, message| {
            assert_eq!(endpoint, Handle(7));
            let request = Request::decode(message).unwrap();
            log.borrow_mut().push(request);
            Ok(Proof { checks: 1, zero: Zero::ZERO, name: Text::EMPTY }.answer(Ok(())))
        });
        crate::info!("short {}", 1);
        let long = "0123456789".repeat(10);
        crate::warn!("{}{}", &long[..48], &long[48..]);
        crate::error!("{}", &long[..48]);
        let expected = [
            ("short 1", false),
            (&long[..48], true),
            (&long[48..96], true),
            (&long[96..], false),
            (&long[..48], false),
        ];
        let taken_pieces = pieces(&taken.take());
        assert_eq!(taken_pieces, expected.map(|(text, more)| (text.into(), more)));
        proof("name", 3).unwrap();
        let name = Text::piece(b"name");
        let expected = Request::Proof(Proof { checks: 3, zero: Zero::ZERO, name });
        assert_eq!(taken.take(), [expected]);
        drop(answering);
        assert_eq!(dropped(), 1);

        // A line that fails is not tried further, and counts once.
        let tries = Rc::clone(&taken);
        let _answering = answer_calls(move |_, message| {
            tries.borrow_mut().push(Request::decode(message).unwrap());
            Ok(nexus_proto::encode_error(ServiceError::Full))
        });
        crate::debug!("{long}");
        assert_eq!((taken.take().len(), dropped()), (1, 2));
        assert_eq!(proof("name", 1), Err(CallError::Service(ServiceError::Full)));
    }
}
