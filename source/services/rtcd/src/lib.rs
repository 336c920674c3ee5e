//! Owner of the Goldfish real-time clock.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod device;
pub mod server;
