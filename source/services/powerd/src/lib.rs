//! Owner of the power finisher.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod finisher;
pub mod server;
