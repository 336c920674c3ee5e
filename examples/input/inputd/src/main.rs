//! Owner of a virtio input device: tells which keys are pressed.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::time::Duration;

use inputd::events::{Events, HEADS, INPUT, QUEUE};
use inputd::server::{Line, Server};
use nexus_rt::{StartError, drive, error, info, owner, proof, startup, uptime_ns};
use nexus_virtio::owner::take;
use nexus_virtio::regs::LEN;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let mut device = take::<LEN>(INPUT)?;
    let events = Events::new(device.queue::<HEADS>(QUEUE)?);
    let line = owner::line(endpoint);
    device.ready();
    let clock = || Duration::from_nanos(uptime_ns());
    let device = (device.regs, device.identity);
    let mut server = Server::new(device, events, line.is_some(), clock, tell);
    if usize::from(server.posted()) == HEADS {
        // Only a test run keeps it, and only a test run misses it; `must-prove` in the service file names it.
        let _ = proof("input-heads-posted", server.posted().into());
    }
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}

fn tell(line: Line) {
    match line {
        Line::Failed(_) => error!("{line}"),
        _ => info!("{line}"),
    }
}
