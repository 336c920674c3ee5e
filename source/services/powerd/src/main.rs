//! Owner of the power finisher: ends or restarts the machine for those who may ask.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::Role;
use nexus_rt::{StartError, owner, run, startup};
use nexus_sysdesc::Description;
use powerd::finisher::Finisher;
use powerd::server::Server;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let description = start.map_memory(Role::Description)?;
    let description = Description::decode(description.bytes()).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::NoMemory
    })?;
    let finisher =
        Finisher::start(owner::window()?).map_err(|small| owner::wrong_device(&small, 0))?;
    // Only a test run keeps it, and only a test run misses it.
    let _ = nexus_rt::proof("mmio-window-mapped", 2);
    owner::ready(0);
    Err(StartError::Kernel(run(start.serve()?, &mut Server::new(finisher, description))))
}
