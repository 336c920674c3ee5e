//! The keeper: lets the wild processes loose, asks the ordinary services meanwhile, and sees what
//! comes of it.

use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, Message};
use nexus_rt::{Deadline, startup, sys, ticks, ticks_of_ns, uptime_ns};
use nexus_test::{Budgets, Check, Facts, Failed, Host, comes_back};

use crate::counts::{Counts, ROWS};
use crate::end::{self, COUNT, FIRST};
use crate::probes::Probes;
use crate::random::Random;
use crate::talk::{self, Say};

/// Service id of the keeper.
pub const KEEPER: u32 = 59;
/// Calls that each wild process makes.
pub const CALLS: u64 = 25_000;

/// Nanoseconds between two rounds of questions.
const ROUND_NS: u64 = 20_000_000;
/// Rounds in which the services must have been asked for the run to say anything.
const ROUNDS: u64 = 200;

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    facts: Facts,
    endpoint: Handle,
    budgets: Budgets,
    probes: Probes,
    seed: u64,
    counts: Counts,
    /// Wild processes that have told everything, and wait for the answer after which they end.
    ending: Vec<Handle>,
}

impl Keeper {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Keeper, Failed> {
        let start = startup();
        Ok(Keeper {
            facts: Facts::new(Host::new()?),
            endpoint: start.serve()?,
            budgets: Budgets::new()?,
            probes: Probes::new()?,
            seed: start.block().nonce,
            counts: Counts::default(),
            ending: Vec::new(),
        })
    }

    /// Runs everything and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let host = self.facts.host;
        host.wait_until_ready()?;
        let before = self.budgets.mem()?;
        let held = self.budgets.held((0..COUNT).map(|place| FIRST + place))?;
        host.console.line(&format!("wild: seed {}", self.seed))?;
        self.keep()?;
        for row in 0..ROWS {
            host.console.line(&format!("wild: {}", self.counts.line(row)))?;
        }
        let ms = uptime_ns() / 1_000_000;
        host.console.line(&format!("wild: {} rounds in {ms} ms", self.probes.rounds))?;
        for line in self.probes.lines() {
            host.console.line(&format!("wild: {line}"))?;
        }
        // While what they did to themselves and each other is still there to be seen.
        host.witness(Deadline::NEVER)?;
        for reply in self.ending.drain(..) {
            sys::reply(reply, &Message::default())?;
        }
        let ends = self.ends()?;
        let back = comes_back(&before, &self.budgets.mem()?, held);
        self.facts.tell("wild-calls", &self.calls())?;
        self.facts.tell("services-in-time", &self.in_time())?;
        self.facts.tell("wild-ends", &ends)?;
        self.facts.tell("everything-comes-back", &back)?;
        self.facts.end()
    }

    /// Serves the wild processes until all have told what they did, and asks the services. Those that
    /// have told it wait for each other.
    fn keep(&mut self) -> Result<(), Failed> {
        let mut reply = Handle::NONE;
        let mut answer = Message::default();
        let mut round = ticks();
        while self.ending.len() < COUNT as usize {
            if ticks() >= round {
                self.probes.round();
                round = ticks() + ticks_of_ns(ROUND_NS);
            }
            match sys::reply_recv(self.endpoint, reply, &answer, round) {
                Ok(received) => {
                    let say = Say::from_message(&received.message);
                    for cap in received.message.caps() {
                        // What it cannot be rid of costs only the keeper.
                        let _ = sys::cap_drop(cap);
                    }
                    if say == Some(Say::End) {
                        self.ending.push(received.reply);
                        reply = Handle::NONE;
                    } else {
                        reply = received.reply;
                        answer = self.answer(received.sender.service_id, say);
                    }
                }
                Err(Error::TimedOut) => {
                    self.probes.woken(ticks() - round);
                    reply = Handle::NONE;
                }
                // Its asker has given up, or sends more than there is room for.
                Err(Error::BadHandle | Error::NoMemory | Error::PeerGone) => reply = Handle::NONE,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn answer(&mut self, service: u32, say: Option<Say>) -> Message {
        match say {
            Some(Say::Begin) => {
                let seed = Random::new(self.seed ^ u64::from(service)).word();
                Message::new(0, &[seed, CALLS])
            }
            Some(Say::Rows(first, rows)) => {
                talk::add_rows(&mut self.counts, first, rows);
                Message::default()
            }
            Some(Say::End) | None => Message::new(1, &[]),
        }
    }

    /// Every call was reached, in every way in which it can end.
    fn calls(&self) -> Check {
        let (total, expected) = (self.counts.total(), CALLS * u64::from(COUNT));
        if total < expected {
            return Err(format!("{total} calls of {expected}"));
        }
        match self.counts.gaps().first() {
            None => Ok(u32::try_from(total).unwrap_or(u32::MAX)),
            Some(gap) => Err(gap.clone()),
        }
    }

    /// The services gave the right answers in time, all the while.
    fn in_time(&self) -> Check {
        match &self.probes.wrong {
            Some(wrong) => Err(wrong.clone()),
            None if self.probes.rounds < ROUNDS => {
                Err(format!("{} rounds of {ROUNDS}", self.probes.rounds))
            }
            None => Ok(self.probes.answers),
        }
    }

    /// Each has ended in its own way.
    fn ends(&self) -> Result<Check, Failed> {
        let mut checks = 0;
        for place in 0..COUNT {
            let stat = self.budgets.ended(FIRST + place)?;
            if !end::fits(place, stat.end, stat.code) {
                return Ok(Err(format!("wild process {place}: {:?} {}", stat.end, stat.code)));
            }
            checks += 1;
        }
        Ok(Ok(checks))
    }
}
