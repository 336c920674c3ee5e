//! Drivers, and clients at their rings, that are killed under load, again and again (test profile only,
//! `tests/systems/kills`). The [`load`] is below all services, and knows of each call how it ended; the [`keeper`],
//! above the drivers, kills them at any instruction, and sees that the next life goes on where the last one was
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
