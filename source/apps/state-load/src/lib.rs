//! Puts values that say what they are, through statefsd (test profile only): until the host cuts the power ([`cut`],
//! `tests/systems/store-cuts`), over errors of the disk ([`errors`], `tests/systems/store-errors`), over deaths of
//! its driver ([`deaths`], [`dying`], `tests/systems/store-deaths`), and until the disk is full ([`full`],
//! `tests/systems/store-full`).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cut;
pub mod deaths;
pub mod dying;
pub mod errors;
mod failed;
pub mod full;
mod lives;
mod load;
mod value;
