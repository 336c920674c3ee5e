//! The next lives of services: when their time has come, and when somebody orders it.

use nexus_abi::{Handle, Sender};
use nexus_proto::init::{EndKind, Last, LifeInfo, Lives, Ordered, ServiceState, killed};
use nexus_proto::{ServiceError, Zero, ids};
use nexus_sysdesc::restart::Deaths;
use nexus_sysdesc::{Permission, Restart};

use crate::init::{Init, Machine};
use crate::order::start_order;
use crate::records::{Order, ServiceRecord, Then};
use crate::server::next;
use crate::start::{Failed, LoadFailure};
use crate::supervise::nanoseconds;
use crate::words;

/// When a service is started again that waits for policyd or logd, while nobody starts that.
const WAITING: u64 = u64::MAX;

impl<M: Machine> Init<M> {
    /// The first tick at which a service is to be started again.
    #[must_use]
    pub fn next_start(&self) -> Option<u64> {
        let again = self.registry.services().iter().filter_map(|record| record.again);
        again.filter(|tick| *tick != WAITING).min()
    }

    /// Starts each service whose time has come, authorities first.
    pub fn start_due(&mut self) {
        let now = self.machine.ticks();
        let due = |record: &ServiceRecord| record.again.is_some_and(|tick| tick <= now);
        if !self.registry.services().iter().any(due) {
            return;
        }
        let order = start_order(self.registry.description());
        for index in order.authorities.into_iter().chain(order.others) {
            let Some(record) = self.registry.services().get(index).filter(|one| due(one)) else {
                continue;
            };
            let id = record.id;
            match (self.waits_for(id), self.registry.service_mut(id)) {
                // It comes behind that in this order.
                (Some(tick), Some(record)) => record.again = Some(tick),
                _ => self.start_again(index, id),
            }
        }
    }

    /// The tick at which somebody is started again whom the service needs to be given its devices;
    /// [`WAITING`] when that is not started again by itself.
    fn waits_for(&self, id: u32) -> Option<u64> {
        let needs = self.registry.description().service(id).map(|service| &service.needs);
        let needs_device = needs.is_some_and(|needs| !needs.is_empty());
        let record = |id: u32| self.registry.service(id).filter(|record| !record.lives());
        if id == ids::POLICYD {
            // It can wait for logd by itself.
            return record(ids::LOGD)?.again;
        }
        let deciders = [ids::LOGD, ids::POLICYD].into_iter().filter(|_| needs_device);
        deciders.filter_map(record).map(|record| record.again.unwrap_or(WAITING)).max()
    }

    /// Whoever waits for this service is started, too.
    fn is_back(&mut self, id: u32) {
        if ![ids::LOGD, ids::POLICYD].contains(&id) {
            return;
        }
        let now = self.machine.ticks();
        for record in self.registry.services_mut() {
            record.again = record.again.map(|tick| if tick == WAITING { now } else { tick });
        }
    }

    fn start_again(&mut self, index: usize, id: u32) {
        self.drop_process(id);
        let now = self.machine.ticks();
        if let Some(record) = self.registry.service_mut(id) {
            record.born = now;
        }
        let next = match self.start(index) {
            Ok(()) => return self.is_back(id),
            Err(Failed::NoDevice(refused)) if !refused.may_pass() => Err(Last::NoDevice),
            Err(Failed::Load(LoadFailure::Kernel(_)) | Failed::NoDevice(_)) => self.failed(id, now),
            Err(Failed::Load(_)) => Err(Last::NotLoaded),
        };
        match next {
            Ok(tick) => self.rest_until(id, tick),
            Err(why) => self.end_for_good(id, why),
        }
    }

    /// Lets go of what is left of the life before.
    fn drop_process(&mut self, id: u32) {
        let process = self.registry.service_mut(id).and_then(|record| record.process.take());
        if let Some(process) = process.filter(|process| *process != Handle::NONE) {
            // Nothing to do when it fails: then it is gone already.
            let _ = self.machine.cap_drop(process);
        }
    }

    /// Somebody orders the end, or the start, of a service.
    pub(crate) fn order(
        &mut self,
        sender: Sender,
        id: u32,
        then: Then,
    ) -> Result<(), ServiceError> {
        if !self.registry.description().permits(sender.service_id, Permission::Supervise) {
            return Err(ServiceError::Denied);
        }
        let record = self.registry.service(id).ok_or(ServiceError::NoSuchService)?;
        let (state, process) = (record.state, record.process.unwrap_or_default());
        if id == self.registry.description().init {
            return Err(ServiceError::BadState);
        }
        if then == Then::Again && self.restart_of(id) == Restart::Never {
            return Err(ServiceError::NotSupported);
        }
        match (state, then) {
            _ if record.lives() => {
                self.order_end(id, process, Order { asker: sender.into(), then })
            }
            (ServiceState::Restarting, Then::Stop) => {
                self.note_order(sender, id, Ordered::Stop)?;
                self.end_for_good(id, Last::Stopped);
                Ok(())
            }
            (
                ServiceState::Ended
                | ServiceState::GivenUp
                | ServiceState::Stopped
                | ServiceState::Restarting,
                Then::Again,
            ) => {
                self.note_order(sender, id, Ordered::Start)?;
                self.order_start(id);
                Ok(())
            }
            _ => Err(ServiceError::BadState),
        }
    }

    /// An order that ends no life: the record of no end tells of it.
    fn note_order(&mut self, sender: Sender, id: u32, what: Ordered) -> Result<(), ServiceError> {
        let subject = self.registry.subject(id);
        self.note_first(&words::order_entry(subject, what, sender.into()))
    }

    fn order_end(&mut self, id: u32, process: Handle, order: Order) -> Result<(), ServiceError> {
        let code = match order.then {
            Then::AsRuled => killed::ORDERED,
            Then::Again => killed::RESTARTED,
            Then::Stop => killed::STOPPED,
        };
        self.machine.process_end(process, code).map_err(|_| ServiceError::Unavailable)?;
        if let Some(record) = self.registry.service_mut(id) {
            record.order = Some(order);
        }
        Ok(())
    }

    fn order_start(&mut self, id: u32) {
        self.machine.answer_no_more(id);
        let now = self.machine.ticks();
        let unlimited = self.registry.description().unlimited_restarts;
        if let Some(record) = self.registry.service_mut(id) {
            (record.deaths, record.last) = (Deaths::new(unlimited), None);
        }
        self.rest_until(id, now);
    }

    /// The lives of the service at this place of the description.
    pub(crate) fn life_info(&mut self, ask: &Lives) -> Result<LifeInfo, ServiceError> {
        let index = usize::try_from(ask.cursor).map_err(|_| ServiceError::NotFound)?;
        let now = nanoseconds(self.machine.ticks(), self.timebase_hz);
        let services = self.registry.services();
        let record = services.get(index).ok_or(ServiceError::NotFound)?;
        let (end, code, ..) = record.end.map_or((EndKind::None, 0, 0, 0), words::end_parts);
        Ok(LifeInfo {
            next: u32::try_from(next(ask.cursor, services.len())).unwrap_or(0),
            lives: record.lives,
            service: self.registry.subject(record.id),
            state: record.state,
            end,
            last: record.last.unwrap_or(Last::None),
            zero: Zero::ZERO,
            deaths: u32::try_from(record.deaths.recent(now)).unwrap_or(u32::MAX),
            code,
            since: record.since,
            again: record.again.filter(|tick| *tick != WAITING).unwrap_or(0),
        })
    }
}
