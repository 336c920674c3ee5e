//! Keeps three things: the log of ordinary lines, the proofs of a test run, and the security
//! ledger.
//!
//! - Each sender has its own share of the log and its own rate, so that a flood costs the sender
//!   that makes it and nobody else. What is dropped is counted.
//! - The ledger has space of its own, which no line can take. A full ledger refuses records, and
//!   without a record there is no grant: it fails closed. Each service has a share of it for its
//!   lives and one for what it was denied, so that none can use up the space of another.
//! - Lives that have ended are folded when the share of their service is full: one record stands
//!   for all of them. What was denied is never folded away.
//! - The ledger lies in memory that outlives logd. A later life verifies it, goes on with what
//!   holds, and records what it found.
//! - Each record holds the hash of the record before it. Whoever remembers one hash can tell
//!   whether anything up to it was changed, reordered or cut.
//! - What services were refused by who keeps state for others is recorded once for each kind, in room of
//!   its own, and then counted.
//! - The archive waits for records and reads them. It has the one record made that ties this ledger to those
//!   before it. Nobody waits for the archive.
//! - Who may record which event is one table: what the one did, no other can claim.
//! - The wall clock can be set once; later it can be set right, within minutes, and each change is
//!   a record.
//!
//! Senders are who the kernel says. Nothing in a message is identity.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bucket;
pub mod chain;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod ledger;
pub mod lines;
pub mod proofs;
pub mod refusals;
mod service;
pub mod store;
pub mod text;
pub mod time;
pub mod waiting;
mod writer;

pub use service::Logd;
