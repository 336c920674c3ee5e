//! The root task: finds the devices, starts the services, hands each device to its one owner, and
//! watches over them.
//!
//! Everything that decides something is here and runs in host tests; `main.rs` joins it to the
//! kernel.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod board;
mod distribute;
pub mod grant;
pub mod init;
pub mod live;
mod notes;
pub mod order;
pub mod records;
pub mod registry;
mod restarts;
mod rings;
mod roots;
pub mod serials;
mod server;
pub mod start;
mod supervise;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod watch;
pub mod words;

pub use server::TRIES;
