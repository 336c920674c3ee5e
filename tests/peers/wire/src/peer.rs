//! The peer: a machine with a stack, and a stranger without one, on one wire with the guest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{
    ArpOperation, EthernetAddress, HardwareAddress, Icmpv4Repr, Icmpv6Repr, IpCidr, IpProtocol,
    Ipv4Address, Ipv6Address, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
};

use crate::line::Line;
use crate::names::Names;
use crate::raw::{self, ALL, Came, Mac, Way};
use crate::server::Dhcp;

/// The guest's address.
pub const GUEST: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
/// The guest's card, as QEMU numbers the first.
pub const GUEST_MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/// The peer: router, server of addresses and of names.
pub const PEER: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
/// Its card.
pub const PEER_MAC: Mac = [2, 0, 0, 0, 0, 2];
/// Its address of the link.
pub const PEER_LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// Its address in the network that it tells of.
pub const PEER_GLOBAL: Ipv6Address = Ipv6Address::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 2);
/// The stranger; every address from this one to the last of the network is its.
pub const STRANGER: Ipv4Address = Ipv4Address::new(10, 0, 2, 64);
/// Its card.
pub const STRANGER_MAC: Mac = [2, 0, 0, 0, 0, 0x66];
/// Its address of the link.
pub const STRANGER_LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x66);

/// How long the guest may be silent: a safety net, and no part of what is proved.
pub const SAFETY: Duration = Duration::from_secs(30);
/// After so long an echo that is not answered is asked for again.
pub(crate) const AGAIN: Duration = Duration::from_millis(300);
/// Frames of the guest that are kept.
const KEPT: usize = 100_000;

/// The way from the stranger to the guest.
pub const STRANGE: Way =
    Way { from_mac: STRANGER_MAC, to_mac: GUEST_MAC, from: STRANGER, to: GUEST };
/// The way from the peer to the guest.
pub const DIRECT: Way = Way { from_mac: PEER_MAC, to_mac: GUEST_MAC, from: PEER, to: GUEST };

/// Both of them.
pub struct Peer {
    line: Line,
    began: Instant,
    iface: Interface,
    /// The sockets of the one with a stack.
    pub sockets: SocketSet<'static>,
    queue: Queue,
    /// Gives addresses.
    pub dhcp: Dhcp,
    /// Knows names.
    pub names: Names,
    /// Where everything random comes from.
    pub random: fastrand::Rng,
    /// What the guest has sent and nobody has looked at.
    pub came: VecDeque<Came>,
    /// Frames that the guest has sent and that are malformed.
    pub malformed: u32,
    echoes: u16,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Peer {
    /// At the end of `line`; what it does follows from `seed`.
    #[must_use]
    pub fn new(line: Line, seed: u64) -> Peer {
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(PEER_MAC)));
        config.random_seed = seed;
        let mut queue = Queue::default();
        let mut iface = Interface::new(config, &mut queue, Moment::ZERO);
        iface.update_ip_addrs(|all| {
            // There is room for three.
            let _ = all.push(IpCidr::new(PEER.into(), 24));
            let _ = all.push(IpCidr::new(PEER_LOCAL.into(), 64));
            let _ = all.push(IpCidr::new(PEER_GLOBAL.into(), 64));
        });
        Peer {
            line,
            began: Instant::now(),
            iface,
            sockets: SocketSet::new(Vec::new()),
            queue,
            dhcp: Dhcp::default(),
            names: Names::default(),
            random: fastrand::Rng::with_seed(seed),
            came: VecDeque::new(),
            malformed: 0,
            echoes: 0,
        }
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) {
        self.line.send(frame);
    }

    /// The interface of the one with a stack, and its sockets.
    pub const fn stack(&mut self) -> (&mut Interface, &mut SocketSet<'static>) {
        (&mut self.iface, &mut self.sockets)
    }

    /// Takes what the guest sends, at most for so long, and does what is due.
    ///
    /// # Errors
    /// The wire is over.
    pub fn pump(&mut self, wait: Duration) -> Result<()> {
        let mut wait = wait;
        while let Some(frame) = self.line.receive(wait)? {
            self.take(frame);
            wait = Duration::ZERO;
        }
        let now = Moment::from_micros(i64::try_from(self.began.elapsed().as_micros())?);
        self.iface.poll(now, &mut self.queue, &mut self.sockets);
        for frame in std::mem::take(&mut self.queue.goes) {
            self.line.send(&frame);
        }
        Ok(())
    }

    /// Goes on until `look` has seen something.
    ///
    /// # Errors
    /// `what` did not come to pass while the safety net held.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Peer) -> Result<Option<T>>,
    ) -> Result<T> {
        let end = Instant::now() + SAFETY;
        loop {
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            if Instant::now() > end {
                bail!("the guest is silent: {what}");
            }
            self.pump(Duration::from_millis(1))?;
        }
    }

    /// The first frame that `is` takes, of those that came and of those that come. Others that came before it are
    /// gone.
    ///
    /// # Errors
    /// None comes.
    pub fn next<T>(&mut self, what: &str, mut is: impl FnMut(&Came) -> Option<T>) -> Result<T> {
        self.until(what, |peer| {
            while let Some(came) = peer.came.pop_front() {
                if let Some(found) = is(&came) {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }

    /// The stranger tells the guest of one of its addresses, so that it is not asked for it.
    pub fn greet(&self, address: Ipv4Address) {
        let to = (ALL, GUEST);
        self.send(&raw::arp(ArpOperation::Request, (STRANGER_MAC, address), to));
    }

    /// Waits until the guest has done what it was sent before: it has answered two echoes, one after the other.
    ///
    /// # Errors
    /// It does not answer.
    pub fn settle(&mut self) -> Result<()> {
        for _ in 0..2 {
            self.echoes = self.echoes.wrapping_add(1);
            let (ident, seq_no, data) = (0x7e57, self.echoes, &b"settled"[..]);
            let ask = raw::icmp4(&Icmpv4Repr::EchoRequest { ident, seq_no, data });
            let answer = raw::icmp4(&Icmpv4Repr::EchoReply { ident, seq_no, data });
            let answer = Came::Icmp4(GUEST, STRANGER, answer);
            let mut asked: Option<Instant> = None;
            self.until("no answer to an echo", |peer| {
                // A guest whose address is new has forgotten its neighbours, and asks for one a second.
                if asked.is_none_or(|at| at.elapsed() > AGAIN) {
                    asked = Some(Instant::now());
                    let own = (PEER_MAC, PEER);
                    peer.send(&raw::arp(ArpOperation::Request, own, (GUEST_MAC, GUEST)));
                    peer.greet(STRANGER);
                    peer.send(&raw::ipv4(STRANGE, IpProtocol::Icmp, &ask));
                }
                Ok(peer.came.contains(&answer).then_some(()))
            })?;
        }
        Ok(())
    }

    fn take(&mut self, frame: Vec<u8>) {
        let Some(came) = raw::parse(&frame) else {
            self.malformed += 1;
            return;
        };
        for answer in self.dhcp.take(&came).into_iter().chain(self.names.take(&came)) {
            self.line.send(&answer);
        }
        if let Some(answer) = strange(&came) {
            self.line.send(&answer);
        }
        // Datagrams are answered here.
        let own = !matches!(came, Came::Udp4(..)) && frame.get(..6) != Some(&STRANGER_MAC[..]);
        if own {
            self.queue.comes.push_back(frame);
        }
        if self.came.len() == KEPT {
            self.came.pop_front();
        }
        self.came.push_back(came);
    }
}

/// What the stranger answers: where it is.
fn strange(came: &Came) -> Option<Vec<u8>> {
    match came {
        Came::Arp(ArpOperation::Request, from, to) if is_strange(*to) => {
            Some(raw::arp(ArpOperation::Reply, (STRANGER_MAC, *to), (GUEST_MAC, *from)))
        }
        Came::Icmp6(from, _, message) => {
            let asks = message.first() == Some(&135)
                && message.get(8..24) == Some(&STRANGER_LOCAL.octets()[..]);
            asks.then(|| advert(*from))
        }
        _ => None,
    }
}

/// Where the stranger is, in IPv6.
fn advert(to: Ipv6Address) -> Vec<u8> {
    let says = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
        flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
        target_addr: STRANGER_LOCAL,
        lladdr: Some(RawHardwareAddress::from_bytes(&STRANGER_MAC)),
    });
    let message = raw::icmp6(&STRANGER_LOCAL, &to, &says);
    raw::ipv6((STRANGER_MAC, STRANGER_LOCAL), (GUEST_MAC, to), IpProtocol::Icmpv6, &message)
}

fn is_strange(address: Ipv4Address) -> bool {
    let [a, b, c, d] = address.octets();
    [a, b, c] == [10, 0, 2] && (64..255).contains(&d)
}

/// Frames for the one with a stack, and of it.
#[derive(Debug, Default)]
struct Queue {
    comes: VecDeque<Vec<u8>>,
    goes: Vec<Vec<u8>>,
}

struct Frame(Vec<u8>);
struct Room<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

impl Device for Queue {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Moment) -> Option<(Frame, Room<'_>)> {
        Some((Frame(self.comes.pop_front()?), Room(&mut self.goes)))
    }

    fn transmit(&mut self, _: Moment) -> Option<Room<'_>> {
        Some(Room(&mut self.goes))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut can = DeviceCapabilities::default();
        can.medium = Medium::Ethernet;
        can.max_transmission_unit = 1514;
        can
    }
}
