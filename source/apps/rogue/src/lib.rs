//! A hostile owner of a disk (test profile only): one life of it beside all tests (`tests/systems/rogue`), and
//! many lives, one after the other (`tests/systems/rogue-lives`), of which a [`keeper`] sees that they change
//! nothing outside the pool of their device.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod attempts;
pub mod canary;
pub mod disk;
pub mod keeper;
pub mod life;
pub mod random;
pub mod spoil;
