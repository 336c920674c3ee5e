//! Who has asked a socket for datagrams: each may be answered, whether a line lets its client reach it or not.

use alloc::collections::VecDeque;

use smoltcp::time::{Duration, Instant};

use super::ask::Peer;

/// Most that are remembered; of more the last ones. A client that answers each before it takes so many more can answer all.
pub(crate) const MOST: usize = 32;
/// For so long since it asked last.
pub(crate) const HOLDS: Duration = Duration::from_secs(30);

/// Those of one socket, and when each was heard last, which is their order.
#[derive(Debug, Default)]
pub(crate) struct Askers(VecDeque<(Peer, Instant)>);

impl Askers {
    /// It has asked: its datagram was given to the client.
    pub(crate) fn asked(&mut self, peer: Peer, now: Instant) {
        self.0.retain(|(other, _)| *other != peer);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((peer, now));
    }

    /// True when it has asked, from this address and this port, not long ago.
    pub(crate) fn has(&self, peer: Peer, now: Instant) -> bool {
        self.0.iter().any(|(other, since)| *other == peer && now < *since + HOLDS)
    }
}
