//! Changes and syncs for ever, by two programs; the first of them asks the host, after so many changes as follow from
//! the number of the run, to cut the power. What was acknowledged by then is in each value that is put later.

use alloc::format;
use core::convert::Infallible;

use nexus_rt::startup;
use nexus_state::Error;
use nexus_test::{Host, records};

use crate::load::Load;

/// The one that asks.
const LEADS: u32 = 120;
/// Changes, about, from one sync to the next: of it, and of the other.
const EACH: [u64; 2] = [3, 7];
/// Changes before the power is to be cut: from so many on, and up to so many more.
const BEFORE: [u64; 2] = [200, 200];
/// Changes after which nobody has cut it. A safety net.
const TOO_MANY: u64 = 1 << 20;

/// Until the power is cut.
///
/// # Errors
/// Why it cannot go on, once the host was told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    let leads = startup().block().service_id == LEADS;
    if leads {
        host.wait_for_owners()?;
    }
    let why = changes(&host, leads);
    host.console.line(&format!("state-cut: {why:?}"))?;
    Ok(host.end(0, 1)?)
}

fn changes(host: &Host, leads: bool) -> Result<Infallible, Error> {
    let [least, more] = BEFORE;
    let cut_at = least + startup().block().nonce % more;
    let [own, other] = EACH;
    let each = if leads { own } else { other };
    let mut load = Load::new()?;
    let mut asked = !leads;
    while load.made < TOO_MANY {
        load.change()?;
        if load.made - load.synced >= each {
            load.sync()?;
        }
        if !asked && load.made >= cut_at {
            // It is cut at some later time: this goes on.
            asked = host.record(records::CUT).is_ok();
        }
    }
    Err(Error::TimedOut)
}
