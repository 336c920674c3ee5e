//! A way out that leads nowhere: by it goes what waits for a neighbour that does not answer.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::Socket;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use alloc::vec;
use alloc::vec::Vec;

use super::Stack;
use crate::card::capabilities;

impl Stack {
    /// Drops the first datagram that a socket has to send, for which smoltcp would hold back all that is behind it for as long
    /// as its neighbour does not answer. The socket has another handle from then on.
    #[must_use]
    pub fn drop_first(&mut self, handle: SocketHandle, now: Instant) -> SocketHandle {
        let Socket::Udp(socket) = self.sockets.remove(handle) else { return handle };
        let mut alone = SocketSet::new(Vec::new());
        let there = alone.add(socket);
        let mut iface = Interface::new(Config::new(HardwareAddress::Ip), &mut Nowhere, now);
        let own: Vec<IpCidr> = self.iface.ip_addrs().to_vec();
        // There is as much room as where they are from.
        iface.update_ip_addrs(|all| all.extend(own));
        iface.poll_egress(now, &mut Nowhere, &mut alone);
        let Socket::Udp(socket) = alone.remove(there) else { return handle };
        self.sockets.add(socket)
    }
}

/// A card without neighbours, that takes what goes and keeps nothing.
struct Nowhere;

impl Device for Nowhere {
    type RxToken<'a> = Nowhere;
    type TxToken<'a> = Nowhere;

    fn receive(&mut self, _: Instant) -> Option<(Nowhere, Nowhere)> {
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Nowhere> {
        Some(Nowhere)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut can = capabilities();
        can.medium = Medium::Ip;
        can
    }
}

impl RxToken for Nowhere {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, f: F) -> T {
        f(&[])
    }
}

impl TxToken for Nowhere {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        f(&mut vec![0; len])
    }
}
