//! The steps of a grant.

use nexus_abi::{Error, Handle, Rights, Sender};
use nexus_proto::init::Refusal;
use nexus_proto::log::{Entry, Event, Outcome as Came};
use nexus_proto::policy::{Decision, Epoch, NO_RULE, Reason};

use super::answer::{Allowed, allowed, check, same_epoch};
use super::{Question, World};

/// Rights of the capability that init keeps of a window it has given: to hand it on and to take it
/// back, never to map it.
const KEPT: Rights = Rights::MAP
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);

/// Where a window comes from, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The root window that it lies in.
    pub root: Handle,
    /// First byte of that.
    pub root_base: u64,
    /// The process of its owner.
    pub process: Handle,
    /// Who policyd is, as the kernel stamps it.
    pub policyd: Sender,
    /// Version of the rules that init was started with.
    pub epoch: u32,
    /// Nonce of a second question, while one may be asked.
    pub again: Option<u64>,
}

/// A window that is given, and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Granted {
    /// What init keeps of it.
    pub kept: Handle,
    /// What its owner has, as the owner names it.
    pub window: Handle,
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

/// What the next step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Ask,
    Derive(Allowed),
    Install(Allowed, Handle),
    Confirm(Allowed, Handle, Handle),
    Record(Allowed, Handle, Handle),
    TakeBack(Handle, Refusal),
    LetGo(Handle, Refusal),
    RecordRefusal(Refusal),
    WaitOut(u64),
    Done(Outcome),
}

/// One grant under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    question: Question,
    route: Route,
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
            Stage::Install(allowed, kept) => self.install(world, allowed, kept),
            Stage::Confirm(allowed, kept, window) => {
                let ask = Epoch { nonce: self.question.nonce };
                let answer = world.epoch(&ask);
                match same_epoch(&ask, allowed.epoch, self.route.policyd, answer) {
                    Ok(()) => Stage::Record(allowed, kept, window),
                    Err(refusal) => Stage::TakeBack(kept, refusal),
                }
            }
            Stage::Record(allowed, kept, window) => {
                let entry = grant_entry(&self.question, allowed.rule, allowed.epoch);
                match world.record(&entry) {
                    Some(record) => self.done(allowed, kept, window, record),
                    None => Stage::TakeBack(kept, Refusal::NotRecorded),
                }
            }
            // Before letting go: the children of a capability that is dropped live on.
            Stage::TakeBack(kept, refusal) => {
                // It fails only when `kept` is gone, and all derived from it with it.
                let _ = world.cap_revoke(kept);
                Stage::LetGo(kept, refusal)
            }
            Stage::LetGo(kept, refusal) => {
                // As above.
                let _ = world.cap_drop(kept);
                Stage::RecordRefusal(refusal)
            }
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

    fn done(&self, allowed: Allowed, kept: Handle, window: Handle, record: u64) -> Stage {
        let Allowed { rule, .. } = allowed;
        let second = self.second;
        Stage::Done(Outcome::Granted(Granted { kept, window, rule, record, second }))
    }

    fn ask(&mut self, world: &mut impl World) -> Stage {
        let ask = self.question.to_decide();
        let decision = check(&ask, self.route.policyd, world.decide(&ask));
        self.ruling = decision.as_ref().ok().map(|Decision { reason, rule, .. }| (*reason, *rule));
        match decision.and_then(|decision| allowed(&decision, self.route.epoch)) {
            Ok(allowed) => Stage::Derive(allowed),
            Err(refusal) => Stage::RecordRefusal(refusal),
        }
    }

    fn derive(&self, world: &mut impl World, allowed: Allowed) -> Stage {
        let Some(offset) = self.question.base.checked_sub(self.route.root_base) else {
            return Stage::RecordRefusal(Refusal::OutOfReach);
        };
        match world.cap_derive(self.route.root, KEPT, offset, self.question.len) {
            Ok(kept) => Stage::Install(allowed, kept),
            Err(Error::OutOfRange) => Stage::RecordRefusal(Refusal::OutOfReach),
            Err(_) => Stage::RecordRefusal(Refusal::KernelRefused),
        }
    }

    fn install(&self, world: &mut impl World, allowed: Allowed, kept: Handle) -> Stage {
        let rights = owner_rights(self.question.rights);
        match world.cap_install(self.route.process, kept, rights) {
            Ok(window) => Stage::Confirm(allowed, kept, window),
            Err(Error::BadState | Error::BadHandle) => Stage::TakeBack(kept, Refusal::SubjectEnded),
            Err(_) => Stage::TakeBack(kept, Refusal::KernelRefused),
        }
    }
}

/// The ledger record of a refusal.
#[must_use]
pub fn refusal_entry(question: &Question, rule: u16, epoch: u32, refusal: Refusal) -> Entry {
    Entry {
        event: Event::Refusal,
        outcome: Came::Deny,
        reason: u32::from(refusal.code()),
        ..grant_entry(question, rule, epoch)
    }
}

fn grant_entry(question: &Question, rule: u16, epoch: u32) -> Entry {
    Entry {
        event: Event::Grant,
        outcome: Came::Allow,
        device: question.device,
        rights: question.rights,
        rule,
        subject: question.subject(),
        asker: question.asker,
        base: question.base,
        len: question.len,
        epoch,
        reason: 0,
        detail: question.nonce,
    }
}

/// What an owner may get: it uses its window, and cannot pass it on.
const OWNER: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);

/// What an owner gets of what was asked for.
fn owner_rights(asked: u16) -> Rights {
    Rights::from_bits_truncate(asked) & OWNER
}
