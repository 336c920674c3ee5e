//! What init knows: each service and each device of the description, and how they stand.

use alloc::vec::Vec;

use nexus_abi::{EndReason, Handle, Sender};
use nexus_proto::init::{DmaState, OwnerState, Readiness, Refusal, ReportState, ServiceState};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::{NO_LINE, NO_RULE};
use nexus_proto::{Subject, Zero};
use nexus_sysdesc::{Description, Need};

use crate::board::Line;
use crate::grant::{Granted, Piece, Refused};
use crate::records::{DeviceRecord, Held, ServiceRecord};
use crate::words;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registry {
    description: Description,
    /// In the order of the description.
    services: Vec<ServiceRecord>,
    /// In the order of the description.
    devices: Vec<DeviceRecord>,
    /// Authorities that init has let go of.
    pub dropped: u32,
    /// Nothing more will be given.
    pub distributed: bool,
    /// Tick at which the last owner was ready for the first time; 0 before.
    pub ready_ticks: u64,
}

impl Registry {
    /// Nothing started, nothing given.
    #[must_use]
    pub fn new(description: Description) -> Registry {
        let unlimited = description.unlimited_restarts;
        let services = description.services.iter();
        let services = services.map(|one| ServiceRecord::new(one.id, unlimited));
        Registry {
            services: services.collect(),
            devices: description.devices.iter().map(|_| DeviceRecord::NEW).collect(),
            description,
            dropped: 0,
            distributed: false,
            ready_ticks: 0,
        }
    }

    /// The description.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Every service.
    #[must_use]
    pub fn services(&self) -> &[ServiceRecord] {
        &self.services
    }

    /// The same, to change them.
    pub(crate) fn services_mut(&mut self) -> &mut [ServiceRecord] {
        &mut self.services
    }

    /// Every device.
    #[must_use]
    pub fn devices(&self) -> &[DeviceRecord] {
        &self.devices
    }

    /// The service with this id.
    #[must_use]
    pub fn service(&self, id: u32) -> Option<&ServiceRecord> {
        self.services.iter().find(|service| service.id == id)
    }

    /// The service with this id, to change it.
    pub fn service_mut(&mut self, id: u32) -> Option<&mut ServiceRecord> {
        self.services.iter_mut().find(|service| service.id == id)
    }

    /// The device with this number.
    #[must_use]
    pub fn device(&self, id: u16) -> Option<&DeviceRecord> {
        self.devices.get(usize::from(id))
    }

    /// The device with this number, to change it.
    pub fn device_mut(&mut self, id: u16) -> Option<&mut DeviceRecord> {
        self.devices.get_mut(usize::from(id))
    }

    /// Who a service is now; incarnation 0 when it has no process.
    #[must_use]
    pub fn subject(&self, id: u32) -> Subject {
        Subject { id, incarnation: self.service(id).map_or(0, |service| service.incarnation) }
    }

    /// As the kernel stamps its messages.
    #[must_use]
    pub fn sender(&self, id: u32) -> Sender {
        let Subject { id: service_id, incarnation } = self.subject(id);
        Sender { service_id, incarnation }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self, id: u32) -> &str {
        self.description.service(id).map_or("?", |service| service.name.as_str())
    }

    /// The name of a device, for people.
    #[must_use]
    pub fn device_name(&self, id: u16) -> &str {
        self.description.device(id).map_or("?", |device| device.name.as_str())
    }

    /// A window has been given, as it was asked for.
    pub fn granted(&mut self, need: &Need, owner: Subject, granted: &Granted) {
        if let Some(record) = self.device_mut(need.device) {
            record.state = OwnerState::Held;
            record.owner = owner;
            record.pieces = granted.pieces;
            record.rights = need.rights;
            record.registers = need.registers;
            record.given_line = match (record.line, granted.pieces.get(Piece::Line)) {
                (Line::Own(number), Some(_)) => Some(number),
                _ => None,
            };
            if granted.memory.is_some() {
                (record.memory, record.dma) = (granted.memory, DmaState::InUse);
            }
            record.rule = granted.rule;
            record.refusal = None;
        }
    }

    /// busd was told to take a device back, and this is how its memory stands. What init kept of it is
    /// gone, but for its line.
    pub fn released(&mut self, device: u16, state: DmaState) {
        let Some(record) = self.device_mut(device) else { return };
        for piece in [Piece::Window, Piece::Pool, Piece::Used] {
            record.pieces.set(piece, None);
        }
        // Without memory there is nothing to be cleared.
        if state == DmaState::Quarantined || record.memory.is_some() {
            record.dma = state;
        }
    }

    /// A window has not been given. Whoever has it or had it stays on record, with what init keeps.
    pub fn refused(&mut self, device: u16, refused: &Refused) {
        let Some(record) = self.device_mut(device) else { return };
        let given = matches!(record.state, OwnerState::Held | OwnerState::OwnerEnded);
        if given {
            return;
        }
        record.state = match refused.refusal {
            Refusal::PolicyDenied => OwnerState::Denied,
            Refusal::Absent
            | Refusal::NotOneRange
            | Refusal::WrongSize
            | Refusal::SharedPage
            | Refusal::Disabled
            | Refusal::WrongDevice
            | Refusal::WrongPlace
            | Refusal::WrongSerial
            | Refusal::ProbeFailed
            | Refusal::Ambiguous
            | Refusal::NoLine
            | Refusal::LineShared
            | Refusal::OutOfReach => OwnerState::NotFound,
            _ => OwnerState::NotGranted,
        };
        record.rule = refused.ruling.map_or(NO_RULE, |(_, rule)| rule);
        record.refusal = Some(words::word(refused));
    }

    /// Devices that somebody holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.devices.iter().filter(|device| device.state == OwnerState::Held).count()
    }

    /// A service with this sender has told how it stands. False when no such service may: it must
    /// hold a device, be alive, and not have said so before.
    pub fn reported(&mut self, sender: Sender, report: ReportState, ticks: u64) -> bool {
        let holds = |device: &DeviceRecord| {
            device.state == OwnerState::Held && device.owner == Subject::from(sender)
        };
        let owner = self.devices.iter().any(holds);
        let Some(service) = self.service_mut(sender.service_id) else { return false };
        if !owner || service.state != ServiceState::Started {
            return false;
        }
        service.state = match report {
            ReportState::Ready => ServiceState::Ready,
            ReportState::WrongDevice | ReportState::NoWindow => ServiceState::Failed,
        };
        let Readiness { owners, owners_ready, .. } = self.readiness();
        if owners == owners_ready && self.ready_ticks == 0 {
            self.ready_ticks = ticks;
        }
        true
    }

    /// No report of an owner in this state is to come any more.
    fn is_lost(&self, state: ServiceState) -> bool {
        match state {
            ServiceState::Started | ServiceState::Ready | ServiceState::Restarting => false,
            ServiceState::Waiting => self.distributed,
            ServiceState::Failed
            | ServiceState::Ended
            | ServiceState::NotLoaded
            | ServiceState::Stopped
            | ServiceState::GivenUp => true,
        }
    }

    /// How far distribution is.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let owners = self.description.services.iter().filter(|service| !service.needs.is_empty());
        let ready = owners.clone().filter(|service| {
            self.service(service.id).is_some_and(|record| record.state == ServiceState::Ready)
        });
        let lost = owners.clone().filter(|service| {
            self.service(service.id).is_some_and(|record| self.is_lost(record.state))
        });
        let started = self.services.iter().filter(|service| service.incarnation != 0);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Readiness {
            owners_ready: number(ready.count()),
            owners_lost: number(lost.count()),
            owners: number(owners.count()),
            services_started: number(started.count()),
            services: number(self.services.len()),
            dropped: self.dropped,
            distributed: self.distributed,
            zero: Zero::ZERO,
            ready_ticks: self.ready_ticks,
            zero_end: Zero::ZERO,
        }
    }

    /// A service has a process.
    pub fn born(&mut self, id: u32, process: Handle, incarnation: u32) {
        if let Some(record) = self.service_mut(id) {
            record.process = Some(process);
            record.incarnation = incarnation;
        }
    }

    /// Its program runs.
    pub fn runs(&mut self, id: u32, memory: Vec<Handle>, ticks: u64) {
        if let Some(record) = self.service_mut(id) {
            record.state = ServiceState::Started;
            (record.born, record.since) = (ticks, ticks);
            record.lives = record.lives.saturating_add(1);
            record.memory = memory;
            (record.again, record.order, record.last) = (None, None, None);
        }
    }

    /// A life of a service has ended. Returns what init held for that life and of its devices, to be given
    /// up. Its endpoint, and what tells it of its rings, outlive it. One that did not come to run has no `end`.
    pub fn ended(&mut self, id: u32, end: Option<EndReason>) -> Held {
        let subject = self.subject(id);
        let mut held = Held::default();
        if let Some(service) = self.service_mut(id) {
            service.state = ServiceState::Ended;
            service.end = end.or(service.end);
            held.memory = core::mem::take(&mut service.memory);
        }
        for (device, record) in (0..).zip(self.devices.iter_mut()) {
            if record.state == OwnerState::Held && record.owner == subject {
                record.state = OwnerState::OwnerEnded;
                held.devices.push((device, core::mem::take(&mut record.pieces)));
            }
        }
        held
    }

    /// The record of a window that came back.
    #[must_use]
    pub fn revoke_entry(&self, device: u16) -> Option<Entry> {
        let record = self.device(device)?;
        let window = record.window?;
        Some(Entry {
            device,
            rights: record.rights,
            rule: record.rule,
            base: window.base,
            len: window.len,
            epoch: self.description.epoch,
            registers: record.registers.into(),
            line: record.given_line.unwrap_or(NO_LINE),
            ..Entry::about(Event::Revoke, Outcome::None, record.owner)
        })
    }

    /// The record that a device is given to nobody any more; `None` when it has no window.
    #[must_use]
    pub fn quarantine_entry(&self, device: u16) -> Option<Entry> {
        let reason = Refusal::NotAtRest.code();
        self.revoke_entry(device).map(|entry| Entry { reason, ..entry })
    }
}
