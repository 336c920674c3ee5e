//! What services hold, and whom they may call: a few services each time, in turn.

use alloc::vec::Vec;

use nexus_abi::{KindCode, Rights};
use nexus_proto::init::{CapEntry, Caps, ServiceInfo};
use nexus_proto::{Zero, ids};
use nexus_words::holding;

use super::quota::Quota;
use crate::ask::{Ask, NoAnswer};
use crate::model::{Holding, Service};

/// Services that are asked for in one snapshot, once all were.
const IN_TURN: usize = 2;

/// What is known of a service.
#[derive(Debug, Default)]
struct Of {
    holds: Vec<Holding>,
    /// Endpoints that it receives on: no more than there are items of a list.
    serves: Vec<u64>,
    /// Endpoints that it sends to: as many.
    sends: Vec<u64>,
}

/// What is known of all.
#[derive(Debug, Default)]
pub(super) struct Held {
    services: Vec<(u32, Of)>,
    /// Whose turn it is.
    turn: usize,
}

impl Held {
    /// Reads on: those of whom nothing is known, and then a few in turn.
    pub(super) fn read<A: Ask>(&mut self, quota: &mut Quota<'_, A>, services: &[ServiceInfo]) {
        self.services.retain(|(id, _)| services.iter().any(|info| info.service.id == *id));
        let all = || services.iter().map(|info| info.service.id);
        let unknown: Vec<u32> = all().filter(|id| self.of(*id).is_none()).collect();
        let turns = if unknown.is_empty() { IN_TURN } else { 0 };
        let old = all().cycle().skip(self.turn).take(turns.min(services.len()));
        self.turn = (self.turn + turns) % services.len().max(1);
        for id in unknown.into_iter().chain(old) {
            match read(quota, id) {
                Ok(of) => {
                    self.services.retain(|(known, _)| *known != id);
                    self.services.push((id, of));
                }
                Err(_) => return quota.lacks("capabilities"),
            }
        }
    }

    fn of(&self, id: u32) -> Option<&Of> {
        self.services.iter().find(|(known, _)| *known == id).map(|(_, of)| of)
    }

    /// Which service receives on an endpoint. init has made them all, and could receive on any: it counts
    /// where nobody else can.
    fn server(&self, endpoint: u64) -> Option<u32> {
        let serving = self.services.iter().filter(|(_, of)| of.serves.contains(&endpoint));
        let mut ids: Vec<u32> = serving.map(|(id, _)| *id).collect();
        ids.sort_by_key(|id| *id == ids::INIT);
        ids.first().copied()
    }

    /// Tells it of each service.
    pub(super) fn tell(&self, services: &mut [Service]) {
        for service in services {
            let Some(of) = self.of(service.id) else { continue };
            service.holds = of.holds.clone();
            service.calls = of.sends.iter().filter_map(|endpoint| self.server(*endpoint)).collect();
            service.calls.retain(|id| *id != service.id);
            service.calls.sort_unstable();
            service.calls.dedup();
        }
    }
}

/// A service that has no process holds nothing.
fn read<A: Ask>(quota: &mut Quota<'_, A>, service: u32) -> Result<Of, NoAnswer> {
    let caps = quota.list(
        ids::INIT,
        |cursor| Caps { service, zero: Zero::ZERO, cursor },
        |item| item.next,
    );
    let caps = match caps {
        Err(NoAnswer::Refused) => Vec::new(),
        caps => caps?,
    };
    let mut of = Of::default();
    for cap in &caps {
        of.take(cap);
    }
    Ok(of)
}

impl Of {
    fn take(&mut self, cap: &CapEntry) {
        let kind = holding::kind(cap.kind);
        match self.holds.iter_mut().find(|holding| holding.kind == kind) {
            Some(holding) => holding.count += 1,
            None => self.holds.push(Holding { kind, count: 1 }),
        }
        if u64::from(cap.kind) != KindCode::Endpoint.code() {
            return;
        }
        for (right, ends) in [(Rights::RECV, &mut self.serves), (Rights::SEND, &mut self.sends)] {
            if cap.rights & right.bits() != 0 {
                ends.push(cap.object);
            }
        }
    }
}
