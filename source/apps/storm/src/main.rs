//! An owner whose device never lowers its line, and what others have of the processor meanwhile (test profile
//! only). Its threads are of three priorities: this one, which measures, and is more important than the storm;
//! the storm, which acknowledges at once and for ever; and one that counts, as important as the storm or less.
//!
//! QEMU counts instructions as time, so that all of it is the same on every machine.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod gale;

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_abi::Role;
use nexus_rt::{Deadline, StartError, startup};
use nexus_sysdesc::Description;
use nexus_test::{Check, Facts, Failed, Host};

use gale::{Acknowledges, Gale, Seen};

nexus_rt::entry!(main);

/// The storm, an equal of it, and one that is less important. This thread is more important.
const STORM: u8 = 8;
const EQUAL: u8 = 8;
const LESS: u8 = 7;

/// Interrupts of a storm that nothing holds back, at least.
const MANY: u64 = 1_000;
/// Parts of a thousand that an equal of the storm has of what it has alone, at least: it is one of two.
const SHARE_OF_EQUALS: u64 = 450;
/// Likewise a less important thread, when the storm is held back or is not acknowledged.
const NEARLY_ALL: u64 = 900;
/// Ticks, of 100 instructions, by which the more important thread may be late.
const LATE: u64 = 200;

fn main() -> Result<Infallible, Failed> {
    let mut facts = Facts::new(Host::new()?);
    let host = facts.host;
    host.wait_until_ready()?;
    let gale = Gale::new(STORM)?;
    let interval = interval_us()? * (startup().block().timebase_hz / 1_000_000);
    let alone = [gale.blow(None, Some(EQUAL))?, gale.blow(None, Some(LESS))?];
    let [equal, less] = [
        gale.blow(Some(Acknowledges::AtOnce), Some(EQUAL))?,
        gale.blow(Some(Acknowledges::AtOnce), Some(LESS))?,
    ];
    let masked = gale.blow(Some(Acknowledges::Never), Some(LESS))?;
    for seen in alone.iter().chain([&equal, &less, &masked]) {
        host.console.line(&format!("storm: {seen:?}"))?;
    }
    host.witness(Deadline::NEVER)?;
    let [equal_alone, less_alone] = alone;
    facts.tell("storm-equal-share", &share(&equal, &equal_alone, SHARE_OF_EQUALS))?;
    facts.tell("storm-important-in-time", &in_time(&[equal, less, masked]))?;
    let once = || holds(masked.delivered == 1, || format!("{masked:?}"));
    let never = share(&masked, &less_alone, NEARLY_ALL).and_then(|more| Ok(more + once()?));
    facts.tell("storm-never-acknowledged", &never)?;
    if interval == 0 {
        facts.tell("storm-blows", &blows(&[equal, less]))?;
    } else {
        let held = share(&less, &less_alone, NEARLY_ALL);
        let held = held.and_then(|more| Ok(more + held_back(&equal, &less, interval)?));
        facts.tell("storm-held-back", &held)?;
    }
    facts.end()
}

/// The least time between two interrupts, by the rule for this owner; 0 for no such bound.
fn interval_us() -> Result<u64, StartError> {
    let start = startup();
    let memory = start.map_memory(Role::Description)?;
    let description = Description::decode(memory.bytes()).map_err(|_| StartError::BadMemory)?;
    let own = start.block().service_id;
    let need = description.service(own).and_then(|service| service.needs.first());
    let rule = need.and_then(|need| description.rule_for(own, need.device));
    Ok(rule.ok_or(StartError::BadMemory)?.interval.into())
}

/// In a storm a thread has this part of a thousand of what it has alone, or more.
fn share(storm: &Seen, alone: &Seen, least: u64) -> Check {
    let part = storm.counted * 1_000 / alone.counted.max(1);
    let why = || format!("{part} of 1000: {storm:?}, alone {alone:?}");
    holds(alone.counted > 0 && part >= least, why)
}

/// Who is more important than the storm is not kept waiting by it.
fn in_time(all: &[Seen]) -> Check {
    let late = all.iter().map(|seen| seen.late).max().unwrap_or(u64::MAX);
    holds(late <= LATE, || format!("{late} ticks late")).map(|one| one * all.len() as u32)
}

/// Each interrupt is delivered once, and there are many: else nothing was held against anything.
fn blows(all: &[Seen]) -> Check {
    for seen in all {
        holds(seen.delivered >= MANY && seen.woken.abs_diff(seen.delivered) <= 1, || {
            format!("{seen:?}")
        })?;
    }
    Ok(2 * all.len() as u32)
}

/// No more interrupts than there is time for; and not many fewer where the storm waits for nobody's turn.
fn held_back(equal: &Seen, less: &Seen, interval: u64) -> Check {
    for seen in [equal, less] {
        let most = seen.elapsed / interval + 1;
        holds(seen.delivered <= most, || format!("{seen:?}, at most {most}"))?;
    }
    let least = less.elapsed / interval / 2;
    holds(less.delivered > least, || format!("{less:?}, more than {least}")).map(|one| 3 * one)
}

fn holds(fact: bool, why: impl FnOnce() -> String) -> Check {
    if fact { Ok(1) } else { Err(why()) }
}
