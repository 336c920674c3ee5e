//! Echoes that are asked for, and waited for.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp;
use smoltcp::time::Instant;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, Ipv6Address};

/// Answers that there is room for, between two looks at them.
const ANSWERS: usize = 2;
/// Bytes of the header of an echo.
const HEADER: usize = 8;

/// An echo that was asked for. Each has a socket of its own: one whose neighbour does not answer holds back no other.
#[derive(Debug)]
pub struct Ping {
    socket: SocketHandle,
    to: IpAddress,
    sequence: u16,
    data: Vec<u8>,
    sent: Instant,
    /// When it came, and how many of its bytes came back the same.
    came: Option<(Instant, usize)>,
}

impl Ping {
    /// Who is asked.
    #[must_use]
    pub const fn to(&self) -> IpAddress {
        self.to
    }

    /// Microseconds that it took, and bytes that came back the same; `None` when it has not come.
    #[must_use]
    pub fn came(&self) -> Option<(u64, usize)> {
        let (came, bytes) = self.came?;
        Some(((came - self.sent).total_micros(), bytes))
    }
}

/// All of them, by what they are known by.
#[derive(Debug, Default)]
pub struct Echoes {
    asked: BTreeMap<u16, Ping>,
}

impl Echoes {
    /// Asks for one, from `from`; what it is known by, here and there, is drawn from `number`. `None`: there is none that is
    /// free.
    pub fn ask(
        &mut self,
        sockets: &mut SocketSet<'static>,
        (from, to): (IpAddress, IpAddress),
        data: Vec<u8>,
        number: u64,
        now: Instant,
    ) -> Option<u16> {
        let [a, b, c, d, ..] = number.to_le_bytes();
        let (first, sequence) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let mut idents = (first..=u16::MAX).chain(0..first);
        let ident = idents.find(|ident| !self.asked.contains_key(ident))?;
        let bytes = HEADER + data.len();
        let room = |most| {
            icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; most], vec![0; most * bytes])
        };
        let mut socket = icmp::Socket::new(room(ANSWERS), room(1));
        socket.bind(icmp::Endpoint::Ident(ident)).ok()?;
        emit(&mut socket, (from, to), (ident, sequence), &data)?;
        let socket = sockets.add(socket);
        self.asked.insert(ident, Ping { socket, to, sequence, data, sent: now, came: None });
        Some(ident)
    }

    /// What has come of it.
    #[must_use]
    pub fn get(&self, ident: u16) -> Option<&Ping> {
        self.asked.get(&ident)
    }

    /// Nobody waits for it any more.
    pub fn forget(&mut self, sockets: &mut SocketSet<'static>, ident: u16) {
        if let Some(ping) = self.asked.remove(&ident) {
            sockets.remove(ping.socket);
        }
    }

    /// Takes those that came.
    pub(super) fn take(&mut self, sockets: &mut SocketSet<'static>, now: Instant) {
        for (ident, ping) in &mut self.asked {
            let socket = sockets.get_mut::<icmp::Socket<'_>>(ping.socket);
            while let Ok((bytes, from)) = socket.recv() {
                let Some((of, sequence, data)) = answered(bytes, from) else { continue };
                let is_it = (of, sequence, from) == (*ident, ping.sequence, ping.to);
                if is_it && ping.came.is_none() {
                    let same = ping.data.iter().zip(data).take_while(|(sent, came)| sent == came);
                    ping.came = Some((now, same.count()));
                }
            }
        }
    }
}

fn emit(
    socket: &mut icmp::Socket<'static>,
    ends: (IpAddress, IpAddress),
    (ident, seq_no): (u16, u16),
    data: &[u8],
) -> Option<()> {
    let sums = ChecksumCapabilities::default();
    match ends {
        (_, to @ IpAddress::Ipv4(_)) => {
            let ask = Icmpv4Repr::EchoRequest { ident, seq_no, data };
            let room = socket.send(ask.buffer_len(), to).ok()?;
            ask.emit(&mut Icmpv4Packet::new_unchecked(room), &sums);
        }
        (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
            let ask = Icmpv6Repr::EchoRequest { ident, seq_no, data };
            let room = socket.send(ask.buffer_len(), to.into()).ok()?;
            ask.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(room), &sums);
        }
        _ => return None,
    }
    Some(())
}

/// Which echo these bytes are, and what is in it. Its sum was looked at when it came.
fn answered(bytes: &[u8], from: IpAddress) -> Option<(u16, u16, &[u8])> {
    let unsummed = ChecksumCapabilities::ignored();
    match from {
        IpAddress::Ipv4(_) => {
            let packet = Icmpv4Packet::new_checked(bytes).ok()?;
            match Icmpv4Repr::parse(&packet, &unsummed).ok()? {
                Icmpv4Repr::EchoReply { ident, seq_no, .. } => {
                    Some((ident, seq_no, bytes.get(8..).unwrap_or_default()))
                }
                _ => None,
            }
        }
        IpAddress::Ipv6(from) => {
            let packet = Icmpv6Packet::new_checked(bytes).ok()?;
            match Icmpv6Repr::parse(&from, &Ipv6Address::UNSPECIFIED, &packet, &unsummed).ok()? {
                Icmpv6Repr::EchoReply { ident, seq_no, .. } => {
                    Some((ident, seq_no, bytes.get(8..).unwrap_or_default()))
                }
                _ => None,
            }
        }
    }
}
