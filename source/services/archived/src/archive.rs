//! The ledger of this boot, as far as it is in the store.

use alloc::vec::Vec;
use core::fmt;

use nexus_archive::{
    Chain, Facts, Head, OwnTree, PART_RECORDS, Place, RECORD, Record, Tree, key, read, records,
};
use nexus_proto::log::Anchor;
use nexus_proto::{Resume, log::HeadInfo};
use nexus_rt::CallError;
use nexus_state::{Change, Error, Expect, Version};
use zerocopy::IntoBytes;

use crate::{Ledger, room};

/// Why the archive stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The store.
    Store(Error),
    /// logd.
    Logd(CallError),
    /// The record with this number is not what logd says, or of another ledger than what is kept.
    Record(u64),
    /// What is kept of this boot is not there, or no archive.
    Tree(u32),
    /// The anchor of this ledger says another boot than the last one of the store.
    OtherStore(u32),
    /// There are no more numbers.
    Numbers,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Store(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Failed {
        Failed::Logd(error)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Store(error) => write!(out, "the store: {error}"),
            Failed::Logd(error) => write!(out, "logd: {error:?}"),
            Failed::Record(seq) => write!(out, "record {seq} of the ledger does not fit"),
            Failed::Tree(boot) => write!(out, "what is kept of boot {boot} is no archive"),
            Failed::OtherStore(boot) => {
                write!(out, "this is boot {boot}, and the store is of another")
            }
            Failed::Numbers => write!(out, "no boot has a higher number"),
        }
    }
}

impl Failed {
    /// True when the same may work soon, as where another makes room on the disk; else something must happen before,
    /// and that is on record.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Failed::Logd(CallError::Kernel(_))
                | Failed::Store(
                    Error::TimedOut
                        | Error::Unknown
                        | Error::Lost
                        | Error::Call(_)
                        | Error::Conflict(_)
                        | Error::NoSpace
                )
        )
    }
}

/// The ledger of this boot, as far as it is in the store.
#[derive(Clone, Debug)]
pub struct Archive {
    boot: u32,
    facts: Facts,
    chain: Chain,
    /// Version of the head.
    version: Option<Version>,
    /// The records of the last part.
    tail: Vec<u8>,
    /// The number of the next record.
    from: u64,
}

impl Archive {
    /// Of a boot that has nothing yet.
    pub(crate) fn empty(boot: u32, facts: Facts) -> Archive {
        let chain = Chain::default();
        Archive { boot, facts, chain, version: None, tail: Vec::new(), from: 1 }
    }

    /// Of a boot, as far as it is there.
    pub(crate) fn load<T: Tree>(tree: &mut T, boot: u32) -> Result<Archive, Failed> {
        let wrong = Failed::Tree(boot);
        let facts = read(tree, &key::facts(boot))?.ok_or_else(|| wrong.clone())?;
        let version = tree.get(&key::head(boot))?.map(|value| value.version);
        let head: Head = read(tree, &key::head(boot))?.ok_or_else(|| wrong.clone())?;
        let tail = tree.get(&key::part(boot, head.part))?.map(|value| value.bytes);
        let tail = tail.filter(|tail| records(tail).is_some()).ok_or(wrong)?;
        let (chain, from) = (Chain::at(head), head.records.saturating_add(1));
        Ok(Archive { boot, facts, chain, version, tail, from })
    }

    /// Number of the boot.
    #[must_use]
    pub const fn boot(&self) -> u32 {
        self.boot
    }

    /// Where what is in the store ends.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.chain.head()
    }

    pub(crate) const fn facts(&self) -> Facts {
        self.facts
    }

    /// The anchor of this ledger as logd has it.
    pub(crate) fn anchor_in<L: Ledger>(ledger: &mut L) -> Result<Option<Anchor>, Failed> {
        find(ledger, |record| Anchor::of(&record.entry))
    }

    /// Takes what follows from logd into the store, up to a part of it; whether there was anything.
    ///
    /// # Errors
    /// [`Failed`]; what is in the store is a whole part more, or what it was.
    pub fn pull<T: OwnTree, L: Ledger>(
        &mut self,
        tree: &mut T,
        ledger: &mut L,
    ) -> Result<bool, Failed> {
        if let Some(cut) = self.cut(ledger)? {
            self.from = cut;
        }
        let mut next = self.clone();
        next.take(ledger)?;
        if next.head().here == self.head().here {
            return Ok(false);
        }
        let version = next.write(tree, &[])?;
        *self = Archive { version: Some(version), ..next };
        Ok(true)
    }

    /// Takes the first part, with the changes that give the boot its number.
    pub(crate) fn begin<T: OwnTree, L: Ledger>(
        mut self,
        tree: &mut T,
        ledger: &mut L,
        number: Change<'_>,
    ) -> Result<Archive, Failed> {
        self.take(ledger)?;
        let facts = self.facts;
        let facts_key = key::facts(self.boot);
        let facts =
            Change { key: &facts_key, value: Some(facts.as_bytes()), expect: Expect::Absent };
        let version = self.write(tree, &[number, facts])?;
        Ok(Archive { version: Some(version), ..self })
    }

    /// Takes records from logd, until the last part is full.
    fn take<L: Ledger>(&mut self, ledger: &mut L) -> Result<(), Failed> {
        let is_full = self.tail.len() >= PART_RECORDS * RECORD;
        if is_full || self.from <= self.head().records || self.head().part == 0 {
            self.tail.clear();
        }
        let is_new = self.tail.is_empty();
        while self.tail.len() < PART_RECORDS * RECORD {
            let Some((record, own)) = ledger.record(self.from)? else { break };
            let seq = record.stamp.seq;
            if record.own() != own || self.chain.take(&record) == Place::Wrong {
                return Err(Failed::Record(seq));
            }
            record.put(&mut self.tail);
            self.know_the_time(&record);
            self.from = seq.saturating_add(1);
        }
        if is_new && !self.tail.is_empty() {
            self.chain.next_part();
        }
        Ok(())
    }

    fn know_the_time(&mut self, record: &Record) {
        let stamp = record.stamp;
        if self.facts.unix_ns == 0 && stamp.unix_ns != 0 {
            (self.facts.ticks, self.facts.unix_ns) = (stamp.ticks, stamp.unix_ns);
        }
    }

    /// Puts the last part and the head, with other changes.
    fn write<T: OwnTree>(&self, tree: &mut T, others: &[Change<'_>]) -> Result<Version, Failed> {
        let head = self.head();
        let (facts_key, part_key, head_key) =
            (key::facts(self.boot), key::part(self.boot, head.part), key::head(self.boot));
        let mut changes = others.to_vec();
        let put = |key, value, expect| Change { key, value: Some(value), expect };
        if others.is_empty() {
            changes.push(put(&facts_key, self.facts.as_bytes(), Expect::Any));
        }
        changes.push(put(&part_key, &self.tail, Expect::Any));
        let expect = self.version.map_or(Expect::Absent, Expect::Version);
        changes.push(put(&head_key, head.as_bytes(), expect));
        Ok(room::change(tree, self.boot, &changes)?)
    }

    /// Where a later life of logd has cut, when the ledger does not go on from what is kept.
    fn cut<L: Ledger>(&self, ledger: &mut L) -> Result<Option<u64>, Failed> {
        let Head { records, own, .. } = self.head();
        let there = ledger.record(records)?.map(|(record, _)| record);
        match there.filter(|record| record.stamp.seq == records) {
            Some(last) if last.own() == own => Ok(None),
            // Another record has its number: where nobody has cut that is another ledger.
            Some(_) => {
                self.cut_of(ledger)?.map_or(Err(Failed::Record(records)), |cut| Ok(Some(cut)))
            }
            // It is folded away, or cut. A cut is told.
            None => self.cut_of(ledger),
        }
    }

    /// The first number at which a life of logd that is not kept yet has cut what is.
    fn cut_of<L: Ledger>(&self, ledger: &mut L) -> Result<Option<u64>, Failed> {
        let Head { records, logd, .. } = self.head();
        let mut first = None;
        find(ledger, |record| {
            let resume = Resume::of(&record.entry)?;
            let later = resume.subject.incarnation > logd;
            if later && (1..=records).contains(&resume.cut) {
                first = Some(first.map_or(resume.cut, |cut: u64| cut.min(resume.cut)));
            }
            None::<()>
        })?;
        Ok(first)
    }

    /// Waits until logd has more.
    ///
    /// # Errors
    /// [`Failed::Logd`].
    pub fn wait<L: Ledger>(&self, ledger: &mut L) -> Result<HeadInfo, Failed> {
        Ok(ledger.wait(self.from.saturating_sub(1))?)
    }
}

/// The first record of which this is so.
fn find<L: Ledger, V>(
    ledger: &mut L,
    mut wanted: impl FnMut(&Record) -> Option<V>,
) -> Result<Option<V>, Failed> {
    let mut seq = 1;
    while let Some((record, _)) = ledger.record(seq)? {
        if let Some(found) = wanted(&record) {
            return Ok(Some(found));
        }
        seq = record.stamp.seq.saturating_add(1);
    }
    Ok(None)
}
