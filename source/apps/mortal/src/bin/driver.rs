//! rtcd, which dies where it is told to.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use mortal::life::{Life, MortalBus, MortalServer};
use nexus_abi::{Error, Handle, NO_DEADLINE};
use nexus_proto::ids;
use nexus_rt::{StartError, log, owner, run, startup, sys};
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
    listen(&life)?;
    let rtc = Rtc::start(MortalBus::new(window, &life))
        .map_err(|error| owner::wrong_device(&error, 0))?;
    life.step();
    owner::ready(0);
    life.step();
    let server = Server::new(rtc, start.client(ids::LOGD)?);
    Err(StartError::Kernel(run(start.serve()?, &mut MortalServer::new(server, &life))))
}

/// Registers of the clock: the low half of its alarm, and whether that interrupts.
const ALARM_LOW: u64 = 0x08;
const IRQ_ENABLED: u64 = 0x10;

/// Has the clock interrupt once, by an alarm that rang long ago: a step when the line is bound, when it
/// was delivered, and when it was acknowledged. A line that the life before has left as it was would
/// never come.
fn listen(life: &Life) -> Result<(), StartError> {
    let start = startup();
    let window = Handle(start.window()?.handle);
    let line = Handle(start.line().ok_or(Error::BadHandle)?.handle);
    let told = sys::notification_create()?;
    sys::irq_bind(line, told, 1, Handle::NONE, 0)?;
    life.step();
    sys::mmio_write(window, ALARM_LOW, 1)?;
    sys::mmio_write(window, IRQ_ENABLED, 1)?;
    sys::wait(told, NO_DEADLINE, Handle::NONE)?;
    life.step();
    sys::mmio_write(window, IRQ_ENABLED, 0)?;
    // Nothing comes before the deadline, which is over.
    let _ = sys::wait(told, 0, line);
    life.step();
    Ok(())
}
