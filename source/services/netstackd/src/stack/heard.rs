//! What is done with a frame: whether smoltcp hears it, and by which numbers it answers.

use nexus_sysdesc::NetProtocol;
use smoltcp::iface::{Interface, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::Stack;
use super::known::Ends;
use crate::address::{is_nobodys, to_wire};
use crate::card::{By, Came};
use crate::frame::{Head, What};
use crate::session::desk::Ports;

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing is made of it.
    Dropped,
    /// smoltcp hears it.
    Heard,
    /// It opens a connection to somebody who listens.
    Opens,
}

/// The port of names of a link (RFC 6762), from which smoltcp 0.14 takes answers of anybody (`dns::Socket::accepts`).
const MDNS: u16 = 5353;

impl Stack {
    /// What is to be done with a frame that came, while these ports are somebody's.
    #[must_use]
    pub(crate) fn way(&self, came: &Came, ports: &Ports) -> Way {
        let Came { head, by } = came;
        if *by == By::Wire && !self.is_honest(head) {
            return Way::Dropped;
        }
        match head.what {
            What::Segment { .. } if head.many || !self.has(head.to) => Way::Dropped,
            What::Segment { from, to, asks: true } => {
                let ends = (IpEndpoint::new(head.to, to), IpEndpoint::new(head.from, from));
                match (ports.listens(ends.0), self.connection(ends).is_some()) {
                    // smoltcp 0.14 gives it to whichever socket it finds first (`process_tcp`): to one that listens.
                    (true, true) => Way::Dropped,
                    (true, false) => Way::Opens,
                    (false, _) => Way::Heard,
                }
            }
            What::Datagram { from: MDNS, to } if !ports.has(NetProtocol::Udp, to) => Way::Dropped,
            What::Datagram { .. } | What::Segment { .. } | What::Icmp | What::Arp => Way::Heard,
        }
    }

    /// True for what one machine on the wire can have sent to this one: not from an address that nobody has, or this
    /// machine; nor to an address of one machine that is another (RFC 1122, 3.2.1.3). smoltcp 0.14 takes what is for
    /// `::1`, and for whoever has the same last two bytes (`has_solicited_node`); it answers an echo that everybody is
    /// asked for; and would renew a lease by an address that is none, and end with it (`dispatch_ip`).
    fn is_honest(&self, head: &Head) -> bool {
        let (from, to) = (to_wire(head.from), head.to);
        if is_nobodys(from) || self.is_own(from) {
            return false;
        }
        match (head.what, to) {
            (What::Icmp, IpAddress::Ipv4(_)) => !head.many && self.has(to),
            // smoltcp takes what is for this machine, and what DHCP tells.
            (_, IpAddress::Ipv4(_)) => true,
            (_, IpAddress::Ipv6(address)) => address.is_multicast() || self.has(to),
        }
    }

    fn has(&self, address: IpAddress) -> bool {
        self.iface.ip_addrs().iter().any(|cidr| cidr.address() == address)
    }

    /// Looks at a frame that [opens](Way::Opens) a connection, whose first sequence number is drawn anew: smoltcp's own
    /// follow from each other, and peers see them. Nothing is answered at once: the answer goes as what the socket sends.
    /// False when nobody who listens there has room, and nothing was made of it: who is not heard asks again.
    pub(crate) fn open(&mut self, now: Instant, head: &Head, card: &mut impl Device) -> bool {
        let local = ends(head).map(|(local, _)| local);
        let listens = |socket: &tcp::Socket<'_>| {
            let at = socket.listen_endpoint();
            let here = at.addr.is_none_or(|addr| Some(addr) == local.map(|local| local.addr));
            socket.is_listening() && here && Some(at.port) == local.map(|local| local.port)
        };
        let found = self.streams.iter().find(|(_, socket)| listens(socket)).map(|(one, _)| one);
        let Some(stream) = found else { return false };
        let number = self.seeds.draw();
        let mut drawn = self.drawn(number, now);
        let own = self.iface.ip_addrs();
        // There is as much room as where they are from.
        drawn.update_ip_addrs(|all| all.extend(own.iter().copied()));
        self.streams.ingress(stream, now, &mut drawn, card);
        self.knows(stream);
        true
    }

    /// Looks at a frame that is [heard](Way::Heard): it comes to whom it is for, and to nobody else.
    pub(crate) fn ingress(&mut self, now: Instant, head: &Head, card: &mut impl Device) {
        let Stack { iface, sockets, streams, .. } = self;
        if matches!(head.what, What::Datagram { .. }) {
            iface.poll_ingress_single(now, card, sockets);
        } else if let Some(ends) = ends(head) {
            match self.connection(ends) {
                Some(stream) => self.streams.ingress(stream, now, &mut self.iface, card),
                // Who is not known is told so.
                None => nobody(now, &mut self.iface, card),
            }
        } else {
            iface.poll_ingress_single(now, card, sockets);
            streams.neighbours(now);
            self.told = true;
        }
    }
}

/// Between whom a segment is, from this machine's side.
fn ends(head: &Head) -> Option<Ends> {
    let What::Segment { from, to, .. } = head.what else { return None };
    Some((IpEndpoint::new(head.to, to), IpEndpoint::new(head.from, from)))
}

/// Looks at a frame that is for no socket.
fn nobody(now: Instant, iface: &mut Interface, card: &mut impl Device) {
    let mut none: [SocketStorage<'_>; 0] = [];
    iface.poll_ingress_single(now, card, &mut SocketSet::new(&mut none[..]));
}
