//! What messages say in numbers, in words: the one place where they are written for people, so that the prompt
//! (nsh) and the page (httpd) say the same of the same thing.
//!
//! [`amount`] has sizes, durations and counts, [`holding`] what is held and how, [`standing`] how devices, services
//! and the network stand, [`ending`] how a life ended and what follows it, [`record`] what a record of the ledger
//! says. Reasons of policyd and init are words of their protocol (`nexus_proto::policy::Reason`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod amount;
pub mod ending;
pub mod holding;
pub mod record;
pub mod standing;
