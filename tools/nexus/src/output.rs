//! What the tool prints. Whoever reads may stop before the end: `cargo nexus attacks | head`.
//!
//! The macros stand for those of the standard library, which panic then. Standard output that nobody
//! reads ends the command quietly, with its guests and scratch files put away ([`until_unread`]); what
//! cannot be written to standard error is left out.

use crate::columns;
use crate::exit::Exit;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::thread;

macro_rules! print {
    ($($text:tt)*) => { $crate::output::out(format_args!($($text)*)) };
}
macro_rules! println {
    ($($text:tt)*) => { $crate::output::out(format_args!("{}\n", format_args!($($text)*))) };
}
/// As it is, however wide: for programs, and what a guest prints.
macro_rules! println_raw {
    ($($text:tt)*) => { $crate::output::raw(format_args!("{}\n", format_args!($($text)*))) };
}
macro_rules! eprint {
    ($($text:tt)*) => { $crate::output::error(format_args!($($text)*)) };
}
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::error(format_args!("{}\n", format_args!($($text)*))) };
}

/// Why a command was unwound: nobody reads what it prints.
struct Unread;

/// Writes to standard output, in the columns of the terminal.
///
/// # Panics
/// See [`raw`].
pub fn out(text: Arguments<'_>) {
    match columns::of(io::stdout()) {
        Some(width) => raw(format_args!("{}", columns::fold(&text.to_string(), width))),
        None => raw(text),
    }
}

/// Writes to standard output.
///
/// # Panics
/// When nobody reads it, on the main thread, quietly; when it cannot be written for another reason.
pub fn raw(text: Arguments<'_>) {
    if cfg!(test) {
        std::print!("{text}");
        return;
    }
    read_by_somebody(io::stdout().lock().write_fmt(text));
}

/// What writing to standard output came to, which does not end the command.
///
/// # Panics
/// See [`raw`].
fn read_by_somebody<T: Default>(written: io::Result<T>) -> T {
    match written {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            // Other threads go on until the main one prints.
            if thread::current().name() == Some("main") {
                panic::resume_unwind(Box::new(Unread));
            }
            T::default()
        }
        Err(error) => panic!("standard output cannot be written: {error}"),
    }
}

/// Standard output, for what writes to anything: text as [`out`] does, bytes as they are.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(read_by_somebody(io::stdout().lock().write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        read_by_somebody(io::stdout().lock().flush());
        Ok(())
    }

    fn write_fmt(&mut self, text: Arguments<'_>) -> io::Result<()> {
        out(text);
        Ok(())
    }
}

/// Writes to standard error in the columns of the terminal, if that is possible.
pub fn error(text: Arguments<'_>) {
    if let Some(width) = columns::of(io::stderr()) {
        let text = columns::fold(&text.to_string(), width);
        let _ = io::stderr().lock().write_all(text.as_bytes());
        return;
    }
    let _ = io::stderr().lock().write_fmt(text);
}

/// Runs a command to its end, or until nobody reads what it prints.
pub fn until_unread(command: impl FnOnce() -> ExitCode) -> ExitCode {
    match panic::catch_unwind(AssertUnwindSafe(command)) {
        Ok(code) => code,
        Err(why) if why.is::<Unread>() => Exit::NoVerdict.into(),
        Err(why) => panic::resume_unwind(why),
    }
}
