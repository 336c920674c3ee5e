//! Drivers that are killed under load, again and again (test profile only, `tests/systems/kills`). Threads of one
//! process keep the [`load`] going, below all services, and know of each call how it ended; the [`keeper`], above
//! the drivers, kills them at any instruction, and sees that the next life goes on where the last one was
//! acknowledged.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod book;
mod disk;
mod entropy;
mod frames;
mod journal;
pub mod keeper;
pub mod load;
mod net;
mod random;
mod report;
mod side;
mod tally;
mod victim;
