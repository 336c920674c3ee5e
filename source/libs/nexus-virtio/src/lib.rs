//! virtio-mmio: register layout and identity.
//!
//! In v1 an owner maps its window, checks what is there, and answers for it; data needs queues,
//! interrupts and DMA, which come with RFC-0003.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate alloc;

mod answer;
mod identity;
pub mod owner;
pub mod regs;

pub use answer::answer;
pub use identity::{DeviceType, Refused, identify};
