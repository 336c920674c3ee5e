//! What every host does: it has an address, answers echoes, knows its neighbours, and asks for names.

use anyhow::{Result, ensure};
use smoltcp::time::Duration;
use smoltcp::wire::{
    DhcpMessageType, Icmpv4Repr, Icmpv6Repr, IpProtocol, Ipv4Address, Ipv6Address,
    NdiscPrefixInfoFlags, NdiscPrefixInformation, NdiscRepr, NdiscRouterFlags, RawHardwareAddress,
};

use super::Stage;
use crate::client::{ASKS, Client, ECHO, number};
use crate::names::RIGHT6;
use crate::peer::{
    GUEST, GUEST_MAC, PEER, PEER_LOCAL, PEER_MAC, Peer, STRANGE, STRANGER, STRANGER_LOCAL,
    STRANGER_MAC,
};
use crate::raw::{self, Came};

/// The address comes from the server that was taken, and from nobody else.
pub(super) fn address(stage: &mut Stage) -> Result<u32> {
    let asked = &stage.peer.dhcp.asked;
    ensure!(
        asked.first().is_some_and(|first| first.kind == DhcpMessageType::Discover),
        "it does not begin with a search: {asked:?}"
    );
    let wanted = asked.iter().find(|one| one.kind == DhcpMessageType::Request);
    let wanted = wanted.copied();
    ensure!(
        wanted.is_some_and(|one| one.server == Some(PEER) && one.wants == Some(GUEST)),
        "of two offers it does not take the first: {wanted:?}"
    );
    let network = stage.ask("network")?;
    ensure!(network.contains("addresses=10.0.2.15/24,"), "another address: {network}");
    ensure!(network.contains("gateway4=10.0.2.2 "), "another router: {network}");
    ensure!(number(&network, "lease")? <= 4, "it holds longer than it was given for: {network}");
    Ok(5)
}

/// It is asked for again before it ends, and found anew when it is taken away, with which its connections end.
pub(super) fn lease(stage: &mut Stage) -> Result<u32> {
    let mut before = stage.peer.dhcp.asked.len();
    stage.peer.until("it does not ask for its address again", |peer| {
        Ok((peer.dhcp.asked.len() > before).then_some(()))
    })?;
    let again = stage.peer.dhcp.asked.last().copied();
    let renews =
        |one: crate::server::Asked| one.kind == DhcpMessageType::Request && one.has == GUEST;
    ensure!(again.is_some_and(renews), "it asks for something else: {again:?}");
    ensure!(again.is_some_and(|one| one.to == PEER), "it asks everybody: {again:?}");
    stage.peer.dhcp.denies = true;
    before = stage.peer.dhcp.asked.len();
    stage.peer.until("it does not look for a server once its address is gone", |peer| {
        peer.dhcp.lease = if peer.dhcp.denies { 4 } else { 3600 };
        let since = peer.dhcp.asked.get(before..).unwrap_or_default();
        let searched = since.iter().position(|one| one.kind == DhcpMessageType::Discover);
        let then = searched.and_then(|at| since.get(at..));
        Ok(then.is_some_and(|then| then.len() > 1).then_some(()))
    })?;
    stage.peer.settle()?;
    ensure!(stage.ask("network").is_err(), "a connection outlives its address");
    stage.asks = Client::connect(&mut stage.peer, ASKS)?;
    let network = stage.ask("network")?;
    ensure!(network.contains("addresses=10.0.2.15/24,"), "it has not come back: {network}");
    ensure!(number(&network, "lease")? > 3000, "it holds for another time: {network}");
    Ok(6)
}

/// Echoes of every length, of both kinds; and none to everybody, or by a wrong sum.
pub(super) fn echo(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let mut checks = 0;
    peer.settle()?;
    for (seq_no, len) in (0..).zip([0, 1, 8, 56, 57, 500, 1471, 1472]) {
        let data = bytes(peer, len);
        ping4(peer, seq_no, &data)?;
        checks += 1;
    }
    for (seq_no, len) in (0..).zip([0, 1, 56, 1451, 1452]) {
        let data = bytes(peer, len);
        ping6(peer, local(), seq_no, &data)?;
        checks += 1;
    }
    let ask = Icmpv4Repr::EchoRequest { ident: 9, seq_no: 99, data: b"wrong" };
    let mut wrong = raw::icmp4(&ask);
    wrong[9] ^= 1;
    peer.came.clear();
    peer.send(&raw::ipv4(STRANGE, IpProtocol::Icmp, &wrong));
    peer.settle()?;
    let answered = |came: &Came| matches!(came, Came::Icmp4(_, _, message) if message.get(6..8) == Some(&[0, 99]));
    ensure!(!peer.came.iter().any(answered), "it answers what its sum says is not so");
    Ok(checks + 1)
}

/// Where it is, in IPv6, and that it makes itself an address of what its router tells: of nothing else.
pub(super) fn neighbours(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    let asks = NdiscRepr::NeighborSolicit {
        target_addr: local(),
        lladdr: Some(RawHardwareAddress::from_bytes(&STRANGER_MAC)),
    };
    let message = raw::icmp6(&STRANGER_LOCAL, &local(), &Icmpv6Repr::Ndisc(asks));
    let ends = ((STRANGER_MAC, STRANGER_LOCAL), (GUEST_MAC, local()));
    peer.send(&raw::ipv6(ends.0, ends.1, IpProtocol::Icmpv6, &message));
    peer.next("it does not say where it is", |came| match came {
        Came::Icmp6(from, _, message) => {
            (*from == local() && message.first() == Some(&136)).then_some(())
        }
        _ => None,
    })?;
    // A prefix for many, which smoltcp 0.14 would end with; then one that there is.
    tell(peer, Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 0));
    tell(peer, Ipv6Address::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 0));
    peer.settle()?;
    let network = stage.ask("network")?;
    let own = "2001:db8:0:2:5054:ff:fe12:3456";
    ensure!(network.contains(own), "it has made itself no address: {network}");
    ensure!(!network.contains("ff02"), "it has an address of many: {network}");
    ensure!(network.contains("gateway6=fe80::2 "), "another router: {network}");
    ping6(&mut stage.peer, own.parse()?, 7, b"global")?;
    Ok(5)
}

/// Names: what the peer says of them, and nothing that others say.
pub(super) fn names(stage: &mut Stage) -> Result<u32> {
    ensure!(stage.ask("resolve4 right.test")? == "192.0.2.1", "another address");
    let six = stage.ask("resolve6 right.test")?;
    ensure!(six.parse() == Ok(Ipv6Address::from_octets(RIGHT6)), "another address: {six}");
    ensure!(stage.ask("resolve4 none.test")? == "error NoName", "a name that there is not");
    stage.peer.names.others = true;
    let mut checks = 3;
    for number in 0..8 {
        let told = stage.ask(&format!("resolve4 foreign{number}.test"))?;
        ensure!(told == "192.0.2.1", "it believes others: {told}");
        checks += 1;
    }
    stage.peer.names.others = false;
    ensure!(stage.peer.names.lies >= 64, "too few lies: {}", stage.peer.names.lies);
    let asked = &stage.peer.names.asked;
    let mut ports: Vec<u16> = asked.iter().map(|(_, port)| *port).collect();
    ports.sort_unstable();
    ports.dedup();
    ensure!(ports.len() > 1, "every question comes from one port");
    Ok(checks + 2)
}

/// After all of it the guest still does what it did, and nobody has ended.
pub(super) fn after(stage: &mut Stage) -> Result<u32> {
    let mut client = Client::connect(&mut stage.peer, ECHO)?;
    let data = bytes(&mut stage.peer, 20_000);
    client.echo(&mut stage.peer, &data)?;
    client.close(&mut stage.peer);
    ping4(&mut stage.peer, 1, b"after")?;
    let lives = stage.ask("lives")?;
    let (services, lived) = (number(&lives, "services")?, number(&lives, "lives")?);
    ensure!(services == lived, "somebody has ended: {lives}");
    let counts = stage.ask("counts")?;
    stage.said.push(format!("the stack: {counts}"));
    Ok(3)
}

/// Bytes at random.
pub(super) fn bytes(peer: &mut Peer, len: usize) -> Vec<u8> {
    (0..len).map(|_| peer.random.u8(..)).collect()
}

/// The guest's address of the link.
pub(super) const fn local() -> Ipv6Address {
    Ipv6Address::new(0xfe80, 0, 0, 0, 0x5054, 0x00ff, 0xfe12, 0x3456)
}

fn ping4(peer: &mut Peer, seq_no: u16, data: &[u8]) -> Result<()> {
    let ask = Icmpv4Repr::EchoRequest { ident: 9, seq_no, data };
    peer.send(&raw::ipv4(STRANGE, IpProtocol::Icmp, &raw::icmp4(&ask)));
    let answer = Icmpv4Repr::EchoReply { ident: 9, seq_no, data };
    let answer = Came::Icmp4(GUEST, STRANGER, raw::icmp4(&answer));
    let what = format!("no echo of {} bytes", data.len());
    peer.next(&what, |came| (*came == answer).then_some(()))
}

fn ping6(peer: &mut Peer, to: Ipv6Address, seq_no: u16, data: &[u8]) -> Result<()> {
    let ask = Icmpv6Repr::EchoRequest { ident: 9, seq_no, data };
    let message = raw::icmp6(&STRANGER_LOCAL, &to, &ask);
    let ends = ((STRANGER_MAC, STRANGER_LOCAL), (GUEST_MAC, to));
    let ask = raw::ipv6(ends.0, ends.1, IpProtocol::Icmpv6, &message);
    let answer = Icmpv6Repr::EchoReply { ident: 9, seq_no, data };
    let answer = Came::Icmp6(to, STRANGER_LOCAL, raw::icmp6(&to, &STRANGER_LOCAL, &answer));
    let what = format!("no echo by IPv6 of {} bytes", data.len());
    // Where the stranger is the guest asks first, and the echo is lost.
    peer.send(&ask);
    let mut tries = 0;
    peer.until(&what, |peer| {
        if peer.came.iter().any(|came| *came == answer) {
            peer.came.clear();
            return Ok(Some(()));
        }
        tries += 1;
        if tries % 300 == 0 {
            peer.send(&ask);
        }
        Ok(None)
    })
}

/// Tells everybody of a prefix.
fn tell(peer: &Peer, prefix: Ipv6Address) {
    let everybody = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let says = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
        hop_limit: 64,
        flags: NdiscRouterFlags::empty(),
        router_lifetime: Duration::from_secs(1800),
        reachable_time: Duration::ZERO,
        retrans_time: Duration::ZERO,
        lladdr: Some(RawHardwareAddress::from_bytes(&PEER_MAC)),
        mtu: None,
        prefix_info: Some(NdiscPrefixInformation {
            prefix_len: 64,
            flags: NdiscPrefixInfoFlags::ON_LINK | NdiscPrefixInfoFlags::ADDRCONF,
            valid_lifetime: Duration::from_secs(3600),
            preferred_lifetime: Duration::from_secs(1800),
            prefix,
        }),
    });
    let message = raw::icmp6(&PEER_LOCAL, &everybody, &says);
    let to = ([0x33, 0x33, 0, 0, 0, 1], everybody);
    peer.send(&raw::ipv6((PEER_MAC, PEER_LOCAL), to, IpProtocol::Icmpv6, &message));
}

/// An address outside the network.
pub(super) const FAR: Ipv4Address = Ipv4Address::new(192, 0, 2, 7);
