//! What others notice of a program that uses up what it may (test profile only,
//! `tests/systems/pressure`).
//!
//! QEMU counts instructions as time, so that latencies are the same on every machine, and the
//! kernel is the one of a system in use, without a checker. An unimportant process ([`load`]) does
//! one task after the other; the [`meter`], which is more important, wakes up all the while, asks a
//! service, and holds what that takes against one table of bounds ([`task`]).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod load;
pub mod meter;
pub mod slow;
pub mod task;
