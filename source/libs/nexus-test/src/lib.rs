//! What test programs in the guest share (test profile only).
//!
//! [`Host`] is how they talk to the host that runs them: records, one a line, that begin with
//! `@nx` and the number of the run (docs/testing/index.md); and at last the exit code.
#![cfg_attr(target_os = "none", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod bare;
mod budgets;
mod console;
mod facts;
mod failed;
mod host;
pub mod records;
mod witness;

pub use budgets::{Budgets, comes_back};
pub use console::Console;
pub use facts::{Check, Facts};
pub use failed::Failed;
pub use host::{Host, SAFETY_MS, Waiter};
