//! What the rows of an archive say, byte by byte.

use crate::protocol::{Decision, Entry, Event};
use crate::test_os::chain;
use std::collections::BTreeMap;

/// Bytes of a record: the hash before it, its stamp, its entry.
pub(super) const RECORD: usize = 128;

/// A record and the hash before it; its own hash is computed.
pub(super) type Record = ([u8; 32], Entry);

/// What is in an archive.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) last: Option<u32>,
    pub(super) dropped: Vec<Dropped>,
    pub(super) boots: BTreeMap<u32, Boot>,
    /// Rows that are none of an archive.
    pub(super) odd: Vec<String>,
}

/// What is in it of a boot.
#[derive(Debug, Default)]
pub(super) struct Boot {
    /// Number of the run.
    pub(super) nonce: u64,
    /// Hash of the first record, as the facts have it.
    pub(super) first: [u8; 32],
    pub(super) records: Vec<Record>,
    /// Number of the last record, and its hash, as the head has them.
    pub(super) head: Option<(u64, [u8; 32])>,
    /// Parts, rows or bytes that are not as they must be.
    pub(super) wrong: Vec<String>,
    parts: u32,
}

/// Boots that were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) here: u64,
    pub(super) records: u64,
    pub(super) own: [u8; 32],
}

/// All of an archive, from its rows in the order of their keys.
pub(super) fn kept(rows: &BTreeMap<String, Vec<u8>>) -> Kept {
    let mut kept = Kept::default();
    for (key, value) in rows {
        let parts: Vec<&str> = key.split('/').collect();
        let known = match parts.as_slice() {
            ["last"] => last(&mut kept, value),
            ["dropped", boot] => dropped(&mut kept, boot, value),
            ["boot", boot, what] => row(&mut kept, boot, what, value),
            _ => None,
        };
        if known.is_none() {
            kept.odd.push(key.clone());
        }
    }
    // What is left of a boot that was dropped is none.
    let gone = kept.dropped.last().map_or(0, |gone| gone.last);
    kept.boots.retain(|boot, _| *boot > gone);
    kept
}

fn last(kept: &mut Kept, value: &[u8]) -> Option<()> {
    kept.last = Some(u32::from_le_bytes(value.try_into().ok()?));
    Some(())
}

fn dropped(kept: &mut Kept, boot: &str, value: &[u8]) -> Option<()> {
    let bytes: &[u8; 64] = value.try_into().ok()?;
    let gone = Dropped {
        first: u32_at(bytes, 0),
        last: u32_at(bytes, 4),
        here: u64_at(bytes, 8),
        records: u64_at(bytes, 16),
        own: hash_at(bytes, 24),
    };
    (number(boot)? == gone.last && gone.first <= gone.last).then(|| kept.dropped.push(gone))
}

fn row(kept: &mut Kept, boot: &str, what: &str, value: &[u8]) -> Option<()> {
    let boot = kept.boots.entry(number(boot)?).or_default();
    match what {
        "facts" => {
            let bytes: &[u8; 72] = value.try_into().ok()?;
            (boot.first, boot.nonce) = (hash_at(bytes, 0), u64_at(bytes, 32));
        }
        "head" => {
            let bytes: &[u8; 64] = value.try_into().ok()?;
            boot.head = Some((u64_at(bytes, 0), hash_at(bytes, 8)));
        }
        part => {
            boot.parts += 1;
            if number(part)? != boot.parts {
                boot.wrong.push(format!("part {part} is there, and not part {}", boot.parts));
            }
            records(boot, part, value);
        }
    }
    Some(())
}

fn records(boot: &mut Boot, part: &str, value: &[u8]) {
    let (all, rest) = value.as_chunks::<RECORD>();
    if !rest.is_empty() || all.is_empty() || all.len() > 64 {
        boot.wrong.push(format!("part {part} has {} bytes", value.len()));
    }
    for bytes in all {
        match record(bytes) {
            Some(record) => boot.records.push(record),
            None => boot.wrong.push(format!("part {part} has what is no record")),
        }
    }
}

/// A record, as it travels: nexus-proto has the fields in this order.
pub(super) fn record(bytes: &[u8; RECORD]) -> Option<Record> {
    let previous = hash_at(bytes, 0);
    let registers = match bytes[113] {
        0 if u64_at(bytes, 114) == 0 => None,
        1 => Some(u64_at(bytes, 114)),
        _ => return None,
    };
    let mut entry = Entry {
        seq: u64_at(bytes, 32),
        ticks: u64_at(bytes, 40),
        unix_ns: u64_at(bytes, 48),
        reporter: (u32_at(bytes, 56), u32_at(bytes, 60)),
        event: event(bytes[64])?,
        decision: match bytes[65] {
            1 => Decision::None,
            2 => Decision::Deny,
            3 => Decision::Allow,
            _ => return None,
        },
        device: u16_at(bytes, 66),
        rights: u16_at(bytes, 68),
        rule: u16_at(bytes, 70),
        subject: u32_at(bytes, 72),
        incarnation: u32_at(bytes, 76),
        base: u64_at(bytes, 80),
        len: u64_at(bytes, 88),
        epoch: u32_at(bytes, 96),
        asker: u32_at(bytes, 100),
        detail: u64_at(bytes, 104),
        reason: bytes[112],
        registers,
        line: u16_at(bytes, 122),
        interval: u32_at(bytes, 124),
        hash: [0; 32],
    };
    entry.hash = chain::hash(&previous, &entry);
    Some((previous, entry))
}

fn event(code: u8) -> Option<Event> {
    chain::EVENTS.into_iter().find(|event| chain::code(*event) == u64::from(code))
}

/// The number that eight digits are.
fn number(text: &str) -> Option<u32> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    // All places are within the lengths that were looked at.
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

fn hash_at(bytes: &[u8], at: usize) -> [u8; 32] {
    array_at(bytes, at)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}
