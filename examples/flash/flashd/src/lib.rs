//! Owner of a bank of CFI NOR flash.
//!
//! `cfi` is all that touches the device, `server` all that answers others; both are tested on the
//! host (tests/). main.rs puts them together.
#![no_std]
#![forbid(unsafe_code)]

pub mod cfi;
pub mod geometry;
pub mod server;
