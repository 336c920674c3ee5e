//! A driver that dies at each register access and at each message of its life, and a keeper that
//! sees the system go on (test profile only, `tests/systems/mortal`).
//!
//! The driver is rtcd, or rngd, virtioblkd or virtionetd, whose devices reach memory by themselves: its device code and its server, with a
//! count of steps between them and the device ([`life`]). v1 starts no service again, so that the system has an init that does when the
//! [`keeper`] asks for it ([`ask`]); the window goes the way of every grant each time.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ask;
pub mod device_keeper;
pub mod keeper;
pub mod life;
