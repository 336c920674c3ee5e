//! A listening socket: as many of smoltcp's, which has no backlog, as may be accepted later.
//!
//! Between one frame and the next there is one more for each that a peer has taken, as far as the client may have
//! sockets. Where there is none the port is full: who asks for a connection is not heard, and asks again.

use alloc::vec::Vec;

use nexus_sysdesc::NetProtocol;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpListenEndpoint;

use super::held::Store;
use crate::address::to_wire;
use crate::rules::Rules;
use crate::stack::{Stack, Stream};

/// For so long a peer may have asked for a connection, and not have said that it knows of it.
const HALF: Duration = Duration::from_secs(5);
/// After so long such a one makes room for others, where there is none.
const YIELDS: Duration = Duration::from_secs(1);

/// A place that a peer can take.
#[derive(Debug)]
struct Slot {
    handle: Stream,
    /// Since when a peer has it.
    since: Option<Instant>,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    at: IpListenEndpoint,
    backlog: usize,
    slots: Vec<Slot>,
    /// What had become of streams when none of these stood.
    none: Option<u64>,
}

impl Listener {
    /// Listens there, with as many of `backlog` as there is room for.
    ///
    /// # Errors
    /// The status that says that there is room for none.
    pub(crate) fn new(
        at: IpListenEndpoint,
        backlog: u16,
        store: &mut Store,
        stack: &mut Stack,
    ) -> Result<Listener, u8> {
        let mut listener = Listener { at, backlog: backlog.into(), slots: Vec::new(), none: None };
        listener.grow(store, stack)?;
        while listener.slots.len() < listener.backlog && listener.grow(store, stack).is_ok() {}
        Ok(listener)
    }

    /// Its port.
    pub(crate) const fn port(&self) -> u16 {
        self.at.port
    }

    /// Its address and port.
    pub(crate) const fn at(&self) -> IpListenEndpoint {
        self.at
    }

    /// Connections that stand and that nobody has accepted.
    pub(crate) fn waiting(&self, stack: &Stack) -> usize {
        self.slots.iter().filter(|slot| stands(state(stack, slot.handle))).count()
    }

    /// Puts back what peers have let go, turns away whom no line lets, and adds one where peers have taken all.
    pub(crate) fn keep(
        &mut self,
        service: u32,
        rules: &Rules,
        store: &mut Store,
        stack: &mut Stack,
        now: Instant,
    ) {
        let port = self.at.port;
        let (mut free, mut taken) = (false, Vec::new());
        for slot in &mut self.slots {
            let socket = stack.streams.get(slot.handle);
            match socket.state() {
                tcp::State::Listen => (slot.since, free) = (None, true),
                tcp::State::Closed => free |= again(slot, self.at, stack),
                half => {
                    taken.extend(slot.since.is_none().then_some(slot.handle));
                    let since = *slot.since.get_or_insert(now);
                    let late = half == tcp::State::SynReceived && now >= since + HALF;
                    let peer = socket.remote_endpoint().map(|peer| to_wire(peer.addr));
                    let lets = |peer| rules.takes(service, NetProtocol::Tcp, peer, port);
                    if late || !peer.is_some_and(lets) {
                        stack.streams.get_mut(slot.handle).abort();
                    }
                }
            }
        }
        taken.into_iter().for_each(|handle| stack.knows(handle));
        if !free && !self.grow_to_backlog(store, stack) {
            self.evict(stack, now);
        }
    }

    /// True when a connection stands.
    pub(crate) fn has(&mut self, stack: &Stack) -> bool {
        // As many ask as wait for a connection.
        let changes = Some(stack.streams.changes());
        if self.none == changes {
            return false;
        }
        let has = self.slots.iter().any(|slot| stands(state(stack, slot.handle)));
        self.none = changes.filter(|_| !has);
        has
    }

    /// A connection that stands, which is the caller's from now on.
    pub(crate) fn accept(&mut self, stack: &Stack) -> Option<Stream> {
        let stood = self.slots.iter().position(|slot| stands(state(stack, slot.handle)))?;
        Some(self.slots.remove(stood).handle)
    }

    /// All of its sockets.
    pub(crate) fn end(self) -> impl Iterator<Item = Stream> {
        self.slots.into_iter().map(|slot| slot.handle)
    }

    fn grow_to_backlog(&mut self, store: &mut Store, stack: &mut Stack) -> bool {
        self.slots.len() < self.backlog && self.grow(store, stack).is_ok()
    }

    fn grow(&mut self, store: &mut Store, stack: &mut Stack) -> Result<(), u8> {
        let mut socket = store.stream(stack)?;
        // It is new, and the port is not 0.
        let _ = socket.listen(self.at);
        self.slots.push(Slot { handle: stack.streams.add(socket), since: None });
        Ok(())
    }

    /// Whoever has not gone on for longest makes room.
    fn evict(&mut self, stack: &mut Stack, now: Instant) {
        let half = |slot: &&mut Slot| {
            state(stack, slot.handle) == tcp::State::SynReceived
                && slot.since.is_some_and(|since| now >= since + YIELDS)
        };
        let Some(slot) = self.slots.iter_mut().filter(half).min_by_key(|slot| slot.since) else {
            return;
        };
        let socket = stack.streams.get_mut(slot.handle);
        socket.abort();
        // Without a word: to tell everybody of a flood is one more flood.
        relisten(slot, self.at, socket);
    }
}

/// A socket that is closed listens again, once its peer was told. True when it does.
fn again(slot: &mut Slot, at: IpListenEndpoint, stack: &mut Stack) -> bool {
    let told = stack.streams.get(slot.handle).remote_endpoint().is_none();
    if told {
        relisten(slot, at, stack.streams.get_mut(slot.handle));
    }
    told
}

fn relisten(slot: &mut Slot, at: IpListenEndpoint, socket: &mut tcp::Socket<'_>) {
    // It is closed, and the port is not 0.
    let _ = socket.listen(at);
    slot.since = None;
}

fn state(stack: &Stack, handle: Stream) -> tcp::State {
    stack.streams.get(handle).state()
}

const fn stands(state: tcp::State) -> bool {
    matches!(state, tcp::State::Established | tcp::State::CloseWait)
}
