//! Lives of drivers, one at a time.

use core::ops::Range;

use faults::ask::{
    DRIVERS, Ended, KEEPER, KILLED, LATE, LIFE_NS, LIVES, Life, START_NS, Started, Values, answer,
    lies,
};
use faults::change::{Change, Code, change};
use nexus_abi::EndReason;
use nexus_init::init::{Init, Machine};
use nexus_init::live::Live;
use nexus_loader::{Perm, Plan};
use nexus_proto::init::EndKind;
use nexus_rt::{Deadline, ReplyTo, sys, ticks};

extern crate alloc;
use alloc::format;
use alloc::vec::Vec;

/// The program of a driver.
struct Program {
    driver: u32,
    image: &'static [u8],
    /// Where its code is in the image.
    text: Range<usize>,
    code: Code,
    /// The same, with registers that lie.
    lying: &'static [u8],
}

impl Program {
    fn new(init: &Init<Live>, (driver, lying): (u32, u32)) -> Option<Program> {
        let image = init.machine.programs.program(driver)?;
        let plan = Plan::parse(image).ok()?;
        let segment = plan.segments().find(|segment| segment.perm == Perm::RX)?;
        let begin = usize::try_from(segment.file_offset).ok()?;
        let text = begin..begin.checked_add(segment.data(image).len())?;
        let code = Code::of(image.get(text.clone())?);
        let lying = init.machine.programs.program(lying)?;
        Some(Program { driver, image, text, code, lying })
    }

    /// A copy with the faults of this seed, or the one whose registers lie.
    fn changed(&self, seed: u64) -> Option<(Vec<u8>, Vec<Change>)> {
        if lies(seed) {
            return Some((self.lying.to_vec(), Vec::new()));
        }
        let mut image = self.image.to_vec();
        let changes = change(image.get_mut(self.text.clone())?, &self.code, seed);
        Some((image, changes))
    }
}

/// A life with faults, which was asked for last.
struct Current {
    driver: u32,
    seed: u64,
    /// The honest life before it has not ended yet.
    waits: Option<ReplyTo>,
    /// It has not reported that it is ready.
    starts: bool,
    /// When it is ended.
    until: Deadline,
    /// The tick at which it was.
    died: Option<u64>,
    ended: Option<Ended>,
}

/// All lives.
pub(crate) struct Lives {
    programs: Vec<Program>,
    current: Option<Current>,
    /// Each fault is said.
    verbose: bool,
}

impl Lives {
    /// After the boot.
    pub(crate) fn new(init: &Init<Live>) -> Lives {
        let programs = DRIVERS.iter().filter_map(|one| Program::new(init, *one)).collect();
        let keeper = init.registry.description().service(KEEPER);
        let mut proofs = keeper.into_iter().flat_map(|keeper| &keeper.must_prove);
        let verbose = proofs.any(|proof| proof.name == LIVES && proof.checks == 1);
        Lives { programs, current: None, verbose }
    }

    /// When the life that runs is to be ended.
    pub(crate) fn deadline(&self) -> Deadline {
        self.current.as_ref().map_or(Deadline::NEVER, |current| current.until)
    }

    /// Has a life with faults follow the one that a driver has now.
    pub(crate) fn begin(&mut self, init: &Init<Live>, life: Life, reply: ReplyTo) {
        let Life { driver, seed } = life;
        let until = Deadline::NEVER;
        let waits = Some(reply);
        self.current =
            Some(Current { driver, seed, waits, starts: true, until, died: None, ended: None });
        self.end(init, KILLED);
    }

    /// A service has reported that it is ready: from then on the life with faults has so much time.
    pub(crate) fn reported(&mut self, sender: u32) {
        let Some(current) = &mut self.current else { return };
        if current.driver == sender && current.starts && current.until != Deadline::NEVER {
            (current.starts, current.until) = (false, Deadline::after_ns(LIFE_NS));
        }
    }

    /// The deadline of the life that runs has passed.
    pub(crate) fn late(&mut self, init: &Init<Live>) {
        let now = ticks();
        self.end(init, LATE);
        if let Some(current) = &mut self.current {
            (current.until, current.died) = (Deadline::NEVER, Some(now));
        }
    }

    fn end(&self, init: &Init<Live>, code: u64) {
        let Some(current) = &self.current else { return };
        let process = init.registry.service(current.driver).and_then(|record| record.process);
        if let Some(process) = process {
            // Who has ended already is noticed as well.
            let _ = sys::process_end(process, code);
        }
    }

    /// What the registers of this driver have, which lives now.
    pub(crate) fn values(&self, driver: u32) -> Option<[u64; 1]> {
        let current = self.current.as_ref().filter(|current| current.driver == driver)?;
        Some(Values { seed: current.seed }.words())
    }

    /// How the life with faults ended.
    pub(crate) fn ended(&self) -> Option<[u64; 5]> {
        self.current.as_ref()?.ended.map(Ended::words)
    }

    /// Init has looked after who has ended, of which it was told at this tick: what comes next.
    pub(crate) fn next(&mut self, init: &mut Init<Live>, told: u64) {
        let Some(mut current) = self.current.take() else { return };
        let record = init.registry.service(current.driver);
        if let Some(end) = record.filter(|record| !record.lives()).and_then(|record| record.end) {
            match current.waits.take() {
                Some(reply) => self.start_faulty(init, &mut current, reply),
                None if current.ended.is_none() => start_honest(init, &mut current, end, told),
                // The honest life has ended, or could not be started, which the keeper sees.
                None => {}
            }
        }
        self.current = Some(current);
    }

    fn start_faulty(&self, init: &mut Init<Live>, current: &mut Current, reply: ReplyTo) {
        let Current { driver, seed, .. } = *current;
        let program = self.programs.iter().find(|program| program.driver == driver);
        let changed = program.and_then(|program| program.changed(seed));
        let faults = changed.map(|(image, changes)| {
            init.machine.programs.replace(driver, image);
            for change in changes.iter().filter(|_| self.verbose) {
                init.machine.say(&format!("faults: {driver} at {change}"));
            }
            changes.len() as u64
        });
        let tick = start(init, driver);
        init.machine.programs.restore();
        current.until = Deadline::after_ns(START_NS);
        let started = faults.zip(tick).map(|(faults, tick)| Started { faults, tick }.words());
        // Nothing to do when it fails: then the keeper is gone.
        let _ = reply.send(&answer(started));
    }
}

/// The life with faults has ended: another one, without.
fn start_honest(init: &mut Init<Live>, current: &mut Current, end: EndReason, told: u64) {
    let at_rest = ticks();
    let again = start(init, current.driver).unwrap_or(0);
    let (end, code) = match end {
        EndReason::Exit(code) => (EndKind::Exit, code),
        EndReason::Fault { cause, .. } => (EndKind::Fault, cause),
        EndReason::Killed(code) => (EndKind::Killed, code),
    };
    let died = current.died.unwrap_or(told);
    current.until = Deadline::NEVER;
    current.ended = Some(Ended { end, code, died, at_rest, again });
}

/// Starts a service that has ended; the tick from which on it runs.
fn start(init: &mut Init<Live>, driver: u32) -> Option<u64> {
    init.registry.service_mut(driver)?.again = Some(0);
    init.start_due();
    init.registry.service(driver)?.lives().then(ticks)
}
