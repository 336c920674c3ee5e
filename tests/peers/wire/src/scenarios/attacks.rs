//! Packets that a host is not to take: parts, and from whom nobody can be.

use anyhow::{Result, ensure};
use smoltcp::wire::{Icmpv4Repr, IpProtocol, Ipv4Address};

use super::Stage;
use super::host::FAR;
use crate::client::number;
use crate::peer::{GUEST, PEER, STRANGE};
use crate::raw::{self, Came, Way, flag};
use crate::talk::Talk;

/// Parts of packets are dropped, and counted.
pub(super) fn fragments(stage: &mut Stage) -> Result<u32> {
    let before = number(&stage.ask("counts")?, "dropped")?;
    let peer = &mut stage.peer;
    let ask = raw::icmp4(&Icmpv4Repr::EchoRequest { ident: 5, seq_no: 5, data: &[5; 56] });
    let whole = raw::ipv4(STRANGE, IpProtocol::Icmp, &ask);
    peer.settle()?;
    peer.came.clear();
    let (first, last) = ask.split_at(32);
    let mut parts = 0;
    for _ in 0..16 {
        peer.send(&raw::part(STRANGE, IpProtocol::Icmp, first, (0, true)));
        peer.send(&raw::part(STRANGE, IpProtocol::Icmp, last, (32, false)));
        // One that would end behind the longest packet that there is, and one over another.
        peer.send(&raw::part(STRANGE, IpProtocol::Icmp, last, (65_528, false)));
        peer.send(&raw::part(STRANGE, IpProtocol::Icmp, &ask, (16, false)));
        parts += 4;
        // More at once than there are buffers would be lost before anybody looks at them.
        peer.settle()?;
    }
    peer.settle()?;
    let answered =
        |came: &Came| matches!(came, Came::Icmp4(_, _, m) if m.get(4..6) == Some(&[0, 5]));
    ensure!(!peer.came.iter().any(answered), "it answers a packet in parts");
    peer.send(&whole);
    peer.next("it does not answer the same packet whole", |came| answered(came).then_some(()))?;
    let dropped = number(&stage.ask("counts")?, "dropped")? - before;
    ensure!(dropped >= parts, "of {parts} parts {dropped} are counted");
    Ok(3)
}

/// Nobody is answered who cannot have asked, or whom no line lets.
pub(super) fn spoofed(stage: &mut Stage) -> Result<u32> {
    let peer = &mut stage.peer;
    peer.settle()?;
    peer.came.clear();
    let [a, b, c, _] = GUEST.octets();
    let froms = [
        GUEST,
        Ipv4Address::UNSPECIFIED,
        Ipv4Address::BROADCAST,
        Ipv4Address::new(a, b, c, 255),
        Ipv4Address::new(127, 0, 0, 1),
        Ipv4Address::new(224, 0, 0, 1),
        FAR,
    ];
    let mut talks = Vec::new();
    for from in froms {
        for port in [crate::client::ECHO, crate::client::ASKS, 9] {
            let mut talk = Talk::new(peer);
            talk.way = Way { from, ..STRANGE };
            talk.to = port;
            talk.say(peer, flag::SYN, b"");
            talks.push(talk);
        }
    }
    // To everybody there are no connections.
    for to in [Ipv4Address::BROADCAST, Ipv4Address::new(a, b, c, 255)] {
        let mut talk = Talk::new(peer);
        talk.way = Way { to, ..STRANGE };
        talk.say(peer, flag::SYN, b"");
        talks.push(talk);
    }
    peer.settle()?;
    let begun = peer.came.iter().filter(|came| match came {
        Came::Tcp(_, to, segment) => segment.flags & flag::SYN != 0 && *to != PEER.into(),
        _ => false,
    });
    ensure!(begun.count() == 0, "it answers who cannot have asked");
    Ok(talks.len() as u32)
}
