//! A client and a netstackd that is not there.

mod bounds;
mod calls;
mod ends;
mod futures;
mod hostile;
mod link;
mod random;
mod stack;
mod unkind;
mod waits;

use std::rc::Rc;

use core::cell::RefCell;
use core::net::SocketAddr;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_ring::memory_len;
use nexus_rt::Deadline;

use crate::Net;
use link::FakeLink;
use stack::Stack;

/// Bytes of the ring's data.
const DATA: usize = 16 * 4096;
/// The life of the client.
const LIFE: u32 = 1;

type FakeNet = Net<FakeLink, FakePeer>;

/// A ring with so many bytes of data, in whole pages, its stack, and how a client is bound to that.
fn parts(data: usize) -> (FakeMemory, Rc<RefCell<Stack>>, FakeLink) {
    parts_of(memory_len(data))
}

/// The same in so many bytes of memory.
fn parts_of(len: usize) -> (FakeMemory, Rc<RefCell<Stack>>, FakeLink) {
    let memory = FakeMemory::new(len);
    let stack = Rc::new(RefCell::new(Stack::new(&memory, len)));
    let link = FakeLink(Rc::clone(&stack));
    (memory, stack, link)
}

/// A client and its stack, with so many bytes of data.
fn pair_of(data: usize) -> (FakeNet, Rc<RefCell<Stack>>) {
    let (memory, stack, link) = parts(data);
    (Net::new(link, memory.peer(0..memory_len(data)), LIFE).unwrap(), stack)
}

fn pair() -> (FakeNet, Rc<RefCell<Stack>>) {
    pair_of(DATA)
}

/// Nothing here takes time: what does not come at once does not come.
const SOON: Deadline = Deadline::NEVER;

fn peer() -> SocketAddr {
    "192.0.2.7:80".parse().unwrap()
}
