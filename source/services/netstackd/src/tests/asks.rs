//! A client that says what it wants, word for word.

use std::collections::BTreeMap;

use nexus_mmio::fake::FakePeer;
use nexus_proto::socket::ring::{self as wire, ENTRIES, Target};
use nexus_ring::{Consumer, Submission};
use nexus_sysdesc::mapped;
use zerocopy::IntoBytes;

use super::netd::{Bell, rings};

/// Bytes of the data of a request of a client.
pub(super) const SLOT: usize = 4096;

/// A client that says what it wants, word for word.
pub(super) struct Client {
    pub(super) side: Consumer<FakePeer, ENTRIES>,
    pub(super) done: BTreeMap<u16, (u8, Vec<u8>)>,
    pub(super) bell: Bell,
}

impl Client {
    /// Asks, with a whole slot of data that begins with these bytes.
    pub(super) fn ask(&mut self, op: u8, socket: u64, bytes: &[u8]) -> u16 {
        self.ask_len(op, socket, bytes, SLOT)
    }

    pub(super) fn ask_len(&mut self, op: u8, socket: u64, bytes: &[u8], len: usize) -> u16 {
        self.look();
        let id = self.side.free_id().expect("room in the ring");
        let offset = u32::from(id) * SLOT as u32;
        let none = Target::default();
        let bytes = if bytes.is_empty() && len >= SLOT { none.as_bytes() } else { bytes };
        self.side.write(offset, bytes).unwrap();
        let len = len as u32;
        self.side.submit(Submission { id, op, len, offset, arg: socket }).unwrap();
        self.tell();
        self.done.remove(&id);
        id
    }

    /// Tells the server of what was asked, if it wants to be told.
    pub(super) fn tell(&mut self) {
        let _ = self.side.ring(rings(&self.bell));
    }

    pub(super) fn look(&mut self) {
        while let Ok(Some(done)) = self.side.pop() {
            let mut bytes = vec![0; done.len as usize];
            // What was sent is not read back.
            self.side.read(u32::from(done.id) * SLOT as u32, &mut bytes).unwrap();
            self.done.insert(done.id, (done.status, bytes));
        }
    }

    pub(super) fn is_done(&mut self, id: u16) -> bool {
        self.look();
        self.done.contains_key(&id)
    }

    /// What has come of it by now.
    pub(super) fn take(&mut self, id: u16) -> Option<(u8, Vec<u8>)> {
        self.look();
        self.done.remove(&id)
    }

    pub(super) fn send(&mut self, socket: u64, data: &[u8]) -> u16 {
        let len = data.len() as u32;
        let head = Target { len, ..Target::default() };
        self.ask(wire::SEND, socket, &[head.as_bytes(), data].concat())
    }
}

pub(super) fn to(v4: [u8; 4], port: u16) -> Target {
    Target { address: mapped(v4), port, ..Target::default() }
}

/// At a port here.
pub(super) fn at(n: u16) -> Target {
    Target { n, ..Target::default() }
}
