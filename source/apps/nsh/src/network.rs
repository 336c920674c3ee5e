//! Hosts outside, by the ring that this shell shares with netstackd.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use nexus_net::{Error, Family, System};
use nexus_rt::Deadline;

use crate::http::{Answer, Wrong};
use crate::screen::Screen;
use crate::shell::ENDS;
use crate::show::{self, Echoes};
use crate::url::{Host, Url};

/// Milliseconds that the server of names has.
const NAMES_MS: u64 = 6000;
/// Milliseconds that a host has to take a connection.
const CONNECT_MS: u64 = 5000;
/// Milliseconds that a page may take.
const PAGE_MS: u64 = 15_000;
/// Milliseconds that an echo may take, and between two of them.
const ECHO_MS: u64 = 2000;
const PAUSE_MS: u64 = 300;
/// Echoes that are asked for, and the bytes of each.
const ECHOES: u32 = 4;
const ECHO: [u8; 56] = *b"nexus asks for an echo of these bytes: nexus, nexus, ...";
/// Addresses of a host that are tried.
const TRIED: usize = 4;
/// Bytes of a page that are shown.
pub const PAGE: usize = 16 * 1024;
/// Bytes that are taken at once.
const PIECE: usize = 2048;

/// What was tried when it failed, so that a person knows what would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trying {
    /// To resolve a name.
    Names,
    /// To connect to this port of TCP.
    Connect(u16),
    /// To have an echo.
    Echo,
    /// To have the rest of a page.
    Page,
}

/// What did not come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The network did not do it.
    Network(Trying, Error),
    /// A server answers what is no page.
    Page(Wrong),
}

/// The network: its ring is mapped when it is first used, and kept.
#[derive(Debug, Default)]
pub struct Network(Option<System>);

impl Network {
    fn open(&mut self, trying: Trying) -> Result<&System, Failed> {
        let failed = |why| Failed::Network(trying, why);
        if self.0.is_none() {
            self.0 = Some(nexus_net::open().map_err(failed)?);
        }
        self.0.as_ref().ok_or(failed(Error::NoRing(None)))
    }
}

/// The addresses of a name.
///
/// # Errors
/// Why there are none.
pub(crate) fn resolve(name: &str, network: &mut Network) -> Result<Vec<IpAddr>, Failed> {
    let net = network.open(Trying::Names)?;
    let deadline = Deadline::after_ms(NAMES_MS);
    let mut all = Vec::new();
    let mut failed = Error::NoName;
    for family in [Family::V4, Family::V6] {
        match net.resolve(name, family, deadline) {
            Ok(addresses) => all.extend(addresses.iter()),
            Err(why) => failed = why,
        }
    }
    if all.is_empty() { Err(Failed::Network(Trying::Names, failed)) } else { Ok(all) }
}

/// Shows the addresses of a host.
///
/// # Errors
/// Why there are none.
pub(crate) fn resolve_host(
    host: &Host,
    network: &mut Network,
    screen: &Screen,
) -> Result<(), Failed> {
    let list = addresses(host, network)?;
    screen.print(&show::addresses(&list));
    Ok(())
}

/// The addresses of a host.
fn addresses(host: &Host, network: &mut Network) -> Result<Vec<IpAddr>, Failed> {
    match host {
        Host::Address(address) => Ok([*address].into()),
        Host::Name(name) => resolve(name, network),
    }
}

/// Asks a host for echoes, and shows each that comes. A key ends it.
///
/// # Errors
/// Why none can be asked for.
pub(crate) fn ping(host: &Host, network: &mut Network, screen: &Screen) -> Result<(), Failed> {
    let to = addresses(host, network)?.into_iter().next();
    let to = to.ok_or(Failed::Network(Trying::Names, Error::NoName))?;
    let net = network.open(Trying::Echo)?;
    let mut echoes = Echoes::default();
    for number in 0..ECHOES {
        let ends = |key: Option<u8>| key.is_some_and(|key| ENDS.contains(&key));
        if number > 0 && screen.key(PAUSE_MS).is_ok_and(ends) {
            break;
        }
        let came = match net.ping(to, &ECHO, Deadline::after_ms(ECHO_MS)) {
            Ok((micros, len)) => Some((micros, len)),
            Err(Error::TimedOut | Error::NoAnswer) => None,
            Err(why) => return Err(Failed::Network(Trying::Echo, why)),
        };
        screen.print(&echoes.add(to, came));
    }
    screen.print(&show::echoes(&echoes));
    Ok(())
}

/// Asks a server for a page, and shows it.
///
/// # Errors
/// Why there is none.
pub(crate) fn fetch(url: &Url, network: &mut Network, screen: &Screen) -> Result<(), Failed> {
    let addresses = addresses(&url.host, network)?;
    let trying = Trying::Connect(url.port);
    let net = network.open(trying)?;
    let connect = |address: &IpAddr| {
        net.connect(SocketAddr::new(*address, url.port), Deadline::after_ms(CONNECT_MS))
    };
    let mut tried = addresses.iter().take(TRIED).map(connect);
    let mut last = tried.next().unwrap_or(Err(Error::NoName));
    while last.is_err()
        && let Some(next) = tried.next()
    {
        last = next;
    }
    let mut connection = last.map_err(|why| Failed::Network(trying, why))?;
    let failed = |why| Failed::Network(Trying::Page, why);
    let deadline = Deadline::after_ms(PAGE_MS);
    connection.write_all(request(url).as_bytes(), deadline).map_err(failed)?;
    let mut answer = Answer::new(PAGE);
    let mut piece = [0; PIECE];
    let ended = loop {
        match connection.read(&mut piece, deadline) {
            Ok(0) => break answer.end().map_err(Failed::Page),
            Ok(len) => match answer.push(piece.get(..len).unwrap_or_default()) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(why) => break Err(Failed::Page(why)),
            },
            Err(why) => break Err(failed(why)),
        }
    };
    if ended.is_err() || answer.cut {
        // What is left of it is wanted by nobody.
        connection.abort();
    }
    if let Some(head) = &answer.head {
        screen.print(&show::page(head, &answer.body, answer.cut));
    }
    ended
}

/// What a server is asked.
fn request(url: &Url) -> String {
    alloc::format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: nexus\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_for_the_path_of_its_host() {
        let url = Url::parse("http://[2001:db8::7]:8080/a?b").unwrap();
        let request = request(&url);
        assert!(
            request.starts_with("GET /a?b HTTP/1.1\r\nHost: [2001:db8::7]:8080\r\n"),
            "{request}"
        );
        assert!(request.ends_with("\r\nConnection: close\r\n\r\n"));
    }

    #[test]
    fn without_a_ring_each_says_what_was_tried() {
        let mut network = Network::default();
        let none = |trying| Failed::Network(trying, Error::NoRing(None));
        assert_eq!(resolve("a", &mut network), Err(none(Trying::Names)));
        assert_eq!(network.open(Trying::Echo).err(), Some(none(Trying::Echo)));
    }
}
