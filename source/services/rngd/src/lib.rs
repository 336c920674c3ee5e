//! Random bytes for others: from a generator that the entropy device seeds, while its health tests pass.
//!
//! ```text
//! device --bytes--> health tests --> pool --SHA-256 with the old key--> key --ChaCha20--> bytes
//!                     | first failure                                     | overdue
//!                     v                                                   v
//!                  Failed, for ever                                refused, until seeded again
//! ```
//!
//! Each stage is one module; `server` answers and drives the device. There is no other source and no constant
//! to fall back to: what cannot be answered is refused.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod drbg;
#[cfg(test)]
mod drbg_tests;
pub mod generator;
#[cfg(test)]
mod generator_tests;
pub mod health;
#[cfg(test)]
mod health_tests;
pub mod server;
#[cfg(test)]
mod server_tests;
pub mod source;
#[cfg(test)]
mod source_tests;
mod waiting;
