//! Sets up devices that reach memory by themselves, for init and for nobody else, and takes them back
//! (RFC-0004, section 5).
//!
//! Shapes are decided here: which features are agreed, and what each descriptor of a queue is. Where they
//! lie is not known here: the kernel makes the memory and writes the addresses. What busd may write of a
//! device holds none.
//!
//! Each device has a state of its own, and no call waits for a device: one that is asked to reset is looked
//! at again a millisecond later, and requests for others are answered in between.
#![cfg_attr(not(any(test, feature = "fake")), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod bus;
mod failure;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod features;
mod kernel;
mod live;
mod memory;
mod serve;
mod setup;
mod slot;
#[cfg(test)]
mod tests;

pub use bus::Bus;
pub use failure::Failure;
pub use kernel::{Kernel, Role};
pub use live::Live;
pub use serve::serve;
pub use slot::{ASKS, POLLS};
