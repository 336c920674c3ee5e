//! Typed registers over a mapped device window.
//!
//! A driver names its registers as types, so that access mode, width and bounds are checked when
//! it is compiled, and no access can fail or panic:
//!
//! ```
//! use nexus_mmio::{Bus, Reg, ReadOnly, ReadWrite, Registers, TooSmall};
//!
//! const MAGIC: Reg<u32, ReadOnly, 0x000> = Reg::NEW;
//! const STATUS: Reg<u32, ReadWrite, 0x070> = Reg::NEW;
//!
//! struct Driver<B> {
//!     regs: Registers<B, 0x200>,
//! }
//!
//! impl<B: Bus> Driver<B> {
//!     fn new(bus: B) -> Result<Self, TooSmall> {
//!         Ok(Driver { regs: Registers::new(bus)? })
//!     }
//!     fn reset(&mut self) -> u32 {
//!         self.regs.write(STATUS, 0);
//!         self.regs.read(MAGIC)
//!     }
//! }
//! ```
//!
//! On the target the bus is a [`Window`]; in host tests it is a `fake::FakeBus` (feature `fake`).
//! Memory that a device, or another process, reaches as well is a [`SharedMemory`], in host tests a part
//! of a `fake::FakeMemory`: read and written by offset with volatile copies, never as a slice.
//!
//! A driver is safe Rust either way: the only unsafe code is in the modules `window` and `memory`.
#![no_std]

#[cfg(any(test, feature = "fake"))]
extern crate std;

mod bus;
mod copy;
#[cfg(test)]
mod copy_tests;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod memory;
#[cfg(test)]
mod memory_tests;
mod reg;
mod shared;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
mod window;

pub use bus::{Bus, Width};
pub use copy::copy_between;
pub use memory::{Bytes, Length, SharedMemory};
pub use reg::{
    ReadOnly, ReadWrite, Readable, Reg, RegArray, Registers, TooSmall, Writable, WriteOnly,
};
pub use shared::{Exact, Outside, Shared, SharedMut, Split};
pub use window::Window;
