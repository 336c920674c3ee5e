//! Owner of the serial port.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod client;
pub mod console;
pub mod editor;
#[cfg(test)]
mod fixture;
pub mod follow;
pub mod guard;
pub mod history;
pub mod key;
pub mod output;
pub mod render;
pub mod server;
pub mod uart;
