//! virtioblkd, of which the lives die at their requests: the first before it has asked the device for anything, the
//! second when it has asked once, the third before it asks a second time, and so on. A later one lasts.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_abi::Handle;
use nexus_mmio::Bus;
use nexus_ring::Driver;
use nexus_rt::{StartError, drive, entry, log, owner, startup};
use nexus_virtio::owner::description;
use state_load::deaths::DYING;
use virtioblkd::engine::Engine;
use virtioblkd::requests::{ENTRIES, OPS};
use virtioblkd::server::{Consumer, Server};
use virtioblkd::start::{Memory, start_by};

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines and the same proofs again.
const NOBODY: Handle = Handle(u64::MAX);
/// The register by which a device is told that it is asked (virtio 1.2, 4.2.2).
const QUEUE_NOTIFY: usize = 0x50;
/// The code that it ends with.
const DEAD: u64 = 3;

/// The registers of a driver that dies.
#[derive(Debug)]
struct Dying<B> {
    bus: B,
    /// Requests before it dies.
    left: Option<u32>,
    /// It dies behind the last of them, and not before it.
    behind: bool,
}

impl<B> Dying<B> {
    fn new(bus: B, life: u32) -> Dying<B> {
        let left = (life <= DYING).then_some(life.saturating_sub(1) / 2);
        Dying { bus, left, behind: life.is_multiple_of(2) }
    }

    /// Before, or behind a request.
    fn step(&mut self, behind: bool) {
        match &mut self.left {
            Some(0) if behind == self.behind => entry::end(DEAD),
            Some(left) if behind => *left = left.saturating_sub(1),
            _ => {}
        }
    }
}

impl<B: Bus> Bus for Dying<B> {
    fn len(&self) -> usize {
        self.bus.len()
    }
    fn read8(&self, offset: usize) -> u8 {
        self.bus.read8(offset)
    }
    fn read16(&self, offset: usize) -> u16 {
        self.bus.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.bus.read32(offset)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.bus.write8(offset, value);
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.bus.write16(offset, value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        let asks = offset == QUEUE_NOTIFY;
        if asks {
            self.step(false);
        }
        self.bus.write32(offset, value);
        if asks {
            self.step(true);
        }
    }
}

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    let endpoint = startup().serve()?;
    let life = startup().block().incarnation;
    let (disk, regs) = start_by(&description()?, |window| Dying::new(window, life))?;
    let line = owner::line(endpoint);
    let ring = owner::ring();
    let peer = ring.as_ref().map(|(ring, _)| *ring);
    let driver =
        ring.and_then(|(_, memory): (_, Memory)| Driver::<_, ENTRIES>::new(memory, OPS).ok());
    let consumer = peer.map(|ring| Consumer::new(ring.peer(), ring.bit(), ring.tell()));
    let engine = Engine::new(disk, driver);
    let mut server = Server::new(engine, regs, Vec::new(), consumer, line.is_some());
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}
