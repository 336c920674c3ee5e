//! The Nexus kernel for riscv64imac in S-mode, with Sv39: boot, traps, page tables, fences.
//!
//! What the kernel decides is in `neuron-core`; this crate is the machine under it.

/// On a host, only the library of this crate is of use.
fn main() {}
