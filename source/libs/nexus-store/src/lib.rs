//! The storage engine: an append log with one write and one flush for each sync, in front of a table by
//! [redb](https://docs.rs/redb), with every page checked before it is believed.
//!
//! ```text
//! partition   superblock, 2 copies | log: a ring of pages | table: redb's file
//! put, delete   -> memory, and the frame that is being made
//! sync          -> the frame: one write, one flush
//! turn          -> what is in the log goes into the table, so many keys at a time
//! get           <- memory, else the table: a page is compared with its sum before redb sees it
//! ```
//!
//! What is promised: [RFC-0006](../../../docs/rfcs/RFC-0006-store.md).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "trial"))]
extern crate std;

mod behind;
mod bytes;
mod check;
mod device;
mod engine;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod format;
pub mod gpt;
mod held;
mod key;
mod log;
mod pager;
mod row;
mod span;
mod store;
mod sum;
mod superblock;
mod table;
#[cfg(test)]
mod tests;
mod tree;
#[cfg(any(test, feature = "trial"))]
pub mod trial;
mod verify;

pub use check::{Check, Checked, Flaw, Part};
pub use device::{BlockDevice, Counters, DeviceError, Extent, PAGE, PAGE_SECTORS, SECTOR};
#[cfg(any(test, feature = "trial"))]
pub use engine::exercise;
pub use engine::{Engine, FoldLimits, FormatOptions, OpenOptions, format};
pub use key::{Key, KeyError, MAX_KEY, TreeId};
pub use log::LogDamage;
pub use span::Span;
pub use store::{
    Asked, Draft, Error, Expect, Found, Limit, Listed, Listing, MAX_BATCH, MAX_PIECES, MAX_ROWS,
    MAX_VALUE, Page, Quota, ReadOnly, Refused, Row, Step, Store, Ticket, Usage, Version,
};
pub use superblock::{FORMAT, Identity, Unreadable};
