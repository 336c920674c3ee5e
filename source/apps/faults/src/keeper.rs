//! The keeper: has drivers live with faults and without, one after the other, uses each, and sees that nothing
//! else is another.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use mortal::device_keeper::{Asked, Question, address, arp, random, sector};
use mortal::keeper::{holds, note};
use nexus_abi::{Error, Handle, Message};
use nexus_proto::ids;
use nexus_proto::init::{EndKind, Init, Lives, MemInfo};
use nexus_rt::{CallError, Client, Deadline, ns_of_ticks, startup, sys, ticks};
use nexus_test::{Budgets, Check, Facts, Failed, Host, SAFETY_MS};
use rogue::canary::Canary;
use rogue::disk::must_prove;

use crate::ask::{
    CONSUMER, ENDED, Ended, LATE, LIFE, LIVES, Life, NO_FAULTS, OTHERS, SEEN, Started, WRITE,
    WRITTEN, Written, is_written_to, lies,
};
use crate::counts::{End, Ends, Heard, Times};
use crate::others::{ANSWER_MS, LOOK_NS, Seen};

/// Bits of a seed that say which life of the run it is of.
const NUMBER_BITS: u32 = 20;
/// Lives between two looks at the canary and at how memory is divided.
const LOOK: u64 = 32;
/// Lives whose ends a line tells, by [letters](End::letter).
const LINE: usize = 100;
/// Milliseconds in which an honest life must answer: a safety net, as a device may wait for the host.
const RECOVERY_MS: u64 = 10_000;
/// Most lives of a copy without faults.
const CONTROLS: u32 = 16;
/// Milliseconds by which [`crate::others`] may be late: the longest step of init, which comes first.
const LATE_MS: u64 = 10;

/// Which driver has its turn, by the seed of the life: a life of the entropy device's costs a third of one of
/// the others.
const TURNS: [usize; 16] = [0, 1, 0, 2, 0, 0, 1, 0, 2, 0, 0, 1, 0, 2, 0, 0];

/// A driver.
#[derive(Debug)]
struct Driver {
    id: u32,
    name: &'static str,
    question: Question,
    /// What it is asked while a hostile consumer is at its ring; it has none without.
    beside: Option<Question>,
    asked: Asked,
    ends: Ends,
    /// The same of lives whose registers lie.
    lies: Ends,
    recovery: Times,
    /// Microseconds of the longest of these, and the seed of its life.
    slowest: (u64, u64),
}

/// What was seen, or what went wrong first, in each respect.
#[derive(Debug)]
struct Checks {
    control: Check,
    faults: Check,
    honest: Check,
    canary: Check,
    in_time: Check,
    comes_back: Check,
}

/// A life with faults, and the first answer of the one behind it.
#[derive(Clone, Copy, Debug)]
struct Lived {
    faults: u64,
    ended: Ended,
    heard: Heard,
    /// The tick of that.
    answered: u64,
}

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    facts: Facts,
    budgets: Budgets,
    init: Handle,
    others: Handle,
    consumer: Handle,
    drivers: Vec<Driver>,
    canary: Canary,
    lives: u64,
    seed: u64,
    /// How memory was divided after the first lives.
    divided: Option<MemInfo>,
    /// How each life ended, by its number.
    ends: String,
    /// From a death to rest, to the start of the next life, to its first answer.
    steps: [Times; 3],
    /// What others saw in all, and the tick from which on.
    seen: Seen,
    began: u64,
    /// Questions that were never answered.
    lost: u64,
    /// What was written into rings, in how many lives, and how many of these had joined.
    written: [u64; 3],
    checks: Checks,
}

impl Keeper {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Keeper, Failed> {
        let start = startup();
        let block = start.block();
        let all: [(u32, &str, Question, Option<Question>); 3] = [
            (ids::RNGD, "rngd", random, None),
            (ids::VIRTIOBLKD, "virtioblkd", sector, Some(sector)),
            (ids::VIRTIONETD, "virtionetd", arp, Some(address)),
        ];
        let driver = |(id, name, question, beside)| {
            let asked = Asked::of(start.service(id).ok()?);
            let (ends, lies, recovery, slowest) = Default::default();
            Some(Driver { id, name, question, beside, asked, ends, lies, recovery, slowest })
        };
        let nothing = || Ok(0);
        Ok(Keeper {
            facts: Facts::new(Host::new()?),
            budgets: Budgets::new()?,
            init: start.service(ids::INIT)?,
            others: start.service(OTHERS)?,
            consumer: start.service(CONSUMER)?,
            drivers: all.into_iter().filter_map(driver).collect(),
            canary: Canary::new()?,
            lives: must_prove(block.service_id, LIVES)?.into(),
            seed: block.nonce,
            divided: None,
            ends: String::new(),
            steps: Default::default(),
            seen: Seen::default(),
            began: 0,
            lost: 0,
            written: [0; 3],
            checks: Checks {
                control: nothing(),
                faults: nothing(),
                honest: nothing(),
                canary: nothing(),
                in_time: nothing(),
                comes_back: nothing(),
            },
        })
    }

    /// Goes through all lives and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let host = self.facts.host;
        host.wait_until_ready()?;
        for index in 0..self.drivers.len() {
            if let Err(why) = self.control(index) {
                note(&mut self.checks.honest, Err(format!("a copy of driver {index}: {why:?}")));
            }
        }
        self.ask(self.others, &Message::new(SEEN, &[]))?;
        self.began = ticks();
        for number in 1..=self.lives {
            if !self.is_well() {
                break;
            }
            if let Err(why) = self.life(number) {
                let seed = self.seed_of(number);
                note(&mut self.checks.honest, Err(format!("life {seed}: {why:?}")));
                break;
            }
            if number % LOOK == 0 || number == self.lives {
                self.look_around(number)?;
            }
        }
        for line in self.lines() {
            host.console.line(&line)?;
        }
        self.looked_often();
        self.all_kinds();
        let live_on = self.others_live_on()?;
        let Keeper { mut facts, checks, .. } = self;
        facts.tell("copies-live-on", &checks.control)?;
        facts.tell("faults", &checks.faults)?;
        facts.tell(LIVES, &checks.honest)?;
        facts.tell("nothing-else-changes", &checks.canary)?;
        facts.tell("others-in-time", &checks.in_time)?;
        facts.tell("others-live-on", &live_on)?;
        facts.tell("everything-comes-back", &checks.comes_back)?;
        host.witness(Deadline::NEVER)?;
        facts.end()
    }

    /// Nothing was wrong so far.
    fn is_well(&self) -> bool {
        let Checks { control, faults, honest, canary, in_time, comes_back } = &self.checks;
        [control, faults, honest, canary, in_time, comes_back].iter().all(|check| check.is_ok())
    }

    /// What the faults of a life follow from. The seed of a run of one life is that of the life.
    fn seed_of(&self, number: u64) -> u64 {
        if self.lives == 1 { self.seed } else { (self.seed << NUMBER_BITS | number) & SEEDS }
    }

    /// Lives of a copy of the code, without a fault: each is ended at its deadline, and one has answered by
    /// then. While all wait for a device time goes on by itself, so that not every one has.
    fn control(&mut self, index: usize) -> Result<(), Failed> {
        if !self.is_well() {
            return Ok(());
        }
        let mut right = 0;
        for _ in 0..CONTROLS {
            let Lived { ended, heard, .. } = self.lives_of(index, NO_FAULTS, 0)?;
            let lived = (ended.end, ended.code) == (EndKind::Killed, LATE);
            let why = || format!("a copy of driver {index}: {heard:?}, {ended:?}");
            note(&mut self.checks.control, holds(lived && heard.wrong == 0, why));
            right += heard.right;
            if right > 0 || !self.is_well() {
                break;
            }
        }
        let why = || format!("no copy of driver {index} has answered");
        note(&mut self.checks.control, holds(right > 0, why));
        Ok(())
    }

    /// A life with faults, and an honest one behind it, which stays until its driver is the next one again.
    fn life(&mut self, number: u64) -> Result<(), Failed> {
        let seed = self.seed_of(number);
        let place = usize::try_from(seed % TURNS.len() as u64).unwrap_or(0);
        let index = TURNS.get(place).copied().unwrap_or(0);
        let Lived { faults, ended, heard, answered } = self.lives_of(index, seed, number)?;
        // A run of one life without faults in its code has to prove something, too.
        let counted = if self.lives == 1 { faults.max(1) } else { faults };
        note(&mut self.checks.faults, Ok(u32::try_from(counted).unwrap_or(0)));
        let us = |from: u64, to: u64| ns_of_ticks(to.saturating_sub(from)) / 1000;
        let Ended { died, at_rest, again, .. } = ended;
        let steps = [(died, at_rest), (at_rest, again), (again, answered)];
        for (times, (from, to)) in self.steps.iter_mut().zip(steps) {
            times.add(us(from, to));
        }
        let end = End::of(&ended, heard);
        self.ends.push(end.letter());
        if let Some(driver) = self.drivers.get_mut(index) {
            if lies(seed) { &mut driver.lies } else { &mut driver.ends }.count(faults, end);
            let took = us(died, answered);
            driver.recovery.add(took);
            driver.slowest = driver.slowest.max((took, seed));
        }
        if self.lives == 1 {
            let line = format!("faults: life {seed}: {end:?}, {ended:?}, {heard:?}");
            self.facts.host.console.line(&line)?;
        }
        if is_written_to(seed) {
            self.write_to(index, seed, number)?;
        }
        self.look_at_others(seed)
    }

    /// A consumer writes at random into the ring of the honest life: that answers rightly meanwhile, and goes on.
    fn write_to(&mut self, index: usize, seed: u64, number: u64) -> Result<(), Failed> {
        let driver = self.drivers.get(index).and_then(|driver| Some((driver.id, driver.beside?)));
        let Some((driver, beside)) = driver else { return Ok(()) };
        let life = self.budgets.stat(driver)?.service.incarnation;
        let (number, by) = (2 * number + 1, || Deadline::after_ms(RECOVERY_MS));
        let mut written = self.write(&Message::new(WRITE, &Life { driver, seed }.words()))?;
        let mut answer = Ok(true);
        while answer == Ok(true) && !written.over {
            answer = self.ask_driver(index, beside, number, by());
            written = self.write(&Message::new(WRITTEN, &[]))?;
        }
        let question = self.drivers.get(index).map_or(beside, |driver| driver.question);
        let after = self.ask_driver(index, question, number, by());
        let now = self.budgets.stat(driver)?.service.incarnation;
        let goes_on = [&answer, &after].iter().all(|one| **one == Ok(true)) && now == life;
        let why = || {
            let lives = format!("life {life} and then {now}");
            format!("driver {driver}, {lives}, written to after {seed}: {answer:?}, {after:?}")
        };
        note(&mut self.checks.honest, holds(goes_on, why).map(|_| 0));
        let more = [written.writes, 1, written.attached.into()];
        self.written.iter_mut().zip(more).for_each(|(own, more)| *own += more);
        Ok(())
    }

    fn write(&self, message: &Message) -> Result<Written, Failed> {
        Ok(Written::of(&self.ask(self.consumer, message)?).ok_or(Error::BadState)?)
    }

    /// All kinds of lives were among those of a whole run.
    fn all_kinds(&mut self) {
        let lies: u64 = self.drivers.iter().map(|driver| driver.lies.lives).sum();
        let [writes, _, joined] = self.written;
        let all = self.lives == 1 || (lies > 0 && writes > 0 && joined > 0);
        let why = || format!("{lies} lives with registers that lie; in rings {:?}", self.written);
        note(&mut self.checks.faults, holds(all, why).map(|_| 0));
    }

    /// A life with the faults of a seed and one without, used until the second has answered what it was asked
    /// itself.
    fn lives_of(&mut self, index: usize, seed: u64, number: u64) -> Result<Lived, Failed> {
        let driver = self.drivers.get(index).ok_or(Error::BadHandle)?;
        let (driver, question) = (driver.id, driver.question);
        let message = Message::new(LIFE, &Life { driver, seed }.words());
        let started = Started::of(&self.ask(self.init, &message)?).ok_or(Error::BadState)?;
        let mut heard = Heard::default();
        let (ended, first) = loop {
            let by = Deadline::after_ms(RECOVERY_MS);
            let answer = self.ask_driver(index, question, 2 * number, by);
            let tick = ticks();
            // One of the two answers, or is asked again: a life with faults ends long before that.
            let in_time = answer.is_ok() || !by.has_passed();
            let why = || format!("driver {driver}, life {seed} and the next: {answer:?}");
            note(&mut self.checks.honest, holds(in_time, why).map(|_| 0));
            if let Some(ended) = Ended::of(&self.ask(self.init, &Message::new(ENDED, &[]))?) {
                // The second has answered, maybe, what the first had not received.
                break (ended, answer.ok().filter(|right| *right).map(|_| tick));
            }
            match answer {
                Ok(true) => heard.right += 1,
                Ok(false) | Err(_) => heard.wrong += 1,
            }
        };
        self.lost += u64::from(first.is_none());
        let by = Deadline::after_ms(RECOVERY_MS);
        let honest = self.ask_driver(index, question, 2 * number + 1, by);
        let answered = first.unwrap_or_else(ticks);
        let why = || format!("driver {driver} after life {seed}: {honest:?}");
        note(&mut self.checks.honest, holds(honest == Ok(true), why));
        Ok(Lived { faults: started.faults, ended, heard, answered })
    }

    fn ask_driver(
        &mut self,
        index: usize,
        question: Question,
        number: u64,
        by: Deadline,
    ) -> Result<bool, CallError> {
        let driver = self.drivers.get_mut(index);
        let driver = driver.ok_or(CallError::Kernel(Error::BadHandle))?;
        driver.asked.next(number, by);
        question(&mut driver.asked)
    }

    fn ask(&self, whom: Handle, message: &Message) -> Result<Message, Failed> {
        Ok(sys::call(whom, message, Deadline::after_ms(SAFETY_MS).ticks())?.message)
    }

    /// The others, during these two lives.
    fn look_at_others(&mut self, seed: u64) -> Result<(), Failed> {
        let seen = Seen::of(&self.ask(self.others, &Message::new(SEEN, &[]))?);
        self.seen = self.seen.and(seen);
        let late = ns_of_ticks(seen.late) <= LATE_MS * 1_000_000;
        let why = || format!("life {seed}: {seen:?}, of {ANSWER_MS} ms for an answer");
        note(&mut self.checks.in_time, holds(late && seen.silent == 0, why));
        Ok(())
    }

    /// They were looked at, in all of this time, at least half as often as there was time for.
    fn looked_often(&mut self) {
        let time = ns_of_ticks(ticks().saturating_sub(self.began));
        let looks = self.seen.looks;
        // A short time may be that by which one is late.
        let enough = looks.saturating_mul(2 * LOOK_NS).saturating_add(LATE_MS * 1_000_000);
        let why = || format!("{looks} looks in {time} ns");
        note(&mut self.checks.in_time, holds(enough >= time, why));
    }

    /// Nothing in memory is another, and there is as much as before.
    fn look_around(&mut self, number: u64) -> Result<(), Failed> {
        let whole = || format!("another byte up to life {}", self.seed_of(number));
        let whole = holds(self.canary.is_whole(), whole);
        note(&mut self.checks.canary, whole);
        let mem = self.budgets.mem()?;
        let divided = *self.divided.get_or_insert(mem);
        let why = || format!("after life {number} {mem:?}, before {divided:?}");
        note(&mut self.checks.comes_back, holds(mem == divided, why));
        Ok(())
    }

    /// Each service but the drivers lives its first life.
    fn others_live_on(&self) -> Result<Check, Failed> {
        let init = Client::<Init>::new(self.init);
        let (mut cursor, mut checks) = (0, Ok(0));
        loop {
            let ask = Lives { cursor };
            let info = init.call(&ask, Deadline::after_ms(SAFETY_MS))?;
            if !self.drivers.iter().any(|driver| driver.id == info.service.id) {
                let why = || format!("{:?} {:?}", info.service, info.state);
                let first = info.service.incarnation <= 1 && info.state.lives();
                note(&mut checks, holds(first, why));
            }
            cursor = info.next.into();
            if cursor == 0 {
                return Ok(checks);
            }
        }
    }

    /// What came of it all.
    fn lines(&mut self) -> Vec<String> {
        let whole = self.ends.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
        let mut lines: Vec<String> = whole.map(|ends| format!("faults: ends {ends}")).collect();
        let mut line = |text: String| lines.push(format!("faults: {text}"));
        for Driver { name, ends, lies, recovery, slowest: (_, slowest), .. } in &mut self.drivers {
            line(format!("{name} {} faults in {} lives: {ends}", ends.faults, ends.lives));
            line(format!("{name} random registers in {} lives: {lies}", lies.lives));
            let [median, most, longest] = recovery.figures();
            let longest = format!("max {longest} after life {slowest}");
            line(format!("{name} recovery {median} us, p99 {most}, {longest}"));
        }
        for (step, times) in
            ["death to rest", "rest to start", "start to answer"].into_iter().zip(&mut self.steps)
        {
            let [median, most, longest] = times.figures();
            line(format!("{step} {median} us, p99 {most}, max {longest}"));
        }
        let us = |ticks| ns_of_ticks(ticks) / 1000;
        let Seen { looks, late, answer, .. } = self.seen;
        let (late, answer, lost) = (us(late), us(answer), self.lost);
        line(format!("{lost} questions lost"));
        let [writes, lives, joined] = self.written;
        line(format!("{writes} writes into rings in {lives} lives, of which {joined} had joined"));
        line(format!("{looks} looks at others: late by {late} us, answer in {answer} us"));
        lines
    }
}

/// Bits of a seed.
const SEEDS: u64 = u64::MAX >> 2;
