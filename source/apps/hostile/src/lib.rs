//! Programs that do what no program may: in the tests that are laid over a system, and those with a
//! window of their own in tests/systems/windows.
//!
//! One binary, many services: which attack a process carries out follows from its service id
//! ([`Attack::of_service`]). It waits until the tests in the guest tell it to begin, so that all
//! of them are alive when the host reads the page tables. Most end by a fault, and the kernel must
//! tell exactly which one ([`Fault`]); the others answer with what they saw.
//!
//! Hostile instructions are data ([`code`]), written to memory that is then sealed, mapped executable
//! and started as a thread, all by ordinary system calls.
#![cfg_attr(target_os = "none", no_std)]
#![deny(unsafe_code)]

pub mod ask;
mod attack;
pub mod code;
pub mod fault;
pub mod faulty;
pub mod flood;
pub mod place;
pub mod reply;
mod snippet;
pub mod spam;
mod table;
pub mod talk;

pub use attack::{Attack, FIRST_ID, FIRST_WITH_WINDOW, Faulty, Page, Role};
pub use fault::Fault;
