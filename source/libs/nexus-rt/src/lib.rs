//! What every user process starts from.
//!
//! A service is `lib.rs` (its logic, tested on the host) and a short `main.rs`:
//!
//! ```ignore
//! #![cfg_attr(target_os = "none", no_std, no_main)]
//! #![forbid(unsafe_code)]
//! nexus_rt::entry!(main);
//!
//! fn main() -> Result<(), nexus_rt::StartError> {
//!     let start = nexus_rt::startup();
//!     nexus_rt::info!("serving");
//!     nexus_rt::serve::<Rtc>(start.serve()?, |sender, request| rtc.answer(sender, request));
//!     Ok(())
//! }
//! ```
//!
//! On a host target everything compiles and no system call reaches a kernel: [`sys`] refuses them,
//! and a test can answer messages itself ([`host`]).
#![cfg_attr(target_os = "none", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

#[cfg(not(target_os = "none"))]
pub mod host;

mod attach;
pub mod child;
mod client;
pub mod entry;
#[cfg(any(target_os = "none", test))]
mod growth;
#[cfg(target_os = "none")]
mod heap;
mod inbox;
mod line;
pub mod log;
mod memory;
pub mod owner;
#[cfg(target_os = "none")]
mod panic;
mod record;
pub mod refusals;
#[cfg(test)]
mod restart_tests;
mod ring;
mod server;
mod shared;
mod startup;
pub mod sys;
#[cfg(test)]
mod tests;
pub mod thread;
mod time;
mod va;
mod watch;
mod window;

pub use attach::attach;
pub use client::{CallError, Client};
pub use inbox::Inbox;
pub use line::Line;
pub use log::proof;
pub use memory::{Memory, ReadOnlyMemory};
pub use nexus_abi as abi;
pub use nexus_mmio as mmio;
pub use nexus_proto as proto;
pub use record::{record, record_in_chain};
pub use ring::{Ring, Tell};
pub use server::{Answer, ReplyTo, Service, drive, run, serve};
pub use shared::{get, put};
pub use startup::{DeviceMemory, Start, StartError, startup};
pub use time::{Deadline, ns_of_ticks, ticks, ticks_of_ns, uptime_ns};
pub use va::{BARE, IMAGE};
pub use window::{DeviceWindow, map_window, map_window_part, peek};
