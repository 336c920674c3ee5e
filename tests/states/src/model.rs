//! What can happen, and in which order: anything, between any two calls that a grant makes.

use nexus_abi::Handle;
use nexus_init::grant::{Grant, Outcome};
use nexus_init::init::Init;
use nexus_proto::Zero;
use nexus_proto::init::{Refusal, Request, ServiceState, Try};
use nexus_proto::log::Entry;
use nexus_proto::policy::Decide;
use stateright::{Model, Property};

use crate::lives::turns::{Kind, Turns};
use crate::outside::{Cap, Fate, Outside};
use crate::properties;
use crate::system::{
    BUSD_PROCESS, INIT, LINE, OWNERS, REQUESTS, RIGHTS, SHELL, need, pool_of, process_of, started,
};

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Grants that init begins.
    pub grants: u8,
    /// Things that go wrong, or change, on the way.
    pub events: u8,
    /// Records for which logd has room.
    pub room: usize,
}

/// A grant under way.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UnderWay {
    /// Its state machine.
    pub grant: Grant,
    /// Which of [`REQUESTS`] it is.
    pub request: usize,
    /// Calls that it has made.
    pub calls: u8,
    /// Every capability to a window or to lines before it began.
    pub before: Vec<Cap>,
}

/// Everything, at one moment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Init, and through it everything outside.
    pub init: Init<Outside>,
    /// What init is doing.
    pub under_way: Option<UnderWay>,
    /// How the last grant came out.
    pub last: Option<Refusal>,
    /// Ends of services that init has not been told.
    pub pending: u64,
    grants: u8,
    events: u8,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Init begins with this request.
    Begin(usize),
    /// The grant makes its next call, which goes like this.
    Step(Fate),
    /// An owner ends.
    End(usize),
    /// Init hears of it, and a call to busd goes like this, if one is made.
    Notify(Fate),
    /// Init gives up an owner that it could not start.
    Abandon(usize),
    /// policyd decides by other rules from now on.
    ChangeRules,
    /// policyd ends and begins anew.
    RestartPolicyd,
    /// logd ends and begins anew.
    RestartLogd,
    /// busd ends.
    EndBusd,
    /// policyd gets the first question of this run once more.
    AskAgain,
    /// A service that may not distribute asks policyd.
    Intrude,
    /// A service has init ask policyd whether it would be given something.
    Try,
    /// Init lets go of its root windows, and of all lines.
    DropRoots,
}

const EVENTS: [Action; 10] = [
    Action::EndBusd,
    Action::End(0),
    Action::End(1),
    Action::ChangeRules,
    Action::RestartPolicyd,
    Action::RestartLogd,
    Action::AskAgain,
    Action::Intrude,
    Action::Abandon(0),
    Action::Try,
];

impl Model for Bound {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let init = started(self.room);
        vec![State { init, under_way: None, last: None, pending: 0, grants: 0, events: 0 }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let more = state.events < self.events;
        if state.under_way.is_some() {
            actions.push(Action::Step(Fate::Fine));
            let kind = state.next_call().filter(|_| more);
            actions.extend(kind.into_iter().flat_map(Kind::fates).map(Action::Step));
        } else {
            if state.grants < self.grants {
                actions.extend((0..REQUESTS.len()).map(Action::Begin));
            }
            if state.pending != 0 {
                actions.push(Action::Notify(Fate::Fine));
                actions.extend(Kind::Release.fates().filter(|_| more).map(Action::Notify));
            }
            actions.extend((!state.init.roots.is_empty()).then_some(Action::DropRoots));
        }
        actions.extend(EVENTS.iter().filter(|_| more));
    }

    /// Once nothing more may happen, a grant under way has one way to go on, and goes it to its end: one
    /// transition, of which every state is looked at. The first in which something is not as it must be
    /// is where it stops, so that it is found there.
    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        next.take(action)?;
        while next.under_way.is_some() && next.events == self.events && self.holds(&next) {
            next.take(Action::Step(Fate::Fine))?;
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Bound>> {
        let mut all = properties::all();
        // One late answer is no refusal: it takes two.
        all.retain(|property| property.name != "PolicyLate" || self.events > 1);
        all
    }
}

impl Bound {
    /// Nothing is otherwise than it must always be.
    fn holds(&self, state: &State) -> bool {
        properties::ALWAYS.iter().all(|property| (property.condition)(self, state))
    }
}

/// The question that a record is about. A window here is one page.
#[must_use]
pub fn question_of(entry: &Entry) -> Decide {
    Decide {
        subject: entry.subject,
        asker: entry.asker,
        device: entry.device,
        rights: entry.rights,
        base: entry.base,
        nonce: entry.detail,
        pages: 1,
        pool: pool_of(entry.device),
        line: entry.line,
        registers: entry.registers,
        zero: Zero::ZERO,
    }
}

impl State {
    /// What the next call of the grant under way is about; `None` when it calls nobody.
    fn next_call(&self) -> Option<Kind> {
        let mut next = self.clone();
        next.init.machine.turns = Some(Turns::default());
        next.step(Fate::Fine)?;
        next.init.machine.turns?.calls.first().copied()
    }

    /// `None` when it cannot happen now.
    fn take(&mut self, action: Action) -> Option<()> {
        match action {
            Action::Begin(request) => self.begin(request),
            Action::Step(fate) => self.step(fate)?,
            Action::Notify(fate) => {
                self.events += u8::from(fate != Fate::Fine);
                self.init.machine.fate = fate;
                self.init.notified(core::mem::take(&mut self.pending));
                // No call was one that can go like that.
                (self.init.machine.fate == Fate::Fine).then_some(())?;
            }
            Action::DropRoots => self.init.drop_roots(),
            event => {
                self.events += 1;
                self.happen(event)?;
            }
        }
        Some(())
    }

    fn happen(&mut self, event: Action) -> Option<()> {
        let idle = self.under_way.is_none();
        let outside = &mut self.init.machine;
        match event {
            Action::End(owner) => {
                let (_, process, bit) = OWNERS[owner];
                (!outside.ended.contains(&process)).then_some(())?;
                outside.end(process);
                self.pending |= bit;
            }
            Action::Abandon(owner) => {
                let (service, process, _) = OWNERS[owner];
                // Init does one thing at a time.
                (idle && !outside.ended.contains(&process)).then_some(())?;
                self.init.abandon(service, ServiceState::Failed);
            }
            Action::ChangeRules => outside.change_rules(),
            Action::RestartPolicyd => outside.restart_policyd(),
            Action::RestartLogd => outside.restart_logd(),
            Action::EndBusd => {
                (!outside.busd_ended).then_some(())?;
                outside.end_busd();
            }
            Action::AskAgain => {
                let first = outside.records.first().copied()?;
                outside.ask_as(INIT, &question_of(&first));
            }
            Action::Intrude => {
                let (id, device) = REQUESTS[0];
                let window = self.init.registry.device(device)?.window?;
                let ask = Decide {
                    subject: nexus_proto::Subject { id, incarnation: 1 },
                    asker: INIT.into(),
                    device,
                    rights: RIGHTS,
                    base: window.base,
                    nonce: 1,
                    pages: 1,
                    pool: pool_of(device),
                    line: LINE,
                    registers: need(device).registers.into(),
                    zero: Zero::ZERO,
                };
                outside.ask_as(SHELL, &ask);
            }
            Action::Try => {
                idle.then_some(())?;
                let (service, device) = REQUESTS[0];
                let before = outside.caps.clone();
                let ask = Request::Try(Try { service, device, rights: RIGHTS });
                let _answer = self.init.handle(SHELL, &ask);
                self.expect_caps(&before, "a question changed who holds what");
            }
            _ => return None,
        }
        Some(())
    }

    fn begin(&mut self, request: usize) {
        let (service, device) = REQUESTS[request];
        self.grants += 1;
        let before = self.init.machine.caps.clone();
        match self.init.begin(service, process_of(service), &need(device)) {
            Ok(grant) => {
                self.under_way = Some(UnderWay { grant, request, calls: 0, before });
            }
            Err(refused) => {
                self.last = Some(refused.refusal);
                self.finish(request, Outcome::Refused(refused), &before);
            }
        }
    }

    fn step(&mut self, fate: Fate) -> Option<()> {
        let mut under_way = self.under_way.take()?;
        self.events += u8::from(fate != Fate::Fine);
        self.init.machine.fate = fate;
        under_way.grant.step(&mut self.init.machine);
        under_way.calls += 1;
        // The call was not one that can go like that.
        (self.init.machine.fate == Fate::Fine).then_some(())?;
        match under_way.grant.outcome() {
            Some(outcome) => self.finish(under_way.request, outcome, &under_way.before),
            None => self.under_way = Some(under_way),
        }
        Some(())
    }

    fn finish(&mut self, request: usize, outcome: Outcome, before: &[Cap]) {
        let (service, device) = REQUESTS[request];
        self.last = None;
        if let Outcome::Refused(refused) = outcome {
            self.last = Some(refused.refusal);
            let ended = self.init.machine.ended.clone();
            let live =
                before.iter().filter(|cap| !cap.holder.is_some_and(|at| ended.contains(&at)));
            let live: Vec<Cap> = live.cloned().collect();
            self.expect_caps(&live, "a refusal changed who holds what");
        }
        let _ = self.init.finish(service, &need(device), outcome);
    }

    /// But for busd's own: what of it init and owners have is what counts, and from whom it is, as long as
    /// busd lives.
    fn expect_caps(&mut self, caps: &[Cap], wrong: &'static str) {
        let others = |caps: &[Cap]| -> Vec<(Handle, Option<Handle>)> {
            let others = caps.iter().filter(|cap| cap.holder != Some(BUSD_PROCESS));
            others.map(|cap| (cap.handle, cap.holder)).collect()
        };
        let outside = &mut self.init.machine;
        let same = others(&outside.caps) == others(caps);
        outside.see(same, wrong);
    }
}
