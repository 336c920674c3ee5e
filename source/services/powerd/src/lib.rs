//! Owner of the power finisher.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod finisher;
pub mod server;
