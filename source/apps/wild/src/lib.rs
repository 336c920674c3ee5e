//! Random hostile processes (test profile only, `tests/systems/wild`).
//!
//! Several processes make system calls drawn from a seed, with arguments of every kind, right and
//! wrong, while the ordinary services do their work. The kernel checks itself after each of these
//! calls. The [`keeper`] asks the services all the while and holds them to their deadlines; at the
//! end it counts what was called, with which result, and sees that everything comes back.
#![cfg_attr(target_os = "none", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod counts;
pub mod draw;
pub mod end;
pub mod hand;
pub mod keeper;
mod probes;
pub mod random;
pub mod talk;
pub mod wild;
