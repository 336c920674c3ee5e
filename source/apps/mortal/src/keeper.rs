//! The keeper: has the driver start, die and start again, and sees that the system goes on.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, Message};
use nexus_proto::console::{Console, Write};
use nexus_proto::init::{EndKind, MemInfo, ServiceStat};
use nexus_proto::log::{Log, Stats};
use nexus_proto::policy::{Epoch, Policy};
use nexus_proto::rtc::{Now, Rtc, Time};
use nexus_proto::{Text, ids};
use nexus_rt::{CallError, Client, Deadline, ns_of_ticks, startup, sys};
use nexus_test::{Budgets, Check, Facts, Failed, Host};

use crate::ask::{self, ATTEMPTS, END, Fate, KILLED, Manner, Next, OLD, SECOND, START};

/// Milliseconds that a service has to answer; a dead one fails at once.
const ANSWER_MS: u64 = 2_000;
/// Times that a life is asked for the time.
const QUESTIONS: usize = 2;
/// Register accesses of a whole life: four to start, four for the log, four for each question.
const ACCESSES: u64 = 8 + 4 * QUESTIONS as u64;
/// Steps of a whole life: its accesses; before the window, with it, with its line in three states, with
/// the device, and after the report; and before and after the log is told, and each question.
const STEPS: u64 = ACCESSES + 4 + 3 + 2 + 2 * QUESTIONS as u64;
/// Lives: two for each death, and the healthy one that follows the second; and for each manner one in
/// which it does not come.
const LIVES: u64 = 3 * (ACCESSES + 2 * STEPS) + 3;
/// Records of one life: decision, grant, end.
const RECORDS: u64 = 3;
/// Lives, at least, between two records that old ones were folded.
const FOLDED: u64 = 4;
/// Nanoseconds by which two clocks may be apart: what is between two reads of them.
const APART_NS: u64 = 1_000_000;
/// A load from a page that is not mapped (RISC-V Privileged 1.12, table 4.2).
const LOAD_PAGE_FAULT: u64 = 13;

/// How much was checked, or what went wrong first, in each respect.
#[derive(Debug)]
struct Seen {
    deaths: Check,
    next_life: Check,
    waited: Check,
    others: Check,
    comes_back: Check,
    recorded: Check,
}

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    facts: Facts,
    budgets: Budgets,
    init: Handle,
    policyd: Client<Policy>,
    logd: Client<Log>,
    consoled: Client<Console>,
    driver: Client<Rtc>,
    /// The first time that was told.
    first: Option<Time>,
    /// How memory was divided after the first death.
    before: Option<MemInfo>,
    /// Records before the first life.
    records: u64,
    lives: u64,
    deaths: u64,
    seen: Seen,
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
            budgets: Budgets::new()?,
            init: start.service(ids::INIT)?,
            policyd: start.client(ids::POLICYD)?,
            logd: start.client(ids::LOGD)?,
            consoled: start.client(ids::CONSOLED)?,
            driver: start.client(ids::RTCD)?,
            first: None,
            before: None,
            records: 0,
            lives: 0,
            deaths: 0,
            seen: Seen {
                deaths: Ok(0),
                next_life: Ok(0),
                waited: Ok(0),
                others: Ok(0),
                comes_back: Ok(0),
                recorded: Ok(0),
            },
        })
    }

    /// Goes through all deaths and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let host = self.facts.host;
        host.wait_until_ready()?;
        // The life that every boot begins with.
        self.kill()?;
        self.records = self.stats()?;
        for manner in Manner::ALL {
            let deaths = self.every_step(manner)?;
            host.console.line(&format!("mortal: {manner:?}: {deaths} deaths"))?;
            let whole = if manner == Manner::Fault { ACCESSES } else { STEPS };
            let why = || format!("{deaths} deaths of {whole} by {manner:?}");
            note(&mut self.seen.deaths, holds(deaths == whole, why));
            self.deaths += deaths;
        }
        let why = || format!("{} lives of {LIVES}", self.lives);
        note(&mut self.seen.deaths, holds(self.lives == LIVES, why));
        let line = format!("mortal: {} deaths in {} lives", self.deaths, self.lives);
        host.console.line(&line)?;
        let one_owner = self.one_owner()?;
        let old_life = self.old_life()?;
        host.witness(Deadline::NEVER)?;
        let Keeper { mut facts, seen, .. } = self;
        facts.tell("driver-dies-at-every-step", &seen.deaths)?;
        facts.tell("next-life-works", &seen.next_life)?;
        facts.tell("calls-wait-for-the-next-life", &seen.waited)?;
        facts.tell("others-go-on", &seen.others)?;
        facts.tell("everything-comes-back", &seen.comes_back)?;
        facts.tell("every-life-recorded", &seen.recorded)?;
        facts.tell("one-owner", &one_owner)?;
        facts.tell("old-life-is-over", &old_life)?;
        facts.end()
    }

    /// Has the driver die in this manner at its first step, its second, and so on, until a life is
    /// over before its death comes. Returns how often it died.
    fn every_step(&mut self, manner: Manner) -> Result<u64, Failed> {
        // More would be another life than the one above.
        for step in 1..=STEPS + 1 {
            let fate = Fate { step, manner };
            if !self.live(fate)? {
                return Ok(step - 1);
            }
            self.outlive(fate)?;
        }
        Ok(STEPS + 1)
    }

    /// One life of the driver. True when it died of its fate; else it is killed.
    fn live(&mut self, fate: Fate) -> Result<bool, Failed> {
        self.start(Next { fate, followed: false })?;
        let mut died = false;
        for _ in 0..QUESTIONS {
            match self.driver.call(&Now {}, Deadline::after_ms(ANSWER_MS)) {
                Ok(time) => {
                    let fits = self.fits(&time);
                    note(&mut self.seen.next_life, fits);
                }
                // The question was received, or was not and waits for a life that does not come.
                Err(CallError::Kernel(Error::PeerGone | Error::TimedOut)) => died = true,
                Err(error) => {
                    let why = format!("{fate:?}: its client was told {error:?}");
                    note(&mut self.seen.others, Err(why));
                }
            }
        }
        let ended = if died { self.budgets.ended(ids::RTCD)? } else { self.kill()? };
        let expected = if died { fate } else { Fate { step: 0, manner: Manner::Killed } };
        note(&mut self.seen.deaths, ends_as(expected, &ended));
        self.lives += 1;
        self.look_around()?;
        Ok(died)
    }

    /// A life that dies of its fate, and one that follows it, with the same questions: one that the first has
    /// not received waits for the second, and who was told that the first is gone asks again.
    fn outlive(&mut self, fate: Fate) -> Result<(), Failed> {
        self.start(Next { fate, followed: true })?;
        for _ in 0..QUESTIONS {
            let first = self.driver.call(&Now {}, Deadline::after_ms(ANSWER_MS));
            let answered = match first {
                Err(CallError::Kernel(Error::PeerGone)) => {
                    self.driver.call(&Now {}, Deadline::after_ms(ANSWER_MS))
                }
                first => first.inspect(|_| note(&mut self.seen.waited, Ok(1))),
            };
            let fits = answered.map_err(|error| format!("after {fate:?}: {error:?}"));
            let fits = fits.and_then(|time| self.fits(&time));
            note(&mut self.seen.next_life, fits);
        }
        let ended = self.kill()?;
        let killed = Fate { step: 0, manner: Manner::Killed };
        note(&mut self.seen.deaths, ends_as(killed, &ended));
        // It lived until then.
        note(&mut self.seen.next_life, ends_as(killed, &ended));
        self.lives += 2;
        self.look_around()
    }

    fn start(&self, next: Next) -> Result<(), Failed> {
        let message = Message::new(START, &next.words());
        let answer = sys::call(self.init, &message, Deadline::after_ms(ANSWER_MS).ticks())?;
        Ok(ask::word(&answer.message).map(drop).ok_or(Error::BadState)?)
    }

    /// The driver lives once more, and stays: init cannot give its window to anybody else.
    fn one_owner(&mut self) -> Result<Check, Failed> {
        self.start(Next { fate: Fate::NONE, followed: false })?;
        self.driver.call(&Now {}, Deadline::after_ms(ANSWER_MS))?;
        let soon = Deadline::after_ms(ANSWER_MS).ticks();
        let answer = sys::call(self.init, &Message::new(SECOND, &[]), soon)?;
        Ok(match ask::word(&answer.message) {
            Some(refused) if refused == (1 << ATTEMPTS) - 1 => Ok(refused.count_ones()),
            refused => {
                Err(format!("of {ATTEMPTS} attempts were refused {refused:#x?}, a bit each"))
            }
        })
    }

    /// The life before the one that has the device asks for it.
    fn old_life(&self) -> Result<Check, Failed> {
        let soon = Deadline::after_ms(ANSWER_MS).ticks();
        let answer = sys::call(self.init, &Message::new(OLD, &[]), soon)?;
        let denied = ask::word(&answer.message).is_some();
        Ok(holds(denied, || "a life that is over is not denied as such".into()))
    }

    fn kill(&self) -> Result<ServiceStat, Failed> {
        sys::call(self.init, &Message::new(END, &[]), Deadline::after_ms(ANSWER_MS).ticks())?;
        Ok(self.budgets.ended(ids::RTCD)?)
    }

    /// The device goes on with the machine's own clock, whoever reads it.
    fn fits(&mut self, time: &Time) -> Check {
        let first = self.first.get_or_insert(*time);
        let passed = ns_of_ticks(time.ticks.saturating_sub(first.ticks));
        let told = time.unix_ns.saturating_sub(first.unix_ns);
        match told.abs_diff(passed) {
            0..=APART_NS => Ok(1),
            apart => Err(format!("the time is {apart} ns off after {passed} ns")),
        }
    }

    /// After a death: all is back, it is recorded, and the others answer.
    fn look_around(&mut self) -> Result<(), Failed> {
        let mem = self.budgets.mem()?;
        let before = *self.before.get_or_insert(mem);
        let why = || format!("after {} lives {mem:?}, after the first {before:?}", self.lives);
        note(&mut self.seen.comes_back, holds(mem == before, why));
        let records = self.stats()? - self.records;
        let why = || format!("{records} records of {} lives", self.lives);
        note(&mut self.seen.recorded, holds(are_of(records, self.lives), why));
        let soon = Deadline::after_ms(ANSWER_MS);
        let policyd = self.policyd.call(&Epoch { nonce: self.lives }, soon).map(drop);
        let consoled = self.consoled.call(&Write { text: Text::EMPTY }, soon);
        for (who, answer) in [("policyd", policyd), ("consoled", consoled)] {
            let answer = answer.map(|()| 1);
            let why = |error| format!("{who} after {} lives: {error:?}", self.lives);
            note(&mut self.seen.others, answer.map_err(why));
        }
        Ok(())
    }

    fn stats(&self) -> Result<u64, Failed> {
        Ok(self.logd.call(&Stats {}, Deadline::after_ms(ANSWER_MS))?.records)
    }
}

/// True for as many records as so many lives leave, and the folds of old ones.
#[must_use]
pub fn are_of(records: u64, lives: u64) -> bool {
    let own = RECORDS * lives;
    (own..=own + lives / FOLDED).contains(&records)
}

/// Counts a check that came out as it must, and keeps what is wrong, if it is the first.
pub fn note(kept: &mut Check, check: Check) {
    if let Ok(checks) = kept {
        *kept = check.map(|more| checks.saturating_add(more));
    }
}

/// One check: `fact`, or why it does not hold.
///
/// # Errors
/// The latter.
pub fn holds(fact: bool, why: impl FnOnce() -> String) -> Check {
    if fact { Ok(1) } else { Err(why()) }
}

/// A life has ended as it had to: a fault, at the very register that it was about to load.
fn ends_as(fate: Fate, ended: &ServiceStat) -> Check {
    let fits = match fate.manner {
        Manner::Killed => (ended.end, ended.code) == (EndKind::Killed, KILLED),
        Manner::Exit => (ended.end, ended.code) == (EndKind::Exit, KILLED),
        Manner::Fault => {
            // Low half, high half, low half, …
            let register = 4 * (fate.step.wrapping_sub(1) % 2);
            (ended.end, ended.code) == (EndKind::Fault, LOAD_PAGE_FAULT)
                && ended.address % nexus_abi::PAGE_SIZE == register
        }
    };
    let ServiceStat { end, code, address, .. } = ended;
    holds(fits, || format!("{fate:?}: {end:?} {code} at {address:#x}"))
}
