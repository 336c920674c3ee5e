//! What init does when a service ends.

use nexus_abi::{EndReason, Handle, ProcessState};
use nexus_proto::Subject;
use nexus_proto::init::ServiceState;

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
        self.tell_end(id, subject, end, &held.windows);
    }

    /// Ends what there is of a service that could not be started, and takes back what it was
    /// given. It is then in `state`.
    pub fn abandon(&mut self, id: u32, state: ServiceState) {
        let held = self.registry.ended(id, EndReason::Killed(0));
        self.take_back(&held);
        self.record_revokes(&held.windows);
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
        // Lines before windows, as the kernel does it.
        let windows = held.windows.iter().map(|(_, kept)| kept);
        for kept in held.lines.iter().chain(windows) {
            // The kernel has taken it back already; this makes sure before it is recorded.
            let _ = self.machine.cap_revoke(*kept);
        }
        if held.endpoint != Handle::NONE {
            // Whoever waits for it, or calls it later, is told that it is gone.
            let _ = self.machine.cap_revoke(held.endpoint);
            let _ = self.machine.cap_drop(held.endpoint);
        }
        for vmo in &held.memory {
            // Nothing to do when it fails: then it is gone already.
            let _ = self.machine.cap_drop(*vmo);
        }
    }

    fn record_revokes(&mut self, windows: &[(u16, Handle)]) {
        for (device, _) in windows {
            if let Some(entry) = self.registry.revoke_entry(*device) {
                // The end of the service says as much, if this record is lost.
                let _ = self.machine.record(&entry);
            }
        }
    }

    fn tell_end(&mut self, id: u32, subject: Subject, end: EndReason, windows: &[(u16, Handle)]) {
        let recorded = self.machine.record(&words::exit_entry(subject, end)).is_some();
        self.record_revokes(windows);
        let name = self.registry.name(id);
        let text = alloc::format!("{name} ended: {}", words::end_text(end));
        if recorded {
            nexus_rt::warn!("{text}");
        } else {
            self.machine.say(&text);
        }
    }
}
