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
pub mod road;
