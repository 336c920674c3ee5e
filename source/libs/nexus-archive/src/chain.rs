//! Whether the records of a boot follow each other.

use nexus_proto::Resume;
use nexus_proto::log::{Anchor, Event};

use crate::{Hash, Head, Record};

/// How a record stands to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It follows it.
    Follows,
    /// Records are missing in between: how many, and the hash of the last of them. What was folded away before it
    /// was read is not here.
    Gap(u64, Hash),
    /// It stands in the place of one that is here: logd has cut its ledger before this number, and says so in a
    /// record that follows.
    Anew,
    /// It does not follow: it was changed, moved, or is of another ledger.
    Wrong,
}

/// What is known of the records up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    head: Head,
    /// The number at which logd has cut, until it says so.
    untold: Option<u64>,
    missing: u64,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain::at(Head { records: 0, own: [0; 32], here: 0, anchor: 0, part: 0, logd: 1 })
    }
}

impl Chain {
    /// Behind the records that this head tells of.
    #[must_use]
    pub const fn at(head: Head) -> Chain {
        Chain { head, untold: None, missing: 0 }
    }

    /// Takes the next record. A wrong one changes nothing.
    pub fn take(&mut self, record: &Record) -> Place {
        let place = self.place(record);
        match place {
            Place::Wrong => return place,
            Place::Gap(count, _) => self.missing = self.missing.saturating_add(count),
            Place::Anew => {
                let cut = record.stamp.seq;
                self.untold = Some(self.untold.map_or(cut, |first| first.min(cut)));
            }
            Place::Follows => {}
        }
        if let Some(resume) = Resume::of(&record.entry) {
            self.head.logd = resume.subject.incarnation;
            self.untold = self.untold.filter(|cut| !(1..=*cut).contains(&resume.cut));
        }
        if Anchor::of(&record.entry).is_some() {
            self.head.anchor = record.stamp.seq;
        }
        self.head.records = record.stamp.seq;
        self.head.own = record.own();
        self.head.here = self.head.here.saturating_add(1);
        place
    }

    fn place(&self, record: &Record) -> Place {
        let Head { records, own, .. } = self.head;
        let is_first = record.stamp.seq == 1;
        match record.stamp.seq.checked_sub(records) {
            Some(1) if record.previous == own => Place::Follows,
            // The first record is never missing.
            Some(2..) if records > 0 => Place::Gap(record.stamp.seq - records - 1, record.previous),
            None | Some(0) if record.stamp.seq > 0 => {
                let begins = record.entry.event == Event::Boot && record.previous == [0; 32];
                if is_first && !begins { Place::Wrong } else { Place::Anew }
            }
            _ => Place::Wrong,
        }
    }

    /// The records that follow are in the next part.
    pub const fn next_part(&mut self) {
        self.head.part = self.head.part.saturating_add(1);
    }

    /// Where the records end.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Records that are missing in between.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The number from which on the records were written anew, and no life of logd says that it has cut there.
    #[must_use]
    pub const fn untold(&self) -> Option<u64> {
        self.untold
    }
}
