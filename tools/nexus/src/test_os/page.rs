//! The page, as somebody outside sees it: through a forward of QEMU, while the guest waits to be read. It must show the
//! machine that is judged, to whoever asks for it by its own name, and nothing to others.

use super::agree::Expected;
use super::visitors;
use crate::image;
use crate::protocol::Entry;
use crate::qemu::Qmp;
use crate::qemu::usernet::{Forward, ROUTER, UserNet, forwards};
use anyhow::{Context, Result, ensure};
use nexus_sysdesc::{Description, NetDirection, NetProtocol};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

/// The port of a page.
const HTTP: u16 = 80;
/// How long one answer may take. A safety net: the page answers in milliseconds.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of the longest answer.
const LONGEST: u64 = 1 << 20;
/// A name that is none of the page's.
const FOREIGN: &str = "page.example";
/// How often the page may say that it knows not yet all that is looked at, and how long it is left to find out: it
/// looks at the machine once a second.
const LOOKS: u32 = 30;
const LOOK: Duration = Duration::from_secs(1);
/// What of a snapshot is looked at.
const PARTS: [&str; 3] = ["devices", "services", "ledger"];

/// What the page says of a device that somebody was given.
const HAD: [&str; 2] = ["held", "owner ended"];

/// What the page answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// `/`, and `/api`, by its own name.
    html: Answer,
    api: Answer,
    /// `/`, by the name of somebody else.
    foreign: Answer,
    /// `/`, asked to take something.
    post: Answer,
    /// What was wrong with how it takes visitors who mean no good, where there were any.
    visited: Vec<String>,
}

/// Who asks for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Those who want to see it.
    ByReaders,
    /// Also those who mean no good, which takes some seconds.
    ByAll,
}

/// An answer of HTTP: its status, and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: String,
}

/// True when the description lets others reach a page through a forward.
#[must_use]
pub(super) fn is_reached(description: &Description) -> bool {
    let (protocol, direction) = (NetProtocol::Tcp, NetDirection::In);
    let router = ROUTER.to_ipv6_mapped().octets();
    description.reaches().any(|(_, reach)| reach.lets(protocol, direction, router, HTTP))
}

/// Has a port of this machine lead to the page, when the board has a network that can.
#[must_use]
pub(super) fn forward(board: &mut [String]) -> bool {
    let net = UserNet::of(board);
    if let Some(net) = net {
        net.forward(board, Forward { host: 0, guest: HTTP });
    }
    net.is_some()
}

impl Page {
    /// Asks for it, in the end also as those do who mean no good.
    ///
    /// # Errors
    /// When there is no way to it, or it does not answer.
    pub(super) fn look(qmp: &mut Qmp, asked: Asked) -> Result<Page> {
        let all = forwards(&qmp.monitor("info usernet")?);
        let forward = all.iter().find(|forward| forward.guest == HTTP);
        let port = forward.context("QEMU has made no forward to the page")?.host;
        let page = Page::at(port).context("asking for the page of the guest")?;
        let visited = if asked == Asked::ByAll { visitors::visit(port) } else { Vec::new() };
        Ok(Page { visited, ..page })
    }

    fn at(port: u16) -> Result<Page> {
        let own = format!("127.0.0.1:{port}");
        let mut api = ask(port, "GET", "/api", &own)?;
        for _ in 0..LOOKS {
            if !api.is_behind() {
                break;
            }
            thread::sleep(LOOK);
            api = ask(port, "GET", "/api", &own)?;
        }
        Ok(Page {
            api,
            html: ask(port, "GET", "/", &own)?,
            foreign: ask(port, "GET", "/", FOREIGN)?,
            post: ask(port, "POST", "/", &own)?,
            visited: Vec::new(),
        })
    }

    /// What is wrong with it: it must show these services, owners and a head of this ledger.
    #[must_use]
    pub(super) fn findings(
        &self,
        services: &[u32],
        audit: &[Expected],
        ledger: &[Entry],
    ) -> Vec<String> {
        let mut findings = self.visited.clone();
        for (what, answer, status) in [
            ("/", &self.html, 200),
            ("/api", &self.api, 200),
            ("/ by another's name", &self.foreign, 421),
            ("a POST", &self.post, 405),
        ] {
            if answer.status != status {
                let seen = answer.status;
                findings.push(format!("the page answers {what} with {seen}, and not {status}"));
            }
        }
        for one in audit.iter().filter(|one| !self.html.body.contains(&one.device_name)) {
            findings.push(format!("the page does not show {}", one.device_name));
        }
        match serde_json::from_str(&self.api.body) {
            Ok(api) => findings.extend(shown(&api, services, audit, ledger)),
            Err(why) => findings.push(format!("/api is no JSON: {why}")),
        }
        findings
    }
}

/// What is wrong with what `/api` shows.
fn shown(api: &Value, services: &[u32], audit: &[Expected], ledger: &[Entry]) -> Vec<String> {
    let mut findings = Vec::new();
    let of = |list: &str| api[list].as_array().cloned().unwrap_or_default();
    let seen: BTreeSet<_> = of("services").iter().filter_map(|one| one["id"].as_u64()).collect();
    let wanted: BTreeSet<_> = services.iter().map(|id| u64::from(*id)).collect();
    if seen != wanted {
        findings.push(format!("the page shows the services {seen:?}, and there are {wanted:?}"));
    }
    let owner = |one: &Value| Some((one["id"].as_u64()?, one["owner"].as_u64()?));
    // Also one that has ended: programs of tests end with what they have.
    let had = |one: &&Value| HAD.iter().any(|state| one["state"] == *state);
    let seen: BTreeSet<_> = of("devices").iter().filter(had).filter_map(owner).collect();
    let wanted = audit.iter().map(|one| (one.device.into(), one.service.into()));
    let wanted: BTreeSet<_> = wanted.collect();
    if seen != wanted {
        findings.push(format!("the page shows the owners {seen:?}, and they are {wanted:?}"));
    }
    let (records, head) = (&api["ledger"]["records"], &api["ledger"]["head"]);
    let is_head = |entry: &Entry| {
        *records == entry.seq && head.as_str() == Some(image::hex(&entry.hash).as_str())
    };
    if !ledger.iter().any(is_head) {
        findings.push(format!("the page shows {head} after {records} records: no such head"));
    }
    let chain = &api["ledger"]["chain"]["state"];
    if !["whole", "checking"].iter().any(|state| chain == state) {
        findings.push(format!("the page says that the chain of the ledger is {chain}"));
    }
    findings
}

impl Answer {
    /// True when it says that something lacks that is looked at.
    fn is_behind(&self) -> bool {
        let api: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let behind = api["behind"].as_array().cloned().unwrap_or_default();
        behind.iter().any(|part| PARTS.iter().any(|one| part == one))
    }
}

/// Asks a port of this machine for `path`, by the name `host`.
fn ask(port: u16, method: &str, path: &str, host: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connecting")?;
    stream.set_read_timeout(Some(LIMIT))?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).context("asking")?;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_to_end(&mut bytes).context("reading the answer")?;
    let text = String::from_utf8(bytes).context("an answer that is no text")?;
    answer(&text).with_context(|| format!("{method} {path} is answered by {text:?}"))
}

/// Status and body.
fn answer(text: &str) -> Result<Answer> {
    let (status, _, body) = head_of(text)?;
    Ok(Answer { status, body: body.to_owned() })
}

/// The status of an answer, its head, and what is behind that.
///
/// # Errors
/// What it lacks.
pub(super) fn head_of(text: &str) -> Result<(u16, &str, &str)> {
    let (head, behind) = text.split_once("\r\n\r\n").context("it has no head")?;
    let mut words = head.split_ascii_whitespace();
    ensure!(words.next().is_some_and(|word| word.starts_with("HTTP/1.")), "it is not of HTTP");
    let status = words.next().and_then(|word| word.parse().ok()).context("it has no status")?;
    Ok((status, head, behind))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
