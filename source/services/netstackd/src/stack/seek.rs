//! Neighbours that are asked where they are, beside those that smoltcp asks.
//!
//! smoltcp 0.14 asks one neighbour a second, of all that anybody waits for (`neighbor::Cache::limit_rate`), and forgets each
//! after a minute, a router, too, however much comes through it. Who sends to one that does not answer, or is made to answer
//! one, would keep all others from being asked. So whoever has waited for a while is asked for here, once a second each; and
//! routers, before they are forgotten.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::udp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{Stack, Told};

/// After so long somebody whose neighbour does not answer asks by this, and again after so long as it is [`AGAIN`].
pub(crate) const WAITED: Duration = Duration::from_millis(500);
/// At most so often each is asked.
const AGAIN: Duration = Duration::from_secs(1);
/// So often routers are asked, which are forgotten after a minute.
const ROUTERS: Duration = Duration::from_secs(20);
/// Most that are asked in a turn.
const TURN: usize = 8;
/// Most that are remembered: whoever is one more asks again.
const MOST: usize = 128;

/// Who is to be asked, and who was, not long ago.
#[derive(Debug, Default)]
pub(super) struct Seek {
    due: VecDeque<IpAddress>,
    asked: VecDeque<(IpAddress, Instant)>,
    routers_at: Option<Instant>,
}

impl Stack {
    /// Asks for whoever is the next on the way there, soon, unless it was asked not long ago.
    pub(crate) fn seek(&mut self, to: IpAddress, now: Instant) {
        let Seek { due, asked, .. } = &mut self.seek;
        while asked.front().is_some_and(|(_, at)| *at + AGAIN <= now) {
            asked.pop_front();
        }
        let known = due.contains(&to) || asked.iter().any(|(other, _)| *other == to);
        if !known && due.len() + asked.len() < MOST {
            due.push_back(to);
        }
    }

    /// The same of servers of names.
    pub(crate) fn seek_servers(&mut self, now: Instant) {
        let servers: Vec<IpAddress> = self.servers.clone();
        servers.into_iter().for_each(|server| self.seek(server, now));
    }

    /// When somebody is to be asked: now, whoever waits for that, and then routers.
    pub(super) fn seeks_at(&self, now: Instant) -> Option<Instant> {
        if self.seek.due.is_empty() { self.seek.routers_at } else { Some(now) }
    }

    /// Asks those who are to be asked, as far as that goes in this turn.
    pub(crate) fn ask_neighbours(&mut self, now: Instant, card: &mut impl Device) {
        let (four, six) = self.routers();
        if self.seek.routers_at.is_none_or(|at| at <= now) {
            let has = four.is_some() || six.is_some();
            four.into_iter().chain(six).for_each(|router| self.seek(router, now));
            self.seek.routers_at = has.then_some(now + ROUTERS);
        }
        for _ in 0..TURN {
            let Some(to) = self.seek.due.pop_front() else { return };
            self.seek.asked.push_back((to, now));
            self.ask_neighbour(to, now, card);
        }
    }

    /// Has an interface that knows no neighbour send something there: it asks first, and its answer is for all.
    fn ask_neighbour(&self, to: IpAddress, now: Instant, card: &mut impl Device) {
        let mut asks =
            Interface::new(Config::new(self.iface.hardware_addr()), &mut Told(vec![]), now);
        let (own, routes) = (self.iface.ip_addrs(), self.iface.routes());
        // There is as much room as where they are from.
        asks.update_ip_addrs(|all| all.extend(own.iter().copied()));
        if let Some(IpAddress::Ipv4(via)) =
            routes.get_default_ipv4_route().map(|one| one.via_router)
        {
            let _ = asks.routes_mut().add_default_ipv4_route(via);
        }
        if let Some(IpAddress::Ipv6(via)) =
            routes.get_default_ipv6_route().map(|one| one.via_router)
        {
            let _ = asks.routes_mut().add_default_ipv6_route(via);
        }
        let room = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY], vec![0; 1]);
        let mut socket = udp::Socket::new(room(), room());
        let sends =
            socket.bind(1).is_ok() && socket.send_slice(&[], IpEndpoint::new(to, 1)).is_ok();
        let mut places = [SocketStorage::EMPTY];
        let mut alone = SocketSet::new(&mut places[..]);
        if sends {
            alone.add(socket);
            asks.poll_egress(now, card, &mut alone);
        }
    }
}
