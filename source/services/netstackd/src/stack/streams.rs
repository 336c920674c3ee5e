//! Sockets of TCP: each in a set of its own, so that what a frame or a turn costs does not grow with how many there are.
//!
//! smoltcp looks at every socket of a set: for each frame that comes or goes, and when it says what is due. Here a frame comes
//! to the socket that has its connection, and those are asked for frames with which something was done, or for which the time
//! has come: they are awake.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::{Socket, tcp};
use smoltcp::time::{Duration, Instant};

/// Within so long whoever waits for a neighbour asks for it again (`socket_meta::Meta::DISCOVERY_SILENT_TIME`).
const NEIGHBOUR: Duration = Duration::from_secs(1);

/// Which of them it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream(usize);

/// All of them.
#[derive(Debug, Default)]
pub struct Streams {
    places: Vec<Option<Place>>,
    free: Vec<usize>,
    awake: VecDeque<usize>,
    /// When those are due that sleep.
    due: BTreeSet<(Instant, usize)>,
    changes: u64,
}

/// One socket.
#[derive(Debug)]
struct Place {
    alone: SocketSet<'static>,
    handle: SocketHandle,
    sleep: Sleep,
    stood: Standing,
}

/// Whether it is to be asked for frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    /// Now.
    Awake,
    /// Then, or never.
    Until(Option<Instant>),
}

/// What those look at who have it to keep: whether there is a peer beside. One that has another has not stood meanwhile.
type Standing = (tcp::State, bool);

impl Streams {
    /// Takes one in.
    pub fn add(&mut self, socket: tcp::Socket<'static>) -> Stream {
        let stood = standing(&socket);
        let mut alone = SocketSet::new(Vec::with_capacity(1));
        let handle = alone.add(socket);
        let place = Some(Place { alone, handle, sleep: Sleep::Awake, stood });
        let at = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(at) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        self.awake.push_back(at);
        self.changes += 1;
        Stream(at)
    }

    /// Takes one out.
    ///
    /// # Panics
    /// There is none.
    pub fn remove(&mut self, stream: Stream) -> tcp::Socket<'static> {
        self.wake(stream.0);
        self.awake.retain(|at| *at != stream.0);
        self.changes += 1;
        let place = self.places.get_mut(stream.0).and_then(Option::take);
        let removed = place.map(|mut place| place.alone.remove(place.handle));
        self.free.push(stream.0);
        match removed {
            Some(Socket::Tcp(socket)) => socket,
            _ => panic!("no such stream"),
        }
    }

    /// One of them.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn get(&self, stream: Stream) -> &tcp::Socket<'static> {
        match self.places.get(stream.0) {
            Some(Some(place)) => place.socket(),
            _ => panic!("no such stream"),
        }
    }

    /// The same, to do something with, after which it is asked for frames.
    ///
    /// # Panics
    /// There is none.
    pub fn get_mut(&mut self, stream: Stream) -> &mut tcp::Socket<'static> {
        self.wake(stream.0);
        match self.places.get_mut(stream.0) {
            Some(Some(Place { alone, handle, .. })) => alone.get_mut(*handle),
            _ => panic!("no such stream"),
        }
    }

    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = (Stream, &tcp::Socket<'static>)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(at, place)| Some((Stream(at), place.as_ref()?.socket())))
    }

    /// What became of any of them, counted: which are there, their states, and whether they have peers.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// Something else has become of one, as in [`changes`](Self::changes).
    pub const fn change(&mut self) {
        self.changes += 1;
    }

    /// Wakes those for which the time has come.
    pub(super) fn begin(&mut self, now: Instant) {
        while let Some((at, which)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.wake(which);
        }
    }

    /// Wakes all: this machine has other addresses, and a connection ends with its own when it is asked for frames
    /// (`tcp::Socket::dispatch`).
    pub(super) fn wake_all(&mut self) {
        (0..self.places.len()).for_each(|at| self.wake(at));
    }

    /// Wakes those that may wait for a neighbour: one may have answered.
    pub(super) fn neighbours(&mut self, now: Instant) {
        self.begin(now + NEIGHBOUR);
    }

    /// Has a frame come to one of them.
    pub(super) fn ingress(
        &mut self,
        stream: Stream,
        now: Instant,
        iface: &mut Interface,
        card: &mut impl Device,
    ) {
        self.wake(stream.0);
        if let Some(Some(place)) = self.places.get_mut(stream.0) {
            iface.poll_ingress_single(now, card, &mut place.alone);
            self.changes += u64::from(place.look());
        }
    }

    /// Sends a frame of each that has one. False when none had. `timers` says when the others are due.
    pub(super) fn egress(
        &mut self,
        now: Instant,
        (iface, timers): (&mut Interface, &mut Interface),
        card: &mut impl Device,
    ) -> bool {
        let mut sent = false;
        for _ in 0..self.awake.len() {
            let Some(at) = self.awake.pop_front() else { return sent };
            let Some(Some(place)) = self.places.get_mut(at) else { continue };
            let some = iface.poll_egress(now, card, &mut place.alone) != PollResult::None;
            self.changes += u64::from(place.look());
            if some {
                sent = true;
                self.awake.push_back(at);
                continue;
            }
            let due = timers.poll_at(now, &place.alone);
            place.sleep = Sleep::Until(due);
            self.due.extend(due.map(|due| (due, at)));
        }
        sent
    }

    /// When there is something to do by time alone.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let awake = (!self.awake.is_empty()).then_some(now);
        awake.into_iter().chain(self.due.first().map(|(at, _)| *at)).min()
    }

    fn wake(&mut self, at: usize) {
        let Some(Some(place)) = self.places.get_mut(at) else { return };
        let Sleep::Until(due) = core::mem::replace(&mut place.sleep, Sleep::Awake) else { return };
        if let Some(due) = due {
            self.due.remove(&(due, at));
        }
        self.awake.push_back(at);
    }
}

impl Place {
    fn socket(&self) -> &tcp::Socket<'static> {
        self.alone.get(self.handle)
    }

    /// True when it stands otherwise than when it was looked at last.
    fn look(&mut self) -> bool {
        let stands = standing(self.socket());
        core::mem::replace(&mut self.stood, stands) != stands
    }
}

fn standing(socket: &tcp::Socket<'static>) -> Standing {
    (socket.state(), socket.remote_endpoint().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Seeds;
    use crate::stack::Stack;
    use crate::stack::router::Told;
    use nexus_sysdesc::{Address, NetworkSays};
    use smoltcp::wire::IpEndpoint;
    use std::vec;

    fn stack(now: Instant) -> Stack {
        let address =
            Address::Static { address: [10, 0, 2, 15], bits: 24, gateway: None, dns: Vec::new() };
        let says = NetworkSays { address, leads_back: Vec::new() };
        Stack::new([2, 0, 0, 0, 0, 1], &says, Seeds::new([1; 4]), now)
    }

    fn socket() -> tcp::Socket<'static> {
        let room = || tcp::SocketBuffer::new(vec![0; 64]);
        tcp::Socket::new(room(), room())
    }

    #[test]
    fn only_those_are_asked_with_which_something_was_done() {
        let now = Instant::from_secs(1);
        let mut stack = stack(now);
        let all: Vec<Stream> = (0..100).map(|_| stack.streams.add(socket())).collect();
        for stream in &all {
            stack.streams.get_mut(*stream).listen(80).unwrap();
        }
        assert_eq!((stack.streams.awake.len(), stack.streams.next(now)), (100, Some(now)));
        let mut card = Told(Vec::new());
        stack.egress(now, &mut card);
        assert_eq!((stack.streams.awake.len(), stack.streams.next(now)), (0, None));
        let before = stack.streams.changes();
        stack.streams.get_mut(all[3]).close();
        stack.streams.get_mut(all[3]).listen(81).unwrap();
        assert_eq!(stack.streams.awake, [3]);
        stack.egress(now, &mut card);
        assert_eq!(stack.streams.changes(), before, "it stands as it did");
        stack.streams.get_mut(all[3]).close();
        stack.egress(now, &mut card);
        assert_eq!(stack.streams.changes(), before + 1);
        stack.streams.change();
        assert_eq!(stack.streams.changes(), before + 2);
        // Its place is the next one's, whatever it was to do.
        stack.streams.get_mut(all[3]);
        stack.streams.remove(all[3]);
        assert_eq!((stack.streams.awake.len(), stack.streams.changes()), (0, before + 3));
        assert_eq!(stack.streams.add(socket()), all[3]);
        assert_eq!(stack.streams.changes(), before + 4);
        assert_eq!(stack.streams.iter().count(), 100);
    }

    #[test]
    fn who_has_something_to_send_later_is_awake_then() {
        let now = Instant::from_secs(1);
        let mut stack = stack(now);
        let ends = [(15, 1000), (2, 80)];
        let ends = ends.map(|(last, port)| {
            IpEndpoint::new(smoltcp::wire::IpAddress::v4(10, 0, 2, last), port)
        });
        let stream = stack.connect(socket(), ends.into(), 7, now).unwrap();
        assert_eq!(stack.connection(ends.into()), Some(stream));
        // Nobody has said where the peer is.
        stack.egress(now, &mut Told(Vec::new()));
        let due = stack.streams.next(now).unwrap();
        assert!(stack.streams.awake.is_empty() && due <= now + NEIGHBOUR);
        stack.streams.neighbours(now);
        assert_eq!(stack.streams.awake, [0]);
        stack.egress(now, &mut Told(Vec::new()));
        stack.streams.begin(due);
        assert_eq!(stack.streams.awake, [0]);
    }
}
