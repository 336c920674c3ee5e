//! The part of the kernel image that is plain computation: physical ranges, the device tree,
//! where the registers of the interrupt controller are, and the kernel's own page tables. It runs on the host under tests; the rest of the crate is the
//! binary for riscv64.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod layout;
pub mod map;
pub mod plic;
pub mod range;
pub mod tree;
#[cfg(any(test, feature = "checker"))]
pub mod watch;
