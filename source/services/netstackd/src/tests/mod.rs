//! The server between clients with rings and a card with rings, and a peer at the other end of the wire. Time is the
//! test's.

mod answers;
mod asks;
mod bounds;
mod cards;
mod cases;
mod client;
mod datagrams;
mod due;
mod ends;
mod honest;
mod hostile;
mod itself;
mod lives;
mod neighbours;
mod netd;
mod peer;
mod quotas;
mod rules;
mod says;
mod second;
mod shown;
mod storm;
mod streams;
mod turns;
mod units;
mod wait;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use nexus_mmio::ReadWrite;
use nexus_mmio::fake::{FakeMemory, FakePeer, FakeShared};
use nexus_proto::net::{Card as Says, RECEIVE, TRANSMIT};
use nexus_proto::socket::ring::{self as wire, ENTRIES, Opened, Target};
use nexus_proto::{Text, Zero, read_payload};
use nexus_ring::{Consumer, DONE, Driver, Ops, Submission, memory_len};
use nexus_rt::abi::{Handle, Sender};
use nexus_rt::refusals::{Denied, Refusals};
use nexus_sysdesc::{
    Address, Description, NetDirection, NetProtocol, Network, NetworkSays, Sockets, mapped,
};
use smoltcp::time::{Duration, Instant};
use zerocopy::IntoBytes;

use crate::card::Card;
use crate::numbers::{Numbers, Source};
use crate::road::Road;
use crate::rules::Rules;
use crate::server::Server;
use asks::{Client, SLOT, at, to};
use says::{any4, description, reach};
use world::{Trouble, World, connects_to};

pub(super) type Memory = FakeShared<ReadWrite>;

/// This machine, by DHCP; the peer, who is the router too; and somebody behind it.
pub(super) const OWN: [u8; 4] = [10, 0, 2, 15];
pub(super) const PEER: [u8; 4] = [10, 0, 2, 2];
pub(super) const BACK: [u8; 4] = [10, 0, 2, 77];
pub(super) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Clients. A may do much, B little, C resolves and may call A, D nothing.
pub(super) const A: u32 = 20;
pub(super) const B: u32 = 21;
pub(super) const C: u32 = 22;
pub(super) const D: u32 = 23;

/// Numbers that a test can guess, or none.
#[derive(Clone, Debug)]
pub(super) struct FakeSource {
    pub(super) has: bool,
    next: u64,
}

impl Source for FakeSource {
    fn draw(&mut self) -> Option<Text> {
        let mut bytes = [0; Text::MAX];
        for chunk in bytes.chunks_exact_mut(8) {
            self.next = self.next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            chunk.copy_from_slice(&(self.next ^ self.next >> 29).to_le_bytes());
        }
        self.has.then(|| Text::piece(&bytes))
    }
}

/// What was told of denials.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(pub(super) Rc<RefCell<Vec<Denied>>>);

impl Refusals for Told {
    fn first(&mut self, denied: Denied) {
        self.0.borrow_mut().push(denied);
    }
}
