//! Somebody below the network stack, while frames come without end: what is left of the processor, and how long the ledger
//! and the disk take.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_proto::log::{Head, Log};
use nexus_proto::net::{Direction, Net, Stats};
use nexus_proto::socket::{Socket, Stats as StackStats};
use nexus_proto::{Operation, Protocol, Zero, ids};
use nexus_rt::{Client, Deadline, ns_of_ticks, startup, ticks, ticks_of_ns};
use nexus_state::Expect;
use nexus_test::{Check, Facts, Failed, Host, SAFETY_MS};

/// Rounds of work: a call of the ledger, and a value on the disk.
const ROUNDS: u32 = 60;
/// Frames that the stack takes meanwhile, at least: else there was no flood; and in a turn, at most.
const FRAMES: u64 = 2_000;
const TURN: u64 = 64;

/// What must hold. Times are nanoseconds, as the guest's clock goes.
pub(crate) struct Bounds {
    /// Milliseconds in which it looks at the clock as often as it can.
    pub(crate) share_ms: u64,
    /// Parts of a thousand of what it has in quiet, at least: the stack rests for as long as it worked, and whoever gives it
    /// frames works in both times.
    pub(crate) share: u64,
    /// The longest that it is kept from the processor in one piece: a turn of the stack.
    pub(crate) away: u64,
    /// The longest call of the ledger, and the longest time until a value is on the disk.
    pub(crate) ledger: u64,
    pub(crate) disk: u64,
}

/// Measures, and tells how it came out.
///
/// # Errors
/// The host does not go on.
pub(crate) fn run(bounds: &Bounds) -> Result<Infallible, Failed> {
    let mut facts = Facts::new(Host::new()?);
    let host = facts.host;
    host.wait_for_owners()?;
    let (quiet, flooded, taken) = match measured(bounds.share_ms) {
        Ok(seen) => seen,
        Err(why) => {
            facts.tell("flood-share", &Err(why))?;
            return facts.end();
        }
    };
    for (when, seen) in [("in quiet", &quiet), ("in the flood", &flooded)] {
        host.console.line(&format!("below, {when}: {seen:?}"))?;
    }
    let part = 1000 * flooded.looks / quiet.looks.max(1);
    let Taken { frames, turns } = taken;
    let said =
        format!("below: {part} of 1000 of the time, {frames} frames in {turns} turns meanwhile");
    host.console.line(&said)?;
    host.witness(Deadline::NEVER)?;
    let share = holds(part >= bounds.share, || format!("{part} of 1000 of the time are left"));
    let flows = holds(frames >= FRAMES, || format!("{frames} frames are no flood"));
    let away = holds(flooded.away <= bounds.away, || format!("kept away for {}", flooded.away));
    facts.tell("flood-share", &share.and_then(|one| Ok(one + flows? + away?)))?;
    let bounded = holds(frames <= TURN * turns, || format!("{frames} frames in {turns} turns"));
    facts.tell("flood-turns-bounded", &bounded)?;
    let ledger = holds(flooded.ledger <= bounds.ledger, || format!("after {}", flooded.ledger));
    facts.tell("flood-ledger-in-time", &ledger)?;
    let disk = holds(flooded.disk <= bounds.disk, || format!("after {}", flooded.disk));
    facts.tell("flood-disk-in-time", &disk)?;
    facts.end()
}

/// What was seen, in nanoseconds.
#[derive(Debug, Default)]
struct Seen {
    /// Looks at the clock in so many milliseconds, and the longest time between two.
    looks: u64,
    away: u64,
    /// The longest call of the ledger, and the longest time until a value was on the disk.
    ledger: u64,
    disk: u64,
}

/// What the stack took, in how many turns.
struct Taken {
    frames: u64,
    turns: u64,
}

/// In quiet and in the flood, and what the stack took in that.
fn measured(share_ms: u64) -> Result<(Seen, Seen, Taken), String> {
    let stack: Client<Socket> = client(ids::NETSTACKD)?;
    let torrent: Client<Net> = client(ids::VIRTIONETD)?;
    let log: Client<Log> = client(ids::LOGD)?;
    let mut disk = nexus_state::open().map_err(|why| format!("{why:?}"))?;
    let torrent = |direction| call(&torrent, &Stats { direction, zero: Zero::ZERO }).map(drop);
    let mut look = |begins| {
        let mut seen = Seen::default();
        share(&mut seen, share_ms, || torrent(begins))?;
        for round in 0..ROUNDS {
            let before = ticks();
            call(&log, &Head {})?;
            let between = ticks();
            let put = disk.put_sync("flood", &round.to_le_bytes(), Expect::Any);
            put.map_err(|why| format!("{why:?}"))?;
            seen.ledger = seen.ledger.max(ns_of_ticks(between - before));
            seen.disk = seen.disk.max(ns_of_ticks(ticks() - between));
        }
        Ok::<_, String>(seen)
    };
    // The first values make a tree on the disk, while others come up.
    look(Direction::Out)?;
    let quiet = look(Direction::Out)?;
    let before = call(&stack, &StackStats {})?;
    let flooded = look(Direction::In)?;
    let after = call(&stack, &StackStats {})?;
    torrent(Direction::Out)?;
    let (frames, turns) = (after.frames_in - before.frames_in, after.turns - before.turns);
    Ok((quiet, flooded, Taken { frames, turns }))
}

/// Looks at the clock as often as it can, from before `begins` on.
fn share(
    seen: &mut Seen,
    ms: u64,
    begins: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let mut now = ticks();
    let until = now + ticks_of_ns(ms * 1_000_000);
    begins()?;
    let mut away = 0;
    while now < until {
        let before = now;
        now = ticks();
        (seen.looks, away) = (seen.looks + 1, away.max(now - before));
    }
    seen.away = ns_of_ticks(away);
    Ok(())
}

fn holds(fact: bool, why: impl FnOnce() -> String) -> Check {
    if fact { Ok(1) } else { Err(why()) }
}

fn client<P: Protocol>(service: u32) -> Result<Client<P>, String> {
    startup().client(service).map_err(|why| format!("{why:?}"))
}

fn call<O: Operation>(to: &Client<O::Protocol>, ask: &O) -> Result<O::Reply, String> {
    to.call(ask, Deadline::after_ms(SAFETY_MS)).map_err(|why| format!("{why:?}"))
}
