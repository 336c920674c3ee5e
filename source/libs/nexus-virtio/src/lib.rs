//! virtio-mmio: register layout, identity, and the driver's side of a sealed queue.
//!
//! In v1 an owner maps its window, checks what is there, and answers for it; no process has a queue
//! before there is DMA (RFC-0004).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fake"))]
extern crate alloc;

mod answer;
#[cfg(test)]
mod bench;
mod doorbell;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod head;
#[cfg(test)]
mod hostile_tests;
mod identity;
#[cfg(test)]
mod order_tests;
pub mod owner;
mod queue;
#[cfg(test)]
mod queue_tests;
pub mod regs;
pub mod ring;
mod slots;

pub use answer::answer;
pub use doorbell::{Causes, Doorbell, acknowledge};
pub use head::{Completion, Head};
pub use identity::{DeviceType, Refused, identify};
pub use queue::{Misbehaved, Notices, Queue};
pub use slots::Slots;
