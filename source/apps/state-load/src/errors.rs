//! A store on a disk some of whose requests fail: each failure is told to whoever waits, what was acknowledged is read
//! all the same, and is there when the store is opened again.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_proto::ids;
use nexus_proto::init::Init;
use nexus_rt::{Client, Deadline, startup};
use nexus_state::Error;
use nexus_test::{Facts, Host};

use crate::lives::kill;
use crate::load::{Load, Lost};

/// Changes from one sync to the next.
const EACH: u64 = 2;
/// Requests of the disk that fail, as expect.toml has it: writes, flushes, and writes that find no room.
const ERRORS: u32 = 3;
/// Changes that are made once no request fails any more.
const AFTER: u64 = 100;
/// Changes by which each of them must have failed.
const TOO_MANY: u64 = 5000;

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Saw {
    /// The store does not say that nothing may be written.
    Said(Error),
    /// A store in which nothing may be written took a change.
    Taken,
    /// No request failed.
    NoError,
}

type Failed = crate::failed::Failed<Saw>;

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    errors: u32,
    checks: u32,
}

/// Proves that each failure is told, and that nothing is lost by it.
///
/// # Errors
/// The host cannot be told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let init = startup().client(ids::INIT)?;
    let seen = used(init).map_err(|why| format!("{why:?}"));
    let part = |of: fn(&Seen) -> u32| -> Result<u32, String> {
        seen.as_ref().map(of).map_err(String::clone)
    };
    facts.tell("disk-errors-told", &part(|seen| seen.errors))?;
    facts.tell("acknowledged-kept", &part(|seen| seen.checks))?;
    facts.host.witness(Deadline::NEVER)?;
    facts.end()
}

fn used(init: Client<Init>) -> Result<Seen, Failed> {
    let mut load = Load::new()?;
    let mut seen = Seen::default();
    while seen.errors < ERRORS {
        match until_an_error(&mut load, TOO_MANY)? {
            Error::ReadOnly(..) => seen.errors += 1,
            other => return Err(Failed::Saw(Saw::Said(other))),
        }
        // What is read was made, if it was not acknowledged.
        seen.checks += load.found()?.1;
        match load.change() {
            Err(Error::ReadOnly(..)) => {}
            Err(other) => return Err(Failed::Saw(Saw::Said(other))),
            Ok(()) => return Err(Failed::Saw(Saw::Taken)),
        }
        kill(init, ids::STATEFSD)?;
        seen.checks += again(&mut load)?;
    }
    let last = load.made + AFTER;
    while load.made < last {
        next(&mut load)?;
    }
    seen.checks += load.found()?.1;
    Ok(seen)
}

/// Changes and syncs, until one fails.
fn until_an_error(load: &mut Load, most: u64) -> Result<Error, Failed> {
    while load.made < most {
        if let Err(why) = next(load) {
            return Ok(why);
        }
    }
    Err(Failed::Saw(Saw::NoError))
}

/// The next change, and a sync when it is time for one.
fn next(load: &mut Load) -> Result<(), Error> {
    load.change()?;
    if load.made - load.synced >= EACH { load.sync() } else { Ok(()) }
}

/// The next life of statefsd opens the store: what was acknowledged is there. How many keys were looked at.
fn again(load: &mut Load) -> Result<u32, Failed> {
    let (upto, keys) = match load.found() {
        // It is told once that what was not synced may be gone.
        Err(Lost::Store(Error::Lost)) => load.found()?,
        other => other?,
    };
    load.go_on_behind(upto);
    Ok(keys)
}
