//! What init does when a life of a service ends: it takes back what that life held, in the order of RFC-0005,
//! and decides whether another one follows, and when.

use nexus_abi::{EndReason, Handle, ProcessState};
use nexus_proto::bus::Release;
use nexus_proto::init::{DmaState, Last, ServiceState, killed};
use nexus_proto::{Subject, ids};
use nexus_sysdesc::Restart;
use nexus_sysdesc::restart::{Life, Next};

use crate::grant::{Piece, Pieces, is_done, release, state_after};
use crate::init::{Init, Machine};
use crate::records::{Held, ServiceRecord, Then};
use crate::words;

impl<M: Machine> Init<M> {
    /// Services at these places in the description have ended, says the kernel.
    pub fn notified(&mut self, bits: u64) {
        for index in (0..64).filter(|index| bits & (1 << index) != 0) {
            let Some(record) = self.registry.services().get(index) else { continue };
            let (id, process) = (record.id, record.process);
            if record.lives()
                && let Some(process) = process.filter(|process| *process != Handle::NONE)
            {
                self.look_after(id, process);
            }
        }
    }

    /// Takes back what a life of a service held, if it has ended, records that, and decides what follows.
    fn look_after(&mut self, id: u32, process: Handle) {
        let end = match self.machine.process_stat(process) {
            Ok(info) => info.end.filter(|_| info.state != ProcessState::Live),
            // It is gone, and nobody can tell how.
            Err(_) => Some(EndReason::Killed(killed::UNKNOWN)),
        };
        let Some(end) = end else { return };
        self.machine.forget(id);
        let subject = self.registry.subject(id);
        let held = self.registry.ended(id, Some(end));
        self.take_back(&held);
        self.tell_end(id, subject, end);
        self.follow(id, end);
    }

    /// Sets the time of the next life, or says that there is none.
    fn follow(&mut self, id: u32, end: EndReason) {
        let now = self.machine.ticks();
        let order = self.registry.service(id).and_then(|record| record.order);
        let next = match (order.map(|order| order.then), self.restart_of(id)) {
            _ if self.has_lost_device(id) => Err(Last::NoDevice),
            (_, Restart::Never) => Err(Last::Never),
            (Some(Then::Stop), _) => Err(Last::Stopped),
            (Some(Then::Again), _) => Ok(now),
            (_, Restart::OnFailure) if end == EndReason::Exit(0) => Err(Last::EndedWell),
            (Some(Then::AsRuled), _) => Ok(now),
            (None, _) => self.died(id, now),
        };
        match next {
            Ok(tick) => self.rest_until(id, tick),
            Err(why) => self.end_for_good(id, why),
        }
    }

    /// Counts a life that could not be begun. As [`died`](Self::died).
    pub(crate) fn failed(&mut self, id: u32, now: u64) -> Result<u64, Last> {
        self.next_life(id, now, |record, now| record.deaths.count_failed(now))
    }

    /// Counts a life that nobody ordered to end. The tick of the next one, if there is to be one.
    fn died(&mut self, id: u32, now: u64) -> Result<u64, Last> {
        let hz = self.timebase_hz;
        self.next_life(id, now, |record, died| {
            let born = nanoseconds(record.born, hz);
            record.deaths.count(Life { born, died, ordered: false })
        })
    }

    /// What follows, as counted at `now`, which `count` is told in nanoseconds.
    fn next_life(
        &mut self,
        id: u32,
        now: u64,
        count: impl FnOnce(&mut ServiceRecord, u64) -> Next,
    ) -> Result<u64, Last> {
        let hz = self.timebase_hz;
        let Some(record) = self.registry.service_mut(id) else { return Err(Last::Never) };
        let time = nanoseconds(now, hz);
        match count(record, time) {
            Next::Now => Ok(now),
            Next::At(next) => Ok(now.saturating_add(ticks(next.saturating_sub(time), hz))),
            Next::GivenUp => Err(Last::TooOften),
        }
    }

    pub(crate) fn restart_of(&self, id: u32) -> Restart {
        let described = self.registry.description().service(id);
        described.map_or(Restart::Never, |service| service.restart)
    }

    /// True when a device of the service did not come to rest: it is given to nobody any more.
    fn has_lost_device(&self, id: u32) -> bool {
        let described = self.registry.description().service(id);
        let mut needs = described.into_iter().flat_map(|service| &service.needs);
        needs.any(|need| {
            let record = self.registry.device(need.device);
            record.is_some_and(|record| record.dma == DmaState::Quarantined)
        })
    }

    pub(crate) fn rest_until(&mut self, id: u32, tick: u64) {
        let now = self.machine.ticks();
        if let Some(record) = self.registry.service_mut(id) {
            record.state = ServiceState::Restarting;
            record.since = now;
            record.again = Some(tick);
        }
    }

    /// No other life follows, unless somebody orders one: rings are over, and init answers whoever calls.
    pub(crate) fn end_for_good(&mut self, id: u32, why: Last) {
        let now = self.machine.ticks();
        let Some(record) = self.registry.service_mut(id) else { return };
        record.state = match why {
            Last::Stopped => ServiceState::Stopped,
            Last::TooOften | Last::NoDevice | Last::NotLoaded => ServiceState::GivenUp,
            Last::None | Last::Never | Last::EndedWell => ServiceState::Ended,
        };
        (record.since, record.again, record.last) = (now, None, Some(why));
        let (endpoint, told) = (record.endpoint, core::mem::take(&mut record.told));
        // Whoever signals it is told that it is gone.
        self.end_object(told);
        self.end_calls(id, endpoint, why);
        let over = self.end_rings(id);
        self.record_rings(&over);
        if matches!(why, Last::TooOften | Last::NoDevice | Last::NotLoaded) {
            let name = self.registry.name(id);
            nexus_rt::error!("{name} is not started again: {}", why.text());
        }
    }

    /// Whoever calls the service, or waits for it, is told that it is gone: by init, as long as it may be
    /// started again; else by the kernel.
    fn end_calls(&mut self, id: u32, endpoint: Handle, why: Last) {
        if why != Last::Never {
            if endpoint != Handle::NONE {
                self.machine.answer_gone(id, endpoint);
            }
            return;
        }
        self.end_object(endpoint);
        if let Some(record) = self.registry.service_mut(id) {
            record.endpoint = Handle::NONE;
        }
    }

    /// Ends all capabilities to an object of init's.
    fn end_object(&mut self, object: Handle) {
        if object != Handle::NONE {
            // Nothing to do when these fail: then it is gone already.
            let _ = self.machine.cap_revoke(object);
            let _ = self.machine.cap_drop(object);
        }
    }

    /// Ends what there is of a service that could not be started for the first time. It never is, and is
    /// in `state` from here on.
    pub fn abandon(&mut self, id: u32, state: ServiceState) {
        self.undo(id);
        self.end_for_good(id, Last::Never);
        if let Some(record) = self.registry.service_mut(id) {
            (record.state, record.end, record.last) = (state, None, None);
        }
    }

    /// Ends what there is of a life that could not be started, and takes back what it was given.
    pub(crate) fn undo(&mut self, id: u32) {
        let held = self.registry.ended(id, None);
        self.take_back(&held);
        self.record_revokes(&held.devices);
        let Some(record) = self.registry.service_mut(id) else { return };
        if let Some(process) = record.process.take() {
            // It is the last capability to the process, which ends with it.
            let _ = self.machine.cap_drop(process);
        }
    }

    fn take_back(&mut self, held: &Held) {
        for piece in Piece::ALL {
            for kept in held.devices.iter().filter_map(|(_, pieces)| pieces.kept(piece)) {
                // The kernel has taken it back already; this makes sure before it is recorded.
                let _ = self.machine.cap_revoke(kept);
                let _ = self.machine.cap_drop(kept);
            }
        }
        for vmo in &held.memory {
            // Nothing to do when it fails: then it is gone already.
            let _ = self.machine.cap_drop(*vmo);
        }
        for (device, _) in &held.devices {
            if self.registry.description().device(*device).is_some_and(|device| device.dma) {
                self.release(*device);
            }
        }
    }

    /// Has busd reset a device, and clear its memory, once nobody has a part of it any more.
    fn release(&mut self, device: u16) {
        let answer = self.machine.release(&release(device));
        let state = state_after(is_done::<Release>(self.registry.sender(ids::BUSD), answer));
        if state == DmaState::Quarantined {
            let name = self.registry.device_name(device);
            nexus_rt::error!("{name} did not come to rest, and is given to nobody any more");
            if let Some(entry) = self.registry.quarantine_entry(device) {
                self.note(&entry);
            }
        }
        self.registry.released(device, state);
    }

    fn record_revokes(&mut self, devices: &[(u16, Pieces)]) {
        for (device, _) in devices {
            if let Some(entry) = self.registry.revoke_entry(*device) {
                self.note(&entry);
            }
        }
    }

    /// The record of an end says that all which the life held has come back.
    fn tell_end(&mut self, id: u32, subject: Subject, end: EndReason) {
        let order = self.registry.service(id).and_then(|record| record.order);
        let asker = order.map(|order| order.asker).unwrap_or_default();
        let recorded = self.note(&words::exit_entry(subject, end, asker));
        let name = self.registry.name(id);
        let text = alloc::format!("{name} ended: {}", words::end_text(end));
        if recorded {
            nexus_rt::warn!("{text}");
        } else {
            self.machine.say(&text);
        }
    }
}

/// Ticks as nanoseconds.
pub(crate) fn nanoseconds(ticks: u64, hz: u64) -> u64 {
    let scaled = u128::from(ticks) * 1_000_000_000;
    u64::try_from(scaled / u128::from(hz.max(1))).unwrap_or(u64::MAX)
}

/// As many ticks as this many nanoseconds are, or the next more.
fn ticks(nanoseconds: u64, hz: u64) -> u64 {
    let scaled = u128::from(nanoseconds) * u128::from(hz);
    u64::try_from(scaled.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
}
