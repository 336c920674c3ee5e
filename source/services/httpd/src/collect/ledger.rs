//! The ledger: read on from where it was, and its chain computed anew by logd, piece by piece.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::ids;
use nexus_proto::log::{
    Entry, Event, Head, HeadInfo, NO_DEVICE, ReadCount, ReadEntry, ReadStamp, Stamp, Verify,
};
use nexus_proto::policy::{ExplainRing, NO_RULE};
use nexus_words::amount::hex;
use nexus_words::record;

use super::policy::Rules;
use super::quota::Quota;
use crate::ask::{Ask, NoAnswer};
use crate::model::{Chain, Ledger, Record, Ring, Snapshot};

/// Records that are shown.
pub const RECORDS_SHOWN: usize = 40;
/// Denials that are shown.
pub const DENIALS_SHOWN: usize = 20;
/// Most records that are read for one snapshot.
pub const RECORDS_A_SNAPSHOT: usize = 128;
/// Pieces of the chain that are computed anew for one snapshot, each of 64 records at most.
const PIECES: usize = 2;
/// Questions that are left to others.
const SPARED: u32 = 96;
/// Most pairs of services that share memory.
const MOST_RINGS: usize = 64;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    head: Option<HeadInfo>,
    read: u64,
    last: VecDeque<Record>,
    /// Whether each is of those that are counted.
    denials: VecDeque<(Record, bool)>,
    denied: u64,
    rings: Vec<Ring>,
    chain: Check,
}

/// How far the chain was computed anew.
#[derive(Debug, Default)]
struct Check {
    /// Where the next piece begins.
    from: u64,
    /// Up to which record the last whole pass went, and when that was over.
    whole: Option<(u64, u64)>,
    broken: Option<u64>,
    replaced: bool,
}

impl Reading {
    /// Reads on. `snapshot` and `rules` name what records are about.
    pub(super) fn read<A: Ask>(
        &mut self,
        quota: &mut Quota<'_, A>,
        snapshot: &Snapshot,
        rules: &Rules,
    ) {
        let answer = quota.ask(ids::LOGD, &Head {});
        let Some(head) = quota.had("ledger", answer) else { return };
        self.chain.replaced |= self.head.is_some_and(|before| is_other(&before, &head));
        self.head = Some(head);
        self.chain.go_on(quota);
        self.count(quota);
        for _ in 0..RECORDS_A_SNAPSHOT {
            if self.read >= head.records {
                return;
            }
            match read_record(quota, self.read + 1) {
                Ok((stamp, entry)) => self.take(quota, &stamp, &entry, snapshot, rules),
                // What is left is folded away.
                Err(NoAnswer::NotFound) => self.read = head.records,
                Err(_) => break,
            }
        }
        if self.read < head.records {
            quota.lacks("ledger");
        }
    }

    fn take<A: Ask>(
        &mut self,
        quota: &mut Quota<'_, A>,
        stamp: &Stamp,
        entry: &Entry,
        snapshot: &Snapshot,
        rules: &Rules,
    ) {
        // Whatever logd says, each record is a later one.
        self.read = stamp.seq.max(self.read + 1);
        let record = in_words(stamp, entry, quota.ms(stamp.ticks), snapshot, rules);
        if record::is_denial(entry) {
            self.denied += 1;
            push(&mut self.denials, (record.clone(), entry.event == Event::Access), DENIALS_SHOWN);
        }
        push(&mut self.last, record, RECORDS_SHOWN);
        match entry.event {
            Event::Share => self.share(quota, entry),
            Event::Unshare => self.rings.retain(|ring| !is_of(ring, entry)),
            _ => {}
        }
    }

    fn share<A: Ask>(&mut self, quota: &mut Quota<'_, A>, entry: &Entry) {
        if self.rings.len() >= MOST_RINGS || self.rings.iter().any(|ring| is_of(ring, entry)) {
            return;
        }
        let (consumer, driver) = (entry.subject.id, entry.asker.id);
        let line = quota.ask(ids::POLICYD, &ExplainRing { service: consumer, driver });
        let line = quota.had("rules", line).filter(|line| line.line != NO_RULE);
        let rule = line.map(|line| line.line.into());
        self.rings.push(Ring { consumer, driver, bytes: entry.len, rule });
    }

    /// Asks how often it has happened what is counted.
    fn count<A: Ask>(&mut self, quota: &mut Quota<'_, A>) {
        for (record, _) in self.denials.iter_mut().filter(|(_, counted)| *counted) {
            let answer = quota.ask(ids::LOGD, &ReadCount { seq: record.seq });
            record.times = answer.map_or(record.times, |count| count.times);
        }
    }

    pub(super) fn rings(&self) -> &[Ring] {
        &self.rings
    }

    pub(super) fn tell(&self) -> Ledger {
        let last: Vec<Record> = self.last.iter().cloned().collect();
        Ledger {
            records: self.head.map_or(0, |head| head.records),
            head: self.head.map(|head| hex(&head.head, "")).unwrap_or_default(),
            chain: self.chain.tell(),
            read: self.read,
            last,
            denials: self.denials.iter().map(|(record, _)| record.clone()).collect(),
            denied: self.denied,
        }
    }
}

/// True when what the ledger was before is no part of what it is: it is shorter, or as long and another.
fn is_other(before: &HeadInfo, now: &HeadInfo) -> bool {
    now.records < before.records || now.records == before.records && now.head != before.head
}

impl Check {
    fn go_on<A: Ask>(&mut self, quota: &mut Quota<'_, A>) {
        for _ in 0..PIECES {
            let answer = quota.ask(ids::LOGD, &Verify { from: self.from });
            let Some(piece) = quota.had("chain", answer) else { return };
            if piece.first_bad != 0 {
                self.broken = Some(piece.first_bad);
            }
            // A piece that begins no later than this one would never end.
            self.from = if piece.next > self.from { piece.next } else { 0 };
            if self.from == 0 {
                self.whole = Some((piece.records, quota.now_ms()));
                return;
            }
        }
    }

    fn tell(&self) -> Chain {
        let state = match (self.broken, self.replaced, self.whole) {
            (Some(_), ..) => "broken",
            (None, true, _) => "replaced",
            (None, false, Some(_)) => "whole",
            (None, false, None) => "checking",
        };
        Chain {
            state,
            checked: self.whole.map_or(self.from.saturating_sub(1), |(records, _)| records),
            at_ms: self.whole.map(|(_, at)| at),
            broken_at: self.broken,
        }
    }
}

fn is_of(ring: &Ring, entry: &Entry) -> bool {
    (ring.consumer, ring.driver) == (entry.subject.id, entry.asker.id)
}

fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}

/// The first record with this number or a higher one.
fn read_record<A: Ask>(quota: &mut Quota<'_, A>, seq: u64) -> Result<(Stamp, Entry), NoAnswer> {
    if quota.left() < SPARED {
        return Err(NoAnswer::Spent);
    }
    let stamp = quota.ask(ids::LOGD, &ReadStamp { seq })?;
    let entry = quota.ask(ids::LOGD, &ReadEntry { seq: stamp.seq })?;
    Ok((stamp, entry))
}

fn in_words(
    stamp: &Stamp,
    entry: &Entry,
    at_ms: u64,
    snapshot: &Snapshot,
    rules: &Rules,
) -> Record {
    let service = |id: u32| if id == 0 { String::new() } else { snapshot.service(id) };
    let device = snapshot.devices.iter().find(|device| device.id == u32::from(entry.device));
    Record {
        seq: stamp.seq,
        at_ms,
        asker: service(entry.asker.id),
        what: record::what(entry),
        service: service(entry.subject.id),
        device: match device {
            Some(device) => device.name.to_string(),
            None if entry.device == NO_DEVICE => String::new(),
            None => alloc::format!("device {}", entry.device),
        },
        why: record::why(entry, |rule| rules.name(rule)),
        remedy: record::remedy(entry),
        times: 1,
    }
}
