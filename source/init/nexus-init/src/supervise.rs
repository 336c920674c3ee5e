//! What init does when a service ends.

use nexus_abi::{EndReason, Handle, ProcessState};
use nexus_proto::bus::Release;
use nexus_proto::init::{DmaState, ServiceState};
use nexus_proto::{Subject, ids};

use crate::grant::{Piece, Pieces, is_done, release, state_after};
use crate::init::{Init, Machine};
use crate::records::Held;
use crate::words;

impl<M: Machine> Init<M> {
    /// Services at these places in the description have ended, says the kernel.
    pub fn notified(&mut self, bits: u64) {
        for index in (0..64).filter(|index| bits & (1 << index) != 0) {
            let Some(record) = self.registry.services().get(index) else { continue };
            let (id, process) = (record.id, record.process);
            if record.state != ServiceState::Ended
                && let Some(process) = process.filter(|process| *process != Handle::NONE)
            {
                self.look_after(id, process);
            }
        }
    }

    /// Records the end of a service, if it has ended, and takes back what was held for it.
    fn look_after(&mut self, id: u32, process: Handle) {
        let Ok(info) = self.machine.process_stat(process) else { return };
        let Some(end) = info.end.filter(|_| info.state != ProcessState::Live) else { return };
        let subject = self.registry.subject(id);
        let held = self.registry.ended(id, end);
        self.take_back(&held);
        let over = self.end_rings(id);
        self.tell_end(id, subject, end, &held.devices);
        self.record_rings(&over);
    }

    /// Ends what there is of a service that could not be started, and takes back what it was
    /// given. It is then in `state`.
    pub fn abandon(&mut self, id: u32, state: ServiceState) {
        let held = self.registry.ended(id, EndReason::Killed(0));
        self.take_back(&held);
        let over = self.end_rings(id);
        self.record_revokes(&held.devices);
        self.record_rings(&over);
        if let Some(record) = self.registry.service_mut(id) {
            record.state = state;
            record.end = None;
            if let Some(process) = record.process.take() {
                // It is the last capability to the process, which ends with it.
                let _ = self.machine.cap_drop(process);
            }
        }
    }

    fn take_back(&mut self, held: &Held) {
        for piece in Piece::ALL {
            for kept in held.devices.iter().filter_map(|(_, pieces)| pieces.kept(piece)) {
                // The kernel has taken it back already; this makes sure before it is recorded.
                let _ = self.machine.cap_revoke(kept);
            }
        }
        // Whoever waits for the one, or calls it later, is told that it is gone; whoever signals the other,
        // too.
        for gone in [held.endpoint, held.told] {
            if gone != Handle::NONE {
                let _ = self.machine.cap_revoke(gone);
                let _ = self.machine.cap_drop(gone);
            }
        }
        for vmo in &held.memory {
            // Nothing to do when it fails: then it is gone already.
            let _ = self.machine.cap_drop(*vmo);
        }
        for (device, pieces) in &held.devices {
            if self.registry.description().device(*device).is_some_and(|device| device.dma) {
                self.release(*device, pieces);
            }
        }
    }

    /// Has busd reset a device, and clear its memory, once nobody has a part of it any more.
    fn release(&mut self, device: u16, pieces: &Pieces) {
        for piece in [Piece::Window, Piece::Pool, Piece::Used] {
            if let Some(kept) = pieces.kept(piece) {
                // As above.
                let _ = self.machine.cap_drop(kept);
            }
        }
        let answer = self.machine.release(&release(device));
        let state = state_after(is_done::<Release>(self.registry.sender(ids::BUSD), answer));
        if state == DmaState::Quarantined {
            let name = self.registry.device_name(device);
            nexus_rt::error!("{name} did not come to rest, and is given to nobody any more");
        }
        self.registry.released(device, state);
    }

    fn record_revokes(&mut self, devices: &[(u16, Pieces)]) {
        for (device, _) in devices {
            if let Some(entry) = self.registry.revoke_entry(*device) {
                // The end of the service says as much, if this record is lost.
                let _ = self.machine.record(&entry);
            }
        }
    }

    fn tell_end(&mut self, id: u32, subject: Subject, end: EndReason, devices: &[(u16, Pieces)]) {
        let recorded = self.machine.record(&words::exit_entry(subject, end)).is_some();
        self.record_revokes(devices);
        let name = self.registry.name(id);
        let text = alloc::format!("{name} ended: {}", words::end_text(end));
        if recorded {
            nexus_rt::warn!("{text}");
        } else {
            self.machine.say(&text);
        }
    }
}
