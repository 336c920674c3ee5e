//! Changes: what each costs, who may make it, and how it is taken in.

use super::Engine;
use crate::device::{BlockDevice, PAGE};
use crate::key::TreeId;
use crate::log::frame::{Change, Old};
use crate::row::{self, Data};
use crate::store::{Error, Limit, Quota, Usage};

/// What a tree would use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    keys: i64,
    bytes: i64,
    charge: i64,
}

/// Bytes of the table that a row may take: itself, with what belongs to it; a large one has pages of its own, of
/// which there are a power of two.
fn charge(key: usize, row: u64) -> i64 {
    let bytes = row.saturating_add(key as u64 + 16);
    let whole =
        if bytes <= 1024 { bytes } else { (bytes + 64).next_power_of_two().max(PAGE as u64) };
    signed(whole)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Growth {
    pub(super) fn add(&mut self, change: &Change<'_>) {
        let now = change.row.map_or(0, |row| charge(change.key.len(), row.len() as u64));
        let before = change.old.map_or(0, |old| charge(change.key.len(), u64::from(old.row)));
        self.charge = self.charge.saturating_add(now.saturating_sub(before));
        let Some((_, key)) = row::tree_and_key(change.key) else { return };
        let key = signed(key.as_str().len() as u64);
        if let Some(data) = change.row.and_then(Data::decode) {
            self.keys += 1;
            self.bytes = self.bytes.saturating_add(key).saturating_add(signed(data.size()));
        }
        if let Some(Old { size, .. }) = change.old {
            self.keys -= 1;
            self.bytes = self.bytes.saturating_sub(key).saturating_sub(signed(size));
        }
    }
}

impl<D: BlockDevice> Engine<D> {
    /// Whether the tree, and the disk, have room for it.
    pub(super) fn has_room(&self, tree: Option<TreeId>, growth: Growth) -> Result<(), Error> {
        let charge = self.charge.saturating_add_signed(growth.charge);
        if growth.charge > 0 && (charge > self.capacity || self.in_reserve()) {
            return Err(Error::NoSpace);
        }
        let Some(tree) = tree else { return Ok(()) };
        let Some(Quota { keys, bytes }) = self.quotas.get(&tree).copied() else { return Ok(()) };
        let used = self.used(tree);
        if growth.keys > 0 && used.keys.saturating_add_signed(growth.keys) > keys {
            return Err(Error::Quota(Limit::Keys));
        }
        if growth.bytes > 0 && used.bytes.saturating_add_signed(growth.bytes) > bytes {
            return Err(Error::Quota(Limit::Bytes));
        }
        Ok(())
    }

    /// Takes all changes in, to be in one frame.
    pub(super) fn make(&mut self, changes: &[Change<'_>]) -> Result<(), Error> {
        let len: usize = changes.iter().map(Change::len).sum();
        if len > self.max_changes {
            return Err(Error::TooLarge);
        }
        if self.pending.len() + len > self.max_changes {
            self.sync_all()?;
        }
        self.accepted += 1;
        for change in changes {
            change.encode(&mut self.pending);
            self.take_in(change);
        }
        Ok(())
    }

    /// The change is seen from now on.
    pub(super) fn take_in(&mut self, change: &Change<'_>) {
        self.active.set(change.key, change.row);
        let mut growth = Growth::default();
        growth.add(change);
        self.charge = self.charge.saturating_add_signed(growth.charge);
        let Some((tree, _)) = row::tree_and_key(change.key) else { return };
        let used = self.usage.entry(tree).or_default();
        used.usage = Usage {
            keys: used.usage.keys.saturating_add_signed(growth.keys),
            bytes: used.usage.bytes.saturating_add_signed(growth.bytes),
        };
        used.changed = self.accepted;
        self.dirty.insert(tree);
    }
}

#[cfg(test)]
#[path = "admit_tests.rs"]
mod tests;
