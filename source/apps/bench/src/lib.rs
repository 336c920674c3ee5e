//! What operations cost, in instructions (profile test, `cargo nexus bench`).
//!
//! QEMU runs with `-icount shift=0`, so that the `instret` register counts exactly what was
//! executed, in user mode and in the kernel, the same on every machine. Each operation is bracketed
//! by two reads of it, of which one is subtracted; the ordinary stubs of nexus-abi are inside the
//! brackets. The partner for messages is another process, of higher priority, as servers are.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod calls;
mod count;
pub mod disk;
mod grants;
mod lines;
pub mod measure;
mod objects;
pub mod partner;
mod population;
mod restarts;
mod samples;
mod services;
pub mod sleeper;
mod suite;

pub use samples::{COUNT, Samples};
pub use suite::{Failed, run};
