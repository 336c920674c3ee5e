//! The steps of a grant.

use nexus_abi::{Handle, Sender};
use nexus_proto::init::{DmaState, Refusal};
use nexus_proto::policy::{Decision, Epoch, NO_LINE, NO_RULE, Reason};

use super::answer::{Allowed, allowed, check, same_epoch};
use super::entry::{grant_entry, prepared_entry, refusal_entry};
use super::{Bus, Memory, Piece, Pieces, Question, World};

/// Where a window comes from, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// Where the window comes from.
    pub source: Source,
    /// Where its interrupt line comes from, if init can hand out any.
    pub line: Option<LineRoute>,
    /// The process of its owner.
    pub process: Handle,
    /// Who policyd is, as the kernel stamps it.
    pub policyd: Sender,
    /// Version of the rules that init was started with.
    pub epoch: u32,
    /// What the ledger says already of the memory that the device reaches.
    pub on_record: Option<Memory>,
    /// Nonce of a second question, while one may be asked.
    pub again: Option<u64>,
}

/// Where a window comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A window of init's.
    Root {
        /// Its capability.
        root: Handle,
        /// Its first byte.
        base: u64,
    },
    /// busd, which has every device that reaches memory by itself.
    Bus(Bus),
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

/// A device that is given, and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Granted {
    /// What init keeps of each piece, and what its owner has.
    pub pieces: Pieces,
    /// The memory that the device reaches, where it was set up to reach any.
    pub memory: Option<Memory>,
    /// The features that were agreed with such a device (virtio 1.2, 2.2); else 0.
    pub features: u64,
    /// The rule that allowed it.
    pub rule: u16,
    /// Number of the record.
    pub record: u64,
    /// It was given at the second question.
    pub second: bool,
}

/// A device that is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What policyd said, if it said something about this question.
    pub ruling: Option<(Reason, u16)>,
    /// How busd took the device back, if it may have begun to set it up.
    pub released: Option<DmaState>,
}

impl Refused {
    /// True when it says no more than that policyd or logd did not answer in time, and the device can
    /// be given.
    #[must_use]
    pub fn was_late(&self) -> bool {
        match self.refusal {
            _ if self.released == Some(DmaState::Quarantined) => false,
            Refusal::PolicyLate | Refusal::NotRecorded => true,
            Refusal::PolicyDenied => {
                self.ruling.is_some_and(|(reason, _)| reason == Reason::NotRecorded)
            }
            _ => false,
        }
    }
}

impl Refused {
    /// True when the same may come out otherwise a little later: somebody who is asked for it is not there,
    /// or was late, or the kernel was short of something.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.refusal {
            _ if self.released == Some(DmaState::Quarantined) => false,
            Refusal::PolicyGone | Refusal::KernelRefused | Refusal::SubjectEnded => true,
            _ => self.was_late(),
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

/// What the next step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Ask,
    Prepare,
    Look(Piece),
    Derive(Piece),
    Limit(Piece, u64),
    Install(Piece),
    Confirm,
    RecordPrepared(Memory),
    Record,
    TakeBack(Refusal),
    LetGo(Refusal),
    Release(Refusal),
    RecordRefusal(Refusal),
    WaitOut(u64),
    Done(Outcome),
}

/// One grant under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    pub(super) question: Question,
    pub(super) route: Route,
    pub(super) allowed: Allowed,
    /// What init has of the device, and what of that its owner has.
    pub(super) pieces: Pieces,
    pub(super) features: u64,
    /// busd was asked to set the device up, and not yet to take it back.
    pub(super) prepared: bool,
    pub(super) released: Option<DmaState>,
    ruling: Option<(Reason, u16)>,
    /// This is the second question.
    second: bool,
    stage: Stage,
}

impl Grant {
    /// A grant that has not begun.
    #[must_use]
    pub fn new(question: Question, route: Route) -> Grant {
        Grant {
            question,
            route,
            allowed: Allowed { rule: NO_RULE, epoch: route.epoch, interval: 0 },
            pieces: Pieces::NONE,
            features: 0,
            prepared: false,
            released: None,
            ruling: None,
            second: false,
            stage: Stage::Ask,
        }
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
            Stage::Prepare => self.prepare(world),
            Stage::Look(piece) => self.look(world, piece),
            Stage::Derive(piece) => self.derive(world, piece),
            Stage::Limit(piece, limit) => self.limit(world, piece, limit),
            Stage::Install(piece) => self.install(world, piece),
            Stage::Confirm => self.confirm(world),
            Stage::RecordPrepared(memory) => self.record_prepared(world, &memory),
            Stage::Record => self.record(world),
            Stage::TakeBack(refusal) => self.take_back(world, refusal),
            Stage::LetGo(refusal) => self.let_go(world, refusal),
            Stage::Release(refusal) => self.release(world, refusal),
            Stage::RecordRefusal(refusal) => self.record_refusal(world, refusal),
            Stage::WaitOut(nonce) => {
                world.wait_out();
                self.question.nonce = nonce;
                self.second = true;
                Stage::Ask
            }
            Stage::Done(outcome) => Stage::Done(outcome),
        };
    }

    fn ask(&mut self, world: &mut impl World) -> Stage {
        let ask = self.question.to_decide();
        let decision = check(&ask, self.route.policyd, world.decide(&ask));
        self.ruling = decision.as_ref().ok().map(|Decision { reason, rule, .. }| (*reason, *rule));
        match decision.and_then(|decision| self.allowed(&decision)) {
            Ok(allowed) => {
                self.allowed = allowed;
                self.first_step()
            }
            Err(refusal) => self.give_up(refusal),
        }
    }

    /// As the rules say that init was started with.
    fn allowed(&self, decision: &Decision) -> Result<Allowed, Refusal> {
        let line = self.route.line.filter(|_| self.question.line != NO_LINE);
        let interval = line.map_or(0, |line| line.interval);
        let allowed = allowed(decision, self.route.epoch, interval)?;
        match self.bus() {
            Some(bus) if !bus.as_ruled => Err(Refusal::PolicyGarbled),
            _ => Ok(allowed),
        }
    }

    fn confirm(&self, world: &mut impl World) -> Stage {
        let ask = Epoch { nonce: self.question.nonce };
        let answer = world.epoch(&ask);
        match same_epoch(&ask, self.allowed.epoch, self.route.policyd, answer) {
            Ok(()) => match self.memory() {
                Some(memory) if self.route.on_record != Some(memory) => {
                    Stage::RecordPrepared(memory)
                }
                _ => Stage::Record,
            },
            Err(refusal) => self.give_up(refusal),
        }
    }

    fn record_prepared(&self, world: &mut impl World, memory: &Memory) -> Stage {
        match world.record(&prepared_entry(&self.question, &self.allowed, memory)) {
            Some(_) => Stage::Record,
            None => self.give_up(Refusal::NotRecorded),
        }
    }

    fn record(&self, world: &mut impl World) -> Stage {
        let Some(record) = world.record(&grant_entry(&self.question, &self.allowed)) else {
            return self.give_up(Refusal::NotRecorded);
        };
        Stage::Done(Outcome::Granted(Granted {
            pieces: self.pieces,
            memory: self.memory(),
            features: self.features,
            rule: self.allowed.rule,
            record,
            second: self.second,
        }))
    }

    fn record_refusal(&mut self, world: &mut impl World, refusal: Refusal) -> Stage {
        let (_, rule) = self.ruling.unwrap_or((Reason::NoRule, NO_RULE));
        let entry = refusal_entry(&self.question, rule, self.route.epoch, refusal);
        // A refusal stands whether or not it is recorded.
        let _ = world.record(&entry);
        self.refused(Refused { refusal, ruling: self.ruling, released: self.released })
    }

    /// The end of this question, or of the first of two.
    fn refused(&mut self, refused: Refused) -> Stage {
        match self.route.again.take_if(|_| refused.was_late()) {
            Some(nonce) => Stage::WaitOut(nonce),
            None => Stage::Done(Outcome::Refused(refused)),
        }
    }
}
