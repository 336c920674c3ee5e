//! Ports and addresses as text: one way to write each, and never a name.

use crate::desc::net::{is_within, order};
use nexus_sysdesc::{Ip, MAPPED_BITS, Network, Ports, ip_addr, ip_of};
use std::net::IpAddr;

/// Why a text is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It can be read as nothing.
    Form,
    /// An address of one machine with the bits of this network; that machine alone is the other.
    HostBits { network: String, one: String },
    /// It means this, and has to be written so.
    Instead(String),
}

/// A port, or those from one to another.
pub(crate) fn ports(text: &str) -> Result<Ports, Wrong> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| digits(text).and_then(|text| text.parse::<u16>().ok());
    let ports = port(first).zip(port(last)).map(|(first, last)| Ports { first, last });
    let ports = ports.filter(|ports| ports.first > 0 && ports.first <= ports.last);
    written(ports.ok_or(Wrong::Form)?, text)
}

/// The addresses with the same first bits.
pub(crate) fn network(text: &str) -> Result<Network, Wrong> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| Wrong::Form)?;
    let (before, most) = if address.is_ipv4() { (MAPPED_BITS, 32) } else { (0, 128) };
    let bits = match bits {
        None => most,
        Some(bits) => digits(bits).and_then(|bits| bits.parse().ok()).ok_or(Wrong::Form)?,
    };
    if bits > most {
        return Err(Wrong::Form);
    }
    // What IPv6 maps is written as IPv4, whose bits are the last 32.
    let ip = ip_of(address);
    let bits = bits + before;
    if address.is_ipv6() && ip_addr(ip).is_ipv4() && bits < MAPPED_BITS {
        return Err(Wrong::Form);
    }
    let low = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    let address = (u128::from_be_bytes(ip) & !low).to_be_bytes();
    let network = Network { address, bits };
    if address != ip {
        let one = Network { address: ip, bits: 128 };
        return Err(Wrong::HostBits { network: network.to_string(), one: one.to_string() });
    }
    written(network, text)
}

/// The address of one machine.
pub(crate) fn one(text: &str) -> Result<Ip, Wrong> {
    let address: IpAddr = text.parse().map_err(|_| Wrong::Form)?;
    let ip = ip_of(address);
    let address = ip_addr(ip);
    if address.to_string() == text { Ok(ip) } else { Err(Wrong::Instead(address.to_string())) }
}

/// The same ports as text has them: ascending, and with others between those that stand apart.
pub(crate) fn in_order_of_ports(all: &[Ports]) -> Vec<Ports> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let mut apart: Vec<Ports> = Vec::new();
    for ports in sorted {
        match apart.last_mut().filter(|last| ports.first <= last.last.saturating_add(1)) {
            Some(last) => last.last = last.last.max(ports.last),
            None => apart.push(ports),
        }
    }
    apart
}

/// The same networks as text has them: ascending, those of IPv4 first, and none within another.
pub(crate) fn in_order_of_networks(all: &[Network]) -> Vec<Network> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable_by_key(order);
    sorted.dedup();
    let others = sorted.clone();
    let within = |one: &Network| others.iter().any(|other| other != one && is_within(one, other));
    sorted.retain(|one| !within(one));
    sorted
}

fn digits(text: &str) -> Option<&str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(text)
}

fn written<T: ToString>(value: T, text: &str) -> Result<T, Wrong> {
    let right = value.to_string();
    if right == text { Ok(value) } else { Err(Wrong::Instead(right)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instead<T>(text: &str) -> Result<T, Wrong> {
        Err(Wrong::Instead(text.to_owned()))
    }

    #[test]
    fn test_ports_are_written_in_one_way() {
        let is = |first, last| Ok(Ports { first, last });
        assert_eq!((ports("1"), ports("65535")), (is(1, 1), is(65535, 65535)));
        assert_eq!((ports("8000-8999"), ports("1-65535")), (is(8000, 8999), is(1, 65535)));
        assert_eq!((ports("80-80"), ports("080")), (instead("80"), instead("80")));
        let bad =
            ["", "0", "0-80", "81-80", "65536", "80-", "-80", "80-90-99", "+80", "80 ", "http"];
        for text in bad {
            assert_eq!(ports(text), Err(Wrong::Form), "{text:?}");
        }
    }

    // attack 99 U: a network with bits of a host, without bits, mapped, in another way than it is shown, or a name; refused, and never taken for another; broken: checker-written
    #[test]
    fn test_networks_are_written_in_one_way() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "10.0.2.15/32", "::/0", "fec0::/10", "::1/128"] {
            assert_eq!(network(text).map(|network| network.to_string()), Ok(text.to_owned()));
        }
        for (text, right) in [
            ("10.0.2.15", "10.0.2.15/32"),
            ("10.0.0.0/08", "10.0.0.0/8"),
            ("FEC0::/10", "fec0::/10"),
            ("fec0:0::/10", "fec0::/10"),
            ("fe80::1", "fe80::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ] {
            assert_eq!(network(text), instead(right), "{text}");
        }
        for (text, right, one) in [
            ("10.0.2.15/8", "10.0.0.0/8", "10.0.2.15/32"),
            ("10.0.2.15/0", "0.0.0.0/0", "10.0.2.15/32"),
            ("fec0::1/10", "fec0::/10", "fec0::1/128"),
            ("::ffff:10.0.0.1/104", "10.0.0.0/8", "10.0.0.1/32"),
        ] {
            let (right, one) = (right.to_owned(), one.to_owned());
            assert_eq!(network(text), Err(Wrong::HostBits { network: right, one }), "{text}");
        }
        for text in [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0/8",
            "010.0.0.0/8",
            "example.org",
            "localhost/8",
            "10.0.0.0/8/8",
            "::ffff:0:0/95",
            "10.0.0.0/256",
            "fe80::1%eth0/64",
            " ::/0",
            "any",
            "*",
        ] {
            assert_eq!(network(text), Err(Wrong::Form), "{text:?}");
        }
    }

    #[test]
    fn test_addresses_are_written_in_one_way() {
        assert_eq!(one("10.0.2.2"), Ok(nexus_sysdesc::mapped([10, 0, 2, 2])));
        assert_eq!(one("::ffff:1.2.3.4"), instead("1.2.3.4"));
        assert_eq!(one("FEC0::2"), instead("fec0::2"));
        for text in ["", "10.0.2.2/32", "gateway", "10.0.2", "[::1]"] {
            assert_eq!(one(text), Err(Wrong::Form), "{text:?}");
        }
    }

    #[test]
    fn test_lists_have_one_order() {
        let of =
            |all: &[&str]| -> Vec<Ports> { all.iter().map(|one| ports(one).unwrap()).collect() };
        let right = of(&["80-90", "100"]);
        for all in [
            &["80-90", "100"][..],
            &["100", "80-90"],
            &["80", "81-90", "100"],
            &["80-90", "85", "100", "100"],
            &["80-85", "84-90", "100"],
        ] {
            assert_eq!(in_order_of_ports(&of(all)), right, "{all:?}");
        }
        assert_eq!(in_order_of_ports(&of(&["1-65535", "65535"])), of(&["1-65535"]));
        let of = |all: &[&str]| -> Vec<Network> {
            all.iter().map(|one| network(one).unwrap()).collect()
        };
        let right = of(&["10.0.0.0/8", "11.0.0.0/8", "::/0"]);
        for all in [
            &["10.0.0.0/8", "11.0.0.0/8", "::/0"][..],
            &["::/0", "11.0.0.0/8", "10.0.0.0/8"],
            &["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "11.0.0.0/8", "::/0", "fec0::/10"],
        ] {
            assert_eq!(in_order_of_networks(&of(all)), right, "{all:?}");
        }
    }
}
