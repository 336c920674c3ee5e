//! The interface between the `neuron` kernel and every process.
//!
//! `table.rs` is the only place where a system call is declared: the [`Syscall`] enum, its decode,
//! the `SYSCALL_*` numbers, the reference page and the user stubs are made from it. Nothing here
//! allocates, and no call takes a user pointer: data travels in registers ([`Message`]) or in
//! memory objects that both sides map. See RFC-0001 (capabilities and IPC) and RFC-0002 (device
//! MMIO).
#![no_std]

mod error;
mod handle;
mod layout;
mod message;
mod record;
mod rights;
mod startup;
#[cfg(target_arch = "riscv64")]
mod stub;
mod table;

pub use error::Error;
pub use handle::Handle;
pub use layout::{
    DEVICE_GUARD_PAGES, FREE_START, MAX_PAGES_PER_CALL, PAGE_SIZE, STACK_TOP, STARTUP_VA, USER_END,
    USER_START,
};
pub use message::{MAX_CAPS, Message, NO_DEADLINE, Received, Sender, Tag, WORDS};
pub use record::{
    CapInfo, EndReason, IrqInfo, KindCode, LineState, ProcessInfo, ProcessState, Record,
};
pub use rights::{Prot, Rights};
pub use startup::{ASKED, Role, STARTUP_MAGIC, Startup, StartupCap};
#[cfg(target_arch = "riscv64")]
pub use stub::*;
pub use table::*;
