//! A flood of log lines costs only who makes it.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use hostile::flood::LINES;
use hostile::talk::{GO, Outcome};
use hostile::{Attack, Role};
use nexus_abi::{Message, Rights};
use nexus_proto::init::Try;
use nexus_proto::log::Stats;
use nexus_rt::{Deadline, startup, sys, thread};

use crate::check::{Check, Failure, ensure, in_time, same};
use crate::context::Context;
use crate::ledger;

/// Milliseconds that the flood may take: a safety net.
const FLOOD_MS: u64 = 60_000;
/// Lines of the flood that logd may have taken or refused while one decision is made. It is not time:
/// the flood has no more of it than the decision.
const MEANWHILE: u64 = LINES / 2;
/// Decisions that must be made while the flood lasts.
const DECISIONS: u64 = 8;
/// Pages of the stack of the thread that waits for the flood.
const STACK_PAGES: u64 = 4;

/// What the flooder said, for two threads.
#[derive(Default)]
struct Result {
    /// Set when no further flood has to begin.
    enough: AtomicU64,
    over: AtomicU64,
    floods: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
}

/// While another service floods the log, decisions are made and recorded in time; the flood is
/// cut to what one sender may write.
pub(crate) fn flood(context: &Context) -> Check {
    let result = Arc::new(Result::default());
    begin(context, Arc::clone(&result))?;
    let decided = decisions(context);
    // Also when one failed: the proofs that follow have nothing to do with the flood.
    result.enough.store(1, Ordering::Relaxed);
    let limit = Deadline::after_ms(FLOOD_MS);
    while result.over.load(Ordering::Acquire) == 0 {
        in_time!(!limit.has_passed(), "the flood does not end");
        context.waiter.pause(2);
    }
    decided?;
    let taken = result.taken.load(Ordering::Relaxed);
    let refused = result.refused.load(Ordering::Relaxed);
    let lines = LINES * result.floods.load(Ordering::Relaxed);
    same("lines", &(taken + refused), &lines)?;
    ensure!(refused > lines / 2, "{taken} of {lines} lines were taken");
    let counts = context.ask(context.logd, &Stats {})?;
    ensure!(counts.limited >= refused, "{refused} lines refused, {} counted", counts.limited);
    Ok(())
}

/// Tells the flooder to begin, again and again until it is enough, on a thread that waits for it.
fn begin(context: &Context, result: Arc<Result>) -> Check {
    let flooder = Attack::services().find(|(_, attack)| attack.role == Role::Flood);
    let (id, _) = flooder.ok_or_else(|| Failure::new("nobody floods"))?;
    let endpoint = startup().service(id)?;
    let priority = context.own_service()?.priority;
    thread::spawn(priority, STACK_PAGES, move || {
        while result.enough.load(Ordering::Relaxed) == 0 {
            let answer =
                sys::call(endpoint, &Message::new(GO, &[]), Deadline::after_ms(FLOOD_MS).ticks());
            let answer = answer.ok().and_then(|answer| Outcome::from_message(&answer.message));
            result.floods.fetch_add(1, Ordering::Relaxed);
            let Some(Outcome::Done([taken, refused])) = answer else { break };
            result.taken.fetch_add(taken, Ordering::Relaxed);
            result.refused.fetch_add(refused, Ordering::Relaxed);
        }
        result.over.store(1, Ordering::Release);
    })?;
    Ok(())
}

/// Decisions during the flood, one after the other.
fn decisions(context: &Context) -> Check {
    let mut before = ledger::count(context)?;
    for _ in 0..DECISIONS {
        context.waiter.pause(2);
        before = decide(context, before)?;
    }
    Ok(())
}

/// Lines that logd has taken or refused.
fn handled(context: &Context) -> core::result::Result<u64, Failure> {
    let counts = context.ask(context.logd, &Stats {})?;
    Ok(counts.lines + counts.limited)
}

/// One decision, in time and recorded. Returns the number of its record.
fn decide(context: &Context, before: u64) -> core::result::Result<u64, Failure> {
    let device = context.other_owner()?.1.id;
    let rights = (Rights::MAP | Rights::READ).bits();
    let begun = handled(context)?;
    let answer = context.ask(context.init, &Try { service: context.own_id, device, rights })?;
    let meanwhile = handled(context)? - begun;
    ensure!(meanwhile <= MEANWHILE, "a decision took as long as {meanwhile} lines of the flood");
    ensure!(answer.record > before, "record {} after {before}", answer.record);
    same("recorded device", &ledger::read(context, answer.record)?.entry.device, &device)?;
    Ok(answer.record)
}
