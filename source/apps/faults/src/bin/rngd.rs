//! rngd, whose registers have random values.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::time::Duration;

use faults::lies::{LyingBus, begin};
use nexus_rt::{StartError, drive, owner, startup, uptime_ns};
use nexus_virtio::DeviceType;
use nexus_virtio::owner::{description, take_by};
use nexus_virtio::regs::LEN;
use rngd::server::Server;
use rngd::source::Source;

nexus_rt::entry!(main);

/// Heads of the queue of the device (virtio 1.2, 5.4.2).
const HEADS: usize = 4;

fn main() -> Result<(), StartError> {
    let seed = begin()?;
    let endpoint = startup().serve()?;
    let by = |window| LyingBus::new(window, seed);
    let mut device = take_by::<LEN, _>(DeviceType::ENTROPY, &description()?, by)?;
    let (queue, heads, slots) = device.queue::<HEADS>(0)?;
    let line = owner::line(endpoint);
    device.ready();
    let source = Source::new(queue, slots, heads);
    let clock = || Duration::from_nanos(uptime_ns());
    let mut server = Server::new(device.regs, source, line.is_some(), clock);
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}
