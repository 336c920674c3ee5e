//! A store whose disk has a driver that dies at each of its requests, life after life: each change and sync is done,
//! statefsd goes on in its first life, and what was acknowledged is there, on the disk, too.

use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

use nexus_proto::ids;
use nexus_proto::init::Init;
use nexus_proto::state::{Info, Standing, State};
use nexus_rt::{Client, Deadline, startup};
use nexus_state::{Expect, OWN};
use nexus_test::{Facts, Host, SAFETY_MS};

use crate::lives::{kill, lives};
use crate::load::Load;

/// Changes from one sync to the next.
const EACH: u64 = 2;
/// Steps by which a life of the driver dies: the first at the first, the next at the second, and so on; and again.
const STEPS: u32 = 48;
/// How often. The first time the store is being opened.
const TIMES: u32 = 4;
/// Steps of the one life after that: so many as the rest of the opening takes, and more.
const OPENING: u32 = 3000;
/// Lives of the driver that die.
const DYING: u32 = STEPS * TIMES + 1;
/// Changes by which they must have died.
const TOO_MANY: u64 = 20_000;
/// Values that one sync makes durable together, and bytes of each: the frame is 7 requests of 32 KiB, of which four are
/// under way together.
const TOGETHER: u64 = 7;
const BYTES: usize = 28_000;

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Saw {
    /// statefsd had more than one life.
    Ended(u32),
    /// The driver did not die so often.
    Lives(u32),
    /// One of the values that were made durable together is not what it was in the last round.
    Other(u64),
}

type Failed = crate::failed::Failed<Saw>;

/// After how many steps a life of the driver dies; none: it lasts.
#[must_use]
pub const fn steps(life: u32) -> Option<u32> {
    if life > DYING {
        return None;
    }
    match life.saturating_sub(1) {
        STEPS => Some(OPENING),
        before if before < STEPS => Some(before),
        before => Some((before - 1) % STEPS),
    }
}

/// Proves that nobody noticed.
///
/// # Errors
/// The host cannot be told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    // The driver dies from its first step on: the store cannot be open yet.
    let statefsd: Client<State> = startup().client(ids::STATEFSD)?;
    let info = statefsd.call(&Info {}, Deadline::after_ms(SAFETY_MS))?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let opening = match info.standing {
        Standing::Opening => Ok(1),
        other => Err(format!("{other:?}")),
    };
    facts.tell("opening-told", &opening)?;
    let init = startup().client(ids::INIT)?;
    let used = used(init).map_err(|why| format!("{why:?}"));
    facts.tell("acknowledged-kept", &used)?;
    facts.host.witness(Deadline::NEVER)?;
    facts.end()
}

fn used(init: Client<Init>) -> Result<u32, Failed> {
    let mut load = Load::new()?;
    let (mut checks, mut round) = (0, 0);
    while lives(init, ids::VIRTIOBLKD)? <= DYING {
        if load.made >= TOO_MANY {
            return Err(Failed::Saw(Saw::Lives(lives(init, ids::VIRTIOBLKD)?)));
        }
        for _ in 0..8 {
            load.change()?;
            if load.made - load.synced >= EACH {
                load.sync()?;
            }
        }
        round += 1;
        put_together(&mut load, round)?;
        checks += 8 + TOGETHER as u32;
    }
    load.sync()?;
    checks += load.found()?.1 + found_together(&mut load, round)?;
    let lives = lives(init, ids::STATEFSD)?;
    if lives > 1 {
        return Err(Failed::Saw(Saw::Ended(lives)));
    }
    // The next life has nothing but what is on the disk.
    kill(init, ids::STATEFSD)?;
    Ok(checks + load.found()?.1 + found_together(&mut load, round)?)
}

/// Puts large values, and makes them durable by one sync.
fn put_together(load: &mut Load, round: u64) -> Result<(), Failed> {
    for at in 0..TOGETHER {
        load.store.put(&format!("together/{at}"), &bytes(round, at), Expect::Any)?;
    }
    Ok(load.sync()?)
}

/// They are those of the last round. How many there are.
fn found_together(load: &mut Load, round: u64) -> Result<u32, Failed> {
    for at in 0..TOGETHER {
        let value = load.store.get(OWN, &format!("together/{at}"))?;
        if value.is_none_or(|value| value.bytes != bytes(round, at)) {
            return Err(Failed::Saw(Saw::Other(at)));
        }
    }
    Ok(TOGETHER as u32)
}

fn bytes(round: u64, at: u64) -> Vec<u8> {
    let word = round << 8 | at;
    (0..BYTES as u64).map(|place| (word.rotate_left(place as u32) ^ place >> 6) as u8).collect()
}
