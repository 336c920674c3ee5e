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
#[cfg(any(test, feature = "fake"))]
pub mod exercise;
#[cfg(test)]
mod fake;
mod job;
pub mod keeper;
#[cfg(test)]
mod liar_tests;
pub mod open;
#[cfg(test)]
mod open_tests;
pub mod reason;
pub mod road;
pub mod server;
pub mod session;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
pub mod trees;
