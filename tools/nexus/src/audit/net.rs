//! The network in an audit: how it is, who may have sockets, and who may reach whom.

use super::model::Audit;
use crate::columns::{row, section};
use nexus_sysdesc::{
    Address, Description, Ip, NetDirection, NetProtocol, Network, NetworkSays, Ports, Reach,
    Service, ip_addr,
};
use serde::{Serialize, Serializer};
use std::net::Ipv4Addr;

/// How the network of the board is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditNetwork {
    /// `dhcp`, or the address of this machine with the bits of its network.
    pub address: String,
    /// The router, where the board says it.
    pub gateway: Option<String>,
    /// Servers of names that the board says.
    pub dns: Vec<String>,
    /// Addresses through which this machine is reached again: nobody reaches them but who may call who listens
    /// there.
    pub leads_back: Vec<String>,
    /// The same as numbers.
    #[serde(skip)]
    pub says: NetworkSays,
}

/// What a service may have of the network stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AuditSockets {
    /// Most sockets.
    pub count: u32,
    /// Most bytes of their buffers.
    pub bytes: u64,
}

/// What a service may do with the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReach {
    /// `tcp`, `udp` or `echo`.
    pub protocol: &'static str,
    /// `out`: the service begins; `in`: a peer.
    pub direction: &'static str,
    /// Of whoever is connected to; none of an echo.
    #[serde(serialize_with = "as_words")]
    pub ports: Vec<Ports>,
    /// The peers.
    #[serde(serialize_with = "as_words")]
    pub addresses: Vec<Network>,
    /// The policy line that allows it.
    pub rule: String,
    /// Why, in the words of that line.
    pub reason: String,
}

impl AuditReach {
    /// True when it lets do that, by `port`, which counts for nothing with an echo; with the peer at `ip`, or with
    /// some.
    #[must_use]
    pub fn lets(
        &self,
        protocol: NetProtocol,
        direction: NetDirection,
        ip: Option<Ip>,
        port: u16,
    ) -> bool {
        let like = self.protocol == protocol.name() && self.direction == direction.name();
        let at_port = self.ports.iter().any(|ports| (ports.first..=ports.last).contains(&port));
        let with = ip.is_none_or(|ip| self.addresses.iter().any(|network| network.has(ip)));
        like && with && (protocol == NetProtocol::Echo || at_port)
    }

    /// `80 8000-8999`, or `-`.
    #[must_use]
    pub fn ports_text(&self) -> String {
        if self.ports.is_empty() { String::from("-") } else { words(&self.ports).join(" ") }
    }

    /// `0.0.0.0/0 ::/0`: those of IPv4 first, as in the files.
    #[must_use]
    pub fn addresses_text(&self) -> String {
        words(&self.addresses).join(" ")
    }
}

fn words<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn as_words<T: ToString, S: Serializer>(all: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    words(all).serialize(serializer)
}

/// What a description says of its network.
pub(super) fn network(description: &Description) -> Option<AuditNetwork> {
    let says = description.network.as_ref()?;
    let shown = |all: &[Ip]| all.iter().map(|ip| ip_addr(*ip).to_string()).collect();
    let v4 = |address: [u8; 4]| Ipv4Addr::from(address).to_string();
    let (address, gateway, dns) = match &says.address {
        Address::Dhcp => (String::from("dhcp"), None, Vec::new()),
        Address::Static { address, bits, gateway, dns } => {
            (format!("{}/{bits}", v4(*address)), gateway.map(v4), shown(dns))
        }
    };
    let leads_back = shown(&says.leads_back);
    Some(AuditNetwork { address, gateway, dns, leads_back, says: says.clone() })
}

/// What a service may have of the stack.
pub(super) fn sockets(service: &Service) -> Option<AuditSockets> {
    let sockets = service.sockets?;
    Some(AuditSockets { count: sockets.count, bytes: sockets.bytes })
}

/// A line about the network.
pub(super) fn reach(reach: &Reach) -> AuditReach {
    let mut addresses = reach.addresses.clone();
    addresses.sort_unstable_by_key(crate::desc::net::order);
    AuditReach {
        protocol: reach.protocol.name(),
        direction: reach.direction.name(),
        ports: reach.ports.clone(),
        addresses,
        rule: reach.id.clone(),
        reason: reach.reason.clone(),
    }
}

impl Audit {
    /// Who has to do with the network, where there is one.
    pub(super) fn add_network(&self, text: &mut String, width: usize) {
        let Some(network) = &self.network else { return };
        let title = format!("Who may have sockets, at most how many; {}", told(network));
        section(text, width, &title, &self.socket_rows());
        for (direction, title) in [
            (NetDirection::Out, "Who may reach whom by the network"),
            (NetDirection::In, "Who may be reached from the network, and by whom"),
        ] {
            let rows = self.reach_rows(direction);
            if rows.len() > 1 {
                section(text, width, title, &rows);
            }
        }
    }

    fn socket_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "SOCKETS", "BYTES"])];
        for service in &self.services {
            let Some(AuditSockets { count, bytes }) = service.sockets else { continue };
            rows.push(row(&[&service.name, &count.to_string(), &bytes.to_string()]));
        }
        rows
    }

    fn reach_rows(&self, direction: NetDirection) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "BY", "PORTS", "ADDRESSES", "RULE", "REASON"])];
        for service in &self.services {
            let reaches = service.reaches.iter();
            for reach in reaches.filter(|reach| reach.direction == direction.name()) {
                let (ports, addresses) = (reach.ports_text(), reach.addresses_text());
                let AuditReach { protocol, rule, reason, .. } = reach;
                rows.push(row(&[&service.name, protocol, &ports, &addresses, rule, reason]));
            }
        }
        rows
    }
}

/// How the network is, in a line.
fn told(network: &AuditNetwork) -> String {
    let mut text = match network.address.as_str() {
        "dhcp" => String::from("the address is by DHCP"),
        address => format!("the address is {address}"),
    };
    if let Some(gateway) = &network.gateway {
        text += &format!(", the router {gateway}");
    }
    if !network.dns.is_empty() {
        text += &format!(", names by {}", network.dns.join(" "));
    }
    if !network.leads_back.is_empty() {
        text += &format!(", and what leads back {}", network.leads_back.join(" "));
    }
    text
}
