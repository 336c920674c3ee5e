//! The sockets of a client: those that it has a number for, those that it has let go, and what they cost.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use nexus_sysdesc::{NetProtocol, Sockets};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::{tcp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::Pending;
use super::ask::Ask;
use super::askers::Askers;
use super::desk::Ports;
use super::listener::Listener;
use super::purse::Purse;
use crate::stack::{Stack, Stream};

/// For so long what was let go is still sent.
const LINGERS: Duration = Duration::from_secs(30);
/// For so long a peer that is reset is still told.
const TELLS: Duration = Duration::from_secs(1);
/// After so long without a word a peer is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// After so long it is asked for one.
const ASKS: Duration = Duration::from_secs(20);
/// For so long a datagram waits for a neighbour that is to answer where it is.
const WAITS: Duration = Duration::from_secs(1);
/// Datagrams that there is room for, each way.
const DATAGRAMS: usize = 32;

/// A socket that a client has.
#[derive(Debug)]
pub(crate) enum Socket {
    Listener(Listener),
    Connection(Connection),
    Datagrams(Datagrams),
}

/// A connection that stood.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) handle: Stream,
    pub(crate) local: IpEndpoint,
    pub(crate) peer: IpEndpoint,
    /// The client sends no more.
    pub(crate) finished: bool,
}

/// A socket for datagrams.
#[derive(Debug)]
pub(crate) struct Datagrams {
    pub(crate) handle: SocketHandle,
    pub(crate) port: u16,
    pub(crate) askers: Askers,
    /// To whom the last one goes.
    pub(crate) to: Option<IpAddress>,
    /// Bytes that were given to be sent, ever.
    pub(crate) given: u64,
    /// Of those the ones that went, and since when no more have.
    went: (u64, Instant),
}

impl Datagrams {
    /// At this port, with nothing to send.
    pub(crate) fn new(handle: SocketHandle, port: u16) -> Datagrams {
        let (askers, went) = (Askers::default(), (0, Instant::ZERO));
        Datagrams { handle, port, askers, to: None, given: 0, went }
    }

    /// Drops the first datagram when nothing has gone for [`WAITS`]: its neighbour does not answer, and others are
    /// behind it. When it is time to look again.
    fn go_on(&mut self, stack: &mut Stack, now: Instant) -> Option<Instant> {
        let socket = stack.sockets.get::<udp::Socket<'_>>(self.handle);
        let left = socket.send_queue();
        // Those of no bytes fill it, too.
        let holds = left > 0 || !socket.can_send();
        let went = self.given.saturating_sub(left as u64);
        let (before, since) = self.went;
        if let Some(to) = self.to.filter(|_| holds) {
            stack.seek(to, now);
        }
        if !holds || went != before {
            self.went = (went, now);
        } else if now >= since + WAITS {
            self.handle = stack.drop_first(self.handle, now);
            self.went = (went, now);
        }
        holds.then(|| self.went.1 + WAITS)
    }
}

/// A socket that nobody has any more.
#[derive(Debug)]
struct Leaving {
    which: Which,
    until: Instant,
    /// It was reset.
    reset: bool,
}

/// Which of them it is.
#[derive(Clone, Copy, Debug)]
enum Which {
    Stream(Stream),
    /// One for datagrams, with its port, which stays its own.
    Datagrams(SocketHandle, u16),
}

/// What sockets are made of, and what was let go.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) purse: Purse,
    leaving: Vec<Leaving>,
    /// What became of streams when those that leave were looked at last, and when they are to be again.
    looked: (u64, Option<Instant>),
    /// Those that are used again: with those that there are no more than the client may have.
    spare: Vec<tcp::Socket<'static>>,
}

/// The sockets of a client.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) store: Store,
    sockets: BTreeMap<u64, Socket>,
    /// The number that was given last: none is given twice.
    last: u64,
    /// The last one of the attachments before this.
    before: u64,
}

impl Store {
    /// A socket for a connection.
    ///
    /// # Errors
    /// The status that says what there is not enough of.
    pub(crate) fn stream(&mut self, stack: &mut Stack) -> Result<tcp::Socket<'static>, u8> {
        let bytes = self.take(stack)?;
        let buffer = || tcp::SocketBuffer::new(vec![0; bytes]);
        let spare = self.spare.pop();
        let mut socket = spare.unwrap_or_else(|| tcp::Socket::new(buffer(), buffer()));
        socket.set_nagle_enabled(false);
        socket.set_timeout(Some(SILENCE));
        socket.set_keep_alive(Some(ASKS));
        socket.set_congestion_control(tcp::CongestionControl::Reno);
        Ok(socket)
    }

    /// A socket for datagrams.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    pub(crate) fn datagrams(&mut self, stack: &mut Stack) -> Result<udp::Socket<'static>, u8> {
        let bytes = self.take(stack)?;
        // It has the memory of one.
        drop(self.spare.pop());
        let room =
            || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; DATAGRAMS], vec![0; bytes]);
        Ok(udp::Socket::new(room(), room()))
    }

    fn take(&mut self, stack: &mut Stack) -> Result<usize, u8> {
        self.purse.take().or_else(|why| {
            // Late segments of a connection that is over are waited for while nobody needs the room.
            let over = |one: &Leaving| {
                let Which::Stream(stream) = one.which else { return false };
                stack.streams.get(stream).state() == tcp::State::TimeWait
            };
            let oldest = self.leaving.iter().position(over).ok_or(why)?;
            let which = self.leaving.remove(oldest).which;
            self.release(which, stack);
            self.purse.take()
        })
    }

    /// Lets a connection go: what was taken is still sent, or the peer is told that it is reset.
    pub(crate) fn leave(&mut self, handle: Stream, reset: bool, stack: &mut Stack, now: Instant) {
        let socket = stack.streams.get_mut(handle);
        if reset {
            socket.abort()
        } else {
            socket.close()
        }
        let until = now + if reset { TELLS } else { LINGERS };
        self.go(Leaving { which: Which::Stream(handle), until, reset });
    }

    /// Lets a socket for datagrams go: those that were taken are still sent.
    fn leave_datagrams(&mut self, one: Datagrams, reset: bool, now: Instant) {
        let until = if reset { now } else { now + TELLS };
        let Datagrams { handle, port, .. } = one;
        self.go(Leaving { which: Which::Datagrams(handle, port), until, reset: true });
    }

    fn go(&mut self, one: Leaving) {
        self.looked.1 = None;
        self.leaving.push(one);
    }

    /// Takes out what is over. When it is time to look again.
    fn settle(&mut self, stack: &mut Stack, ports: &mut Ports, now: Instant) -> Option<Instant> {
        if self.leaving.is_empty() {
            return None;
        }
        let (changes, due) = self.looked;
        if due.is_some_and(|due| now < due) && changes == stack.streams.changes() {
            return due;
        }
        let (mut due, mut soonest) = (None, None);
        let mut leaving = core::mem::take(&mut self.leaving);
        leaving.retain_mut(|one| {
            if let (true, Which::Stream(stream)) = (one.until <= now && !one.reset, one.which) {
                stack.streams.get_mut(stream).abort();
                (one.reset, one.until) = (true, now + TELLS);
            }
            if one.until <= now || is_over(stack, one) {
                if let Which::Datagrams(_, port) = one.which {
                    ports.give(NetProtocol::Udp, port);
                }
                self.release(one.which, stack);
                return false;
            }
            // What becomes of datagrams is not told.
            let until = if matches!(one.which, Which::Stream(_)) { one.until } else { now };
            soonest = Some(soonest.map_or(until, |soonest: Instant| soonest.min(until)));
            due = Some(due.map_or(one.until, |due: Instant| due.min(one.until)));
            true
        });
        self.leaving = leaving;
        self.looked = (stack.streams.changes(), soonest);
        due
    }

    /// Takes a socket out of the stack, and gives back what it cost.
    fn release(&mut self, which: Which, stack: &mut Stack) {
        self.purse.give();
        match which {
            Which::Stream(stream) => {
                let mut socket = stack.remove(stream);
                socket.abort();
                self.spare.push(socket);
            }
            Which::Datagrams(handle, _) => {
                stack.sockets.remove(handle);
                // There is room for a stream.
                stack.streams.change();
            }
        }
    }

    /// Sockets that were let go, and are not over.
    pub(crate) fn left(&self) -> usize {
        self.leaving.len()
    }
}

impl Held {
    /// None, of as many as that.
    pub(crate) fn new(may: Sockets) -> Held {
        let (leaving, looked, spare) = (Vec::new(), (0, None), Vec::new());
        let store = Store { purse: Purse::new(may), leaving, looked, spare };
        Held { store, sockets: BTreeMap::new(), last: 0, before: 0 }
    }

    /// Keeps one; its number.
    pub(crate) fn add(&mut self, socket: Socket) -> u64 {
        self.last += 1;
        self.sockets.insert(self.last, socket);
        self.last
    }

    /// True when the socket with this number was let go in this attachment.
    pub(crate) fn was(&self, number: u64) -> bool {
        number > self.before && number <= self.last && !self.sockets.contains_key(&number)
    }

    pub(crate) fn get(&mut self, number: u64) -> Option<&mut Socket> {
        self.sockets.get_mut(&number)
    }

    /// Takes out what was let go and is over, and goes on with what is held back. When it is time to look again.
    pub(crate) fn settle(
        &mut self,
        stack: &mut Stack,
        ports: &mut Ports,
        now: Instant,
    ) -> Option<Instant> {
        let Held { store, sockets, .. } = self;
        let held = sockets.values_mut().filter_map(|socket| match socket {
            Socket::Datagrams(one) => one.go_on(stack, now),
            Socket::Listener(_) | Socket::Connection(_) => None,
        });
        let held = held.min();
        store.settle(stack, ports, now).into_iter().chain(held).min()
    }

    /// True when nothing can be done yet for a request: it waits for what comes, and nothing has.
    pub(super) fn stands(&mut self, pending: &Pending, stack: &Stack) -> bool {
        match pending {
            Pending::Fresh(Ask::Receive { socket, .. }) => match self.get(*socket) {
                Some(Socket::Connection(one)) => {
                    let stream = stack.streams.get(one.handle);
                    !stream.can_recv() && stream.may_recv()
                }
                _ => false,
            },
            Pending::Sending { socket, .. } => match self.get(*socket) {
                Some(Socket::Connection(one)) => {
                    let stream = stack.streams.get(one.handle);
                    !stream.can_send() && stream.may_send()
                }
                _ => false,
            },
            Pending::Fresh(Ask::Accept { socket, .. }) => match self.get(*socket) {
                Some(Socket::Listener(one)) => !one.has(stack),
                _ => false,
            },
            _ => false,
        }
    }

    /// Each, and what they are made of.
    pub(crate) fn each(&mut self) -> (impl Iterator<Item = &mut Socket>, &mut Store) {
        (self.sockets.values_mut(), &mut self.store)
    }

    /// Each.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Socket> {
        self.sockets.values()
    }

    /// Lets the socket with this number go. False when there is none.
    pub(crate) fn close(
        &mut self,
        number: u64,
        reset: bool,
        (stack, ports): (&mut Stack, &mut Ports),
        now: Instant,
    ) -> bool {
        let Some(socket) = self.sockets.remove(&number) else { return false };
        let store = &mut self.store;
        match socket {
            Socket::Connection(one) => store.leave(one.handle, reset, stack, now),
            Socket::Datagrams(one) => store.leave_datagrams(one, reset, now),
            Socket::Listener(one) => {
                ports.give(NetProtocol::Tcp, one.port());
                one.end().for_each(|handle| store.leave(handle, true, stack, now));
            }
        }
        true
    }

    /// Lets all go: the attachment is over.
    pub(crate) fn end(&mut self, stack: &mut Stack, ports: &mut Ports, now: Instant) {
        while let Some((&number, _)) = self.sockets.first_key_value() {
            self.close(number, true, (stack, ports), now);
        }
        self.before = self.last;
    }
}

/// True when nothing of a socket that was let go is to be sent, or waited for.
fn is_over(stack: &Stack, one: &Leaving) -> bool {
    match one.which {
        Which::Datagrams(handle, _) => {
            stack.sockets.get::<udp::Socket<'_>>(handle).send_queue() == 0
        }
        Which::Stream(stream) => {
            let socket = stack.streams.get(stream);
            socket.state() == tcp::State::Closed && socket.remote_endpoint().is_none()
        }
    }
}
