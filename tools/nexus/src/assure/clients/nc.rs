//! nc: bytes as they are, at any pace.

use super::program::{Program, Said, run};
use super::{Page, Seen};
use crate::page_guest::PageGuest;
use anyhow::{Result, ensure};
use std::thread;
use std::time::{Duration, Instant};

/// Between two bytes of a request that comes byte by byte.
const BYTE: Duration = Duration::from_millis(2);
/// Connections that send nothing.
const SILENT: usize = 16;
/// Connections that are served at one time (NP10).
const SERVED: usize = 8;
/// How long a connection without a request may last, and one between requests (RFC-0007, NP9), each with what a busy
/// machine adds.
const FIRST: Duration = Duration::from_secs(4);
const IDLE: Duration = Duration::from_secs(10);
const MORE: Duration = Duration::from_secs(20);
/// Bytes of a head without end, which is more than there is room for on the way, and of rubbish.
const ENDLESS: usize = 64 << 20;
const RUBBISH: usize = 64 << 10;

/// Each talk.
pub(super) fn talks(guest: &mut PageGuest, page: Page, seen: &mut Seen) -> Result<()> {
    seen.take("nc, whose side is over", half_closed(page));
    seen.take("nc, byte by byte", bytes(page));
    seen.take("nc, five requests at once", pipelined(page));
    seen.take("nc, a head without end", endless(page));
    seen.take("nc, rubbish", rubbish(page));
    seen.take("nc, nothing", silent(page));
    seen.take("nc, nothing more", idle(page));
    seen.take(format!("{SILENT} silent ones beside curl"), beside_silent(guest, page));
    Ok(())
}

/// The program: others are called `nc`, too.
const NC: &str = "nc.openbsd";

/// One that ends its side with its input (`-N`), keeps it (no option), or has no input (`-d`).
fn start(page: Page, how: &[&str]) -> Result<Program> {
    Program::start(NC, &[how, &["127.0.0.1", &page.port.to_string()]].concat())
}

/// What is answered to these bytes, behind which nothing comes.
fn told(page: Page, bytes: &[u8]) -> Result<Said> {
    run(NC, &["-N", "127.0.0.1", &page.port.to_string()], bytes)
}

/// How many answers of a status there are.
fn count(said: &Said, status: u16) -> usize {
    String::from_utf8_lossy(&said.out).matches(&format!("HTTP/1.1 {status} ")).count()
}

fn only(said: &Said, status: u16) -> Result<()> {
    let text = String::from_utf8_lossy(&said.out);
    let line = text.lines().next().unwrap_or_default();
    ensure!(count(said, status) == 1 && text.matches("HTTP/1.1 ").count() == 1, "{line:?}");
    Ok(())
}

/// A client that has ended its side is answered.
fn half_closed(page: Page) -> Result<()> {
    let said = told(page, format!("{}\r\n", page.begun("/alive")).as_bytes())?;
    only(&said, 200)?;
    ensure!(said.out.len() > 1024, "{} bytes", said.out.len());
    Ok(())
}

fn bytes(page: Page) -> Result<()> {
    let mut nc = start(page, &["-N"])?;
    for byte in format!("{}Connection: close\r\n\r\n", page.begun("/alive")).bytes() {
        ensure!(nc.give(&[byte]), "it ends before all is sent");
        thread::sleep(BYTE);
    }
    only(&nc.end()?, 200)
}

fn pipelined(page: Page) -> Result<()> {
    let ask = |path| format!("{}\r\n", page.begun(path));
    let all = ["/alive", "/", "/nothing", "/api", "/metrics"].map(ask).concat();
    let said = told(page, all.as_bytes())?;
    let text = String::from_utf8_lossy(&said.out);
    let statuses = text.match_indices("HTTP/1.1 ").map(|(at, _)| text.get(at + 9..at + 12));
    let statuses: Vec<&str> = statuses.map(Option::unwrap_or_default).collect();
    ensure!(statuses == ["200", "200", "404", "200", "200"], "answers are {statuses:?}");
    Ok(())
}

/// It is refused long before it is over, and its connection is over.
fn endless(page: Page) -> Result<()> {
    let mut nc = start(page, &["-N"])?;
    nc.give(page.begun("/").as_bytes());
    let header = b"A: a header that is followed by another\r\n";
    let mut sent = 0;
    while sent < ENDLESS && !nc.has_ended()? && nc.give(header) {
        sent += header.len();
    }
    only(&nc.end()?, 431)?;
    ensure!(sent < ENDLESS, "all of {sent} bytes are taken");
    Ok(())
}

/// It is answered once at most, by a refusal, and its connection is over.
fn rubbish(page: Page) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..8 {
        let bytes: Vec<u8> = (0..RUBBISH).map(|_| random.u8(..)).collect();
        let said = told(page, &bytes)?;
        let text = String::from_utf8_lossy(&said.out);
        let refused = text.is_empty()
            || ["400", "414", "431"]
                .iter()
                .any(|status| text.starts_with(&format!("HTTP/1.1 {status} ")));
        ensure!(refused && text.matches("HTTP/1.1 ").count() <= 1, "{text:?}");
    }
    Ok(())
}

/// Who asks nothing is let go, and not before.
fn silent(page: Page) -> Result<()> {
    let began = Instant::now();
    let said = start(page, &["-d"])?.end()?;
    ensure!(said.out.is_empty(), "it is told {:?}", String::from_utf8_lossy(&said.out));
    lasted(began, FIRST)
}

/// Who asks no more is let go, and not before.
fn idle(page: Page) -> Result<()> {
    let began = Instant::now();
    let mut nc = start(page, &[])?;
    nc.give(format!("{}\r\n", page.begun("/alive")).as_bytes());
    only(&nc.end()?, 200)?;
    lasted(began, IDLE)
}

fn lasted(began: Instant, least: Duration) -> Result<()> {
    let lasted = began.elapsed();
    let right = (least..least + MORE).contains(&(lasted + Duration::from_millis(100)));
    ensure!(right, "it lasts {:.1} s", lasted.as_secs_f32());
    Ok(())
}

/// While as many are there as like, one that means it is answered before two of them after each other have had their time.
fn beside_silent(guest: &mut PageGuest, page: Page) -> Result<()> {
    let silent = (0..SILENT).map(|_| start(page, &["-d"])).collect::<Result<Vec<_>>>()?;
    let until = Instant::now() + FIRST;
    while established(guest)? <= SERVED {
        ensure!(Instant::now() < until, "the silent ones do not come to the page");
    }
    let (url, most) = (page.url("/api"), (FIRST + FIRST / 2).as_secs().to_string());
    let arguments = ["--silent", "--noproxy", "*", "--max-time", &most, "--output", "/dev/null"];
    let said =
        run("curl", &[&arguments[..], &["--write-out", "%{http_code}", &url]].concat(), b"")?;
    let status = String::from_utf8_lossy(&said.out).into_owned();
    for one in silent {
        let said = one.end()?;
        ensure!(said.out.is_empty(), "a silent one is told something");
    }
    ensure!(status == "200", "curl gets {status} within {most} s");
    Ok(())
}

/// How many connections the page has.
fn established(guest: &mut PageGuest) -> Result<usize> {
    let sockets = guest.command("sockets")?;
    let is = |line: &&String| line.starts_with("httpd ") && line.contains(" established ");
    Ok(sockets.iter().filter(is).count())
}
