//! A driver that dies at each register access and at each message of its life, and a keeper that
//! sees the system go on (test profile only, `tests/systems/mortal`).
//!
//! The driver is rtcd, or rngd, virtioblkd or virtionetd, whose devices reach memory by themselves: its device code
//! and its server, with a count of steps between them and the device ([`life`]). The init of the system starts it
//! when the [`keeper`] asks for it ([`ask`]), and not when a pause is over; the window goes the way of every grant.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ask;
pub mod device_keeper;
pub mod keeper;
pub mod life;
