//! What a grant meets: policyd, busd, logd, and the capabilities of the small kernel.

use nexus_abi::{CapInfo, EndReason, Error, Handle, KindCode, Received, Rights};
use nexus_proto::bus::{Prepare, Release};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::{Decide, Decision, Epoch, EpochInfo, NO_LINE, Reason, Verdict};
use nexus_proto::{Operation, Subject, ids};

use super::wrong::{BACK, KERNEL, RECORD, SERVER};
use super::{Fake, INTERVAL, Policyd, Wrong};
use crate::grant::World;

impl Fake {
    /// What comes of a question that does not come to policyd.
    fn policyd_unasked(&mut self, wrong: Option<Wrong>) -> Option<Result<Received, Error>> {
        if self.is_dead(ids::POLICYD) {
            return Some(Err(Error::PeerGone));
        }
        let answer = self.unasked(wrong?)?;
        Some(answer.map(|message| self.received(message)))
    }

    fn policyd_decides(&mut self, ask: &Decide) -> Result<Received, Error> {
        let record = match self.policyd {
            Policyd::Allows | Policyd::Edited(_) => self.append(Entry {
                rule: 3,
                asker: ask.asker,
                epoch: self.epoch,
                detail: ask.nonce,
                registers: ask.registers,
                line: ask.line,
                ..Entry::about(Event::Decision, Outcome::Allow, Subject { id: 7, incarnation: 1 })
            }),
            _ => None,
        };
        let recorded = record.is_some();
        let mut decision = Decision {
            asked: *ask,
            epoch: self.epoch,
            rule: 3,
            verdict: if recorded { Verdict::Allow } else { Verdict::Deny },
            reason: if recorded { Reason::Allowed } else { Reason::NotRecorded },
            record: u32::try_from(record.unwrap_or(0)).unwrap(),
            interval: if recorded && ask.line != NO_LINE { INTERVAL } else { 0 },
        };
        self.epoch = self.next_epoch.unwrap_or(self.epoch);
        match &self.policyd {
            Policyd::Fails(error) => Err(*error),
            Policyd::Says(message) => Ok(self.received(*message)),
            Policyd::Allows => Ok(self.received(ask.answer(Ok(decision)))),
            Policyd::Edited(change) => {
                change(ask, &mut decision);
                Ok(self.received(ask.answer(Ok(decision))))
            }
        }
    }

    fn policyd_tells(&mut self, ask: &Epoch) -> Result<Received, Error> {
        if let Policyd::Fails(error) = self.policyd {
            return Err(error);
        }
        match self.epoch_fails {
            Some(error) => Err(error),
            None => {
                let nonce = self.epoch_nonce.unwrap_or(ask.nonce);
                let info = EpochInfo { epoch: self.epoch, rules: 6, nonce };
                Ok(self.received(ask.answer(Ok(info))))
            }
        }
    }
}

impl World for Fake {
    fn decide(&mut self, ask: &Decide) -> Result<Received, Error> {
        let wrong = self.goes("decide", SERVER);
        if let Some(answer) = self.policyd_unasked(wrong) {
            return answer;
        }
        let answer = self.policyd_decides(ask);
        self.spoil(wrong, answer)
    }

    fn epoch(&mut self, ask: &Epoch) -> Result<Received, Error> {
        let wrong = self.goes("epoch", SERVER);
        if let Some(answer) = self.policyd_unasked(wrong) {
            return answer;
        }
        let answer = self.policyd_tells(ask);
        self.spoil(wrong, answer)
    }

    fn prepare(&mut self, ask: &Prepare) -> Result<Received, Error> {
        let wrong = self.goes("prepare", SERVER);
        let answer = self.busd_prepares(ask, wrong);
        self.spoil(wrong, answer)
    }

    fn release(&mut self, ask: &Release) -> Result<Received, Error> {
        let wrong = self.goes("release", SERVER);
        let answer = self.busd_releases(ask, wrong);
        self.spoil(wrong, answer)
    }

    fn record(&mut self, entry: &Entry) -> Option<u64> {
        match self.goes("record", RECORD) {
            None => self.append(*entry),
            Some(Wrong::Lost) => self.append(*entry).filter(|_| false),
            Some(_) => None,
        }
    }

    fn wait_out(&mut self) {
        let _ = self.goes("wait", &[]);
        if core::mem::take(&mut self.recovers) {
            self.policyd = Policyd::Allows;
            (self.epoch_fails, self.records_left) = (None, None);
        }
    }

    fn cap_derive(
        &mut self,
        cap: Handle,
        rights: Rights,
        offset: u64,
        len: u64,
    ) -> Result<Handle, Error> {
        if self.goes("derive", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        if let Some(error) = self.derive_fails {
            return Err(error);
        }
        let parent = self.cap(cap).ok_or(Error::BadHandle)?;
        if !parent.rights.contains(rights | Rights::DERIVE) {
            return Err(Error::Denied);
        }
        if offset.checked_add(len).is_none_or(|end| end > parent.len) {
            return Err(Error::OutOfRange);
        }
        let base = parent.base + offset;
        self.child(cap, None, rights, (base, len))
    }

    /// Refused while it has children, as the kernel does.
    fn cap_limit(&mut self, cap: Handle, limit: u64) -> Result<(), Error> {
        if self.goes("limit", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        if let Some(error) = self.limit_fails {
            return Err(error);
        }
        if self.has_children(cap) {
            return Err(Error::Busy);
        }
        let known = self.caps.iter_mut().find(|known| known.handle == cap);
        let known = known.ok_or(Error::BadHandle)?;
        if !known.rights.contains(Rights::MANAGE) {
            return Err(Error::Denied);
        }
        known.limit = Some(limit);
        Ok(())
    }

    fn cap_query(&mut self, cap: Handle) -> Result<CapInfo, Error> {
        if self.goes("query", KERNEL).is_some() {
            return Err(Error::BadHandle);
        }
        let known = self.cap(cap).ok_or(Error::BadHandle)?;
        let manage = known.rights.contains(Rights::MANAGE);
        let (base, len) = if manage { (known.base, known.len) } else { (0, 0) };
        Ok(CapInfo {
            kind: known.kind,
            rights: known.rights,
            base,
            len: if known.kind == KindCode::Vmo { known.len } else { len },
            object: 0,
            mapped_pages: 0,
            children: 0,
            registers: known.limit.filter(|_| known.kind == KindCode::DeviceMmio),
        })
    }

    fn cap_install(
        &mut self,
        process: Handle,
        cap: Handle,
        rights: Rights,
    ) -> Result<Handle, Error> {
        if self.goes("install", KERNEL).is_some() {
            return Err(Error::NoMemory);
        }
        if let Some(error) = self.install_fails {
            return Err(error);
        }
        if !self.live || self.has_died(process) {
            return Err(Error::BadState);
        }
        let parent = self.cap(cap).ok_or(Error::BadHandle)?;
        if !parent.rights.contains(rights | Rights::GRANT) {
            return Err(Error::Denied);
        }
        let range = (parent.base, parent.len);
        self.child(cap, Some(process), rights, range)
    }

    fn cap_revoke(&mut self, cap: Handle) -> Result<(), Error> {
        if self.goes("revoke", BACK).is_some() {
            self.end_children(cap);
            self.caps.retain(|other| other.handle != cap);
        }
        self.revoked.push(cap);
        self.cap(cap).ok_or(Error::BadHandle)?;
        self.end_children(cap);
        Ok(())
    }

    fn cap_drop(&mut self, cap: Handle) -> Result<(), Error> {
        if self.goes("drop", BACK).is_some() {
            self.end_children(cap);
            self.caps.retain(|other| other.handle != cap);
        }
        self.dropped.push(cap);
        if let Some(process) = self.ends.iter().position(|(process, ..)| *process == cap) {
            // It was the last capability to it.
            self.ends[process].2.get_or_insert(EndReason::Killed(0));
            self.caps.retain(|held| held.holder != Some(cap));
            return Ok(());
        }
        let parent = self.cap(cap).ok_or(Error::BadHandle)?.parent;
        for child in &mut self.caps {
            if child.parent == Some(cap) {
                child.parent = parent;
            }
        }
        self.caps.retain(|other| other.handle != cap);
        Ok(())
    }
}
