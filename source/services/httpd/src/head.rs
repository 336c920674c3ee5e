//! The head of a request: whether it is whole, within bounds, and such that everybody reads the same in it.
//!
//! picoserve reads it afterwards. What could be read in two ways (a header twice, a folded line, a stray control
//! character) and what it would not bound (a body) never comes to it.

use core::ops::Range;

/// Most bytes of a head, with the empty line at its end.
pub const HEAD: usize = 2048;
/// Most bytes of its first line.
pub const FIRST_LINE: usize = 512;
/// Most headers.
pub const HEADERS: usize = 48;

/// What is wrong with a request, as its status says it (RFC 9110, 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: it is no request, or could be read in two ways.
    Malformed,
    /// 405: something else than to read is asked for.
    Method,
    /// 408: it was not whole in time.
    Late,
    /// 413: it has a body.
    Body,
    /// 414: its first line is too long.
    LongLine,
    /// 431: its head is too long.
    LongHead,
    /// 505: it is of another version.
    Version,
}

impl Fault {
    /// Every one.
    pub const ALL: [Fault; 7] = [
        Fault::Malformed,
        Fault::Method,
        Fault::Late,
        Fault::Body,
        Fault::LongLine,
        Fault::LongHead,
        Fault::Version,
    ];

    /// Its number.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Fault::Malformed => 400,
            Fault::Method => 405,
            Fault::Late => 408,
            Fault::Body => 413,
            Fault::LongLine => 414,
            Fault::LongHead => 431,
            Fault::Version => 505,
        }
    }

    /// Its name, and what to do about it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Fault::Malformed => {
                "Bad Request: this is no request that can be read in one way only.\n"
            }
            Fault::Method => {
                "Method Not Allowed: everything here can be read, and nothing changed.\n"
            }
            Fault::Late => "Request Timeout: the request did not come in time.\n",
            Fault::Body => "Content Too Large: no request has a body here.\n",
            Fault::LongLine => "URI Too Long: no address here is that long.\n",
            Fault::LongHead => {
                "Request Header Fields Too Large: there are too many, or too long ones.\n"
            }
            Fault::Version => "HTTP Version Not Supported: HTTP/1.1 and HTTP/1.0 are.\n",
        }
    }
}

/// Where in `bytes` the head of the first request is; `None` when it is not whole yet.
///
/// # Errors
/// What is wrong with it. Whoever sent it is told, and the connection is over: nobody can say where a next request
/// would begin.
pub fn whole(bytes: &[u8]) -> Result<Option<Range<usize>>, Fault> {
    // Lines that are empty before a request are no part of it (RFC 9112, 2.2).
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let request = bytes.get(blank..).unwrap_or_default();
    let end = find(request, b"\r\n\r\n").map(|at| blank + at + 4);
    let line = find(request, b"\r\n");
    if line.unwrap_or(request.len()) > FIRST_LINE {
        return Err(Fault::LongLine);
    }
    match end {
        Some(end) if end <= HEAD => {
            check(bytes.get(blank..end).unwrap_or_default()).map(|()| Some(blank..end))
        }
        None if bytes.len() < HEAD => Ok(None),
        _ => Err(Fault::LongHead),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Looks at a whole head.
fn check(head: &[u8]) -> Result<(), Fault> {
    let text = core::str::from_utf8(head).map_err(|_| Fault::Malformed)?;
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let first = lines.next().ok_or(Fault::Malformed)?;
    let reads = first_line(first)?;
    let mut counted = Counted::default();
    for (index, line) in lines.enumerate() {
        if index >= HEADERS {
            return Err(Fault::LongHead);
        }
        counted.take(line)?;
    }
    // Where it is said twice, or not at all, somebody before us may have read another (RFC 9112, 3.2).
    if counted.hosts > 1 || counted.hosts == 0 && first.ends_with("1.1") {
        return Err(Fault::Malformed);
    }
    match (reads, counted.body) {
        (false, _) => Err(Fault::Method),
        (true, true) => Err(Fault::Body),
        (true, false) => Ok(()),
    }
}

/// Whether it asks to read.
fn first_line(line: &str) -> Result<bool, Fault> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Fault::Malformed);
    };
    let graphic = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    if ![method, target, version].into_iter().all(graphic) || !method.bytes().all(is_token) {
        return Err(Fault::Malformed);
    }
    let reads = matches!(method, "GET" | "HEAD");
    match version {
        "HTTP/1.1" | "HTTP/1.0" if !reads || target.starts_with('/') => Ok(reads),
        "HTTP/1.1" | "HTTP/1.0" => Err(Fault::Malformed),
        _ if version.starts_with("HTTP/") => Err(Fault::Version),
        _ => Err(Fault::Malformed),
    }
}

/// What was seen of headers that matter here.
#[derive(Default)]
struct Counted {
    hosts: usize,
    body: bool,
}

impl Counted {
    fn take(&mut self, line: &str) -> Result<(), Fault> {
        let (name, value) = line.split_once(':').ok_or(Fault::Malformed)?;
        let control = |byte: u8| byte.is_ascii_control() && byte != b'\t';
        // A name is a token: so nothing is folded, and nothing stands between it and its colon.
        if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(control) {
            return Err(Fault::Malformed);
        }
        let value = value.trim_matches([' ', '\t']);
        self.hosts += usize::from(name.eq_ignore_ascii_case("host"));
        self.body |= name.eq_ignore_ascii_case("transfer-encoding")
            || name.eq_ignore_ascii_case("content-length") && value != "0";
        Ok(())
    }
}

/// A character of a token (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "tests/head.rs"]
mod tests;
