//! Visitors of the page who mean no good: slow ones, requests that have no end, and such as can be read in two ways. Each
//! is to be refused or let go (RFC-0007, NP5, NP8 to NP10), and whoever means it is served meanwhile.

use super::page::{LIMIT, head_of};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How each finding begins.
pub(crate) const FINDING: &str = "a visitor of the page: ";
/// Slow ones: as many as are served at one time.
const SLOW: usize = 8;
/// After so long without an answer a slow one sends another byte of its head.
const DRIP: Duration = Duration::from_millis(250);
/// So long a slow one waits for its end, which comes after four seconds: a safety net.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests of one connection, of which so many are answered.
const ASKED: usize = 120;
const ANSWERED: usize = 100;

/// Visits the page at a port of this machine; what is wrong with how it takes that.
pub(super) fn visit(port: u16) -> Vec<String> {
    let found = Visits { port, drip: DRIP, patience: PATIENCE }.all();
    found.into_iter().map(|found| format!("{FINDING}{found}")).collect()
}

/// A page, and how slow its slow visitors are.
#[derive(Clone, Copy, Debug)]
struct Visits {
    port: u16,
    drip: Duration,
    patience: Duration,
}

/// How a slow visitor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its connection was over without an answer: it gave way.
    GaveWay,
    /// It was told something: that it came too late, when this is 408.
    Told(u16),
    /// It did not end.
    Kept,
    /// It was not answered when it meant it.
    Absent,
}

impl Visits {
    fn all(self) -> Vec<String> {
        thread::scope(|scope| {
            // All of them are there before anybody else comes, who is served only when one gives way.
            let slow = (0..SLOW).map(|_| {
                let stream = self.comes();
                scope.spawn(move || self.slow(stream))
            });
            let slow: Vec<_> = slow.collect();
            let mut found: Vec<String> = self.served("beside slow ones").into_iter().collect();
            for (what, status, request) in self.requests() {
                found.extend(self.refused(what, status, &request));
            }
            found.extend(self.without_end());
            let ends = slow.into_iter().map(|slow| slow.join().unwrap_or(End::Kept));
            found.extend(judged(&ends.collect::<Vec<_>>()));
            found.extend(self.served("after all others"));
            found
        })
    }

    fn connect(self) -> std::io::Result<TcpStream> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
    }

    /// One that will be slow, and is answered once before that: the page has it, and not only the host, which would have
    /// it wait for its turn where nobody sees it.
    fn comes(self) -> std::io::Result<TcpStream> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(format!("{}\r\n", self.begun("/alive")).as_bytes())?;
        let (mut text, mut piece) = (Vec::new(), [0; 1024]);
        while answers(&text) == 0 {
            match stream.read(&mut piece)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                len => text.extend_from_slice(piece.get(..len).unwrap_or_default()),
            }
        }
        Ok(stream)
    }

    /// A head that never ends, a byte now and then.
    fn slow(self, stream: std::io::Result<TcpStream>) -> End {
        let Ok(mut stream) = stream else { return End::Absent };
        let until = Instant::now() + self.patience;
        let (mut text, mut piece) = (Vec::new(), [0; 1024]);
        // What is sent when nobody takes it any more is not missed; to read tells of the end.
        let _ = stream.set_read_timeout(Some(self.drip));
        let _ = stream.write_all(b"GET /alive HTTP/1.1\r\nHost: localhost\r\nA: ");
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(len) => text.extend_from_slice(piece.get(..len).unwrap_or_default()),
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if Instant::now() > until {
                        return End::Kept;
                    }
                    let _ = stream.write_all(b"a");
                }
                Err(_) => break,
            }
        }
        status(&text).map_or(End::GaveWay, End::Told)
    }

    /// Whoever means it is answered.
    fn served(self, when: &str) -> Option<String> {
        let request = format!("{}Connection: close\r\n\r\n", self.begun("/alive"));
        let seen = self.ask(request.as_bytes()).map(|text| status(&text));
        (seen != Ok(Some(200))).then(|| format!("who means it gets {seen:?} {when}, and not 200"))
    }

    fn refused(self, what: &str, wanted: u16, request: &[u8]) -> Option<String> {
        let seen = self.ask(request).map(|text| status(&text));
        (seen != Ok(Some(wanted))).then(|| format!("{what} gets {seen:?}, and not {wanted}"))
    }

    /// Requests on one connection, all sent at once.
    fn without_end(self) -> Option<String> {
        let all = format!("{}\r\n", self.begun("/alive")).repeat(ASKED);
        let seen = self.ask(all.as_bytes()).map(|text| answers(&text));
        let wanted = Ok(ANSWERED);
        (seen != wanted).then(|| format!("{ASKED} requests in one connection get {seen:?} answers"))
    }

    /// What is answered until the connection is over.
    fn ask(self, request: &[u8]) -> Result<Vec<u8>, ErrorKind> {
        let mut stream = self.connect().map_err(|why| why.kind())?;
        let mut text = Vec::new();
        stream.set_read_timeout(Some(LIMIT)).map_err(|why| why.kind())?;
        // It may be over before all is sent, or with a reset: what was answered before is what counts.
        let _ = stream.write_all(request);
        match stream.read_to_end(&mut text) {
            Err(why) if why.kind() != ErrorKind::ConnectionReset => Err(why.kind()),
            _ => Ok(text),
        }
    }

    /// The beginning of a request that can be read in one way.
    fn begun(self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", self.port)
    }

    /// What is refused, by which status.
    fn requests(self) -> Vec<(&'static str, u16, Vec<u8>)> {
        let good = self.begun("/");
        let with = |rest: &str| format!("{good}{rest}").into_bytes();
        let every_byte: Vec<u8> = (0..=u8::MAX).chain(*b"\r\n\r\n").collect();
        vec![
            ("a head without end", 431, with(&format!("A: {}", "a".repeat(4096)))),
            ("a first line without end", 414, format!("GET /{}", "a".repeat(1024)).into_bytes()),
            ("a request with too many headers", 431, with(&("A: b\r\n".repeat(48) + "\r\n"))),
            ("a body", 413, with("Content-Length: 5\r\n\r\nhello")),
            (
                "a body in chunks",
                413,
                with("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            ),
            ("a request of two hosts", 400, with("Host: page.example\r\n\r\n")),
            ("a request of no host", 400, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("a folded header", 400, with("A: b\r\n c: d\r\n\r\n")),
            ("a header with a space before its colon", 400, with("A : b\r\n\r\n")),
            ("a header with half an end of a line", 400, with("A: b\nC: d\r\n\r\n")),
            ("a header with a byte of zero", 400, with("A: b\0c\r\n\r\n")),
            (
                "a request of another's address",
                400,
                b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            ),
            ("every byte", 400, every_byte),
        ]
    }
}

/// What is wrong with how slow visitors ended: one at least gave way to who was served beside them, the others were told
/// that they came too late.
fn judged(ends: &[End]) -> Vec<String> {
    let count = |end: End| ends.iter().filter(|one| **one == end).count();
    let (kept, gave_way, late) = (count(End::Kept), count(End::GaveWay), count(End::Told(408)));
    let mut found = Vec::new();
    if kept > 0 {
        found.push(format!("slow ones are still waited for: {kept}"));
    }
    if gave_way == 0 {
        found.push(format!("no slow one gave way, of {}", ends.len()));
    }
    if late == 0 {
        found.push("no slow one was told that it came too late".to_owned());
    }
    if kept + gave_way + late < ends.len() {
        found.push(format!("slow ones ended otherwise: {ends:?}"));
    }
    found
}

/// The status of the first answer.
fn status(text: &[u8]) -> Option<u16> {
    head_of(&String::from_utf8_lossy(text)).ok().map(|(status, ..)| status)
}

/// How many answers there are, each good, whole, and behind the one before.
fn answers(text: &[u8]) -> usize {
    let text = String::from_utf8_lossy(text);
    let (mut rest, mut count) = (text.as_ref(), 0);
    while let Ok((200, head, behind)) = head_of(rest) {
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let Some(next) = length.and_then(|length: usize| behind.get(length..)) else { break };
        (rest, count) = (next, count + 1);
    }
    count
}

#[cfg(test)]
#[path = "visitors_tests.rs"]
mod tests;
