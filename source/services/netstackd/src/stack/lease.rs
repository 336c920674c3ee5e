//! The address that DHCP gives (RFC 2131).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::dhcpv4;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{DhcpRepr, IpAddress, Ipv4Address, Ipv4Cidr};

/// What was given, and until when.
#[derive(Debug)]
pub(super) struct Lease {
    socket: SocketHandle,
    held: Option<(IpAddress, Instant)>,
}

/// What is to be set. No address: what there was holds no more.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) address: Option<Ipv4Cidr>,
    pub(super) router: Option<Ipv4Address>,
    pub(super) servers: Vec<IpAddress>,
}

/// Bytes of a message of DHCP that fits into a frame.
const MESSAGE: usize = 1500;
/// For how long an address holds whose server does not say it, as smoltcp takes it.
const UNSAID: Duration = Duration::from_secs(120);

impl Lease {
    /// Asks for one, by a socket among these.
    pub(super) fn new(sockets: &mut SocketSet<'static>) -> Lease {
        let mut socket = dhcpv4::Socket::new();
        // Once in the life of this process.
        socket.set_receive_packet_buffer(Box::leak(vec![0; MESSAGE].into_boxed_slice()));
        Lease { socket: sockets.add(socket), held: None }
    }

    /// What has changed.
    pub(super) fn take(&mut self, sockets: &mut SocketSet<'static>, now: Instant) -> Option<Told> {
        match sockets.get_mut::<dhcpv4::Socket<'_>>(self.socket).poll()? {
            dhcpv4::Event::Deconfigured => {
                self.held = None;
                Some(Told::default())
            }
            dhcpv4::Event::Configured(config) => {
                let said = config.packet.as_ref().and_then(|packet| DhcpRepr::parse(packet).ok());
                let seconds = said.and_then(|said| said.lease_duration);
                let holds = seconds.map_or(UNSAID, |seconds| Duration::from_secs(seconds.into()));
                self.held = Some((config.server.address.into(), now + holds));
                Some(Told {
                    address: Some(config.address),
                    router: config.router,
                    servers: config.dns_servers.iter().map(|server| (*server).into()).collect(),
                })
            }
        }
    }

    /// Who gave it, and for how many seconds it still holds.
    pub(super) fn holds(&self, now: Instant) -> Option<(IpAddress, u32)> {
        let (server, until) = self.held?;
        let left = (until.max(now) - now).secs();
        Some((server, u32::try_from(left).unwrap_or(u32::MAX)))
    }
}
