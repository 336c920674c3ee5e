//! `ledger`: the security record, and whether its chain holds.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::Holes;
use nexus_proto::init::{EndKind, Refusal};
use nexus_proto::log::{Entry, Event, Hashes, Outcome, Stamp};
use nexus_proto::policy::{NO_LINE, Reason};
use nexus_words::amount::{count, hex, of_ticks, seconds, size};
use nexus_words::holding::kind;
use nexus_words::record;
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use super::address;
use super::services::end;
use crate::date::Date;
use crate::names::Names;
use crate::table::{Table, left, right, wrap};

/// A record, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRecord {
    /// When and by whom.
    pub stamp: Stamp,
    /// What it says.
    pub entry: Entry,
    /// How it hangs in the chain.
    pub hashes: Hashes,
    /// How often what it says has happened, where that is counted; else 0.
    pub times: u64,
}

/// What the shell remembers of a ledger that it has seen: how long it was, and its last hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Records.
    pub records: u64,
    /// Hash of the last one.
    pub head: [u8; 32],
}

/// How a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Every record fits the one before.
    Whole(Checkpoint),
    /// This record is changed, out of order, or not there.
    Broken(u64),
    /// It fits in itself, but is not the ledger that was seen before: it was cut or replaced.
    Replaced,
}

/// Computes the chain anew, record by record from the first, without keeping them. Behind records that
/// are folded away it goes on with the hash that the next one says, and counts that as many are missing as
/// the folds say.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    at: Checkpoint,
    taken: u64,
    holes: Holes,
    broken: Option<u64>,
    seen: Option<Checkpoint>,
    /// What was seen before has come by, or nothing was, or it is folded away.
    known: bool,
}

impl Verifier {
    /// `seen` is what the ledger was at an earlier time.
    #[must_use]
    pub fn new(seen: Option<Checkpoint>) -> Verifier {
        let at = Checkpoint { records: 0, head: [0; 32] };
        let known = seen.is_none();
        Verifier { at, taken: 0, holes: Holes::NONE, broken: None, seen, known }
    }

    /// Takes the next record.
    pub fn push(&mut self, record: &LedgerRecord) {
        let LedgerRecord { stamp, entry, hashes, .. } = record;
        let next = self.next();
        let hole = stamp.seq > next && self.taken > 0;
        let previous = if hole { hashes.previous } else { self.at.head };
        let hasher = Sha256::new().chain_update(previous).chain_update(stamp.as_bytes());
        let own: [u8; 32] = hasher.chain_update(entry.hashed()).finalize().into();
        let fits = hole || (stamp.seq == next && hashes.previous == previous);
        if self.broken.is_none() && (!fits || hashes.own != own) {
            self.broken = Some(next);
        }
        if hole {
            self.pass(Checkpoint { records: stamp.seq - 1, head: previous });
        }
        self.holes.take(stamp.seq, entry);
        self.at = Checkpoint { records: stamp.seq.max(next), head: own };
        self.taken += 1;
        self.known = self.known || self.seen == Some(self.at);
    }

    /// Takes a hole, of whose last record the next one tells the hash. Of the others nothing can be told.
    fn pass(&mut self, last: Checkpoint) {
        let within = |seen: &Checkpoint| (self.next()..=last.records).contains(&seen.records);
        if let Some(seen) = self.seen.filter(within) {
            self.known = self.known || seen.records != last.records || seen == last;
        }
    }

    /// How the chain of all records stands.
    #[must_use]
    pub fn chain(&self) -> Chain {
        match self.broken.into_iter().chain(self.holes.wrong()).min() {
            Some(seq) => Chain::Broken(seq),
            None if !self.known => Chain::Replaced,
            None => Chain::Whole(self.at),
        }
    }

    /// The number after the last record taken.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.at.records.saturating_add(1)
    }

    /// Records taken.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.taken
    }
}

/// The last records, and how the chain of all of them stands. `since` is when the machine started,
/// in words.
#[must_use]
pub fn ledger<'a>(
    last: impl ExactSizeIterator<Item = &'a LedgerRecord>,
    all: &Verifier,
    since: Option<&str>,
    names: &Names,
) -> String {
    let shown = u64::try_from(last.len()).unwrap_or(u64::MAX);
    let skipped = all.records().saturating_sub(shown);
    let mut table = headings();
    for LedgerRecord { stamp, entry, times, .. } in last {
        let mut cells = row(stamp, entry, seconds(of_ticks(stamp.ticks)), names);
        if *times > 1 {
            cells[6] = format!("{times} times {}", cells[6]);
        }
        table.row(cells);
    }
    let mut text = table.render() + "\n";
    if let Some(since) = since {
        text += &wrap("", &format!("Seconds count from {since}."));
    }
    if skipped > 0 {
        let before = count(skipped, "record");
        text += &wrap("", &format!("{before} before these: `ledger all` shows them."));
    }
    text + &verdict(all)
}

/// A table of records.
pub(super) fn headings() -> Table {
    Table::new(&[
        right("SEQ"),
        right("SECOND"),
        left("ASKED BY"),
        left("WHAT"),
        left("SERVICE"),
        left("DEVICE"),
        left("WHY"),
    ])
}

/// A record in such a table; `second` is when it was made.
pub(super) fn row(stamp: &Stamp, entry: &Entry, second: String, names: &Names) -> [String; 7] {
    [
        stamp.seq.to_string(),
        second,
        asker(entry, names),
        record::what(entry).to_string(),
        names.service(entry.subject.id),
        names.device(entry.device),
        reason(entry, names),
    ]
}

fn verdict(all: &Verifier) -> String {
    match all.chain() {
        Chain::Whole(at) => {
            let records = count(all.records(), "record");
            let folded = match all.holes.missing() {
                0 => String::new(),
                missing => format!(", {missing} more folded away"),
            };
            // `cargo nexus run` reads the second line, and keeps it.
            wrap("", &format!("Chain whole: {records} computed anew, each fits{folded}."))
                + &format!("head {} {}\n", at.records, hex(&at.head, ""))
        }
        Chain::Broken(seq) => {
            wrap("", &format!("CHAIN BROKEN at record {seq}: it was changed, moved or taken out."))
        }
        Chain::Replaced => wrap(
            "",
            "CHAIN REPLACED: it fits in itself, but is not the ledger that this shell saw before.",
        ),
    }
}

/// Who asked, where something was asked for.
fn asker(entry: &Entry, names: &Names) -> String {
    match entry.asker.id {
        0 => "-".to_string(),
        id => names.service(id),
    }
}

/// Why: as on the page, and where this shell is told more or has no room, in its own way.
fn reason(entry: &Entry, names: &Names) -> String {
    let code = entry.reason;
    match entry.event {
        Event::Decision if entry.outcome != Outcome::Allow => {
            Reason::from_code(code).map_or("?", Reason::word).to_string()
        }
        Event::Refusal => refusal(code),
        Event::Revoke if code != 0 => refusal(code),
        Event::Exit => {
            let kind = EndKind::from_code(code).unwrap_or(EndKind::None);
            end(kind, entry.detail, entry.len, entry.base)
        }
        Event::Drop if entry.len > 0 && entry.line == NO_LINE => {
            let kind = kind(u16::try_from(entry.detail).unwrap_or(0));
            format!("{kind} {}, {}", address(entry.base), size(entry.len))
        }
        Event::Prepared => {
            format!("{} of {} bytes, {:016x}", entry.interval, entry.len, entry.detail)
        }
        // With the zone it would be wider than 80 columns have room for; the line below the table has it.
        Event::Clock => Date::of(entry.detail).to_string().replace(" UTC", ""),
        _ => record::why(entry, |rule| names.rule(rule)),
    }
}

/// Why a device is not given.
fn refusal(code: u8) -> String {
    Refusal::from_code(code).map_or("?", Refusal::word).to_string()
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
