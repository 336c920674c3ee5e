//! The Nexus kernel for riscv64imac in S-mode, with Sv39: boot, traps, page tables, fences.
//!
//! What the kernel decides is in `neuron-core`; this crate is the machine under it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod machine;

/// On a host, only the library of this crate is of use.
#[cfg(not(target_os = "none"))]
fn main() {}
