//! Echoes that are asked for, and waited for.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp;
use smoltcp::time::Instant;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, Ipv6Address};

/// Echoes that there is room for at one time, out and in.
const ROOM: usize = 16;
/// Bytes of them.
const BYTES: usize = ROOM * 1500;

/// An echo that was asked for.
#[derive(Clone, Debug)]
pub struct Ping {
    to: IpAddress,
    data: Vec<u8>,
    sent: Instant,
    /// When it came, and how many of its bytes came back the same.
    came: Option<(Instant, usize)>,
}

impl Ping {
    /// Microseconds that it took, and bytes that came back the same; `None` when it has not come.
    #[must_use]
    pub fn came(&self) -> Option<(u64, usize)> {
        let (came, bytes) = self.came?;
        Some(((came - self.sent).total_micros(), bytes))
    }
}

/// All of them, by number.
#[derive(Debug)]
pub struct Echoes {
    socket: SocketHandle,
    ident: u16,
    last: u16,
    asked: BTreeMap<u16, Ping>,
}

impl Echoes {
    /// None yet. What they are known by is drawn from `number`.
    pub(super) fn new(sockets: &mut SocketSet<'static>, number: u64) -> Echoes {
        let room =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; ROOM], vec![0; BYTES]);
        let mut socket = icmp::Socket::new(room(), room());
        let [a, b, c, d, ..] = number.to_le_bytes();
        let (ident, last) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        // It is bound to nothing yet.
        let _ = socket.bind(icmp::Endpoint::Ident(ident));
        Echoes { socket: sockets.add(socket), ident, last, asked: BTreeMap::new() }
    }

    /// Asks for one, from `from`. `None`: there is no room now.
    pub fn ask(
        &mut self,
        sockets: &mut SocketSet<'static>,
        (from, to): (IpAddress, IpAddress),
        data: Vec<u8>,
        now: Instant,
    ) -> Option<u16> {
        let number = self.last.wrapping_add(1);
        if self.asked.contains_key(&number) {
            return None;
        }
        let socket = sockets.get_mut::<icmp::Socket<'_>>(self.socket);
        self.emit(socket, (from, to), number, &data)?;
        self.last = number;
        self.asked.insert(number, Ping { to, data, sent: now, came: None });
        Some(number)
    }

    /// What has come of it.
    #[must_use]
    pub fn get(&self, number: u16) -> Option<&Ping> {
        self.asked.get(&number)
    }

    /// Nobody waits for it any more.
    pub fn forget(&mut self, number: u16) {
        self.asked.remove(&number);
    }

    /// Takes those that came.
    pub(super) fn take(&mut self, sockets: &mut SocketSet<'static>, now: Instant) {
        let socket = sockets.get_mut::<icmp::Socket<'_>>(self.socket);
        while let Ok((bytes, from)) = socket.recv() {
            let Some((ident, number, data)) = answered(bytes, from) else { continue };
            let Some(ping) = self.asked.get_mut(&number) else { continue };
            if ident == self.ident && ping.to == from && ping.came.is_none() {
                let same = ping.data.iter().zip(data).take_while(|(sent, came)| sent == came);
                ping.came = Some((now, same.count()));
            }
        }
    }

    fn emit(
        &self,
        socket: &mut icmp::Socket<'static>,
        ends: (IpAddress, IpAddress),
        seq_no: u16,
        data: &[u8],
    ) -> Option<()> {
        let (ident, sums) = (self.ident, ChecksumCapabilities::default());
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
