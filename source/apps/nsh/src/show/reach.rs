//! `why SERVICE net …`: who may reach whom by the network, in words.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::policy::{NO_RULE, NetLine};
use nexus_sysdesc::{MAPPED_BITS, NetDirection, NetProtocol, Network, ip_of};

use super::policy::rule;
use crate::names::Names;
use crate::reach::Asked;
use crate::table::wrap;

/// What `why` was about, and what was answered.
#[derive(Clone, Debug)]
pub struct Reached {
    /// What was asked.
    pub asked: Asked,
    /// Whether others may reach the service, and not whether it may reach them.
    pub inward: bool,
    /// policyd's first answer.
    pub first: NetLine,
    /// The lines that let it.
    pub lines: Vec<Let>,
}

/// A line of the policy that lets it.
#[derive(Clone, Debug)]
pub struct Let {
    /// Its identifier and its reason.
    pub line: (String, String),
    /// Its ports; nothing for an echo.
    pub ports: String,
    /// Its addresses.
    pub addresses: String,
}

/// Allowed or denied, by which lines, and what would have to change.
#[must_use]
pub fn reach(reached: &Reached, names: &Names) -> String {
    let (first, epoch) = (&reached.first, reached.first.epoch);
    if reached.lines.is_empty() || first.this_machine {
        return denied(reached, names);
    }
    let quota = format!("{} sockets, with {} bytes of buffers", first.sockets, first.bytes);
    let shown = |Let { line: (id, reason), ports, addresses }: &Let| {
        let ports = if ports.is_empty() { String::new() } else { wrap("  ports      ", ports) };
        wrap("", &format!("allowed: {}", sentence(reached, "may", names)))
            + &wrap("  by rule    ", &format!("{id} (policy epoch {epoch})"))
            + &wrap("  reason     ", reason)
            + &ports
            + &wrap("  addresses  ", addresses)
            + &wrap("  at most    ", &quota)
    };
    reached.lines.iter().map(shown).collect()
}

fn denied(reached: &Reached, names: &Names) -> String {
    let (first, who) = (&reached.first, names.service(reached.asked.service));
    let request = request(reached);
    let line = "a reviewed [[allow-net]] in policy.toml";
    let (because, change) = if !first.network {
        let change = "a board with a [network], and a new image";
        ("the board has no network".to_string(), change.to_string())
    } else if first.this_machine {
        let because = "it is this machine, or leads back to it, whatever the lines say".to_string();
        let change = format!(
            "the service that listens there in `talks-to` in the file of {who}, and a new image"
        );
        (because, change)
    } else if first.sockets == 0 {
        let sockets = "`sockets = { count = 8, bytes = 1048576 }`";
        let change =
            format!("{sockets} and {request} in the file of {who}, {line}, and a new image");
        (format!("{who} may have no sockets"), change)
    } else {
        let change = format!("{request} in the file of {who}, {line}, and a new image");
        ("no line lets it".to_string(), change)
    };
    wrap("", &format!("denied: {}", sentence(reached, "may not", names)))
        + &wrap("  by rule    ", &rule(NO_RULE, first.epoch, names))
        + &wrap("  because    ", &because)
        + &wrap("  to change  ", &change)
}

/// `nsh may reach others by tcp, port 80`.
fn sentence(reached: &Reached, may: &str, names: &Names) -> String {
    let Asked { service, protocol, port, peer } = reached.asked;
    let who = names.service(service);
    let others = peer.map_or_else(|| "others".to_string(), |peer| peer.to_string());
    let (who, whom) = if reached.inward { (others, who) } else { (who, others) };
    let port = match protocol {
        NetProtocol::Echo => String::new(),
        NetProtocol::Tcp | NetProtocol::Udp => format!(", port {port}"),
    };
    format!("{who} {may} reach {whom} by {}{port}", protocol.name())
}

/// What the service would ask for in its file.
fn request(reached: &Reached) -> String {
    let Asked { protocol, port, peer, .. } = reached.asked;
    let direction = if reached.inward { NetDirection::In } else { NetDirection::Out };
    let ports = match protocol {
        NetProtocol::Echo => String::new(),
        NetProtocol::Tcp | NetProtocol::Udp => format!(", ports = [\"{port}\"]"),
    };
    let addresses = match peer {
        Some(peer) => {
            format!("\"{}\"", Network { address: ip_of(peer), bits: MAPPED_BITS + 32 })
        }
        None => "\"0.0.0.0/0\", \"::/0\"".to_string(),
    };
    format!(
        "`reaches = [{{ protocol = \"{}\", direction = \"{}\"{ports}, addresses = [{addresses}] }}]`",
        protocol.name(),
        direction.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;
    use nexus_proto::Zero;

    fn answer(line: u16) -> NetLine {
        NetLine {
            bytes: 1 << 20,
            sockets: 8,
            epoch: 2,
            line,
            network: true,
            this_machine: false,
            zero: Zero::ZERO,
        }
    }

    fn asked(protocol: NetProtocol, port: u16, peer: Option<&str>) -> Asked {
        let peer = peer.map(|peer| peer.parse().expect("an address"));
        Asked { service: 10, protocol, port, peer }
    }

    fn http(peer: Option<&str>, first: NetLine, lines: Vec<Let>) -> Reached {
        Reached { asked: asked(NetProtocol::Tcp, 80, peer), inward: false, first, lines }
    }

    fn line() -> Let {
        Let {
            line: ("net-nsh-http".into(), "fetch shows pages of http".into()),
            ports: "80 8000-8999".into(),
            addresses: "::/0 0.0.0.0/0".into(),
        }
    }

    #[test]
    fn what_is_allowed_has_its_line_and_its_bounds() {
        assert_eq!(
            reach(&http(None, answer(20), vec![line()]), &names()),
            "\
allowed: nsh may reach others by tcp, port 80
  by rule    net-nsh-http (policy epoch 2)
  reason     fetch shows pages of http
  ports      80 8000-8999
  addresses  ::/0 0.0.0.0/0
  at most    8 sockets, with 1048576 bytes of buffers
"
        );
        let echo = Let { ports: String::new(), ..line() };
        let asked = asked(NetProtocol::Echo, 0, Some("fec0::2"));
        let both = vec![echo.clone(), echo];
        let text = reach(&Reached { asked, inward: true, first: answer(3), lines: both }, &names());
        assert_eq!(text.matches("allowed: fec0::2 may reach nsh by echo\n").count(), 2, "{text}");
        assert!(!text.contains("ports"), "{text}");
    }

    #[test]
    fn what_is_denied_has_the_way_to_a_line() {
        assert_eq!(
            reach(&http(Some("10.0.2.3"), answer(NO_RULE), vec![]), &names()),
            "\
denied: nsh may not reach 10.0.2.3 by tcp, port 80
  by rule    none: what no rule allows is denied (policy epoch 2)
  because    no line lets it
  to change  `reaches = [{ protocol = \"tcp\", direction = \"out\", ports = [\"80\"],
             addresses = [\"10.0.2.3/32\"] }]` in the file of nsh, a reviewed
             [[allow-net]] in policy.toml, and a new image
"
        );
        let none = NetLine { sockets: 0, bytes: 0, ..answer(NO_RULE) };
        let inward = Reached { inward: true, ..http(None, none, vec![]) };
        assert_eq!(
            reach(&inward, &names()),
            "\
denied: others may not reach nsh by tcp, port 80
  by rule    none: what no rule allows is denied (policy epoch 2)
  because    nsh may have no sockets
  to change  `sockets = { count = 8, bytes = 1048576 }` and `reaches = [{
             protocol = \"tcp\", direction = \"in\", ports = [\"80\"], addresses =
             [\"0.0.0.0/0\", \"::/0\"] }]` in the file of nsh, a reviewed
             [[allow-net]] in policy.toml, and a new image
"
        );
        let first = NetLine { network: false, ..none };
        let text = reach(&Reached { first, ..inward }, &names());
        assert!(text.contains("  because    the board has no network\n"), "{text}");
    }

    #[test]
    fn this_machine_is_denied_whatever_the_lines_say() {
        let first = NetLine { this_machine: true, ..answer(20) };
        assert_eq!(
            reach(&http(Some("10.0.2.2"), first, vec![line()]), &names()),
            "\
denied: nsh may not reach 10.0.2.2 by tcp, port 80
  by rule    none: what no rule allows is denied (policy epoch 2)
  because    it is this machine, or leads back to it, whatever the lines say
  to change  the service that listens there in `talks-to` in the file of nsh,
             and a new image
"
        );
    }
}
