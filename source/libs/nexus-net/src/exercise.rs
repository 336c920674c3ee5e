//! What a client makes of a netstackd that lies: in its answers, and in the ring.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::net::SocketAddr;

use nexus_mmio::ReadWrite;
use nexus_mmio::fake::{FakeMemory, FakePeer, FakeShared};
use nexus_proto::socket::ring::{ENTRIES, OPS, Opened};
use nexus_ring::{Consumer, DONE, Driver, Ops, Request, memory_len};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};
use zerocopy::IntoBytes;

use crate::{Ask, Error, Family, Link, Net, Outcome, Socket, Token};

/// Bytes of the ring's data.
const DATA: usize = 4 * 4096;
/// The life of the client.
const LIFE: u32 = 1;
/// Requests of the client at one time, at most.
const MOST: usize = 48;

type Memory = FakeShared<ReadWrite>;
type Client = Net<Liar, Memory>;

/// What is still to be done, each by a few bytes. Zeroes when there are none.
struct Script(Vec<u8>, usize);

impl Script {
    fn is_over(&self) -> bool {
        self.1 >= self.0.len()
    }

    fn byte(&mut self) -> u8 {
        let byte = self.0.get(self.1).copied().unwrap_or_default();
        self.1 += 1;
        byte
    }

    fn half(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }
}

/// The other side, for as long as there is something for it to do.
struct Stack {
    memory: FakeMemory,
    driver: Driver<FakePeer, ENTRIES>,
    held: Vec<Request>,
    script: Script,
}

impl Stack {
    fn driver(memory: &FakeMemory) -> Driver<FakePeer, ENTRIES> {
        const KNOWN: Ops = Ops::of(&OPS);
        Driver::new(memory.peer(0..memory_len(DATA)), KNOWN).expect("room for a ring")
    }

    /// One thing. False when there is none left.
    fn act(&mut self) -> bool {
        if self.script.is_over() {
            return false;
        }
        while let Ok(Some(request)) = self.driver.take() {
            self.held.push(request);
        }
        match self.script.byte() % 8 {
            0..=3 => self.answer(),
            4 | 5 => {
                // Words of both sides more often than entries and data.
                let (at, byte) = (usize::from(self.script.half()), self.script.byte());
                let at = if byte & 1 == 0 { at % 256 } else { at % memory_len(DATA) };
                self.memory.device_write(at, &[byte >> 1]);
            }
            6 => {
                self.driver = Stack::driver(&self.memory);
                self.held.clear();
            }
            // It tells of nothing.
            _ => {}
        }
        true
    }

    /// Answers one of the requests in hand: with what would be one, or with anything.
    fn answer(&mut self) {
        let which = usize::from(self.script.byte());
        if self.held.is_empty() {
            return;
        }
        let request = self.held.swap_remove(which % self.held.len());
        let len = request.submission().len;
        let kind = self.script.byte();
        let (status, bytes, said) = match kind % 4 {
            0 => {
                let opened = Opened { socket: u64::from(kind), ..Opened::default() };
                (DONE, opened.as_bytes().to_vec(), len.min(size_of::<Opened>() as u32))
            }
            1 => (DONE, vec![kind; usize::from(kind)], u32::from(self.script.half())),
            2 => (self.script.byte(), Vec::new(), 0),
            _ => {
                let count = usize::from(self.script.byte());
                let bytes: Vec<u8> = (0..count.min(64)).map(|_| self.script.byte()).collect();
                let said = if kind & 4 == 0 { bytes.len() as u32 } else { u32::MAX };
                (DONE, bytes, said)
            }
        };
        let bytes = bytes.get(..bytes.len().min(len as usize)).unwrap_or_default();
        // Where the ring is harmed there is nobody to answer.
        let _ = self.driver.write(&request, 0, bytes);
        let _ = self.driver.complete(request, status, said);
    }
}

/// The link of the client.
struct Liar(Rc<RefCell<Stack>>);

impl Link<Memory> for Liar {
    fn attach(
        &mut self,
        side: &mut Consumer<Memory, ENTRIES>,
        _: Deadline,
    ) -> Result<(), CallError> {
        let gone = CallError::Kernel(KernelError::PeerGone);
        let mut stack = self.0.borrow_mut();
        if stack.script.is_over() {
            return Err(gone);
        }
        if stack.driver.attach(LIFE).map_err(|_| gone)? {
            stack.held.clear();
        }
        side.attached().map_err(|_| gone)
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        Ok(())
    }

    fn wait(&mut self, _: Deadline) -> Result<(), KernelError> {
        if self.0.borrow_mut().act() { Ok(()) } else { Err(KernelError::PeerGone) }
    }
}

/// Takes `data` for what client and netstackd do in turns. Its first byte is how many bytes netstackd writes between loads
/// of the client, three of `data` for each. True when something was opened.
///
/// # Panics
/// Something is not true that must be: a request ends twice or never, more bytes are given than there was room for, or
/// something of the ring is in use when all is over.
#[must_use]
pub fn client(data: &[u8]) -> bool {
    let (count, data) = data.split_first().map_or((0, data), |(count, rest)| (*count, rest));
    let (writes, script) = data.split_at((3 * usize::from(count)).min(data.len()));
    let memory = FakeMemory::new(memory_len(DATA));
    let (driver, held) = (Stack::driver(&memory), Vec::new());
    let script = Script(script.to_vec(), 0);
    let stack = Stack { memory: memory.clone(), driver, held, script };
    let stack = Rc::new(RefCell::new(stack));
    let side = memory.part::<ReadWrite>(0..memory_len(DATA));
    let net = Net::new(Liar(Rc::clone(&stack)), side, LIFE).expect("room for a ring");
    let (its, mut writes) = (memory.clone(), Script(writes.to_vec(), 0));
    memory.after_each_load(move || {
        if !writes.is_over() {
            let (at, byte) = (usize::from(writes.half()), writes.byte());
            // A byte of 0 lets one load pass.
            if byte > 0 {
                its.device_write(at % memory_len(DATA), &[byte]);
            }
        }
    });
    let mut asked = Asked::default();
    while !stack.borrow().script.is_over() {
        asked.act(&net, &stack);
    }
    // Whoever was in flight is told that it is over.
    while net.wait(Deadline::NEVER).is_ok() {}
    asked.end(&net);
    assert!(net.is_idle(), "all is over, and something is in use");
    // What it does has the memory, which has it.
    memory.after_each_load(|| ());
    asked.opened
}

/// What the client has asked.
#[derive(Default)]
struct Asked {
    tokens: Vec<Token>,
    sockets: Vec<Socket>,
    opened: bool,
}

impl Asked {
    fn act(&mut self, net: &Client, stack: &RefCell<Stack>) {
        let (what, arg) = {
            let mut stack = stack.borrow_mut();
            (stack.script.byte(), stack.script.byte())
        };
        match what % 16 {
            13 => _ = net.wait(Deadline::NEVER),
            14 => _ = net.poll(),
            15 if !self.tokens.is_empty() => {
                let which = usize::from(arg) % self.tokens.len();
                net.abandon(self.tokens.swap_remove(which));
            }
            _ => self.ask(net, what % 16, arg),
        }
        self.take(net);
    }

    fn ask(&mut self, net: &Client, what: u8, arg: u8) {
        let peer = SocketAddr::from(([192, 0, 2, 7], 80));
        let of = self.sockets.get(usize::from(arg) % self.sockets.len().max(1)).copied();
        let (bytes, most) = ([arg; 700], 8 * usize::from(arg) + 1);
        let bytes = bytes.get(..most.min(700)).unwrap_or_default();
        let ask = match (what, of) {
            (0, Some(of)) => Ask::Accept { of, most },
            (1, Some(of)) => Ask::Send { of, bytes },
            (2, Some(of)) => Ask::Receive { of, most },
            (3, Some(of)) => Ask::Finish { of },
            (4, Some(of)) => Ask::Close { of, reset: arg & 1 == 1 },
            (5, Some(of)) => Ask::SendTo { of, to: peer, bytes },
            (6, Some(of)) => Ask::ReceiveFrom { of, most },
            (7, _) => Ask::Resolve { name: "name.example", family: Family::V4 },
            (8, _) => Ask::Ping { to: peer.ip(), bytes },
            (9, _) => Ask::Bind { port: arg.into() },
            (10, _) => Ask::Listen { at: peer, backlog: arg.into() },
            _ => Ask::Connect { to: peer, from: 0 },
        };
        if self.tokens.len() < MOST {
            self.tokens.extend(net.submit(&ask).ok());
        }
    }

    /// Takes what there is of all that was asked.
    fn take(&mut self, net: &Client) {
        let mut into = [0xa5; 512];
        let Asked { tokens, sockets, opened } = self;
        tokens.retain(|token| {
            let outcome = net.take(*token, &mut into[..256]);
            assert!(into[256..].iter().all(|byte| *byte == 0xa5), "bytes behind the room for them");
            match outcome {
                None => true,
                Some(Ok(Outcome::Received { len, left })) => {
                    assert!(len <= 256);
                    left > 0
                }
                Some(Ok(Outcome::Datagram { len, had, .. })) => {
                    assert!(len <= 256 && len <= had);
                    false
                }
                Some(Ok(Outcome::Opened(one))) => {
                    *opened = true;
                    sockets.push(one.socket);
                    false
                }
                Some(Ok(Outcome::Accepted(one))) => {
                    sockets.push(one.socket);
                    true
                }
                Some(outcome) => {
                    assert_ne!(outcome, Err(Error::NoRequest), "it has ended twice");
                    false
                }
            }
        });
    }

    /// All of it has ended.
    fn end(&mut self, net: &Client) {
        // Of what came there is less each time.
        for _ in 0..DATA {
            if self.tokens.is_empty() {
                return;
            }
            self.take(net);
        }
        assert!(self.tokens.is_empty(), "a request has no end");
    }
}
