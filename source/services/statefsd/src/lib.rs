//! Keeps state under names on the disk.
//!
//! ```text
//! client --ring--> session --> store --> disk --ring--> virtioblkd
//! ```
//!
//! What is promised: [RFC-0006](../../../docs/rfcs/RFC-0006-store.md).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod disk;
#[cfg(test)]
mod disk_tests;
mod job;
pub mod keeper;
pub mod open;
#[cfg(test)]
mod open_tests;
pub mod reason;
pub mod refusals;
pub mod road;
pub mod server;
pub mod session;
pub mod trees;
