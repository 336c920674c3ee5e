//! The chain of the ledger, computed anew from what the guest showed: by the words of
//! `nexus_proto::log`, and with none of the guest's code.

use crate::protocol::{Decision, Entry, Event, Head};
use sha2::{Digest, Sha256};

mod anchors;
mod folds;

/// Services that record, and what.
const INIT: u32 = 1;
const POLICYD: u32 = 2;
const LOGD: u32 = 3;
const STATEFSD: u32 = 12;
const NETSTACKD: u32 = 14;
/// The last code of what is done with state; those behind it are of the network.
const LAST_OF_STATE: u8 = 3;
/// Who has the anchor recorded.
pub(crate) const ARCHIVED: u32 = 13;

/// What is wrong with the ledger of the run `nonce`, as sentences. `holes` is what the guest tells of the
/// last record in each hole. `heads` are those that the guest has told at different times: none of them may
/// lie beside the chain.
#[must_use]
pub(super) fn check(entries: &[Entry], holes: &[Head], heads: &[Head], nonce: u64) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = Head { records: 0, hash: [0; 32] };
    for entry in entries {
        let previous = match entry.seq.checked_sub(at.records) {
            Some(1) => Some(at.hash),
            Some(2..) => hole(holes, entry.seq - 1),
            None | Some(0) => None,
        };
        match previous.map(|previous| hash(&previous, entry)) {
            None => found.push(format!("record {} after {}", entry.seq, at.records)),
            Some(own) if own != entry.hash => {
                found.push(format!("record {} does not have the hash of what it says", entry.seq));
            }
            Some(_) => {}
        }
        if entry.reporter.0 != writer(entry.event, entry.reason) {
            found.push(format!("record by service {}, who may not: {entry}", entry.reporter.0));
        }
        // One finding a record: what follows hangs on what was shown.
        at = Head { records: entry.seq, hash: entry.hash };
    }
    match entries.first() {
        Some(first) if (first.seq, first.event, first.detail) == (1, Event::Boot, nonce) => {}
        _ => found.push("it does not begin with this run".to_owned()),
    }
    found.extend(folds::check(entries, holes));
    found.extend(anchors::check(entries));
    found.extend(heads.iter().filter_map(|head| beside(entries, holes, head)));
    if heads.len() < 2 {
        found.push(format!("{} heads, not one after distribution and one at the end", heads.len()));
    }
    let last = heads.last().map_or(0, |head| head.records);
    if last != at.records {
        found.push(format!("the last head is that of {last} records, of {}", at.records));
    }
    found
}

/// What the guest tells of the last record in a hole.
fn hole(holes: &[Head], seq: u64) -> Option<[u8; 32]> {
    holes.iter().find(|hole| hole.records == seq).map(|hole| hole.hash)
}

/// Who records an event. What was refused (`reason`) says by whom: who keeps state, or who reaches the network.
pub(crate) fn writer(event: Event, reason: u8) -> u32 {
    match event {
        Event::Boot | Event::Clock | Event::Fold | Event::Resume | Event::Anchor => LOGD,
        Event::Access if reason > LAST_OF_STATE => NETSTACKD,
        Event::Access => STATEFSD,
        Event::Decision => POLICYD,
        Event::Grant
        | Event::Refusal
        | Event::Exit
        | Event::Start
        | Event::Order
        | Event::Revoke
        | Event::Drop
        | Event::Prepared
        | Event::Share
        | Event::Unshare => INIT,
    }
}

/// A head must be that of the record with its number. Of one that is folded away nothing can be told, but
/// where the hole ends with it.
fn beside(entries: &[Entry], holes: &[Head], head: &Head) -> Option<String> {
    let next = entries.partition_point(|entry| entry.seq < head.records);
    let same = match entries.get(next).map(|entry| (entry.seq == head.records, entry.hash)) {
        Some((true, hash)) => hash == head.hash,
        Some((false, _)) => {
            next > 0 && hole(holes, head.records).is_none_or(|hash| hash == head.hash)
        }
        None => false,
    };
    (!same).then(|| format!("written anew: not what it was at record {}", head.records))
}

/// SHA-256 over the hash before, the stamp and the entry, little-endian, as they travel; the registers,
/// line and interval at the end of the entry only where there are any.
pub(crate) fn hash(previous: &[u8; 32], entry: &Entry) -> [u8; 32] {
    let decision = match entry.decision {
        Decision::None => 1,
        Decision::Deny => 2,
        Decision::Allow => 3,
    };
    let mut bytes = previous.to_vec();
    let mut double = |value: u64| bytes.extend(value.to_le_bytes());
    let pair = |(low, high): (u32, u32)| u64::from(low) | u64::from(high) << 32;
    double(entry.seq);
    double(entry.ticks);
    double(entry.unix_ns);
    double(pair(entry.reporter));
    double(
        code(entry.event)
            | decision << 8
            | u64::from(entry.device) << 16
            | u64::from(entry.rights) << 32
            | u64::from(entry.rule) << 48,
    );
    double(pair((entry.subject, entry.incarnation)));
    double(entry.base);
    double(entry.len);
    double(pair((entry.epoch, entry.asker)));
    double(entry.detail);
    bytes.push(entry.reason);
    // Left out where there is none of all that.
    if (entry.registers, entry.line, entry.interval) != (None, 0, 0) {
        bytes.push(u8::from(entry.registers.is_some()));
        bytes.extend(entry.registers.unwrap_or(0).to_le_bytes());
        bytes.extend(entry.line.to_le_bytes());
        bytes.extend(entry.interval.to_le_bytes());
    }
    Sha256::digest(&bytes).into()
}

/// The boot, and the last record and the head of the one before it, of a record of an anchor.
pub(crate) fn anchored(anchor: &Entry) -> (u32, u32, [u8; 32]) {
    let parts = [anchor.base, anchor.len, anchor.detail, anchor.registers.unwrap_or(0)];
    let head = parts.map(u64::to_le_bytes).as_flattened().try_into().unwrap_or([0; 32]);
    (anchor.epoch, anchor.interval, head)
}

/// Every event, in the order of their numbers.
pub(crate) const EVENTS: [Event; 17] = [
    Event::Boot,
    Event::Decision,
    Event::Grant,
    Event::Refusal,
    Event::Revoke,
    Event::Exit,
    Event::Drop,
    Event::Clock,
    Event::Prepared,
    Event::Share,
    Event::Unshare,
    Event::Fold,
    Event::Resume,
    Event::Start,
    Event::Order,
    Event::Anchor,
    Event::Access,
];

/// The number of an event.
pub(crate) fn code(event: Event) -> u64 {
    match event {
        Event::Boot => 1,
        Event::Decision => 2,
        Event::Grant => 3,
        Event::Refusal => 4,
        Event::Revoke => 5,
        Event::Exit => 6,
        Event::Drop => 7,
        Event::Clock => 8,
        Event::Prepared => 9,
        Event::Share => 10,
        Event::Unshare => 11,
        Event::Fold => 12,
        Event::Resume => 13,
        Event::Start => 14,
        Event::Order => 15,
        Event::Anchor => 16,
        Event::Access => 17,
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
pub(crate) mod tests;
