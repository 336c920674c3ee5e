//! What services do with the network, what lets them, and the network of a board.

use super::addresses::{self, Wrong};
use crate::desc::kind::Kind;
use crate::desc::net::{AllowNet, BoardNetwork, Sockets, Terms, list_toml};
use crate::desc::source::{At, Span};
use crate::desc::table::{Key, Table, key};
use nexus_sysdesc::bounds::{
    MAX_LEADS_BACK, MAX_NET_LIST, MAX_REASON, MAX_SERVERS, SOCKET_BYTES, SOCKETS,
};
use nexus_sysdesc::{
    Address, Ip, MAPPED_BITS, NetDirection, NetProtocol, Network, NetworkSays, Ports, is_one, v4,
};

const SOCKETS_OF: Key = key("sockets", "{ count = 8, bytes = 1048576 }");
const COUNT: Key = key("count", "8");
const BYTES: Key = key("bytes", "1048576");
const REACHES: Key = key(
    "reaches",
    "[{ protocol = \"tcp\", direction = \"out\", ports = [\"80\"], addresses = [\"0.0.0.0/0\"] }]",
);
const PROTOCOL: Key = key("protocol", "\"tcp\"");
const DIRECTION: Key = key("direction", "\"out\"");
const PORTS: Key = key("ports", "[\"80\", \"8000-8999\"]");
const ADDRESSES: Key = key("addresses", "[\"0.0.0.0/0\", \"::/0\"]");
const ID: Key = key("id", "\"net-nsh-http\"");
const SUBJECT: Key = key("subject", "\"nsh\"");
const REASON: Key = key("reason", "\"fetch shows pages of http\"");
const ADDRESS: Key = key("address", "\"dhcp\"");
const GATEWAY: Key = key("gateway", "\"10.0.2.2\"");
const DNS: Key = key("dns", "[\"10.0.2.3\"]");
const LEADS_BACK: Key = key("leads-back", "[\"10.0.2.2\"]");

/// What the key `sockets` of a service says.
pub(super) fn read_sockets(table: &mut Table<'_>) -> Option<Sockets> {
    let mut table = table.table(SOCKETS_OF, "`sockets`")?;
    table.must_have(COUNT);
    table.must_have(BYTES);
    let count = table.number(COUNT, SOCKETS);
    let bytes = table.number(BYTES, SOCKET_BYTES);
    let span = table.span.clone();
    table.finish();
    let says = nexus_sysdesc::Sockets { count: count?.value, bytes: bytes?.value };
    Some(Sockets { span, says })
}

/// What the key `reaches` of a service says.
pub(super) fn read_reaches(table: &mut Table<'_>) -> Vec<Terms> {
    let all = table.tables(REACHES, "an entry of `reaches`").into_iter();
    all.filter_map(|mut table| {
        let (_, terms) = read_terms(&mut table);
        table.finish();
        terms
    })
    .collect()
}

/// A line of `[[allow-net]]`.
pub(super) fn read_allow_net(
    mut table: Table<'_>,
    unread: &mut Vec<(Option<String>, Option<String>)>,
) -> Option<AllowNet> {
    for needed in [ID, SUBJECT, REASON] {
        table.must_have(needed);
    }
    let span = table.span.clone();
    let id = table.name(ID);
    let subject = table.string(SUBJECT);
    let (protocol, terms) = read_terms(&mut table);
    let reason = table.text(REASON, MAX_REASON);
    table.finish();
    let protocol = protocol.map(|protocol| protocol.name().to_owned());
    let given = (subject.as_ref().map(|subject| subject.value.clone()), protocol);
    let line = (|| {
        let reason = reason?.value;
        Some(AllowNet { span, id: id?, subject: subject?, terms: terms?, reason })
    })();
    if line.is_none() {
        unread.push(given);
    }
    line
}

/// What is done with the network, and the protocol also where the rest cannot be read.
fn read_terms(table: &mut Table<'_>) -> (Option<NetProtocol>, Option<Terms>) {
    for needed in [PROTOCOL, DIRECTION, ADDRESSES] {
        table.must_have(needed);
    }
    let protocols = NetProtocol::ALL.map(|protocol| (protocol.name(), protocol));
    let directions = NetDirection::ALL.map(|direction| (direction.name(), direction));
    let protocol = table.choice(PROTOCOL, "what is spoken by the network", &protocols);
    let protocol = protocol.map(|protocol| protocol.value);
    let direction = table.choice(DIRECTION, "a direction", &directions);
    let direction = direction.filter(|direction| is_for_a_service(table, protocol, direction));
    let ports = read_ports(table, protocol);
    let addresses = read_networks(table);
    let span = table.span.clone();
    let terms = (|| {
        let (protocol, direction) = (protocol?, direction?.value);
        Some(Terms { span, protocol, direction, ports: ports?, addresses: addresses? })
    })();
    (protocol, terms)
}

/// Refuses an echo that a service would be asked for; true for everything else.
fn is_for_a_service(
    table: &Table<'_>,
    protocol: Option<NetProtocol>,
    direction: &At<NetDirection>,
) -> bool {
    let good = protocol != Some(NetProtocol::Echo) || direction.value != NetDirection::In;
    if !good {
        let message = String::from("no service is asked for an echo");
        let fix = "remove it: the network stack answers by itself; `direction = \"out\"` lets a service ask others";
        table.refuse(Kind::EchoInward, &direction.span, message, fix);
    }
    good
}

fn read_ports(table: &mut Table<'_>, protocol: Option<NetProtocol>) -> Option<At<Vec<Ports>>> {
    if protocol == Some(NetProtocol::Echo) {
        return no_ports(table);
    }
    if protocol.is_some() {
        table.must_have(PORTS);
    }
    if table.is_empty_list(PORTS) {
        let message = String::from("no ports: nothing would be let");
        let fix = "write them, as `ports = [\"80\", \"8000-8999\"]`; all of them are \"1-65535\"";
        table.refuse(Kind::BadPorts, &table.span, message, fix);
    }
    let wrong = |text: &str| {
        (format!("`{text}` is no port"), "write 1 to 65535, as \"80\", or \"8000-8999\"")
    };
    let order = |all: &[Ports]| addresses::in_order_of_ports(all);
    read_list(table, PORTS, Kind::BadPorts, addresses::ports, wrong, order)
}

/// An echo has no ports.
fn no_ports(table: &mut Table<'_>) -> Option<At<Vec<Ports>>> {
    let none = At { value: Vec::new(), span: table.span.clone() };
    if !table.has(PORTS) {
        return Some(none);
    }
    if let Some((span, _)) = table.entry(PORTS) {
        let message = String::from("an echo has no ports");
        table.refuse(Kind::BadPorts, &span, message, "remove `ports`");
    }
    None
}

fn read_networks(table: &mut Table<'_>) -> Option<At<Vec<Network>>> {
    if table.is_empty_list(ADDRESSES) {
        let message = String::from("no addresses: nobody would be reached");
        let fix = "write them; all of them are `addresses = [\"0.0.0.0/0\", \"::/0\"]`";
        table.refuse(Kind::BadAddress, &table.span, message, fix);
    }
    let wrong = |text: &str| {
        let fix = "write an address and how many bits of it count, as \"10.0.2.0/24\" or \"fec0::/10\": \
                   names decide nothing";
        (format!("`{text}` is no network"), fix)
    };
    let order = |all: &[Network]| addresses::in_order_of_networks(all);
    read_list(table, ADDRESSES, Kind::BadAddress, addresses::network, wrong, order)
}

/// A list in its order, and where it stands; `None` after a refusal, or where there is none. `wrong` says what is
/// wrong with a text, and what to do; `order` puts values into theirs.
fn read_list<T: Clone + PartialEq + ToString>(
    table: &mut Table<'_>,
    key: Key,
    kind: Kind,
    read: impl Fn(&str) -> Result<T, Wrong>,
    wrong: impl Fn(&str) -> (String, &'static str),
    order: impl Fn(&[T]) -> Vec<T>,
) -> Option<At<Vec<T>>> {
    let texts = table.strings(key);
    let (first, last) = (&texts.first()?.span, &texts.last()?.span);
    let span = Span { source: first.source.clone(), bytes: first.bytes.start..last.bytes.end };
    let before = table.reporter.count();
    let read = |text: &At<String>| read_one(table, text, kind, &read, &wrong);
    let value: Vec<T> = texts.iter().filter_map(read).collect();
    if table.reporter.count() > before {
        return None;
    }
    let right = order(&value);
    if right != value {
        let message = format!("`{}` is not in its order, or has something twice", key.name);
        let fix = format!("write `{}`", list_toml(key.name, &right));
        table.refuse(kind, &span, message, fix);
        return None;
    }
    if value.len() > MAX_NET_LIST {
        let message = format!("{} entries in `{}`", value.len(), key.name);
        let fix = format!("leave at most {MAX_NET_LIST}, or write another entry of the same kind");
        table.refuse(Kind::TooMany, &span, message, fix);
        return None;
    }
    Some(At { value, span })
}

fn read_one<T>(
    table: &Table<'_>,
    text: &At<String>,
    kind: Kind,
    read: impl Fn(&str) -> Result<T, Wrong>,
    wrong: impl Fn(&str) -> (String, &'static str),
) -> Option<T> {
    let why = match read(&text.value) {
        Ok(value) => return Some(value),
        Err(why) => why,
    };
    let shown = text.value.escape_default().to_string();
    let (message, fix) = match why {
        Wrong::Form => {
            let (message, fix) = wrong(&shown);
            (message, fix.to_owned())
        }
        Wrong::HostBits { network, one } => {
            let message = format!("`{shown}` is one address, with the bits of a network");
            (message, format!("write \"{network}\", or \"{one}\" for that one"))
        }
        Wrong::Instead(right) => {
            (format!("`{shown}` is written in another way"), format!("write \"{right}\""))
        }
    };
    table.refuse(kind, &text.span, message, fix);
    None
}

/// What the table `[network]` of a board says.
pub(super) fn read_network(table: &mut Table<'_>) -> Option<BoardNetwork> {
    let mut table = table.table(super::board::NETWORK, "[network]")?;
    table.must_have(ADDRESS);
    let address = read_address(&mut table);
    let leads_back = read_machines(&mut table, LEADS_BACK, MAX_LEADS_BACK);
    table.finish();
    let (address, mut leads_back) = (address?, leads_back?);
    leads_back.sort_unstable();
    Some(BoardNetwork { says: NetworkSays { address, leads_back } })
}

fn read_address(table: &mut Table<'_>) -> Option<Address> {
    let text = table.string(ADDRESS)?;
    if text.value == "dhcp" {
        let extra = [GATEWAY, DNS].into_iter().find(|key| table.has(*key));
        let Some((key, (span, _))) = extra.and_then(|key| Some((key, table.entry(key)?))) else {
            return Some(Address::Dhcp);
        };
        let message = format!("DHCP tells `{}`", key.name);
        let fix =
            format!("remove `{}`, or give an address, as `address = \"10.0.2.15/24\"`", key.name);
        table.refuse(Kind::BadAddress, &span, message, fix);
        return None;
    }
    let (address, bits) = own_address(table, &text)?;
    let gateway = match table.has(GATEWAY) {
        true => Some(read_gateway(table)?),
        false => None,
    };
    let dns = read_machines(table, DNS, MAX_SERVERS)?;
    let given = Address::Static { address, bits, gateway, dns };
    if given.is_possible() {
        return Some(given);
    }
    let message =
        format!("`{}` is no address of a machine, or its router is not near it", text.value);
    let fix = "write an address of one machine, with a `gateway` that has the same first bits and is another: \
               `address = \"10.0.2.15/24\"` and `gateway = \"10.0.2.2\"`";
    table.refuse(Kind::BadAddress, &text.span, message, fix);
    None
}

/// The address of this machine, and the bits that its network has.
fn own_address(table: &Table<'_>, text: &At<String>) -> Option<([u8; 4], u8)> {
    let own = text.value.split_once('/').and_then(|(address, _)| {
        let address = v4(addresses::one(address).ok()?)?;
        let network = match addresses::network(&text.value) {
            Ok(network) => network,
            Err(Wrong::Instead(network)) => addresses::network(&network).ok()?,
            Err(Wrong::HostBits { network, .. }) => addresses::network(&network).ok()?,
            Err(Wrong::Form) => return None,
        };
        let bits = network.bits.checked_sub(MAPPED_BITS)?;
        text.value.ends_with(&format!("/{bits}")).then_some((address, bits))
    });
    if own.is_none() {
        let message = format!("`{}` is no address of this machine", text.value.escape_default());
        let fix = "write `address = \"dhcp\"`, or an address of IPv4 with the bits of its network, as \
                   `address = \"10.0.2.15/24\"`; those of IPv6 come by themselves";
        table.refuse(Kind::BadAddress, &text.span, message, fix);
    }
    own
}

fn read_gateway(table: &mut Table<'_>) -> Option<[u8; 4]> {
    let text = table.string(GATEWAY)?;
    let gateway = addresses::one(&text.value).ok().and_then(v4);
    if gateway.is_none() {
        let message = format!("`{}` is no address of IPv4", text.value.escape_default());
        table.refuse(Kind::BadAddress, &text.span, message, "write it as `gateway = \"10.0.2.2\"`");
    }
    gateway
}

/// Addresses of machines, none of them twice; `None` after a refusal.
fn read_machines(table: &mut Table<'_>, key: Key, most: usize) -> Option<Vec<Ip>> {
    let before = table.reporter.count();
    let texts = table.words(key);
    let wrong = |text: &str| {
        let fix = "write an address, as \"10.0.2.2\" or \"fec0::2\": names decide nothing";
        (format!("`{text}` is no address"), fix)
    };
    let read = |text: &str| match addresses::one(text) {
        Ok(ip) if !is_one(ip) => Err(Wrong::Form),
        read => read,
    };
    let all: Vec<Ip> = texts
        .iter()
        .filter_map(|text| read_one(table, text, Kind::BadAddress, read, wrong))
        .collect();
    if let Some(extra) = texts.get(most) {
        let message = format!("{} addresses in `{}`", texts.len(), key.name);
        table.refuse(Kind::TooMany, &extra.span, message, format!("leave at most {most}"));
    }
    (table.reporter.count() == before).then_some(all)
}
