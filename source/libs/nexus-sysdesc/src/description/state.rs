//! What is kept in the store, and who may see it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::bounds::{MAX_KEY, TREE_BYTES, TREE_KEYS};

/// Bytes of a GUID, in the order in which a partition table has them.
pub const GUID_LEN: usize = 16;

/// The tree of a service: what it keeps in the store, under keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tree {
    /// What names it on the disk, whatever id the service has. Never 0, never used again.
    pub id: u128,
    /// Most keys.
    pub keys: u64,
    /// Most bytes of keys and values, as the store charges them.
    pub bytes: u64,
}

impl Tree {
    /// True when its id is one, and its quotas are within their bounds.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.id != 0 && TREE_KEYS.contains(&self.keys) && TREE_BYTES.contains(&self.bytes)
    }
}

/// Lets one service open the tree of another, or the keys under a prefix in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpenTree {
    /// Service id of whose tree it is.
    pub owner: u32,
    /// Whole parts at the beginning of the keys that are open; the empty one: every key.
    pub prefix: String,
    /// Bits of [`StateRight`]. Never 0.
    pub rights: u8,
    /// Its name in `policy.toml`.
    pub id: String,
    /// Why it is permitted, in the words of `policy.toml`.
    pub reason: String,
}

impl OpenTree {
    /// True when it gives this right.
    #[must_use]
    pub const fn gives(&self, right: StateRight) -> bool {
        self.rights & right.bit() != 0
    }

    /// True when `key` is the prefix, or under it by whole parts.
    #[must_use]
    pub fn covers(&self, key: &str) -> bool {
        let rest = key.strip_prefix(self.prefix.as_str());
        self.prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// What may be done in the tree of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateRight {
    /// Read values, and what there is to know of one: bit 0.
    Get,
    /// Read which keys there are, and what the tree uses: bit 1.
    List,
    /// Put, delete, and do so in batches: bit 2.
    Put,
}

impl StateRight {
    /// Every right, in the order of the bits.
    pub const ALL: [StateRight; 3] = [StateRight::Get, StateRight::List, StateRight::Put];
    /// The bits of all.
    pub const BITS: u8 = 0b111;

    /// Its bit.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            StateRight::Get => 1,
            StateRight::List => 2,
            StateRight::Put => 4,
        }
    }

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            StateRight::Get => "get",
            StateRight::List => "list",
            StateRight::Put => "put",
        }
    }

    /// Those with these bits, in order.
    pub fn of(bits: u8) -> impl Iterator<Item = StateRight> {
        StateRight::ALL.into_iter().filter(move |right| bits & right.bit() != 0)
    }
}

/// True for a prefix of keys: none, or what a key may be (RFC-0006, ST16).
#[must_use]
pub fn is_prefix(text: &str) -> bool {
    let parts = || text.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let plain = || !text.chars().any(char::is_control);
    text.is_empty() || text.len() <= MAX_KEY && plain() && parts()
}
