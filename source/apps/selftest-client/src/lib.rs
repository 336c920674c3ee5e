//! The tests in the guest (test profile only).
//!
//! An ordinary, unprivileged service. Each proof establishes one fact through the real system
//! calls and the real services, or says what it saw instead; a proof is recorded only when its
//! fact is there. Order: proofs with everybody alive; then ledger, capabilities and page-table
//! roots for the host, which reads the guest's memory meanwhile; then the hostile processes, one
//! by one; then the verdict, and the end of the machine.
#![cfg_attr(target_os = "none", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod check;
mod context;
mod ledger;
mod others;
mod proofs;
mod verdict;

pub use check::{Check, Failure};
pub use context::Context;
pub use proofs::{all, hostile_proof};
pub use verdict::run;
