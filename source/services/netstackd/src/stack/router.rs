//! A router that there is not: what smoltcp hears when none tells anything.

use alloc::vec;
use alloc::vec::Vec;

use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Packet, Icmpv6Repr,
    IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscRepr, NdiscRouterFlags,
};

use crate::card::capabilities;

/// A card from which so many frames come, each once, and to which none goes.
pub(super) struct Told(pub(super) Vec<Vec<u8>>);

impl Told {
    /// One of a router that routes nothing, and knows no prefix.
    pub(super) fn nothing() -> Told {
        let from = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);
        let to = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        let word = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            hop_limit: 0,
            flags: NdiscRouterFlags::empty(),
            router_lifetime: Duration::ZERO,
            reachable_time: Duration::ZERO,
            retrans_time: Duration::ZERO,
            lladdr: None,
            mtu: None,
            prefix_info: None,
        });
        let ip = Ipv6Repr {
            src_addr: from,
            dst_addr: to,
            next_header: IpProtocol::Icmpv6,
            payload_len: word.buffer_len(),
            hop_limit: 255,
        };
        let ethernet = EthernetRepr {
            src_addr: EthernetAddress([2, 0, 0, 0, 0, 0]),
            dst_addr: EthernetAddress([0x33, 0x33, 0, 0, 0, 1]),
            ethertype: EthernetProtocol::Ipv6,
        };
        let len = [ethernet.buffer_len(), ip.buffer_len(), word.buffer_len()].iter().sum();
        let mut frame = EthernetFrame::new_unchecked(vec![0; len]);
        ethernet.emit(&mut frame);
        let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
        ip.emit(&mut packet);
        let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
        word.emit(&from, &to, &mut message, &ChecksumCapabilities::default());
        Told(vec![frame.into_inner()])
    }
}

impl Device for Told {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Nowhere;

    fn receive(&mut self, _: Instant) -> Option<(Frame, Nowhere)> {
        Some((Frame(self.0.pop()?), Nowhere))
    }

    fn transmit(&mut self, _: Instant) -> Option<Nowhere> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}

/// A frame that comes.
pub(super) struct Frame(Vec<u8>);

impl RxToken for Frame {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, f: F) -> T {
        f(&self.0)
    }
}

/// Where nothing goes.
pub(super) struct Nowhere;

impl TxToken for Nowhere {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        f(&mut vec![0; len])
    }
}
