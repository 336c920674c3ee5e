//! `why SERVICE net …`: what is asked about a service and the network.

use alloc::format;
use alloc::string::String;
use core::net::IpAddr;

use nexus_sysdesc::NetProtocol;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Service id.
    pub service: u32,
    /// What is spoken.
    pub protocol: NetProtocol,
    /// The port of whoever is connected to; of an echo 0.
    pub port: u16,
    /// The one peer that it is about; `None`: anybody.
    pub peer: Option<IpAddr>,
}

/// What the words behind `net` ask about a service.
///
/// # Errors
/// What is wrong with them, for the person who typed them.
pub(crate) fn parse(service: u32, protocol: &str, words: &[&str]) -> Result<Asked, String> {
    let known = NetProtocol::ALL.into_iter().find(|one| one.name() == protocol);
    let known = known.ok_or_else(|| format!("why: `{protocol}` is not tcp, udp or echo"))?;
    let (port, rest) = match (known, words.split_first()) {
        (NetProtocol::Echo, _) => (0, words),
        (_, Some((word, rest))) => (self::port(word)?, rest),
        (_, None) => return Err(format!("why: which port? as `why nsh net {protocol} 80`")),
    };
    let peer = match rest {
        [] => None,
        [word] => Some(address(word)?),
        _ => return Err(String::from("why: too many words; usage: why SERVICE [WHAT]")),
    };
    Ok(Asked { service, protocol: known, port, peer })
}

fn port(word: &str) -> Result<u16, String> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let port = word.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| format!("why: `{word}` is no port: 1 to 65535"))
}

fn address(word: &str) -> Result<IpAddr, String> {
    word.parse().map_err(|_| format!("why: `{word}` is no address: names decide nothing"))
}
