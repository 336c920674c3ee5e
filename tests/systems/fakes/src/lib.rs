//! policyd, logd and busd as they must not be (tests/systems).
//!
//! Each program here takes the place of one of them in a small system of its own. Whatever it
//! does, init must grant nothing, or in the place of busd nothing that reaches memory, and refuse every
//! such device with a reason (`expect.toml` of each system). One is late once and no more: with it the
//! system must come up.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bus;
pub mod lies;
mod serve;

pub use serve::{answer_each, ignore_all};
