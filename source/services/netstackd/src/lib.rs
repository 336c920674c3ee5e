//! The network: addresses, connections and datagrams for services, over the frames of virtionetd.
//!
//! ```text
//! client --ring--> session --> rules, purse --> stack (smoltcp) --> card --ring--> virtionetd
//! ```
//!
//! What is promised: [RFC-0007](../../../docs/rfcs/RFC-0007-network.md).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod card;
#[cfg(any(test, feature = "fake"))]
pub mod exercise;
mod frame;
pub mod numbers;
pub mod road;
pub mod rules;
pub mod server;
pub mod session;
pub mod stack;
mod sum;
#[cfg(test)]
mod tests;
