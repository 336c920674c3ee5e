//! rtcd, which dies where it is told to.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use mortal::life::{Life, MortalBus, MortalServer};
use nexus_abi::Handle;
use nexus_proto::ids;
use nexus_rt::{StartError, log, owner, run, startup};
use rtcd::device::Rtc;
use rtcd::server::Server;

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines and the same proofs again.
const NOBODY: Handle = Handle(u64::MAX);

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    let start = startup();
    let life = Life::begin()?;
    life.step();
    let window = owner::window()?;
    life.step();
    let rtc = Rtc::start(MortalBus::new(window, &life))
        .map_err(|error| owner::wrong_device(&error, 0))?;
    life.step();
    owner::ready(0);
    life.step();
    let server = Server::new(rtc, start.client(ids::LOGD)?);
    Err(StartError::Kernel(run(start.serve()?, &mut MortalServer::new(server, &life))))
}
