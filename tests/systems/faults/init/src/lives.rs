//! Lives of drivers, one at a time.

use core::ops::Range;

use faults::ask::{Ended, KILLED, LATE, LIFE_NS, Life, Started, answer};
use faults::change::{Change, Code, change};
use nexus_abi::EndReason;
use nexus_init::init::{Init, Machine};
use nexus_init::live::Live;
use nexus_loader::{Perm, Plan};
use nexus_proto::ids;
use nexus_proto::init::{EndKind, ServiceState};
use nexus_rt::{Deadline, ReplyTo, sys, ticks};

extern crate alloc;
use alloc::format;
use alloc::vec::Vec;

/// Drivers that are given faults.
const DRIVERS: [u32; 3] = [ids::RNGD, ids::VIRTIOBLKD, ids::VIRTIONETD];

/// The program of a driver.
struct Program {
    driver: u32,
    image: &'static [u8],
    /// Where its code is in the image.
    text: Range<usize>,
    code: Code,
}

impl Program {
    fn new(init: &Init<Live>, driver: u32) -> Option<Program> {
        let image = init.machine.programs.program(driver)?;
        let plan = Plan::parse(image).ok()?;
        let segment = plan.segments().find(|segment| segment.perm == Perm::RX)?;
        let begin = usize::try_from(segment.file_offset).ok()?;
        let text = begin..begin.checked_add(segment.data(image).len())?;
        let code = Code::of(image.get(text.clone())?);
        Some(Program { driver, image, text, code })
    }

    /// A copy with the faults of this seed.
    fn changed(&self, seed: u64) -> Option<(Vec<u8>, Vec<Change>)> {
        let mut image = self.image.to_vec();
        let changes = change(image.get_mut(self.text.clone())?, &self.code, seed);
        Some((image, changes))
    }
}

/// The life that was asked for last.
struct Current {
    driver: u32,
    /// When it is ended.
    until: Deadline,
    /// The tick at which it was.
    died: Option<u64>,
    ended: Option<Ended>,
    /// The keeper waits for its end.
    waiting: Option<ReplyTo>,
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
        let programs = DRIVERS.iter().filter_map(|driver| Program::new(init, *driver)).collect();
        let keeper = init.registry.description().service(faults::ask::KEEPER);
        let proofs = keeper.into_iter().flat_map(|keeper| &keeper.must_prove);
        let most = proofs.map(|proof| proof.checks).max();
        Lives { programs, current: None, verbose: most.is_some_and(|most| most < ONE_LIFE) }
    }

    /// When the life that runs is to be ended.
    pub(crate) fn deadline(&self) -> Deadline {
        self.current.as_ref().map_or(Deadline::NEVER, |current| current.until)
    }

    /// Starts a life of a driver, which must have ended.
    pub(crate) fn begin(&mut self, init: &mut Init<Live>, life: Life) -> Option<[u64; 2]> {
        let Life { driver, seed } = life;
        let program = self.programs.iter().find(|program| program.driver == driver)?;
        let record = init.registry.service_mut(driver)?;
        if record.state != ServiceState::Restarting {
            return None;
        }
        record.again = Some(0);
        let mut faults = 0;
        if let Some(seed) = seed {
            let (image, changes) = program.changed(seed)?;
            init.machine.programs.replace(driver, image);
            faults = changes.len() as u64;
            for change in changes.iter().filter(|_| self.verbose) {
                init.machine.say(&format!("faults: {driver} at {change}"));
            }
        }
        init.start_due();
        init.machine.programs.restore();
        let runs = init.registry.service(driver)?.state == ServiceState::Started;
        let until = seed.map_or(Deadline::NEVER, |_| Deadline::after_ns(LIFE_NS));
        self.current = Some(Current { driver, until, died: None, ended: None, waiting: None });
        runs.then(|| Started { faults, tick: ticks() }.words())
    }

    /// Ends a life of a driver.
    pub(crate) fn kill(&mut self, init: &Init<Live>, driver: u32) {
        let until = Deadline::NEVER;
        self.current = Some(Current { driver, until, died: None, ended: None, waiting: None });
        self.end(init, KILLED);
    }

    /// The deadline of the life that runs has passed.
    pub(crate) fn late(&mut self, init: &Init<Live>) {
        self.end(init, LATE);
    }

    fn end(&mut self, init: &Init<Live>, code: u64) {
        let Some(current) = &mut self.current else { return };
        current.until = Deadline::NEVER;
        let process = init.registry.service(current.driver).and_then(|record| record.process);
        if let Some(process) = process.filter(|_| current.died.is_none()) {
            let now = ticks();
            // Who has ended already is noticed as well.
            current.died = sys::process_end(process, code).ok().map(|()| now);
        }
    }

    /// Answers the keeper once the life has ended.
    pub(crate) fn wait(&mut self, init: &Init<Live>, reply: ReplyTo) {
        if let Some(current) = &mut self.current {
            current.waiting = Some(reply);
        }
        self.look(init, ticks());
    }

    /// Init has looked after who has ended, of which it was told at this tick.
    pub(crate) fn look(&mut self, init: &Init<Live>, told: u64) {
        let Some(current) = &mut self.current else { return };
        let Some(record) = init.registry.service(current.driver) else { return };
        if current.ended.is_none() && record.state.has_ended() {
            let (end, code) = match record.end {
                Some(EndReason::Exit(code)) => (EndKind::Exit, code),
                Some(EndReason::Fault { cause, .. }) => (EndKind::Fault, cause),
                Some(EndReason::Killed(code)) => (EndKind::Killed, code),
                None => (EndKind::None, 0),
            };
            let (died, at_rest) = (current.died.unwrap_or(told), ticks());
            current.until = Deadline::NEVER;
            current.ended = Some(Ended { end, code, died, at_rest });
        }
        if let Some(ended) = current.ended
            && let Some(reply) = current.waiting.take()
        {
            // Nothing to do when it fails: then the keeper is gone.
            let _ = reply.send(&answer(Some(ended.words())));
        }
    }
}

/// A run that is to prove less than this often is one of a single life.
const ONE_LIFE: u32 = 30;
