//! The logic of the `neuron` kernel: capabilities and their tree, windows and page tables,
//! messages, the scheduler, budgets, and the decoding of system calls.
//!
//! There is no hardware here and no unsafe code: the machine is the [`Platform`] trait. The same
//! code runs in the kernel, under the tests of this crate, and in the model checker. What a
//! program can do to the system is [`Kernel::syscall`] on the registers of the current thread,
//! [`Kernel::fault`], and [`Kernel::timer`]; a device, [`Kernel::external`]; nothing else gets in.
//!
//! Rules that hold everywhere (RFC-0001 to RFC-0003):
//! - A call that fails changes nothing.
//! - No user pointer is ever followed: messages are registers.
//! - Nothing panics on what a program does: arithmetic is explicit, access is checked.
//! - Nothing on a common path takes longer with more objects.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "testing")]
extern crate std;

mod call;
#[cfg(feature = "checker")]
pub mod check;
pub mod kernel;
pub mod object;
pub mod platform;
#[cfg(feature = "testing")]
pub mod sim;
pub mod store;

/// What a call comes to: the error goes to the program that made it.
pub type Result<T = (), E = nexus_abi::Error> = core::result::Result<T, E>;

pub use call::fast::{Run, Way};
pub use kernel::{Kernel, Tables};
pub use object::process::MAX_THREADS;
pub use platform::{PhysMem, Platform};
