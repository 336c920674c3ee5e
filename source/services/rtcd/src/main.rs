//! Owner of the real-time clock: what time it is, for services and for the log.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_proto::ids;
use nexus_rt::{StartError, owner, run, startup};
use rtcd::device::Rtc;
use rtcd::server::Server;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let logd = start.client(ids::LOGD)?;
    let rtc = Rtc::start(owner::window()?).map_err(|error| owner::wrong_device(&error, 0))?;
    // Only a test run keeps it, and only a test run misses it.
    let _ = nexus_rt::proof("mmio-window-mapped", 2);
    owner::ready(0);
    Err(StartError::Kernel(run(start.serve()?, &mut Server::new(rtc, logd))))
}
