//! Keeps the ledgers of all boots in the store.
//!
//! - logd stays the only one that writes the ledger. What is kept is its records as they are, in order, with the
//!   hashes that chain them. What logd folded away before it was read is a gap.
//! - Nobody waits for the archive. It asks logd for the next record, and logd answers when there is one.
//! - A boot gets a number with its first records, in one batch that demands the number before: none is given
//!   twice, and there is no number without records.
//! - Then logd is told where the ledger of the boot before ends, and records that once: the anchor.
//! - Each batch demands the head that was there. What was in flight when the store or the archive ended is there
//!   once or not at all, and who finds another's hand in its place begins anew from what is there.
//! - When its tree is full, the oldest boots are dropped whole, each with a record of its own.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod anchor;
mod archive;
mod begin;
mod ledger;
mod room;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Failed};
pub use begin::{Beginning, Machine};
pub use ledger::{Ledger, LiveLedger, Told};
pub use room::MOST_DROPPED;
