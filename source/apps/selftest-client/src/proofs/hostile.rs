//! Each hostile process ends, or answers, exactly as its row says.

use alloc::format;
use alloc::string::String;

use hostile::fault::cause;
use hostile::talk::{GO, Outcome};
use hostile::{Attack, Faulty, Role, spam};
use nexus_abi::{Error, Handle, Message, Received};
use nexus_proto::Zero;
use nexus_proto::init::{EndKind, Mem, MemInfo, ServiceStat, ServiceState, Stat};
use nexus_proto::log::Event;
use nexus_rt::{Deadline, startup, sys};
use nexus_test::SAFETY_MS;

use crate::check::{Check, Failure, ensure, passed, refused, same};
use crate::context::Context;
use crate::ledger;

/// Looks until init has seen that a process has ended: not time, of which it may have had none.
const LOOKS: u32 = 5000;
/// Milliseconds between two looks.
const LOOK_MS: u64 = 1;

/// The name of the proof about an attack.
#[must_use]
pub fn name(attack: &Attack) -> String {
    format!("hostile-{}", attack.name)
}

/// The names of all of them.
pub(super) fn names() -> impl Iterator<Item = String> {
    proved().map(|(_, attack)| name(attack))
}

/// Attacks that have a proof of their own, with the id of their service. The thief acts when the
/// holder does, and the flooder has its proof among those with everybody alive.
pub(crate) fn proved() -> impl Iterator<Item = (u32, &'static Attack)> {
    Attack::services().filter(|(_, attack)| !matches!(attack.role, Role::Steal | Role::Flood))
}

/// Those that the system has.
pub(crate) fn there(context: &Context) -> impl Iterator<Item = (u32, &'static Attack)> + '_ {
    proved().filter(|(id, _)| context.has(*id))
}

/// What the proof about an attack says.
pub(crate) fn fact(attack: &Attack) -> String {
    let outcome = match attack.role {
        Role::Faulty(faulty) => {
            return format!("{}: ended by {}", attack.deed, cause::name(faulty.end.cause));
        }
        Role::Spam => "nobody is harmed, and all of it comes back",
        Role::Hold => "the call has one answer, from who received it",
        Role::Ask | Role::Steal | Role::Flood => "nothing of it is given",
    };
    format!("{}: {outcome}", attack.deed)
}

/// Lets the attack begin, and checks what comes of it.
pub(crate) fn check(context: &Context, id: u32, attack: &Attack) -> Check {
    let endpoint = startup().service(id)?;
    match &attack.role {
        Role::Faulty(faulty) => faults(context, id, endpoint, faulty),
        Role::Spam => spends(context, id, endpoint),
        Role::Hold => holds(id, endpoint),
        Role::Ask => asks(endpoint),
        Role::Steal | Role::Flood => Err(Failure::new("not told to begin here")),
    }
}

fn go(endpoint: Handle) -> Result<Received, Error> {
    sys::call(endpoint, &Message::new(GO, &[]), Deadline::after_ms(SAFETY_MS).ticks())
}

/// The outcome that a process answered with.
fn outcome(answer: &Received) -> Result<Outcome, Failure> {
    Outcome::from_message(&answer.message)
        .ok_or_else(|| Failure::new(format_args!("answered {:x?}", answer.message)))
}

/// It ends during the call, which fails; init is told the exact fault.
fn faults(context: &Context, id: u32, endpoint: Handle, faulty: &Faulty) -> Check {
    match go(endpoint) {
        Err(Error::PeerGone) => passed(1),
        Err(error) => return Err(error.into()),
        Ok(answer) => return Err(Failure::new(format_args!("{:?}", outcome(&answer)?))),
    }
    let stat = ended(context, id)?;
    let ServiceStat { end, code, address, pc, .. } = stat;
    same("end", &end, &EndKind::Fault)?;
    ensure!(
        faulty.end.fits(code, address, pc),
        "cause {code} with {address:#x} at {pc:#x}, expected {:x?}",
        faulty.end
    );
    Ok(())
}

/// How a service ended, once it has.
fn ended(context: &Context, id: u32) -> Result<ServiceStat, Failure> {
    for _ in 0..LOOKS {
        let stat = context.ask(context.init, &Stat { service: id, zero: Zero::ZERO })?;
        if stat.state == ServiceState::Ended {
            return Ok(stat);
        }
        context.waiter.pause(LOOK_MS);
    }
    Err(Failure::new(format_args!("service {id} does not end")))
}

/// It spends its whole budget without harm to others, and all of it comes back.
fn spends(context: &Context, id: u32, endpoint: Handle) -> Check {
    let before = context.ask(context.init, &Mem {})?;
    let stat = context.ask(context.init, &Stat { service: id, zero: Zero::ZERO })?;
    if let Ok(answer) = go(endpoint) {
        return Err(Failure::new(format_args!("{:?}", outcome(&answer)?)));
    }
    let ServiceStat { end, code, .. } = ended(context, id)?;
    same("end", &end, &EndKind::Exit)?;
    // What its budget had left; an object and the way to it cost more than one.
    let (made, room) = (spam::objects_made(code), stat.objects_limit.saturating_sub(stat.objects));
    let spent = made.is_some_and(|made| (u64::from(room) / 4..=room.into()).contains(&made));
    ensure!(spent, "it made {made:?} objects of {room}, and ended with {code:#x}");
    let after = context.ask(context.init, &Mem {})?;
    comes_back(&before, &after, &stat)
}

/// What was cut off for a service is free again, and init itself uses no more than before.
fn comes_back(before: &MemInfo, after: &MemInfo, ended: &ServiceStat) -> Check {
    let frames = before.frames_given.saturating_sub(after.frames_given);
    same("frames no longer given", &frames, &u64::from(ended.frames_limit))?;
    let objects = before.objects_given.saturating_sub(after.objects_given);
    same("objects no longer given", &objects, &u64::from(ended.objects_limit))?;
    let free = (after.frames_free.saturating_sub(before.frames_free), frames);
    ensure!(free.0 >= free.1, "{} of {} frames came back", free.0, free.1);
    let free = (after.objects_free.saturating_sub(before.objects_free), objects);
    ensure!(free.0 >= free.1, "{} of {} objects came back", free.0, free.1);
    Ok(())
}

/// A call is answered once, and by whoever received it.
fn holds(id: u32, endpoint: Handle) -> Check {
    let answer = go(endpoint)?;
    same("who answers", &answer.sender.service_id, &id)?;
    match outcome(&answer)? {
        Outcome::Done([tries, refused]) => {
            same("tries to steal", &refused, &tries)?;
            passed(tries);
        }
        other => return Err(Failure::new(format_args!("{other:?}"))),
    }
    let report = Message::new(GO + 1, &[]);
    let answer = sys::call(endpoint, &report, Deadline::after_ms(SAFETY_MS).ticks())?;
    same("answers to one call, beyond the first", &outcome(&answer)?, &Outcome::Done([0, 0]))
}

/// Everything that it asks for is denied.
fn asks(endpoint: Handle) -> Check {
    match outcome(&go(endpoint)?)? {
        Outcome::Done([asked, refused]) if asked > 0 && asked < 64 => {
            passed(asked);
            same("questions refused, a bit each", &refused, &((1 << asked) - 1))
        }
        other => Err(Failure::new(format_args!("{other:?}"))),
    }
}

/// Every end is in the ledger, as init saw it; and who has ended does not answer.
pub(super) fn recorded(context: &Context) -> Check {
    let records = ledger::read_all(context)?;
    for (id, attack) in there(context) {
        let (kind, fits): (_, &dyn Fn(u64) -> bool) = match &attack.role {
            Role::Faulty(faulty) => (EndKind::Fault, &|code| code == faulty.end.cause),
            Role::Spam => (EndKind::Exit, &|code| spam::objects_made(code).is_some()),
            _ => continue,
        };
        let exits = |record: &&ledger::Record| {
            record.entry.event == Event::Exit && record.entry.subject.id == id
        };
        let mut exits = records.iter().filter(exits);
        let entry = exits.next().map(|record| record.entry);
        let seen = entry.map(|entry| (entry.reason, fits(entry.detail)));
        same(attack.name, &seen, &Some((kind.code(), true)))?;
        ensure!(exits.next().is_none(), "{} ended twice", attack.name);
        refused(attack.name, go(startup().service(id)?), Error::BadHandle)?;
    }
    Ok(())
}
