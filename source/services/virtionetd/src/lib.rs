//! Owner of a network card: frames in and out.
//!
//! ```text
//! device --used ring--> receive --MAC filter--> consumer: a mailbox (messages), or rings
//! device <--doorbell--- transmit <--zero padding--- consumer
//! ```
//!
//! Between the memory of the card and a ring a frame is copied once, by words, with nothing in between.
//!
//! The device reads and writes heads of fixed lengths (RFC-0004), with a header of 12 bytes before each
//! frame (virtio 1.2, 5.1.6). No offload and no control queue is agreed: the card hands over all frames of
//! its network, and those for others are left out here.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
mod card_tests;
pub mod consumer;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod frame;
#[cfg(test)]
mod logic_tests;
pub mod mailbox;
pub mod receive;
pub mod rings;
pub mod server;
pub mod transmit;
