//! Requests for the small page, closed after each or kept alive, at one connection or more.

use super::peer::{Page, here};
use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, socket};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::panic;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of the page.
const PAGE: usize = 1024;
/// For so long an answer may take.
const STILL: Duration = Duration::from_secs(30);

/// Ports that requests are made from.
const SOURCES: Range<u16> = 16_384..32_768;

/// How requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The connection serves the next one, too.
    pub(super) kept: bool,
    /// Connections at the same time.
    pub(super) at_once: usize,
}

/// What came of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Served {
    /// From before the first to after the last.
    pub(super) took: Duration,
    /// Each request: from before its connection, if it has its own, to the last byte of its answer.
    pub(super) each: Vec<Duration>,
}

/// Makes so many requests on each connection at the same time, each by a port of its own. Of those that are kept the first
/// is made before the clock starts.
///
/// # Errors
/// One is not answered with the page.
pub(super) fn requests(ports: Page, way: Way, count: usize) -> Result<Served> {
    let ports = ports.into_iter().take(way.at_once);
    let opened = ports.map(|port| Ok((port, open(port, way.kept)?))).collect::<Result<Vec<_>>>()?;
    let count = count.saturating_sub(usize::from(way.kept));
    let start = Instant::now();
    let all = thread::scope(|scope| {
        let client = |(port, one)| scope.spawn(move || client(port, one, way.kept, count));
        let threads: Vec<_> = opened.into_iter().map(client).collect();
        let ends = threads.into_iter().map(|one| one.join());
        ends.map(|one| one.unwrap_or_else(|why| panic::resume_unwind(why)))
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(Served { took: start.elapsed(), each: all.concat() })
}

/// A connection that has served one request, if it is kept and goes on.
fn open(port: u16, kept: bool) -> Result<Option<BufReader<TcpStream>>> {
    if !kept {
        return Ok(None);
    }
    let mut stream = connect(port)?;
    let goes_on = request(&mut stream, port, kept).context("the first request for the page")?;
    Ok(goes_on.then_some(stream))
}

fn client(
    port: u16,
    mut connection: Option<BufReader<TcpStream>>,
    kept: bool,
    count: usize,
) -> Result<Vec<Duration>> {
    let mut each = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => connect(port)?,
        };
        let goes_on = request(&mut stream, port, kept).context("a request for the page")?;
        each.push(start.elapsed());
        // A server that keeps none alive is connected to again.
        connection = (kept && goes_on).then_some(stream);
    }
    Ok(each)
}

/// Connects from a port that no other connection has had for long: behind QEMU all come from one address, whatever port
/// of this host they went to.
fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    while let Err(why) = bind(&socket, &here(next_source())) {
        ensure!(why == Errno::ADDRINUSE, "binding a port to connect from: {why}");
    }
    rustix::net::connect(&socket, &here(port)).context("connecting to the page")?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STILL))?;
    Ok(BufReader::new(stream))
}

/// Each in turn, below those that the host gives out by itself.
fn next_source() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    SOURCES.start + NEXT.fetch_add(1, Ordering::Relaxed) % (SOURCES.end - SOURCES.start)
}

/// One request and its answer. True when the connection goes on.
fn request(stream: &mut BufReader<TcpStream>, port: u16, kept: bool) -> Result<bool> {
    let connection = if kept { "keep-alive" } else { "close" };
    let asked = format!(
        "GET /alive HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: {connection}\r\n\r\n"
    );
    stream.get_mut().write_all(asked.as_bytes())?;
    let goes_on = head(stream)?;
    let mut page = [0; PAGE];
    stream.read_exact(&mut page).context("the page is shorter")?;
    if !kept {
        let rest = stream.read(&mut [0]).context("waiting for the end of the connection")?;
        ensure!(rest == 0, "the page is longer");
    }
    Ok(goes_on)
}

/// Reads the head of an answer. True when the connection goes on.
fn head(stream: &mut impl BufRead) -> Result<bool> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    ensure!(matches!(words[..], [_, "200", ..]), "the answer begins `{}`", line.trim());
    let (mut length, mut goes_on) = (None, line.starts_with("HTTP/1.1 "));
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<usize>().ok(),
            "connection" => goes_on &= !value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    ensure!(length == Some(PAGE), "the page has {length:?} bytes, not {PAGE}");
    Ok(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::net::loads::MANY;
    use std::net::TcpListener;

    #[test]
    fn test_heads_of_answers() {
        let told = |text: &str| head(&mut text.as_bytes()).map_err(|why| why.to_string());
        assert_eq!(told("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n"), Ok(true));
        let closes = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1024\r\n\r\n";
        assert_eq!(told(closes), Ok(false));
        assert_eq!(told("HTTP/1.0 200 OK\r\nContent-Length: 1024\r\n\r\n"), Ok(false));
        let short = "HTTP/1.1 200 OK\r\nContent-Length: 1023\r\n\r\n";
        assert_eq!(told(short), Err("the page has Some(1023) bytes, not 1024".into()));
        let refused = "HTTP/1.1 421 Misdirected Request\r\n\r\n";
        let why = "the answer begins `HTTP/1.1 421 Misdirected Request`";
        assert_eq!(told(refused), Err(why.into()));
        assert!(told("").is_err());
    }

    /// Answers each request of so many connections, and closes each after so many.
    fn server(listener: &TcpListener, connections: usize, each: usize) {
        for _ in 0..connections {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            for left in (0..each).rev() {
                let mut line = String::new();
                while stream.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                let word = if left == 0 { "close" } else { "keep-alive" };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\nConnection: {word}\r\n\r\n"
                );
                stream.get_mut().write_all(head.as_bytes()).unwrap();
                stream.get_mut().write_all(&[b'x'; PAGE]).unwrap();
            }
        }
    }

    #[test]
    fn test_requests_on_connections_that_are_kept_and_that_are_not() {
        for (kept, connections, each) in [(false, 6, 1), (true, 2, 3), (true, 6, 1)] {
            let listener = TcpListener::bind(here(0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = thread::spawn(move || server(&listener, connections, each));
            let way = Way { kept, at_once: 1 };
            let timed = if kept { 5 } else { 6 };
            assert_eq!(requests([port; MANY], way, 6).unwrap().each.len(), timed, "{kept} {each}");
            server.join().unwrap();
        }
        assert!(requests([1; MANY], Way { kept: true, at_once: 2 }, 1).is_err(), "nobody is there");
    }
}
