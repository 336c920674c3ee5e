//! A check of an open store in bounded steps: where it is, and what it has found.

use crate::device::DeviceError;
use crate::key::TreeId;
use crate::store::{Asked, Usage};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Objects that are remembered, to tell which pieces belong to none: those with the lowest numbers.
const OBJECTS: usize = 16 * 1024;

/// What was looked at so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Pages of the table that were read from the disk and compared with their sums.
    pub pages: u64,
    /// Pages of the log with frames that are not folded.
    pub log_pages: u64,
    /// Trees with keys.
    pub trees: u64,
    /// Keys.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Values in pieces, of which each piece was read.
    pub objects: u64,
    /// Trees that were changed while their keys were counted: their use is not compared.
    pub moved: u64,
    /// Pieces of which it is not known whether a value has them: there are too many values in pieces.
    pub unjudged: u64,
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// This copy of the superblock is not right.
    Superblock(u64),
    /// The header of the table is not what was written last.
    Header,
    /// A page of the table is not what was written there last; its number in the table.
    Page(u64),
    /// A page of the log is not what was written there. What it says is in memory, and goes into the table.
    LogPage(u32),
    /// The disk could not be read there.
    Unread(Part, DeviceError),
    /// These rows cannot be read, or say nothing. Behind `Asked::Behind` no others were looked at.
    Rows(Asked),
    /// A tree has other keys or bytes than are counted for it.
    Usage {
        /// The tree.
        tree: TreeId,
        /// What is counted.
        counted: Usage,
        /// What there is.
        found: Usage,
    },
    /// A piece of this object, which no key has.
    Orphan(u64),
}

/// Where on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A copy of the superblock.
    Superblock(u64),
    /// A page of the log.
    Log(u32),
    /// A page of the table; 0 is its header.
    Table(u64),
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock(copy) => write!(out, "copy {copy} of the superblock"),
            Self::Log(page) => write!(out, "page {page} of the log"),
            Self::Table(page) => write!(out, "page {page} of the table"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock(copy) => write!(out, "{} is damaged", Part::Superblock(*copy)),
            Self::Header => out.write_str("the table's header is damaged"),
            Self::Page(page) => write!(out, "{} is damaged", Part::Table(*page)),
            Self::LogPage(page) => write!(out, "{} is damaged", Part::Log(*page)),
            Self::Unread(part, error) => write!(out, "{part} could not be read: {error}"),
            Self::Rows(Asked::Key(key)) => write!(out, "{key} is damaged"),
            Self::Rows(Asked::Behind(key)) => write!(out, "keys behind {key:?} cannot be read"),
            Self::Rows(Asked::Store) => out.write_str("the store's own records are damaged"),
            Self::Usage { tree, counted, found } => write!(
                out,
                "tree {tree} has {} keys and {} bytes, and {} and {} are counted",
                found.keys, found.bytes, counted.keys, counted.bytes
            ),
            Self::Orphan(object) => write!(out, "a piece of object {object} belongs to no key"),
        }
    }
}

/// What is looked at next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum At {
    #[default]
    Begin,
    /// This copy of the superblock.
    Superblock(u64),
    /// Pages of the table from this one on.
    Table(u64),
    /// The frame with this number, or the next one behind, and which page of it.
    Log {
        frame: u64,
        page: u32,
    },
    Rows,
    End,
}

/// A value in pieces, of which some were read.
#[derive(Debug)]
pub(crate) struct Value {
    /// The key of its row, and the same for people.
    pub(crate) row: Vec<u8>,
    pub(crate) key: String,
    pub(crate) object: u64,
    pub(crate) size: u64,
    pub(crate) pieces: u32,
    /// The next piece, and bytes of those before.
    pub(crate) next: u32,
    pub(crate) read: u64,
}

/// A tree whose keys are being counted.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) tree: TreeId,
    pub(crate) found: Usage,
    /// How much had been changed in the store when it began.
    pub(crate) since: u64,
}

/// A check that is under way: begun with `Check::default()`, moved on by [`Store::check`](crate::Store::check).
#[derive(Debug, Default)]
pub struct Check {
    pub(crate) found: Checked,
    pub(crate) at: At,
    /// The key of the last row that was looked at.
    pub(crate) last: Vec<u8>,
    pub(crate) value: Option<Value>,
    pub(crate) counting: Option<Counting>,
    pub(crate) trees: BTreeSet<TreeId>,
    /// How much had been changed, and the highest version, when the check began.
    pub(crate) since: u64,
    pub(crate) version: u64,
    objects: BTreeSet<u64>,
    /// Objects from this number on are not remembered.
    forgotten: Option<u64>,
    pub(crate) flaws: VecDeque<Flaw>,
}

impl Check {
    /// What was looked at so far.
    #[must_use]
    pub fn found(&self) -> Checked {
        self.found
    }

    /// Remembers that a key, or a value that is being put, has this object.
    pub(crate) fn known(&mut self, object: u64) {
        self.objects.insert(object);
        if self.objects.len() > OBJECTS {
            let last = self.objects.pop_last();
            self.forgotten = last.into_iter().chain(self.forgotten).min();
        }
    }

    /// A piece of this object is there.
    pub(crate) fn judge(&mut self, object: u64) {
        // Later ones came while the check was under way.
        if object > self.version || self.objects.contains(&object) {
            return;
        }
        if self.forgotten.is_some_and(|first| object >= first) {
            self.found.unjudged += 1;
        } else {
            self.flaws.push_back(Flaw::Orphan(object));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_objects_the_first_are_judged() {
        let mut check = Check { version: u64::MAX, ..Check::default() };
        let most = OBJECTS as u64;
        (0..=most).rev().for_each(|object| check.known(object * 2));
        for object in [0, 2, most * 2 - 2, most * 2, most * 2 + 7] {
            check.judge(object);
        }
        assert_eq!((check.found.unjudged, check.flaws.len()), (2, 0));
        let mut check = Check { version: 5, ..Check::default() };
        (4..8).for_each(|object| check.judge(object));
        assert_eq!(check.flaws, [Flaw::Orphan(4), Flaw::Orphan(5)], "later ones are not judged");
    }

    #[test]
    fn between_objects_that_are_known_others_are_told() {
        let mut check = Check { version: u64::MAX, ..Check::default() };
        let most = OBJECTS as u64;
        (0..most).for_each(|object| check.known(object * 2));
        check.judge(1);
        check.judge(most * 2 - 1);
        assert_eq!(check.flaws, [Flaw::Orphan(1), Flaw::Orphan(most * 2 - 1)]);
    }
}
