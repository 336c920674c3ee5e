//! The owner of the disk: reads and writes it for others, who ask by messages or through a ring.
//!
//! ```text
//! message --> calls ----+
//!                       +--> disk: a head each --> queue --> device
//! ring -----> requests -+     data: from ring to pool and back, once
//! ```
//!
//! What a head can be used for is in the description of the system ([`Shape`](nexus_virtio::block::Shape)); longer requests are done in
//! parts ([`requests`]). The device is not trusted with what it says: a length is cut, a status that was not
//! written is a failure, and a device that misbehaves ends all requests with an error ([`engine`]).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod calls;
mod count;
pub mod disk;
#[cfg(test)]
mod disk_tests;
pub mod engine;
#[cfg(test)]
mod engine_tests;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
#[cfg(test)]
mod flush_tests;
mod held;
#[cfg(test)]
mod logic_tests;
pub mod requests;
#[cfg(test)]
mod restart_tests;
pub mod server;
#[cfg(test)]
mod server_tests;
pub mod start;
mod tag;
#[cfg(test)]
mod urgent_tests;
