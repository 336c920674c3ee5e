//! A tree in memory, with quotas, that counts and can be cut.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_state::{Change, Error, Expect, Found, Page, Row, Value, Version};

use crate::{OwnTree, Tree};

/// A tree.
#[derive(Clone, Debug)]
pub struct FakeTree {
    /// Each key, with the version of its value.
    pub rows: BTreeMap<String, (u64, Vec<u8>)>,
    /// Most keys.
    pub keys: usize,
    /// Most bytes of keys and values.
    pub bytes: usize,
    /// Changes that were made durable.
    pub changes: u64,
    /// Changes that are made before those of `fails`.
    pub spared: u32,
    /// What the next changes come to, in order, and whether each is made all the same.
    pub fails: Vec<(Error, bool)>,
    /// The version that was given last.
    pub version: u64,
}

impl Default for FakeTree {
    fn default() -> FakeTree {
        FakeTree {
            rows: BTreeMap::new(),
            keys: usize::MAX,
            bytes: usize::MAX,
            changes: 0,
            spared: 0,
            fails: Vec::new(),
            version: 0,
        }
    }
}

impl FakeTree {
    /// Bytes of all keys and values.
    #[must_use]
    pub fn used(&self) -> usize {
        self.rows.iter().map(|(key, (_, value))| key.len() + value.len()).sum()
    }

    fn is_expected(&self, change: &Change<'_>) -> Result<(), Error> {
        let is = self.rows.get(change.key).map(|(version, _)| *version);
        let fits = match change.expect {
            Expect::Any => true,
            Expect::Absent => is.is_none(),
            Expect::Version(Version(version)) => is == Some(version),
        };
        if fits { Ok(()) } else { Err(Error::Conflict(is.map(Version))) }
    }

    fn make(&mut self, changes: &[Change<'_>]) -> Result<Version, Error> {
        changes.iter().try_for_each(|change| self.is_expected(change))?;
        let mut rows = self.rows.clone();
        self.version += 1;
        for Change { key, value, .. } in changes {
            match value {
                Some(value) => rows.insert((*key).to_string(), (self.version, value.to_vec())),
                None => rows.remove(*key),
            };
        }
        let after = FakeTree { rows, ..FakeTree::default() };
        let grows = (after.rows.len() > self.rows.len(), after.used() > self.used());
        if grows.0 && after.rows.len() > self.keys {
            return Err(Error::QuotaKeys);
        }
        if grows.1 && after.used() > self.bytes {
            return Err(Error::QuotaBytes);
        }
        self.rows = after.rows;
        self.changes += 1;
        Ok(Version(self.version))
    }
}

impl Tree for FakeTree {
    fn get(&mut self, key: &str) -> Result<Option<Value>, Error> {
        let found = self.rows.get(key);
        Ok(found.map(|(version, bytes)| Value { version: Version(*version), bytes: bytes.clone() }))
    }

    fn list(&mut self, under: &str, after: Option<&str>, rows: u32) -> Result<Page, Error> {
        let is_under = |key: &str| {
            key.strip_prefix(under).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_behind = |key: &str| after.is_none_or(|after| key > after);
        let all: Vec<Row> = self
            .rows
            .iter()
            .filter(|(key, _)| is_under(key) && is_behind(key))
            .map(|(key, (version, value))| {
                let found =
                    Found { version: Version(*version), size: value.len() as u64, pieces: 0 };
                Row { key: key.clone(), found, value: Vec::new() }
            })
            .collect();
        let most = usize::try_from(rows).unwrap_or(usize::MAX);
        Ok(Page { more: all.len() > most, rows: all.into_iter().take(most).collect() })
    }
}

impl OwnTree for FakeTree {
    fn change(&mut self, changes: &[Change<'_>]) -> Result<Version, Error> {
        if changes.len() > 64 {
            return Err(Error::TooLarge);
        }
        if self.spared > 0 || self.fails.is_empty() {
            self.spared = self.spared.saturating_sub(1);
            return self.make(changes);
        }
        let (error, is_made) = self.fails.remove(0);
        if is_made {
            self.make(changes)?;
        }
        Err(error)
    }
}
