//! Services end, at any call of what init does about it, and init starts them again.
//!
//! Two drivers have a device each, one of which reaches memory by itself; everybody but busd is started
//! again. What init does when it hears of an end, and when it is time for a start, is one act here: at
//! each call of it one thing can happen. Between two acts anything can.

mod properties;
pub mod turns;

use nexus_abi::Handle;
use nexus_init::init::Init;
use nexus_proto::Zero;
use nexus_proto::init::{Kill, Request, Restart as Again, Stop};
use nexus_sysdesc::restart::{LIMIT, Life};
use stateright::{Model, Property};

use self::turns::{Happens, Turns};
use crate::outside::{Fate, Outside};
use crate::system::{BUSD, LOGD, OWNERS, POLICYD, SHELL, lasting};

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// Deaths, orders and failures.
    pub events: u8,
    /// The first driver has died so often that its next death is its last one.
    pub tired: bool,
}

/// Everything, while init waits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Init, and through it everything outside.
    pub init: Init<Outside>,
    events: u8,
}

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// An end.
    Kill,
    /// An end for good.
    Stop,
    /// Another life.
    Again,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A service ends.
    Dies(u32),
    /// Somebody who may orders this for a service.
    Orders(Order, u32),
    /// Init hears of the ends; at a call of that this happens.
    Hears(Option<(usize, Happens)>),
    /// It is time for the next start; likewise.
    Starts(Option<(usize, Happens)>),
}

/// The first driver.
pub const DRIVER: u32 = OWNERS[0].0;
/// The one whose device reaches memory.
pub const REACHER: u32 = OWNERS[1].0;
/// Everybody who can end.
pub const MORTAL: [u32; 5] = [POLICYD.service_id, LOGD, DRIVER, REACHER, BUSD.service_id];
/// Acts after which nothing is left to do, if nothing happens: every death of everybody up to the limit,
/// and starts that wait for others.
const ACTS: usize = 16 * LIMIT;

impl Model for Lives {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut init = lasting();
        if let Some(record) = init.registry.service_mut(DRIVER).filter(|_| self.tired) {
            for _ in 1..LIMIT {
                record.deaths.count(Life { born: 0, died: 0, ordered: false });
            }
        }
        vec![State { init, events: 0 }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.events == self.events {
            return actions.extend([Action::Hears(None), Action::Starts(None)]);
        }
        for act in [Action::Hears, Action::Starts] {
            let mut goes_well = state.clone();
            let Some(calls) = goes_well.act(act(None)) else { continue };
            actions.push(act(None));
            for (call, kind) in calls.into_iter().enumerate() {
                let fates = kind.fates().map(Happens::Goes);
                let happens = fates.chain(MORTAL.map(Happens::Dies));
                actions.extend(happens.map(|happens| act(Some((call, happens)))));
            }
        }
        actions.extend(MORTAL.map(Action::Dies));
        for service in [DRIVER, POLICYD.service_id] {
            let orders = [Order::Kill, Order::Stop, Order::Again];
            actions.extend(orders.map(|order| Action::Orders(order, service)));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        next.events += u8::from(!matches!(action, Action::Hears(None) | Action::Starts(None)));
        next.act(action)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Lives>> {
        properties::all(self.tired)
    }
}

impl State {
    /// `None` when it cannot happen now; else the calls that init made.
    fn act(&mut self, action: Action) -> Option<Vec<turns::Kind>> {
        let dead = |state: &State, service| state.init.machine.is_dead(service);
        let at = match action {
            Action::Hears(at) | Action::Starts(at) => at,
            Action::Dies(_) | Action::Orders(..) => None,
        };
        if let Some((_, Happens::Dies(service))) = at {
            (!dead(self, service)).then_some(())?;
        }
        self.init.machine.turns = Some(Turns { calls: Vec::new(), at });
        match action {
            Action::Dies(service) => {
                (!dead(self, service)).then_some(())?;
                self.init.machine.dies(service);
            }
            Action::Orders(order, service) => self.orders(order, service),
            Action::Hears(_) => {
                (self.init.machine.ends != 0).then_some(())?;
                let ends = core::mem::take(&mut self.init.machine.ends);
                self.init.notified(ends);
            }
            Action::Starts(_) => {
                let tick = self.init.next_start()?;
                self.init.machine.now = self.init.machine.now.max(tick);
                self.init.start_due();
            }
        }
        let turns = self.init.machine.turns.take()?;
        // No call was one that can go like that.
        (self.init.machine.fate == Fate::Fine).then_some(turns.calls)
    }

    fn orders(&mut self, order: Order, service: u32) {
        let zero = Zero::ZERO;
        let ask = match order {
            Order::Kill => Request::Kill(Kill { service, zero }),
            Order::Stop => Request::Stop(Stop { service, zero }),
            Order::Again => Request::Restart(Again { service, zero }),
        };
        let _answer = self.init.handle(SHELL, &ask);
    }

    /// The state in which nothing is left to do, if nothing happens any more; `None` when there is none.
    fn at_last(&self) -> Option<State> {
        let mut state = self.clone();
        for _ in 0..ACTS {
            if state.act(Action::Hears(None)).is_none() && state.act(Action::Starts(None)).is_none()
            {
                state.init.machine.turns = None;
                return Some(state);
            }
        }
        None
    }

    /// The process of a service, as init knows it.
    fn process(&self, service: u32) -> Option<Handle> {
        self.init.registry.service(service).and_then(|record| record.process)
    }
}
