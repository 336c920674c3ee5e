//! Decides who may hold which device.
//!
//! The rules come from the image and from nothing else: what a service asks for in its own file
//! is not looked at, because a request is not a permission. What no rule allows is denied.
//!
//! A decision answers exactly one question: subject and incarnation, device, window, rights and a
//! nonce that is used once, under one version of the rules. It is recorded before it is given; an
//! allow that cannot be recorded is a denial.
//!
//! What was decided before is known from the ledger: a new life reads it before it decides anything, and
//! denies everything until it could.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod history;
mod policy;
mod service;

pub use policy::{Policy, Ruling};
pub use service::{Policyd, Recorder, Unread};
