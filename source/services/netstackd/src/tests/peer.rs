//! The other end of the wire: a peer with a stack of its own, who gives addresses and knows names.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{
    DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress, HardwareAddress, IpAddress, IpCidr,
    IpEndpoint, Ipv4Address, Ipv6Address,
};

use super::{OWN, PEER};
use crate::card::capabilities;

pub(super) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// Its address of the link.
pub(super) const LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

pub(super) struct Peer {
    iface: Interface,
    pub(super) sockets: SocketSet<'static>,
    line: Line,
    dhcp: SocketHandle,
    dns: SocketHandle,
    /// It gives addresses; and knows names.
    pub(super) gives: bool,
    pub(super) knows: bool,
    /// The address that it gives addresses from.
    pub(super) gives_from: Ipv4Address,
    /// For how many seconds they hold.
    pub(super) holds: u32,
    /// Names that it was asked for, and from which ports, by which numbers.
    pub(super) asked: Vec<(u16, u16)>,
}

#[derive(Default)]
pub(super) struct Line {
    comes: VecDeque<Vec<u8>>,
    pub(super) goes: Vec<Vec<u8>>,
}

pub(super) struct Came(Vec<u8>);
pub(super) struct Goes<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Came {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Goes<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

impl Device for Line {
    type RxToken<'a> = Came;
    type TxToken<'a> = Goes<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Came, Goes<'_>)> {
        Some((Came(self.comes.pop_front()?), Goes(&mut self.goes)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Goes<'_>> {
        Some(Goes(&mut self.goes))
    }

    /// It verifies and computes every checksum by itself: those of the other side are right, or nothing comes of them.
    fn capabilities(&self) -> DeviceCapabilities {
        let mut can = capabilities();
        can.checksum = ChecksumCapabilities::default();
        can
    }
}

fn datagrams(sockets: &mut SocketSet<'static>, port: u16) -> SocketHandle {
    let room = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 64], vec![0; 65536]);
    let mut socket = udp::Socket::new(room(), room());
    socket.bind(port).unwrap();
    sockets.add(socket)
}

impl Peer {
    pub(super) fn new() -> Peer {
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(MAC)));
        config.random_seed = 4711;
        let mut line = Line::default();
        let mut iface = Interface::new(config, &mut line, Instant::ZERO);
        iface.update_ip_addrs(|all| {
            all.push(IpCidr::new(Ipv4Address::from_octets(PEER).into(), 24)).unwrap();
            all.push(IpCidr::new(LOCAL.into(), 64)).unwrap();
        });
        let mut sockets = SocketSet::new(Vec::new());
        let (dhcp, dns) = (datagrams(&mut sockets, 67), datagrams(&mut sockets, 53));
        let (gives_from, asked) = (Ipv4Address::from_octets(PEER), Vec::new());
        let (gives, knows, holds) = (true, true, 3600);
        Peer { iface, sockets, line, dhcp, dns, gives, knows, gives_from, holds, asked }
    }

    /// It has this address of IPv6, too.
    pub(super) fn has(&mut self, address: Ipv6Address) {
        self.iface.update_ip_addrs(|all| all.push(IpCidr::new(address.into(), 64)).unwrap());
    }

    /// Looks at these frames; those that it sends.
    pub(super) fn poll(&mut self, frames: Vec<Vec<u8>>, now: Instant) -> Vec<Vec<u8>> {
        self.line.comes.extend(frames);
        self.iface.poll(now, &mut self.line, &mut self.sockets);
        self.give();
        self.tell();
        self.iface.poll(now, &mut self.line, &mut self.sockets);
        core::mem::take(&mut self.line.goes)
    }

    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        self.iface.poll_at(now, &self.sockets)
    }

    /// Gives an address (RFC 2131).
    fn give(&mut self) {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.dhcp);
        while let Ok((data, _)) = socket.recv() {
            let packet = DhcpPacket::new_checked(data).unwrap();
            let asked = DhcpRepr::parse(&packet).unwrap();
            let kind = match asked.message_type {
                DhcpMessageType::Discover => DhcpMessageType::Offer,
                _ => DhcpMessageType::Ack,
            };
            if !self.gives {
                continue;
            }
            let (own, server) = (Ipv4Address::from_octets(OWN), Ipv4Address::from_octets(PEER));
            let answer = DhcpRepr {
                message_type: kind,
                your_ip: own,
                server_ip: server,
                router: Some(server),
                subnet_mask: Some(Ipv4Address::new(255, 255, 255, 0)),
                server_identifier: Some(server),
                lease_duration: Some(self.holds),
                dns_servers: Some([server].into_iter().collect()),
                requested_ip: None,
                client_identifier: None,
                parameter_request_list: None,
                max_size: None,
                additional_options: &[],
                ..asked
            };
            let mut bytes = vec![0; answer.buffer_len()];
            answer.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).unwrap();
            let to = IpEndpoint::new(Ipv4Address::BROADCAST.into(), 68);
            let local_address = Some(self.gives_from.into());
            let meta = udp::UdpMetadata { local_address, ..to.into() };
            socket.send_slice(&bytes, meta).unwrap();
        }
    }

    /// Tells the address of a name: 192.0.2.1 and 2001:db8::1, of which `none` has none.
    fn tell(&mut self) {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.dns);
        while let Ok((data, meta)) = socket.recv() {
            let from = meta.endpoint;
            let mut answer = data.to_vec();
            self.asked.push((u16::from_be_bytes([answer[0], answer[1]]), from.port));
            let six = answer[answer.len() - 3] == 28;
            let none = answer[12..].starts_with(b"\x04none");
            // A response; with recursion; one question; and an answer, unless there is no such name.
            (answer[2], answer[3]) = (0x81, if none { 0x83 } else { 0x80 });
            answer[7] = u8::from(!none);
            if !none {
                let address: &[u8] = if six {
                    &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
                } else {
                    &[192, 0, 2, 1]
                };
                let kind = if six { 28 } else { 1 };
                answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, address.len() as u8]);
                answer.extend(address);
            }
            if self.knows {
                socket.send_slice(&answer, from).unwrap();
            }
        }
    }

    pub(super) fn listen(&mut self, port: u16) -> SocketHandle {
        self.listen_with(port, 65536)
    }

    pub(super) fn listen_with(&mut self, port: u16, bytes: usize) -> SocketHandle {
        let mut socket = stream(bytes);
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    pub(super) fn connect(&mut self, port: u16, from: u16) -> SocketHandle {
        let mut socket = stream(65536);
        let to = IpEndpoint::new(Ipv4Address::from_octets(OWN).into(), port);
        socket.connect(self.iface.context(), to, from).unwrap();
        self.sockets.add(socket)
    }

    pub(super) fn datagrams(&mut self, port: u16) -> SocketHandle {
        datagrams(&mut self.sockets, port)
    }

    pub(super) fn udp(&mut self, handle: SocketHandle) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub(super) fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }
}

fn stream(bytes: usize) -> tcp::Socket<'static> {
    let room = || tcp::SocketBuffer::new(vec![0; bytes]);
    let mut socket = tcp::Socket::new(room(), room());
    socket.set_nagle_enabled(false);
    socket
}

/// Where this machine is.
pub(super) fn own(port: u16) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(Ipv4Address::from_octets(OWN)), port)
}
