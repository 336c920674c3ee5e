//! rngd, which dies where it is told to.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::time::Duration;

use mortal::life::{Life, MortalBus, MortalServer};
use nexus_abi::Handle;
use nexus_rt::{StartError, drive, log, owner, startup, uptime_ns};
use nexus_virtio::DeviceType;
use nexus_virtio::owner::{description, take_by};
use nexus_virtio::regs::LEN;
use rngd::server::Server;
use rngd::source::Source;

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines and the same proofs again.
const NOBODY: Handle = Handle(u64::MAX);
/// Heads of the queue of the device (virtio 1.2, 5.4.2).
const HEADS: usize = 4;

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    let endpoint = startup().serve()?;
    let life = Life::begin()?;
    life.step();
    let by = |window| MortalBus::new(window, &life);
    let mut device = take_by::<LEN, _>(DeviceType::ENTROPY, &description()?, by)?;
    life.step();
    let (queue, heads, slots) = device.queue::<HEADS>(0)?;
    let line = owner::line(endpoint);
    life.step();
    device.ready();
    life.step();
    let source = Source::new(queue, slots, heads);
    let clock = || Duration::from_nanos(uptime_ns());
    let server = Server::new(device.regs, source, line.is_some(), clock);
    Err(StartError::Kernel(drive(endpoint, line, &mut MortalServer::new(server, &life))))
}
