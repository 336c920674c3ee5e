//! How the ledgers of the boots lie in the tree of archived, for who writes and who reads them.
//!
//! ```text
//! last              the number of the last boot
//! boot/N/facts      which ledger it is, and what time it was
//! boot/N/head       where it ends, as far as it is here
//! boot/N/C          records: part number C, up to 64 of them in order
//! dropped/N         that boots up to this one were dropped for room: how many records, and the last head
//! ```
//!
//! N and C have eight digits. Numbers in values are little-endian. A record is 128 bytes: the hash before it, its
//! stamp, its entry. Each part, and the head with it, is changed in one batch, so that one is never there without
//! the other.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod boots;
mod chain;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod key;
mod record;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod walk;

pub use boots::{Boot, Kept, boots, keys, next, parts, read};
pub use chain::{Chain, Place};
pub use record::{Hash, PART_RECORDS, RECORD, Record, records};
pub use tree::{OwnTree, StoreTree, Tree};
pub use value::{Dropped, Facts, Head, Last, Stored};
pub use walk::{Standing, Walked, walk};
