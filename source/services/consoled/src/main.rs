//! Owner of the serial port: output by line, input with line editing and history.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use consoled::follow::Follower;
use consoled::server::Server;
use consoled::uart::Uart;
use nexus_abi::Role;
use nexus_proto::ids;
use nexus_rt::{StartError, drive, owner, startup, ticks};
use nexus_sysdesc::Description;

nexus_rt::entry!(main);

/// A later life shows again what was said in the last of so many parts of a second.
const OVERLAP_HZ: u64 = 10;

fn main() -> Result<(), StartError> {
    let start = startup();
    let description = start.map_memory(Role::Description)?;
    let description = Description::decode(description.bytes()).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::NoMemory
    })?;
    let mut follower = Follower::new(start.client(ids::LOGD)?, &description, start.block().nonce);
    if start.block().incarnation > 1 {
        // The life before has shown all but what came last: some lines are shown twice, rather than never.
        let overlap = start.block().timebase_hz / OVERLAP_HZ;
        follower = follower.since(ticks().saturating_sub(overlap));
    }
    let uart = Uart::start(owner::window()?).map_err(|error| owner::wrong_device(&error, 0))?;
    // Only a test run keeps it, and only a test run misses it.
    let _ = nexus_rt::proof("mmio-window-mapped", 2);
    owner::ready(0);
    let endpoint = start.serve()?;
    let line = owner::line(endpoint);
    let mut server = Server::new(uart, line.is_some(), follower, description);
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}
