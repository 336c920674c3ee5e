//! A simulated machine to run the kernel on a host: for the tests of this crate, property tests,
//! fuzzing and the model checker. Not in any build of the kernel (feature `testing`).
//!
//! A [`World`] is a kernel on a [`Machine`] with init started. Everything a test does goes through
//! the registers of a thread and [`Kernel::syscall`](crate::Kernel::syscall), as a user program
//! would do it, or through a fault or the timer; after each entry into the kernel the checker
//! looks at everything ([`crate::check`]).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "test support: a mistake ends the test"
)]

mod calls;
mod entry;
pub mod fault;
mod life;
mod machine;
pub mod pace;
mod plic;
mod state;
mod view;
mod world;

pub use machine::{FAR_BASE, GARBAGE, Machine, RAM_BASE};
pub use plic::{Plic, Source};
pub use view::{CapView, Doing, LineView, PageView, ProcessView, ThreadView, View};
pub use world::{Child, Config, Status, User, World, run, run_with};
