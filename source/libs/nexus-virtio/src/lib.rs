//! virtio-mmio: register layout, identity, and the driver's side of a sealed queue.
//!
//! An owner maps its window, checks what is there, and, where its device was set up for it, has its queues
//! ([`owner::take`], [`Sealed`]): whatever it does with them, the device reaches what the description lets
//! it reach, and nothing else (RFC-0004).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "fake"))]
extern crate std;

mod answer;
#[cfg(test)]
mod bench;
pub mod block;
mod doorbell;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod feature;
mod head;
#[cfg(test)]
mod hostile_tests;
mod identity;
pub mod net;
#[cfg(test)]
mod order_tests;
pub mod owner;
mod queue;
#[cfg(test)]
mod queue_tests;
pub mod regs;
pub mod ring;
mod sealed;
#[cfg(test)]
mod sealed_tests;
mod slots;
#[cfg(test)]
mod slots_tests;

pub use answer::answer;
pub use doorbell::{Causes, Doorbell, acknowledge};
pub use feature::Feature;
pub use head::{Completion, Head};
pub use identity::{DeviceType, Refused, identify};
pub use queue::{Misbehaved, Notices, Queue};
pub use sealed::{Driven, Misfit, Mismatch, Sealed};
pub use slots::{Part, Slots};
