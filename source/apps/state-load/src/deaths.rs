//! A store whose disk has a driver that dies at each of its requests, life after life: each change and sync is done,
//! statefsd goes on in its first life, and what was acknowledged is there.

use alloc::format;
use core::convert::Infallible;

use nexus_proto::ids;
use nexus_proto::init::{Init, Lives};
use nexus_rt::{CallError, Client, Deadline, startup};
use nexus_test::{Facts, Host, SAFETY_MS};

use crate::load::{Load, Lost};

/// Changes from one sync to the next.
const EACH: u64 = 2;
/// Lives of the driver that die.
pub const DYING: u32 = 40;
/// Changes by which they must have died.
const TOO_MANY: u64 = 20_000;

/// Why it cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failed {
    /// A call other than one of the store.
    Call(CallError),
    /// A change was not made, or what was acknowledged is not there.
    Lost(Lost),
    /// statefsd had more than one life.
    Ended(u32),
    /// The driver did not die so often.
    Lives(u32),
}

/// Proves that nobody noticed.
///
/// # Errors
/// The host cannot be told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let init = startup().client(ids::INIT)?;
    let used = used(init).map_err(|why| format!("{why:?}"));
    facts.tell("acknowledged-kept", &used)?;
    facts.host.witness(Deadline::NEVER)?;
    facts.end()
}

fn used(init: Client<Init>) -> Result<u32, Failed> {
    let mut load = Load::new().map_err(Lost::from)?;
    let mut checks = 0;
    while lives(init, ids::VIRTIOBLKD)? <= DYING {
        if load.made >= TOO_MANY {
            return Err(Failed::Lives(lives(init, ids::VIRTIOBLKD)?));
        }
        for _ in 0..8 {
            load.change().map_err(Lost::from)?;
            if load.made - load.synced >= EACH {
                load.sync().map_err(Lost::from)?;
            }
        }
        checks += 8;
    }
    checks += load.found()?.1;
    match lives(init, ids::STATEFSD)? {
        1 => Ok(checks),
        lives => Err(Failed::Ended(lives)),
    }
}

/// How many lives a service had.
fn lives(init: Client<Init>, service: u32) -> Result<u32, CallError> {
    let mut cursor = 0;
    loop {
        let info = init.call(&Lives { cursor }, Deadline::after_ms(SAFETY_MS))?;
        if info.service.id == service {
            return Ok(info.lives);
        }
        cursor = info.next.into();
    }
}

impl From<CallError> for Failed {
    fn from(why: CallError) -> Failed {
        Failed::Call(why)
    }
}

impl From<Lost> for Failed {
    fn from(why: Lost) -> Failed {
        Failed::Lost(why)
    }
}
