//! Puts values that say what they are, through statefsd (test profile only): until the host cuts the power ([`cut`],
//! `tests/systems/store-cuts`), over errors of the disk ([`errors`], `tests/systems/store-errors`), and over deaths of
//! its driver ([`deaths`], `tests/systems/store-deaths`).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cut;
pub mod deaths;
pub mod errors;
mod load;
mod value;
