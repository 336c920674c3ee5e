//! A netstackd for tests: sockets, and peers that a test moves.

use std::collections::{BTreeMap, VecDeque};
use std::vec;
use std::vec::Vec;

use core::net::SocketAddr;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::socket::ring::{self as wire, CALM, ENTRIES, Echo, OPS, Target};
use nexus_proto::{Zero, read_payload};
use nexus_ring::{DONE, Driver, Ops, Request, Submission};
use nexus_rt::Deadline;
use zerocopy::IntoBytes;

use crate::request::octets;

const KNOWN: Ops = Ops::of(&OPS);

/// What a socket is here.
pub(super) enum Sock {
    /// Peers that wait to be accepted.
    Listener(VecDeque<SocketAddr>),
    Connection(Stream),
    /// From whom, and what.
    Datagrams(VecDeque<(SocketAddr, Vec<u8>)>),
}

/// A connection, as its peer sees it.
#[derive(Default)]
pub(super) struct Stream {
    /// What the peer has sent, and the client has not taken.
    pub(super) sent: VecDeque<u8>,
    /// The peer sends no more.
    pub(super) sent_all: bool,
    /// What the peer has got.
    pub(super) got: Vec<u8>,
    /// The client sends no more.
    pub(super) got_all: bool,
    /// Bytes that the peer still takes.
    pub(super) window: usize,
    /// The peer has broken it off.
    pub(super) reset: bool,
}

/// What a lying stack does with a request instead of what is asked.
pub(super) type Lie = std::boxed::Box<dyn FnMut(&Request) -> Option<(u8, Vec<u8>, u32)>>;

pub(super) struct Stack {
    memory: FakeMemory,
    len: usize,
    pub(super) driver: Driver<FakePeer, ENTRIES>,
    held: Vec<Request>,
    pub(super) sockets: BTreeMap<u64, Sock>,
    next: u64,
    /// Sockets let go, and whether by a reset; of connections what their peer got.
    pub(super) closed: Vec<(u64, bool)>,
    pub(super) remains: Vec<(u64, Stream)>,
    /// Datagrams that went.
    pub(super) went: Vec<(SocketAddr, Vec<u8>)>,
    /// Most bytes that are moved for one request.
    pub(super) most: usize,
    /// Where among those that wait it begins, each time.
    pub(super) first: usize,
    /// It does not answer.
    pub(super) silent: bool,
    /// It has no next life.
    pub(super) gone: bool,
    /// It cannot be told of anything any more.
    pub(super) deaf: bool,
    /// It runs as soon as it is told.
    pub(super) prompt: bool,
    /// It tells when there is nothing.
    pub(super) noisy: bool,
    /// Whether connecting is done, and with which status.
    pub(super) connects: Option<u8>,
    pub(super) lie: Option<Lie>,
    /// Lives that begin before the next look.
    pub(super) dies_before: bool,
    /// Times that it was told, and that it was waited for.
    pub(super) told: usize,
    pub(super) waited: usize,
    /// Until when it was waited for last.
    pub(super) until: Deadline,
    pub(super) attached: usize,
    /// Of each send, how many bytes were taken; and sends that wait, by socket.
    taken: BTreeMap<u16, usize>,
    sending: BTreeMap<u64, usize>,
    /// Bytes were taken of a send that is not done.
    moved: bool,
    /// Something was done that even a calm client waits for.
    pub(super) loud: bool,
    /// Times that something was done of which a calm client was not told before it gave up.
    pub(super) unseen: usize,
    /// So many times the peer of the first socket asks, each time when it has its answer.
    pub(super) asks: usize,
    asked: usize,
}

impl Stack {
    pub(super) fn new(memory: &FakeMemory, len: usize) -> Stack {
        Stack {
            memory: memory.clone(),
            len,
            driver: driver(memory, len),
            held: Vec::new(),
            sockets: BTreeMap::new(),
            next: 1,
            closed: Vec::new(),
            remains: Vec::new(),
            went: Vec::new(),
            most: usize::MAX,
            first: 0,
            silent: false,
            gone: false,
            deaf: false,
            prompt: false,
            noisy: false,
            connects: Some(DONE),
            lie: None,
            dies_before: false,
            told: 0,
            waited: 0,
            until: Deadline::NEVER,
            attached: 0,
            taken: BTreeMap::new(),
            sending: BTreeMap::new(),
            moved: false,
            loud: false,
            unseen: 0,
            asks: 0,
            asked: 0,
        }
    }

    /// Its next life.
    pub(super) fn die(&mut self) {
        self.driver = driver(&self.memory, self.len);
        self.forget();
    }

    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.taken.clear();
        self.sending.clear();
        for (number, sock) in core::mem::take(&mut self.sockets) {
            if let Sock::Connection(stream) = sock {
                self.remains.push((number, stream));
            }
        }
        // Numbers begin anew: they mean something else.
        self.next = 1;
    }

    /// Writes two bytes anywhere in the ring.
    pub(super) fn write16(&self, at: usize, value: u16) {
        self.memory.device_write(at, &value.to_le_bytes());
    }

    pub(super) fn stream(&mut self, number: u64) -> &mut Stream {
        match self.sockets.get_mut(&number) {
            Some(Sock::Connection(stream)) => stream,
            _ => panic!("{number} is no connection"),
        }
    }

    /// The connections.
    pub(super) fn streams(&self) -> Vec<u64> {
        let streams = self.sockets.iter().filter(|(_, sock)| matches!(sock, Sock::Connection(_)));
        streams.map(|(number, _)| *number).collect()
    }

    /// Somebody connects to the first listener.
    pub(super) fn knock(&mut self, from: SocketAddr) -> bool {
        let listeners = self.sockets.values_mut().find_map(|sock| match sock {
            Sock::Listener(waiting) => Some(waiting),
            _ => None,
        });
        listeners.map(|waiting| waiting.push_back(from)).is_some()
    }

    /// Does what can be done; true when something was.
    pub(super) fn step(&mut self) -> bool {
        loop {
            let any = self.once();
            if any || !core::mem::take(&mut self.moved) {
                return any;
            }
        }
    }

    fn once(&mut self) -> bool {
        if core::mem::take(&mut self.dies_before) {
            self.die();
            return true;
        }
        while let Ok(Some(request)) = self.driver.take() {
            let Submission { op, arg, .. } = request.submission();
            if op == wire::SEND {
                *self.sending.entry(arg).or_default() += 1;
            }
            self.held.push(request);
        }
        self.asks();
        if self.silent {
            return false;
        }
        let mut any = false;
        let mut left: VecDeque<Request> = core::mem::take(&mut self.held).into();
        if !left.is_empty() {
            let first = self.first % left.len();
            left.rotate_left(first);
        }
        while let Some(request) = left.pop_front() {
            match self.act(&request) {
                Some((status, bytes, len)) => {
                    let room = request.submission().len as usize;
                    let bytes = bytes.get(..bytes.len().min(room)).unwrap();
                    // Where its client, or a test, harms the ring, there is nobody to answer.
                    let _ = self.driver.write(&request, 0, bytes);
                    let Submission { op, arg, id, .. } = request.submission();
                    if op == wire::SEND {
                        self.taken.remove(&id);
                        self.sending.entry(arg).and_modify(|sends| *sends -= 1);
                    }
                    self.loud |= !(CALM.contains(&op) && status == DONE);
                    any |= self.driver.complete(request, status, len).is_ok();
                }
                None => self.held.push(request),
            }
        }
        any
    }

    /// The peer asks, when it has an answer.
    fn asks(&mut self) {
        let (asks, asked) = (self.asks, self.asked);
        if let Some(Sock::Connection(stream)) = self.sockets.get_mut(&1).filter(|_| asks > 0) {
            if stream.got.len() == 3 * asked && asked < asks {
                stream.sent.extend(b"ask");
                self.asked += 1;
            }
            stream.sent_all = stream.got.len() == 3 * asks;
        }
    }

    /// The answer to a request: status, bytes, how many; none while it waits.
    fn act(&mut self, request: &Request) -> Option<(u8, Vec<u8>, u32)> {
        if let Some(lie) = &mut self.lie {
            return lie(request);
        }
        let (status, bytes, len) = match self.serve(request)? {
            Ok((bytes, len)) => (DONE, bytes, len),
            Err(status) => (status, Vec::new(), 0),
        };
        Some((status, bytes, len))
    }

    fn serve(&mut self, request: &Request) -> Option<Result<(Vec<u8>, u32), u8>> {
        let submission = request.submission();
        let mut data = vec![0; submission.len as usize];
        self.driver.read(request, 0, &mut data).unwrap();
        let target = read_payload::<Target>(&data).map(|(target, _)| target);
        let body = |target: &Target| data[24..24 + target.len as usize].to_vec();
        let number = submission.arg;
        let room = data.len();
        Some(match submission.op {
            wire::CONNECT => match self.connects? {
                DONE => {
                    let target = target.unwrap();
                    let stream = Stream { window: usize::MAX, ..Stream::default() };
                    let (peer, port) = (target.address, target.port);
                    self.open(Sock::Connection(stream), peer, port, room)
                }
                status => Err(status),
            },
            wire::LISTEN => self.open(Sock::Listener(VecDeque::new()), [0; 16], 0, room),
            wire::BIND => self.open(Sock::Datagrams(VecDeque::new()), [0; 16], 0, room),
            wire::RESOLVE => {
                let target = target.unwrap();
                match body(&target).as_slice() {
                    b"two.example" => {
                        let bytes: Vec<u8> =
                            ["192.0.2.1", "192.0.2.2"].map(|a| octets(a.parse().unwrap())).concat();
                        assert_eq!(target.n, 4);
                        Ok((bytes, 32))
                    }
                    b"many.example" => Ok((vec![7; 272], 272)),
                    _ => Err(wire::NO_NAME),
                }
            }
            wire::PING => {
                let len = body(&target.unwrap()).len() as u64;
                Ok((Echo { micros: 123, len }.as_bytes().to_vec(), 16))
            }
            wire::CLOSE => match self.sockets.remove(&number) {
                Some(sock) => {
                    let reset = target.unwrap().n == 1;
                    self.closed.push((number, reset));
                    if let Sock::Connection(stream) = sock {
                        self.remains.push((number, stream));
                    }
                    Ok((Vec::new(), 0))
                }
                None => Err(wire::NO_SOCKET),
            },
            op => return self.of_socket((op, submission.id), number, &data, target),
        })
    }

    fn of_socket(
        &mut self,
        (op, id): (u8, u16),
        number: u64,
        data: &[u8],
        target: Option<Target>,
    ) -> Option<Result<(Vec<u8>, u32), u8>> {
        let (most, room) = (self.most.max(1), data.len());
        let Some(sock) = self.sockets.get_mut(&number) else { return Some(Err(wire::CLOSED)) };
        Some(match (op, sock) {
            (wire::ACCEPT, Sock::Listener(waiting)) => {
                let from = waiting.pop_front()?;
                let stream = Stream { window: usize::MAX, ..Stream::default() };
                self.open(Sock::Connection(stream), octets(from.ip()), from.port(), room)
            }
            (_, Sock::Connection(stream)) if stream.reset => Err(wire::RESET),
            (wire::SEND, Sock::Connection(stream)) if stream.got_all => Err(wire::CLOSED),
            (wire::SEND, Sock::Connection(stream)) => {
                let bytes = &data[24..24 + target.unwrap().len as usize];
                let taken = self.taken.entry(id).or_default();
                let len = (bytes.len() - *taken).min(most).min(stream.window);
                stream.window -= len;
                stream.got.extend_from_slice(&bytes[*taken..*taken + len]);
                *taken += len;
                if *taken < bytes.len() {
                    self.moved |= len > 0;
                    return None;
                }
                Ok((Vec::new(), bytes.len() as u32))
            }
            (wire::RECEIVE, Sock::Connection(stream)) => {
                let len = room.min(most).min(stream.sent.len());
                if len == 0 && !stream.sent_all {
                    return None;
                }
                let bytes: Vec<u8> = stream.sent.drain(..len).collect();
                Ok((bytes, len as u32))
            }
            (wire::FINISH, _) if self.sending.get(&number).is_some_and(|sends| *sends > 0) => {
                return None;
            }
            (wire::FINISH, Sock::Connection(stream)) => {
                stream.got_all = true;
                Ok((Vec::new(), 0))
            }
            (wire::SEND_TO, Sock::Datagrams(_)) => {
                let Target { address, port, len, .. } = target.unwrap();
                let to = SocketAddr::new(crate::address(address), port);
                self.went.push((to, data[24..24 + len as usize].to_vec()));
                Ok((Vec::new(), 0))
            }
            (wire::RECEIVE_FROM, Sock::Datagrams(waiting)) => {
                let (from, bytes) = waiting.pop_front()?;
                let (address, port) = (octets(from.ip()), from.port());
                let head = Target { address, port, n: 0, len: bytes.len() as u32 };
                let mut answer = [head.as_bytes(), &bytes].concat();
                answer.truncate(room);
                let len = answer.len() as u32;
                Ok((answer, len))
            }
            _ => Err(wire::NO_SOCKET),
        })
    }

    fn open(
        &mut self,
        sock: Sock,
        peer: [u8; 16],
        peer_port: u16,
        room: usize,
    ) -> Result<(Vec<u8>, u32), u8> {
        assert!(room >= 48);
        let socket = self.next;
        self.next += 1;
        self.sockets.insert(socket, sock);
        let local = octets("192.0.2.1".parse().unwrap());
        let opened =
            wire::Opened { socket, peer, local, peer_port, local_port: 999, zero: Zero::ZERO };
        Ok((opened.as_bytes().to_vec(), 48))
    }
}

fn driver(memory: &FakeMemory, len: usize) -> Driver<FakePeer, ENTRIES> {
    Driver::new(memory.peer(0..len), KNOWN).unwrap()
}
