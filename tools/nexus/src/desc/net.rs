//! What files say of the network: as it is asked for and allowed, and as text to paste.

use super::source::{At, Span};
use nexus_sysdesc::{NetDirection, NetProtocol, Network, NetworkSays, Ports, v4};

/// What a service may have of the network stack.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    pub(crate) span: Span,
    pub(crate) says: nexus_sysdesc::Sockets,
}

/// What is done with the network: asked for by a service, or let by a line of the policy.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) span: Span,
    pub(crate) protocol: NetProtocol,
    pub(crate) direction: NetDirection,
    /// Ascending and apart; none for an echo.
    pub(crate) ports: At<Vec<Ports>>,
    /// Those of IPv4 first; ascending, and none within another.
    pub(crate) addresses: At<Vec<Network>>,
}

/// Lets a service reach others by the network, or be reached.
#[derive(Clone, Debug)]
pub(crate) struct AllowNet {
    pub(crate) span: Span,
    pub(crate) id: At<String>,
    pub(crate) subject: At<String>,
    pub(crate) terms: Terms,
    pub(crate) reason: String,
}

/// How the network of a board is.
#[derive(Clone, Debug)]
pub(crate) struct BoardNetwork {
    pub(crate) says: NetworkSays,
}

impl Terms {
    /// They let the same.
    pub(crate) fn are(&self, other: &Terms) -> bool {
        self.is_like(other)
            && self.ports.value == other.ports.value
            && self.addresses.value == other.addresses.value
    }

    /// They are about the same protocol and direction.
    pub(crate) fn is_like(&self, other: &Terms) -> bool {
        (self.protocol, self.direction) == (other.protocol, other.direction)
    }

    /// What `subject` does, for people.
    pub(crate) fn told(&self, subject: &str) -> String {
        let ports: Vec<String> = self.ports.value.iter().map(ToString::to_string).collect();
        let ports = match ports.as_slice() {
            [] => String::new(),
            ports => format!(" at {}", ports.join(", ")),
        };
        let does = match self.direction {
            NetDirection::Out => "reaches others",
            NetDirection::In => "is reached",
        };
        format!("{subject} {does} by {}{ports}", self.protocol.name())
    }

    /// Its keys, with `between` after each but the last.
    pub(crate) fn toml(&self, between: &str) -> String {
        let mut keys = vec![
            format!("protocol = \"{}\"", self.protocol.name()),
            format!("direction = \"{}\"", self.direction.name()),
        ];
        if self.protocol != NetProtocol::Echo {
            keys.push(list_toml("ports", &self.ports.value));
        }
        keys.push(list_toml("addresses", &self.addresses.value));
        keys.join(between)
    }
}

/// `ports = ["80", "8000-8999"]`.
pub(crate) fn list_toml<T: ToString>(key: &str, all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(|one| format!("\"{}\"", one.to_string())).collect();
    format!("{key} = [{}]", all.join(", "))
}

/// Those of `one` that are not in `other`; both are ascending and apart.
pub(crate) fn ports_beside(one: &[Ports], other: &[Ports]) -> Vec<Ports> {
    let mut beside = Vec::new();
    for ports in one {
        let mut first = u32::from(ports.first);
        let last = u32::from(ports.last);
        let mut push = |from: u32, to: u32| {
            if let (Ok(first), Ok(last)) = (u16::try_from(from), u16::try_from(to)) {
                beside.push(Ports { first, last });
            }
        };
        for taken in other.iter().filter(|taken| taken.last >= ports.first) {
            let begins = u32::from(taken.first).min(last + 1);
            if begins > first {
                push(first, begins - 1);
            }
            first = first.max(u32::from(taken.last) + 1);
            if begins > last {
                break;
            }
        }
        if first <= last {
            push(first, last);
        }
    }
    beside
}

/// Those of `one` that are within none of `other`.
pub(crate) fn networks_beside(one: &[Network], other: &[Network]) -> Vec<Network> {
    one.iter().filter(|one| !other.iter().any(|other| is_within(one, other))).copied().collect()
}

/// Each address of `one` is one of `other`.
pub(crate) fn is_within(one: &Network, other: &Network) -> bool {
    other.bits <= one.bits && other.has(one.address)
}

/// The order in which files have networks: those of IPv4 first.
pub(crate) fn order(network: &Network) -> (bool, Network) {
    (v4(network.address).is_none(), *network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desc::source::Source;
    use nexus_sysdesc::mapped;
    use std::net::IpAddr;
    use std::sync::Arc;

    fn ports(all: &[(u16, u16)]) -> Vec<Ports> {
        all.iter().map(|(first, last)| Ports { first: *first, last: *last }).collect()
    }

    fn networks(all: &[&str]) -> Vec<Network> {
        let network = |text: &str| {
            let (address, bits) = text.split_once('/').expect("a network");
            let bits: u8 = bits.parse().expect("bits");
            match address.parse::<IpAddr>().expect("an address") {
                IpAddr::V4(v4) => Network { address: mapped(v4.octets()), bits: bits + 96 },
                IpAddr::V6(v6) => Network { address: v6.octets(), bits },
            }
        };
        all.iter().map(|text| network(text)).collect()
    }

    fn terms(
        (protocol, direction): (NetProtocol, NetDirection),
        at: &[(u16, u16)],
        with: &[&str],
    ) -> Terms {
        let span = Span::start_of(&Arc::new(Source::new(String::from("a"), String::new())));
        Terms {
            span: span.clone(),
            protocol,
            direction,
            ports: At { value: ports(at), span: span.clone() },
            addresses: At { value: networks(with), span },
        }
    }

    #[test]
    fn test_terms_are_the_same_where_each_part_is() {
        use NetDirection::{In, Out};
        use NetProtocol::{Tcp, Udp};
        let one = terms((Tcp, Out), &[(80, 80)], &["10.0.2.0/24"]);
        assert!(one.are(&one.clone()) && one.is_like(&one.clone()));
        for (other, like) in [
            (terms((Udp, Out), &[(80, 80)], &["10.0.2.0/24"]), false),
            (terms((Tcp, In), &[(80, 80)], &["10.0.2.0/24"]), false),
            (terms((Tcp, Out), &[(80, 81)], &["10.0.2.0/24"]), true),
            (terms((Tcp, Out), &[(80, 80)], &["10.0.2.0/25"]), true),
        ] {
            assert_eq!(
                (one.are(&other), one.is_like(&other)),
                (false, like),
                "{}",
                other.toml(" ")
            );
        }
    }

    #[test]
    fn test_terms_are_told_and_written_as_in_files() {
        use NetDirection::{In, Out};
        use NetProtocol::{Echo, Tcp};
        let serves = terms((Tcp, In), &[(80, 80), (8000, 8999)], &["10.0.2.0/24", "fec0::/10"]);
        assert_eq!(serves.told("webd"), "webd is reached by tcp at 80, 8000-8999");
        let keys = [
            "protocol = \"tcp\"",
            "direction = \"in\"",
            "ports = [\"80\", \"8000-8999\"]",
            "addresses = [\"10.0.2.0/24\", \"fec0::/10\"]",
        ];
        assert_eq!(serves.toml("\n"), keys.join("\n"));
        let looks = terms((Echo, Out), &[], &["::/0"]);
        assert_eq!(looks.told("nsh"), "nsh reaches others by echo");
        let keys = "protocol = \"echo\", direction = \"out\", addresses = [\"::/0\"]";
        assert_eq!(looks.toml(", "), keys);
    }

    #[test]
    fn test_networks_within_others_and_beside_them() {
        let of = |text| *networks(&[text]).first().expect("one");
        for (one, other, within) in [
            ("10.0.2.0/24", "10.0.2.0/24", true),
            ("10.0.2.7/32", "10.0.2.0/24", true),
            ("10.0.2.0/24", "0.0.0.0/0", true),
            ("10.0.2.0/24", "::/0", false),
            ("10.0.2.0/24", "10.0.2.0/25", false),
            ("10.0.3.0/25", "10.0.2.0/24", false),
            ("fec0::/10", "::/0", true),
            ("fec0::/10", "fec0::/64", false),
        ] {
            assert_eq!(is_within(&of(one), &of(other)), within, "{one} {other}");
        }
        let one = networks(&["10.0.2.0/24", "10.0.3.0/24", "fec0::/10"]);
        assert_eq!(networks_beside(&one, &networks(&["10.0.2.0/23"])), networks(&["fec0::/10"]));
        assert_eq!(networks_beside(&one, &[]), one);
    }

    #[test]
    fn test_networks_of_ipv4_come_first() {
        let mut all = networks(&["fec0::/10", "::/0", "10.0.2.0/24", "0.0.0.0/0"]);
        all.sort_unstable_by_key(order);
        assert_eq!(all, networks(&["0.0.0.0/0", "10.0.2.0/24", "::/0", "fec0::/10"]));
    }

    #[test]
    fn test_ports_beside_others() {
        for (one, other, beside) in [
            (&[(80, 80)][..], &[][..], &[(80, 80)][..]),
            (&[(80, 80)], &[(80, 80)], &[]),
            (&[(1, 65535)], &[(1, 65535)], &[]),
            (&[(1, 65535)], &[(80, 80)], &[(1, 79), (81, 65535)]),
            (&[(1, 65535)], &[(1, 1), (65535, 65535)], &[(2, 65534)]),
            (&[(10, 20)], &[(1, 9), (21, 30)], &[(10, 20)]),
            (&[(10, 20)], &[(1, 10), (20, 30)], &[(11, 19)]),
            (&[(10, 20), (30, 40)], &[(15, 35)], &[(10, 14), (36, 40)]),
            (&[(10, 20)], &[(12, 13), (15, 15)], &[(10, 11), (14, 14), (16, 20)]),
            (&[(65535, 65535)], &[(1, 65534)], &[(65535, 65535)]),
        ] {
            assert_eq!(
                ports_beside(&ports(one), &ports(other)),
                ports(beside),
                "{one:?} {other:?}"
            );
        }
    }
}
