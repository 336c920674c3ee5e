//! The steps of a grant.

use nexus_abi::{Handle, Sender};
use nexus_proto::init::Refusal;
use nexus_proto::policy::{Decision, Epoch, NO_LINE, NO_RULE, Reason};

use super::answer::{Allowed, allowed, check, same_epoch};
use super::entry::{grant_entry, refusal_entry};
use super::{Question, World};

/// Where a window comes from, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The root window that it lies in.
    pub root: Handle,
    /// First byte of that.
    pub root_base: u64,
    /// Where its interrupt line comes from, if init can hand out any.
    pub line: Option<LineRoute>,
    /// The process of its owner.
    pub process: Handle,
    /// Who policyd is, as the kernel stamps it.
    pub policyd: Sender,
    /// Version of the rules that init was started with.
    pub epoch: u32,
    /// Nonce of a second question, while one may be asked.
    pub again: Option<u64>,
}

/// Where an interrupt line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LineRoute {
    /// The capability to all lines that init can hand out.
    pub root: Handle,
    /// Number of the first of them.
    pub first: u64,
    /// Least microseconds between two interrupts, by the rules that init was started with; 0 for no
    /// such bound.
    pub interval: u32,
    /// The same in ticks.
    pub ticks: u64,
}

/// A window or a line that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Given {
    /// What init keeps of it.
    pub kept: Handle,
    /// What its owner has, as the owner names it.
    pub held: Handle,
}

/// A window that is given with its line, and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Granted {
    /// The window.
    pub window: Given,
    /// The line, where one was asked for.
    pub line: Option<Given>,
    /// The rule that allowed it.
    pub rule: u16,
    /// Number of the record.
    pub record: u64,
    /// It was given at the second question.
    pub second: bool,
}

/// A window that is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What policyd said, if it said something about this question.
    pub ruling: Option<(Reason, u16)>,
}

impl Refused {
    /// True when it says no more than that policyd or logd did not answer in time.
    #[must_use]
    pub fn was_late(&self) -> bool {
        match self.refusal {
            Refusal::PolicyLate | Refusal::NotRecorded => true,
            Refusal::PolicyDenied => {
                self.ruling.is_some_and(|(reason, _)| reason == Reason::NotRecorded)
            }
            _ => false,
        }
    }
}

/// How a grant came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The owner holds the window.
    Granted(Granted),
    /// Nobody holds anything.
    Refused(Refused),
}

/// What init has derived for a grant that comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    window: Handle,
    line: Option<Handle>,
}

impl Kept {
    pub(super) fn window(window: Handle) -> Kept {
        Kept { window, line: None }
    }

    pub(super) fn both(window: Handle, line: Handle) -> Kept {
        Kept { window, line: Some(line) }
    }

    fn of(window: Given, line: Option<Given>) -> Kept {
        Kept { window: window.kept, line: line.map(|line| line.kept) }
    }

    /// What was derived last.
    pub(super) fn last(self) -> Handle {
        self.line.unwrap_or(self.window)
    }

    /// What was derived before.
    pub(super) fn before_last(self) -> Option<Kept> {
        self.line.map(|_| Kept::window(self.window))
    }
}

/// What the next step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Ask,
    Derive(Allowed),
    Limit(Allowed, Handle, u64),
    Install(Allowed, Handle),
    DeriveLine(Allowed, Given, LineRoute),
    LimitLine(Allowed, Given, Handle, u64),
    InstallLine(Allowed, Given, Handle),
    Confirm(Allowed, Given, Option<Given>),
    Record(Allowed, Given, Option<Given>),
    TakeBack(Kept, Refusal),
    LetGo(Kept, Refusal),
    RecordRefusal(Refusal),
    WaitOut(u64),
    Done(Outcome),
}

/// One grant under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    pub(super) question: Question,
    pub(super) route: Route,
    ruling: Option<(Reason, u16)>,
    /// This is the second question.
    second: bool,
    stage: Stage,
}

impl Grant {
    /// A grant that has not begun.
    #[must_use]
    pub fn new(question: Question, route: Route) -> Grant {
        Grant { question, route, ruling: None, second: false, stage: Stage::Ask }
    }

    /// Makes all steps.
    pub fn run(mut self, world: &mut impl World) -> Outcome {
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            self.step(world);
        }
    }

    /// How it came out, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.stage {
            Stage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Makes the next step: one call to the outside.
    pub fn step(&mut self, world: &mut impl World) {
        self.stage = match self.stage {
            Stage::Ask => self.ask(world),
            Stage::Derive(allowed) => self.derive(world, allowed),
            Stage::Limit(allowed, kept, mask) => Grant::limit(world, allowed, kept, mask),
            Stage::Install(allowed, kept) => self.install(world, allowed, kept),
            Stage::DeriveLine(allowed, window, line) => {
                self.derive_line(world, allowed, window, line)
            }
            Stage::LimitLine(allowed, window, kept, ticks) => {
                Grant::limit_line(world, allowed, window, kept, ticks)
            }
            Stage::InstallLine(allowed, window, kept) => {
                self.install_line(world, allowed, window, kept)
            }
            Stage::Confirm(allowed, window, line) => self.confirm(world, allowed, window, line),
            Stage::Record(allowed, window, line) => self.record(world, allowed, window, line),
            Stage::TakeBack(kept, refusal) => Grant::take_back(world, kept, refusal),
            Stage::LetGo(kept, refusal) => Grant::let_go(world, kept, refusal),
            Stage::RecordRefusal(refusal) => {
                let (_, rule) = self.ruling.unwrap_or((Reason::NoRule, NO_RULE));
                let entry = refusal_entry(&self.question, rule, self.route.epoch, refusal);
                // A refusal stands whether or not it is recorded.
                let _ = world.record(&entry);
                self.refused(Refused { refusal, ruling: self.ruling })
            }
            Stage::WaitOut(nonce) => {
                world.wait_out();
                self.question.nonce = nonce;
                self.second = true;
                Stage::Ask
            }
            Stage::Done(outcome) => Stage::Done(outcome),
        };
    }

    /// The end of this question, or of the first of two.
    fn refused(&mut self, refused: Refused) -> Stage {
        match self.route.again.take_if(|_| refused.was_late()) {
            Some(nonce) => Stage::WaitOut(nonce),
            None => Stage::Done(Outcome::Refused(refused)),
        }
    }

    fn confirm(
        &self,
        world: &mut impl World,
        allowed: Allowed,
        window: Given,
        line: Option<Given>,
    ) -> Stage {
        let ask = Epoch { nonce: self.question.nonce };
        let answer = world.epoch(&ask);
        match same_epoch(&ask, allowed.epoch, self.route.policyd, answer) {
            Ok(()) => Stage::Record(allowed, window, line),
            Err(refusal) => Stage::TakeBack(Kept::of(window, line), refusal),
        }
    }

    fn record(
        &self,
        world: &mut impl World,
        allowed: Allowed,
        window: Given,
        line: Option<Given>,
    ) -> Stage {
        let Some(record) = world.record(&grant_entry(&self.question, &allowed)) else {
            return Stage::TakeBack(Kept::of(window, line), Refusal::NotRecorded);
        };
        let (rule, second) = (allowed.rule, self.second);
        Stage::Done(Outcome::Granted(Granted { window, line, rule, record, second }))
    }

    fn ask(&mut self, world: &mut impl World) -> Stage {
        let ask = self.question.to_decide();
        let decision = check(&ask, self.route.policyd, world.decide(&ask));
        self.ruling = decision.as_ref().ok().map(|Decision { reason, rule, .. }| (*reason, *rule));
        match decision.and_then(|decision| self.allowed(&decision)) {
            Ok(allowed) => Stage::Derive(allowed),
            Err(refusal) => Stage::RecordRefusal(refusal),
        }
    }

    fn allowed(&self, decision: &Decision) -> Result<Allowed, Refusal> {
        let line = self.route.line.filter(|_| self.question.line != NO_LINE);
        let interval = line.map_or(0, |line| line.interval);
        allowed(decision, self.route.epoch, interval)
    }
}
