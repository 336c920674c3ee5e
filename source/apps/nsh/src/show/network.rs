//! `ip`, `sockets`, and what comes of hosts outside.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use nexus_net::{Error, address};
use nexus_proto::ids;
use nexus_proto::socket::{
    AddressInfo, Kind, Link, NetInfo, NetStats, ServerInfo, SocketInfo, Source, Tcp,
};
use nexus_sysdesc::Permission;
use nexus_words::amount::{count, duration_at_length, hex, size};

use super::state::{seen, value};
use crate::http::{Head, Wrong};
use crate::names::Names;
use crate::network::{Failed, Trying};
use crate::table::{Table, left, right, wrap};
use crate::trouble::{Trouble, given_by};

/// Bytes of a page that is no text of which something is shown.
const SHOWN_OF_BYTES: usize = 256;

/// How the network stands: link, addresses, routers, servers.
#[must_use]
pub fn ip(
    info: &NetInfo,
    addresses: &[AddressInfo],
    servers: &[ServerInfo],
    stats: &NetStats,
) -> String {
    let link = match info.link {
        Link::NoCard => "virtionetd does not answer: there is no card now",
        Link::Down => "the card has no link",
        Link::Asking => "link up, an address is being asked for",
        Link::Up => "link up",
    };
    let mut text = wrap("", &format!("{link}; card {}, MTU {}", hex(&info.mac, ":"), info.mtu));
    text += &shown_addresses(addresses);
    let routers =
        [IpAddr::V4(Ipv4Addr::from(info.gateway4)), IpAddr::V6(Ipv6Addr::from(info.gateway6))];
    let routers = routers.into_iter().filter(|router| !router.is_unspecified());
    text += &line("routers", routers);
    for (does, what) in [("dns", "names"), ("dhcp", "DHCP")] {
        let those = servers.iter().filter(|one| one.does.as_str() == does);
        text += &line(what, those.map(|one| address(one.address)));
    }
    if info.lease > 0 {
        let lease = duration_at_length(Duration::from_secs(info.lease.into()));
        text += &line("lease", [format!("{lease} left")].iter());
    }
    text + &done(info, stats)
}

/// The addresses of this machine.
fn shown_addresses(addresses: &[AddressInfo]) -> String {
    if addresses.is_empty() {
        return "no address\n".to_string();
    }
    let mut table = Table::new(&[left("ADDRESS"), left("FROM")]);
    for one in addresses {
        let source = match one.source {
            Source::Static => "the description",
            Source::Dhcp => "DHCP",
            Source::LinkLocal => "the card's own",
            Source::Slaac => "a router (SLAAC)",
        };
        table.row([with_prefix(one), source.to_string()]);
    }
    format!("\n{}\n", table.render())
}

/// What netstackd has done.
fn done(info: &NetInfo, stats: &NetStats) -> String {
    let NetStats { frames_in, frames_out, dropped, .. } = *stats;
    let [came, went] = [stats.bytes_in, stats.bytes_out].map(size);
    let sockets = count(info.sockets.into(), "socket");
    let connections = count(stats.connections, "connection");
    wrap(
        "",
        &format!(
            "{frames_in} frames in, {came}, of which nothing was made of {dropped}; {frames_out} out, {went}; \
             {sockets}, {connections} so far"
        ),
    )
}

/// What it is, and each; nothing where there is none.
fn line(what: &str, each: impl Iterator<Item = impl Display>) -> String {
    let each: Vec<String> = each.map(|one| one.to_string()).collect();
    if each.is_empty() { String::new() } else { wrap(&format!("{what:<9}"), &each.join(", ")) }
}

/// An address with the bits of its network.
fn with_prefix(info: &AddressInfo) -> String {
    format!("{}/{}", address(info.address), info.prefix)
}

/// Who has which socket.
#[must_use]
pub fn sockets(list: &[SocketInfo], stats: &NetStats, names: &Names) -> String {
    if list.is_empty() {
        return "nobody has a socket\n".to_string();
    }
    let mut table = Table::new(&[
        left("WHO"),
        left("KIND"),
        left("STATE"),
        left("LOCAL"),
        left("PEER"),
        right("TO READ"),
        right("UNSENT"),
    ]);
    for info in list {
        let kind = match info.kind {
            Kind::Listener => "listens",
            Kind::Connection => "tcp",
            Kind::Datagrams => "udp",
        };
        table.row([
            names.service(info.service),
            kind.to_string(),
            state(info.tcp).to_string(),
            place(info.local, info.local_port),
            place(info.peer, info.peer_port),
            info.received.to_string(),
            info.unsent.to_string(),
        ]);
    }
    let denied = match stats.denied {
        0 => String::new(),
        denied => {
            wrap("", &format!("{}; `ledger` has why", count(denied.into(), "request") + " denied"))
        }
    };
    table.render() + &denied
}

/// An address and a port: `*` for each, `-` for none.
fn place(octets: [u8; 16], port: u16) -> String {
    match (address(octets), port) {
        (address, 0) if address.is_unspecified() => "-".to_string(),
        (address, port) if address.is_unspecified() => format!("*:{port}"),
        (address, port) => SocketAddr::new(address, port).to_string(),
    }
}

/// How a connection stands, as RFC 9293 has it.
const fn state(tcp: Tcp) -> &'static str {
    match tcp {
        Tcp::Closed => "-",
        Tcp::Listen => "listen",
        Tcp::SynSent => "syn-sent",
        Tcp::SynReceived => "syn-received",
        Tcp::Established => "established",
        Tcp::FinWait1 => "fin-wait-1",
        Tcp::FinWait2 => "fin-wait-2",
        Tcp::CloseWait => "close-wait",
        Tcp::Closing => "closing",
        Tcp::LastAck => "last-ack",
        Tcp::TimeWait => "time-wait",
    }
}

/// Addresses of a name.
#[must_use]
pub fn addresses(list: &[IpAddr]) -> String {
    list.iter().map(|address| format!("{address}\n")).collect()
}

/// What came of the echoes that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Echoes {
    asked: u32,
    came: u32,
    shortest: u64,
    longest: u64,
}

impl Echoes {
    /// Counts one, with the microseconds that it took and the bytes that came back, if any did; a line about it.
    pub fn add(&mut self, to: IpAddr, came: Option<(u64, u64)>) -> String {
        self.asked += 1;
        let Some((micros, len)) = came else { return format!("{to}: nothing came back\n") };
        self.shortest = if self.came == 0 { micros } else { self.shortest.min(micros) };
        self.longest = self.longest.max(micros);
        self.came += 1;
        format!("{to}: {} back in {}\n", count(len, "byte"), millis(micros))
    }
}

/// How many came back, and when.
#[must_use]
pub fn echoes(echoes: &Echoes) -> String {
    let Echoes { asked, came, shortest, longest } = *echoes;
    let text = format!("asked {}, {came} came back", count(asked.into(), "time"));
    match came {
        0 => wrap("", &format!("{text}. {}", CUT_OFF)),
        _ => wrap("", &format!("{text}, in {} to {}", millis(shortest), millis(longest))),
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

/// A page: what its server says of it, and the first of it.
#[must_use]
pub fn page(head: &Head, body: &[u8], cut: bool) -> String {
    let mut text = wrap("", &seen(&head.line));
    if let Some(kind) = &head.kind {
        text += &wrap("", &format!("type: {}", seen(kind)));
    }
    if let Some(location) = &head.location {
        text += &wrap("", &format!("it is elsewhere: {}", seen(location)));
    }
    text += "\n";
    // A character may be cut in two.
    let whole = match core::str::from_utf8(body) {
        Err(why) if why.error_len().is_none() && cut => body.get(..why.valid_up_to()),
        _ => None,
    };
    let body = whole.unwrap_or(body);
    let is_text = core::str::from_utf8(body).is_ok_and(|text| !text.contains('\0'));
    let shown = if is_text { body } else { body.get(..SHOWN_OF_BYTES).unwrap_or(body) };
    text += &match core::str::from_utf8(shown) {
        Ok("") => "(nothing)\n".to_string(),
        Ok(lines) if is_text => shown_lines(lines),
        _ => value(shown),
    };
    if cut || shown.len() < body.len() {
        let of = head.length.map_or(", and there are more".to_string(), |all| format!(" of {all}"));
        text += &wrap("", &format!("(cut: these are {}{of})", count(shown.len() as u64, "byte")));
    }
    text
}

/// Lines of a page, of which each character is seen.
fn shown_lines(text: &str) -> String {
    let one = |line: &str| seen(&line.replace('\t', "    ")) + "\n";
    text.lines().map(one).collect()
}

/// Why there may be no answer from outside.
const CUT_OFF: &str = "If the host is up, this machine is kept from it: the board lets nothing out (`restrict=on`), \
                       unless `cargo nexus run --net open` lifts that";
/// Why there is no way out.
const KEPT_IN: &str = "The board keeps this machine inside (`restrict=on`), unless `cargo nexus run --net open` lifts \
                       that; `ip` shows what there is";

/// Why something did not come of a host.
#[must_use]
pub fn failed(failed: &Failed, host: &str, names: &Names) -> String {
    let host = seen(host);
    let text = match *failed {
        Failed::Page(why) => format!("{host}: {}", wrong(why)),
        Failed::Network(trying, why) => network(trying, why, &host, names),
    };
    wrap("", &text)
}

const fn wrong(why: Wrong) -> &'static str {
    match why {
        Wrong::NotHttp => "what answers there does not speak http",
        Wrong::LongHead => "the head of the answer has no end; no more of it is read",
        Wrong::Length => "the answer says of its length, or of how it is packed, what cannot be",
        Wrong::Parts => {
            "between the parts of the answer stands what does not belong there; no more of it is read"
        }
        Wrong::Short => "the connection ended before the page did",
    }
}

fn network(trying: Trying, why: Error, host: &str, names: &Names) -> String {
    match why {
        Error::NoRing(_) => "this shell shares no memory with netstackd: `rings` in its service file, and a [[ring]] in \
             policy.toml, would let it"
            .to_string(),
        Error::Call(error) => Trouble { service: ids::NETSTACKD, error: Some(error) }.text(names),
        Error::Denied => denied(trying, host),
        Error::NoAnswer | Error::TimedOut => match trying {
            Trying::Names => format!("no server of names answers. {CUT_OFF}"),
            Trying::Page => format!("{host} sends no more of the page, and has not ended it"),
            Trying::Connect(_) | Trying::Echo => format!("{host} does not answer. {CUT_OFF}"),
        },
        Error::Unreachable => match trying {
            Trying::Names => format!("nobody to ask for {host}: no server of names is known. {KEPT_IN}"),
            _ => format!("no way to {host}: there is no router for it, or no address. {KEPT_IN}"),
        },
        Error::NoName => format!("there is no {host}"),
        Error::PeerRefused => format!("{host} is there, and nothing listens at that port"),
        Error::Reset | Error::Closed => format!("{host} broke the connection off"),
        Error::Gone => "netstackd ended meanwhile; type it again".to_string(),
        Error::QuotaSockets | Error::QuotaBytes => {
            format!("{why}; `sockets` tells which, and `sockets` in its service file how many it may have")
        }
        Error::TooMuch => "as many such requests wait as may; type it again later".to_string(),
        Error::Garbled | Error::Malformed | Error::NoSocket | Error::NoRequest => {
            format!("netstackd gives an answer that makes no sense: {why}")
        }
        Error::NoRoom | Error::TooLong | Error::Already | Error::InUse => format!("{host}: {why}"),
    }
}

/// What would allow it.
fn denied(trying: Trying, host: &str) -> String {
    let line = |what: &str, why: &str| {
        format!(
            "this shell may not reach {host} by {what}: no [[allow-net]] of policy.toml lets it, or the address leads \
             back to this machine; `why nsh {why}` tells"
        )
    };
    match trying {
        Trying::Names => {
            format!(
                "this shell may not resolve names: it lacks the permission{}",
                given_by(Permission::Resolve)
            )
        }
        Trying::Echo => line("echo", "net echo"),
        Trying::Connect(port) => line(&format!("tcp at port {port}"), &format!("net tcp {port}")),
        Trying::Page => line("tcp", "net tcp"),
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
