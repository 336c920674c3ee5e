//! The machine: everything that is specific to the hardware, and all unsafe code of the kernel.
//!
//! It runs one hart. What a hart has is reached through `sscratch` and its stack, and the kernel
//! behind one lock, so that harts can be added.

mod boot;
mod console;
mod csr;
mod entry;
mod load;
mod lock;
mod paging;
mod panic;
mod phys;
mod plic;
mod start;
mod trap;
#[cfg(not(feature = "checker"))]
#[path = "machine/unwatched.rs"]
mod watch;
#[cfg(feature = "checker")]
#[path = "machine/watched.rs"]
mod watch;
