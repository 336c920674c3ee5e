//! Giving two services the memory that they share, and the end of it.

use alloc::vec::Vec;

use nexus_abi::{Error, Handle, PAGE_SIZE, Rights, Role, StartupCap};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::NO_RULE;
use nexus_proto::{Asker, Subject};

use crate::init::{Init, Machine};
use crate::records::RingRecord;

/// Rights of both services on the memory: none to pass it on, and none to execute it.
pub(crate) const SHARED: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);
/// Rights of a service on what tells it of its rings: a line is bound to it, too.
const TOLD: Rights = Rights::RECV.union(Rights::SEND);

impl<M: Machine> Init<M> {
    /// Gives a service its part of every ring of the description: the memory, what tells its peer, and what
    /// tells it. A ring that is not recorded is given to nobody, nor is one of which the peer has ended for good.
    ///
    /// # Errors
    /// As `cap_install`.
    pub fn share(&mut self, service: u32, process: Handle) -> Result<Vec<StartupCap>, Error> {
        let peers = self.registry.description().rings_of(service).map(|(peer, _)| peer);
        let peers: Vec<u32> = peers.collect();
        let mut caps = Vec::new();
        for peer in peers {
            let peer_told = self.registry.service(peer).map_or(Handle::NONE, |peer| peer.told);
            if peer_told == Handle::NONE {
                // It has ended for good, and has the ring once it is started again.
                continue;
            }
            let Some(ring) = self.recorded(service, peer) else { continue };
            let description = self.registry.description();
            let (own, others) =
                (description.ring_bit(service, peer), description.ring_bit(peer, service));
            let memory = self.machine.cap_install(process, ring.memory, SHARED)?;
            let tell = self.machine.cap_install(process, peer_told, Rights::SEND)?;
            caps.push(cap(Role::Ring, peer, memory, own.unwrap_or(0), ring.len));
            caps.push(cap(Role::Tell, peer, tell, others.unwrap_or(0), 0));
        }
        let told = self.registry.service(service).map_or(Handle::NONE, |service| service.told);
        if let Some((answers, bit)) = self.machine.answer(service)
            && told != Handle::NONE
        {
            let answers = self.machine.cap_install(process, answers, Rights::SEND)?;
            caps.push(cap(Role::Answer, 0, answers, bit, 0));
        }
        if !caps.is_empty() {
            let told = self.machine.cap_install(process, told, TOLD)?;
            caps.push(cap(Role::Told, 0, told, 0, 0));
        }
        Ok(caps)
    }

    /// What a service has anew that is started after its end was for good: what tells it, and the memory of
    /// its rings. Its peer in one has that when it is started the next time.
    pub(crate) fn renew(&mut self, id: u32) -> Result<(), Error> {
        let description = self.registry.description();
        let asked = description.service(id).is_some_and(|one| one.answers_within.is_some());
        let ringed = description.rings_of(id).next().is_some();
        let has = self.registry.service(id).is_none_or(|record| record.told != Handle::NONE);
        if has || !(asked || ringed) {
            return Ok(());
        }
        for ring in &mut self.rings {
            if ring.over && [ring.consumer, ring.server].contains(&id) {
                let memory = self.machine.vmo_create(ring.len / PAGE_SIZE)?;
                // Whoever has it mapped keeps it.
                let _ = self.machine.cap_drop(ring.memory);
                *ring = RingRecord { memory, recorded: false, over: false, ..*ring };
            }
        }
        // Last: with it nothing is missing any more.
        let told = self.machine.notification_create()?;
        if let Some(record) = self.registry.service_mut(id) {
            record.told = told;
        }
        Ok(())
    }

    /// The ring of these two, once it is in the ledger, and while neither has ended.
    fn recorded(&mut self, one: u32, other: u32) -> Option<RingRecord> {
        let both = |ring: &RingRecord| {
            [(one, other), (other, one)].contains(&(ring.consumer, ring.server))
        };
        let index = self.rings.iter().position(both)?;
        let ring = self.rings.get(index).copied().filter(|ring| !ring.over)?;
        if ring.recorded {
            return Some(ring);
        }
        let (consumer, server) =
            (self.registry.name(ring.consumer), self.registry.name(ring.server));
        if self.machine.record(&self.share_entry(&ring)).is_none() {
            nexus_rt::warn!("{consumer} and {server} share no memory: it is not recorded");
            return None;
        }
        nexus_rt::debug!("{consumer} and {server} share {} bytes", ring.len);
        let ring = self.rings.get_mut(index)?;
        ring.recorded = true;
        Some(*ring)
    }

    /// A service has ended for good, and what told it of its rings is revoked: no ring of its is given to anybody any
    /// more, and each peer is woken, to find that it can tell it nothing. What the peer has mapped stays. The
    /// rings that are over by that.
    pub(crate) fn end_rings(&mut self, id: u32) -> Vec<RingRecord> {
        let mut over = Vec::new();
        for ring in &mut self.rings {
            if !ring.over && [ring.consumer, ring.server].contains(&id) {
                ring.over = true;
                over.push(*ring);
            }
        }
        for ring in &over {
            let peer = if ring.consumer == id { ring.server } else { ring.consumer };
            let told = self.registry.service(peer).map_or(Handle::NONE, |peer| peer.told);
            if let Some(bit) = self.registry.description().ring_bit(peer, id) {
                // A peer that has ended as well is not to be told.
                let _ = self.machine.signal(told, bit);
            }
        }
        over
    }

    /// Records that these are over, those that were ever given.
    pub(crate) fn record_rings(&mut self, over: &[RingRecord]) {
        for ring in over.iter().filter(|ring| ring.recorded) {
            let entry =
                Entry { event: Event::Unshare, outcome: Outcome::None, ..self.share_entry(ring) };
            self.note(&entry);
        }
    }

    /// The record of a ring, which is that of no one life of its consumer.
    fn share_entry(&self, ring: &RingRecord) -> Entry {
        let description = self.registry.description();
        Entry {
            rights: SHARED.bits(),
            rule: description.line_of_ring(ring.consumer, ring.server).unwrap_or(NO_RULE),
            len: ring.len,
            epoch: description.epoch,
            asker: Asker::new(ring.server),
            ..Entry::about(
                Event::Share,
                Outcome::Allow,
                Subject { id: ring.consumer, incarnation: 0 },
            )
        }
    }
}

fn cap(role: Role, index: u32, handle: Handle, base: u64, len: u64) -> StartupCap {
    StartupCap { role: role.code(), index, handle: handle.0, base, len }
}
