//! What has happened, and is to be on record: at once, or when logd is there again.

use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::{ServiceError, ids};

use crate::init::{Init, Machine};
use crate::records::ServiceRecord;

/// Records that are kept for logd while it is not there. More happens only when it never is again.
pub(crate) const KEPT: usize = 64;

impl<M: Machine> Init<M> {
    /// Records what has happened, or keeps it for logd's next life. True when it is recorded now.
    pub(crate) fn note(&mut self, entry: &Entry) -> bool {
        self.note_kept();
        let recorded = self.unrecorded.is_empty() && self.machine.record(entry).is_some();
        if !recorded && self.unrecorded.len() < KEPT {
            self.unrecorded.push(*entry);
        }
        recorded
    }

    /// Records what is to happen, or keeps it for logd's next life: what can be neither does not happen.
    pub(crate) fn note_first(&mut self, entry: &Entry) -> Result<(), ServiceError> {
        self.note_kept();
        if self.unrecorded.is_empty() && self.machine.record(entry).is_some() {
            return Ok(());
        }
        let refused = self.registry.service(ids::LOGD).is_some_and(ServiceRecord::lives);
        if refused || self.unrecorded.len() >= KEPT {
            return Err(ServiceError::Unavailable);
        }
        self.unrecorded.push(*entry);
        Ok(())
    }

    /// Records what has happened, in order, as far as logd takes it.
    fn note_kept(&mut self) {
        let kept = core::mem::take(&mut self.unrecorded);
        for (index, entry) in kept.iter().enumerate() {
            if self.machine.record(entry).is_none() {
                self.unrecorded.extend(kept.get(index..).unwrap_or(&[]));
                return;
            }
        }
    }

    /// A life of a service has begun that is not its first. A grant says so of one that is given a device.
    pub(crate) fn note_start(&mut self, id: u32) {
        if id == ids::LOGD {
            self.note_kept();
        }
        let described = self.registry.description().service(id);
        let given = described.is_some_and(|service| !service.needs.is_empty());
        let subject = self.registry.subject(id);
        if !given && subject.incarnation > 1 {
            self.note(&Entry::about(Event::Start, Outcome::None, subject));
        }
    }
}
