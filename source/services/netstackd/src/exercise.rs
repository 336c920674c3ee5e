//! What a request in a ring is taken for, and what is made of a frame, for bytes that anybody made up.

mod good;

pub use good::{good, mend};

use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpListenEndpoint};

use alloc::vec;
use alloc::vec::Vec;

use nexus_sysdesc::{Address, NetProtocol, NetworkSays};

use crate::card::{By, Came, capabilities};
use crate::frame::Head;
use crate::numbers::Seeds;
use crate::session::ask::{Ask, HEAD, NAME};
use crate::session::desk::Ports;
use crate::stack::{Stack, Way};

/// Takes `data` for a request: the operation, its argument, two bytes of length, then the bytes in the ring. True when it is
/// one.
///
/// # Panics
/// Something is not true that must be: what is behind the head counts, or more bytes are to be looked at than there are.
#[must_use]
pub fn request(data: &[u8]) -> bool {
    let Some((op, rest)) = data.split_first() else { return false };
    let Some((arg, rest)) = rest.split_first_chunk::<8>() else { return false };
    let Some((len, bytes)) = rest.split_first_chunk::<2>() else { return false };
    let (arg, len) = (u64::from_le_bytes(*arg), usize::from(u16::from_le_bytes(*len)));
    let head = bytes.get(..HEAD.min(len)).unwrap_or(bytes);
    let Ok(ask) = Ask::parse(*op, arg, head, len) else { return false };
    let inside = |behind: usize| HEAD + behind <= len;
    match ask {
        Ask::Send { len: behind, .. } => assert!(behind > 0 && inside(behind)),
        Ask::SendTo { len: behind, to, .. } => assert!(to.port > 0 && inside(behind)),
        Ask::Ping { len: behind, .. } => assert!(inside(behind)),
        Ask::Resolve { len: behind, room, .. } => {
            assert!((1..=NAME).contains(&behind) && inside(behind) && room == len);
        }
        Ask::Receive { room, .. } => assert!(room > 0 && room == len),
        Ask::ReceiveFrom { room, .. } => assert_eq!(HEAD + room, len),
        Ask::Connect { to, .. } => assert!(to.port > 0),
        Ask::Listen { port, backlog, .. } => assert!(port > 0 && backlog > 0),
        Ask::Accept { .. } | Ask::Finish { .. } | Ask::Close { .. } | Ask::Bind { .. } => {}
    }
    true
}

/// The bit of a length that says that the sums of a frame are [mended](mend): else few that were changed come far.
pub const MENDED: u16 = 1 << 15;

/// Takes `data` for frames, each with two bytes of length before it, that come to a stack one after the other, a second
/// apart; with [`MENDED`] in its length with the right sums. How many something was made of.
///
/// # Panics
/// The stack does.
#[must_use]
pub fn frames(mut data: &[u8]) -> usize {
    let address =
        Address::Static { address: [10, 0, 2, 15], bits: 24, gateway: None, dns: Vec::new() };
    let says = NetworkSays { address, leads_back: Vec::new() };
    let mut now = Instant::from_secs(1);
    let mut stack = Stack::new([2, 0, 0, 0, 0, 1], &says, Seeds::new([1; 4]), now);
    let ports = listen(&mut stack);
    let mut made = 0;
    while let Some((len, rest)) = data.split_first_chunk::<2>() {
        let says = u16::from_le_bytes(*len);
        let len = usize::from(says & !MENDED).min(rest.len()).min(1514);
        let (one, rest) = rest.split_at(len);
        data = rest;
        let mut one = one.to_vec();
        if says & MENDED != 0 {
            mend(&mut one);
        }
        if let Some(head) = Head::of(&one) {
            made += 1;
            let kind = EthernetFrame::new_unchecked(&one).ethertype();
            assert!(!matches!(kind, EthernetProtocol::Unknown(_)));
            let mut card = Once(Some(one));
            match stack.way(&Came { head, by: By::Wire }, &ports) {
                Way::Dropped => {}
                Way::Heard => stack.ingress(now, &head, &mut card),
                Way::Opens => drop(stack.open(now, &head, &mut card)),
            }
        }
        stack.maintain(now);
        stack.settle(now);
        stack.begin(now);
        let _ = stack.egress(now, &mut Once(None));
        let _ = stack.next(now);
        now += Duration::from_secs(1);
    }
    assert!(stack.addresses().count() <= 8);
    made
}

/// Sockets that hear something; whose ports these are.
fn listen(stack: &mut Stack) -> Ports {
    use smoltcp::socket::{tcp, udp};
    let (at, datagrams_at) = (IpListenEndpoint::from(80), IpListenEndpoint::from(5000));
    let room = || tcp::SocketBuffer::new(vec![0; 4096]);
    let mut stream = tcp::Socket::new(room(), room());
    let _ = stream.listen(at);
    stack.streams.add(stream);
    let room = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
    let mut datagrams = udp::Socket::new(room(), room());
    let _ = datagrams.bind(datagrams_at);
    stack.sockets.add(datagrams);
    let mut ports = Ports::default();
    ports.take(NetProtocol::Tcp, at, 0, true);
    ports.take(NetProtocol::Udp, datagrams_at, 0, true);
    ports
}

/// A card from which one frame comes, and to which any go.
struct Once(Option<Vec<u8>>);

/// It, or where one goes.
struct Token(Vec<u8>);

impl RxToken for Token {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, f: F) -> T {
        f(&self.0)
    }
}

impl TxToken for Token {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        f(&mut vec![0; len])
    }
}

impl Device for Once {
    type RxToken<'a> = Token;
    type TxToken<'a> = Token;

    fn receive(&mut self, _: Instant) -> Option<(Token, Token)> {
        Some((Token(self.0.take()?), Token(Vec::new())))
    }

    fn transmit(&mut self, _: Instant) -> Option<Token> {
        Some(Token(Vec::new()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}
