//! Writes sectors that say what they are, through the ring of virtioblkd (test profile only): until the host cuts the
//! power ([`load`], `tests/systems/cuts`), over errors of the disk ([`errors`], `tests/systems/disk-errors`), and over
//! two boots ([`boots`], `tests/systems/two-boots`).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod boots;
mod disk;
pub mod errors;
mod failed;
pub mod load;
mod sector;
