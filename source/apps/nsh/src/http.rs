//! An answer of http, out of bytes from anybody (RFC 9112).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

/// Bytes of the longest head of an answer, and of what else stands between the bytes of a page.
const LONGEST_HEAD: usize = 16 * 1024;
/// Digits of the longest length of a part: no page is so long.
const LONGEST_SIZE: usize = 15;

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It does not begin as an answer of http does.
    NotHttp,
    /// Its head is longer than is read.
    LongHead,
    /// It says of its length what cannot be.
    Length,
    /// It is in parts, and between them stands what does not belong there.
    Parts,
    /// It ended before it was complete.
    Short,
}

/// What a head says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The first line.
    pub line: String,
    /// What it is, as the server says.
    pub kind: Option<String>,
    /// Where it is instead.
    pub location: Option<String>,
    /// Bytes of the page, where they are told.
    pub length: Option<u64>,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes are left.
    Exactly(u64),
    /// All that comes until the connection ends.
    Rest,
    /// The length of a part: so far, and of how many digits.
    Size(u64, usize),
    /// Behind the length of a part, to the end of the line.
    Behind(u64),
    /// Bytes of a part that are left.
    Part(u64),
    /// The end of the line behind a part: bytes of it that were seen.
    PartEnd(usize),
    /// Behind the last part: bytes of this line.
    Last(usize),
    Done,
}

/// An answer, as it comes.
#[derive(Debug)]
pub struct Answer {
    state: State,
    /// Bytes of the head, while it comes; and of lines between parts, counted.
    text: Vec<u8>,
    between: usize,
    /// The head, once it is whole.
    pub head: Option<Head>,
    /// The first bytes of the page.
    pub body: Vec<u8>,
    /// Bytes of the page that are kept.
    most: usize,
    /// There is more than that.
    pub cut: bool,
}

impl Answer {
    /// An answer of which so many bytes of the page are kept.
    #[must_use]
    pub fn new(most: usize) -> Answer {
        let (text, body) = (Vec::new(), Vec::new());
        Answer { state: State::Head, text, between: 0, head: None, body, most, cut: false }
    }

    /// Takes the next bytes. True when no more are wanted: it is complete, or longer than is kept.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<bool, Wrong> {
        while let Some((first, rest)) = bytes.split_first() {
            let taken = match self.state {
                State::Done => return Ok(true),
                State::Head => {
                    self.in_head(*first)?;
                    1
                }
                State::Exactly(left) => {
                    let taken = self.keep(bytes, left);
                    let left = left - taken as u64;
                    self.state = if left == 0 { State::Done } else { State::Exactly(left) };
                    taken
                }
                State::Rest => self.keep(bytes, u64::MAX),
                State::Part(left) => {
                    let taken = self.keep(bytes, left);
                    let left = left - taken as u64;
                    self.state = if left == 0 { State::PartEnd(0) } else { State::Part(left) };
                    taken
                }
                _ => {
                    self.between(*first)?;
                    1
                }
            };
            if self.cut {
                return Ok(true);
            }
            bytes = if taken == 1 { rest } else { bytes.get(taken..).unwrap_or_default() };
        }
        Ok(self.state == State::Done)
    }

    /// No more comes.
    ///
    /// # Errors
    /// It is not complete.
    pub fn end(&self) -> Result<(), Wrong> {
        match self.state {
            State::Rest | State::Done => Ok(()),
            State::Head if self.text.is_empty() && self.head.is_none() => Err(Wrong::NotHttp),
            _ => Err(Wrong::Short),
        }
    }

    /// Keeps of these bytes, of which `left` belong to the page, as many as are kept: how many there were.
    fn keep(&mut self, bytes: &[u8], left: u64) -> usize {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let bytes = bytes.get(..len).unwrap_or_default();
        let room = self.most - self.body.len();
        self.cut = len > room;
        self.body.extend_from_slice(bytes.get(..len.min(room)).unwrap_or_default());
        len
    }

    fn in_head(&mut self, byte: u8) -> Result<(), Wrong> {
        if self.text.len() == LONGEST_HEAD {
            return Err(Wrong::LongHead);
        }
        self.text.push(byte);
        const BEGINS: &[u8] = b"HTTP/1.";
        let begun = self.text.len().min(BEGINS.len());
        if self.text.get(..begun) != BEGINS.get(..begun) {
            return Err(Wrong::NotHttp);
        }
        if self.text.ends_with(b"\n\r\n") || self.text.ends_with(b"\n\n") {
            let text = mem::take(&mut self.text);
            self.state = self.begin(&String::from_utf8_lossy(&text))?;
        }
        Ok(())
    }

    /// The head is whole: what follows it.
    fn begin(&mut self, text: &str) -> Result<State, Wrong> {
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default();
        let status = line.split(' ').nth(1).filter(|code| code.len() == 3);
        let status: u16 = status.and_then(|code| code.parse().ok()).ok_or(Wrong::NotHttp)?;
        if status < 100 {
            return Err(Wrong::NotHttp);
        }
        if status < 200 {
            // Another follows it, and not without an end.
            self.between += text.len();
            let much = self.between > LONGEST_HEAD;
            return if much { Err(Wrong::LongHead) } else { Ok(State::Head) };
        }
        let mut head = Head { line: line.to_string(), ..Head::default() };
        let mut parts = false;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-type" => head.kind = Some(value.to_string()),
                "location" => head.location = Some(value.to_string()),
                "content-length" => head.length = Some(length(value, head.length)?),
                "transfer-encoding" if value.eq_ignore_ascii_case("chunked") && !parts => {
                    parts = true
                }
                // Nothing that was asked for.
                "transfer-encoding" => return Err(Wrong::Length),
                _ => {}
            }
        }
        if parts {
            // What else is said of the length is not it.
            head.length = None;
        }
        let length = head.length;
        self.head = Some(head);
        Ok(match (status, length) {
            (204 | 304, _) | (_, Some(0)) => State::Done,
            _ if parts => State::Size(0, 0),
            (_, Some(length)) => State::Exactly(length),
            (_, None) => State::Rest,
        })
    }

    /// A byte between parts of a page.
    fn between(&mut self, byte: u8) -> Result<(), Wrong> {
        self.between += 1;
        if self.between > LONGEST_HEAD {
            return Err(Wrong::LongHead);
        }
        self.state = match (self.state, byte) {
            (State::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                if digits == LONGEST_SIZE {
                    return Err(Wrong::Parts);
                }
                State::Size(size * 16 + digit, digits + 1)
            }
            (State::Size(size, 1..), b'\n') | (State::Behind(size), b'\n') => {
                if size == 0 {
                    State::Last(0)
                } else {
                    State::Part(size)
                }
            }
            (State::Size(size, 1..), b'\r' | b';' | b' ' | b'\t') => State::Behind(size),
            (State::Behind(size), _) => State::Behind(size),
            (State::PartEnd(0), b'\r') => State::PartEnd(1),
            (State::PartEnd(_), b'\n') => State::Size(0, 0),
            (State::Last(0), b'\n') => State::Done,
            (State::Last(_), b'\n') => State::Last(0),
            (State::Last(0), b'\r') => State::Last(0),
            (State::Last(seen), _) => State::Last(seen + 1),
            _ => return Err(Wrong::Parts),
        };
        Ok(())
    }
}

/// A length, which may be told twice, and is the same then.
fn length(value: &str, before: Option<u64>) -> Result<u64, Wrong> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let length = value.parse().ok().filter(|_| is_number).ok_or(Wrong::Length)?;
    if before.is_some_and(|before| before != length) { Err(Wrong::Length) } else { Ok(length) }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
