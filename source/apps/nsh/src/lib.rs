//! The shell at the prompt.
//!
//! It is unprivileged: what it shows, it asks for. Asking ([`ask`]), formatting ([`show`]) and
//! typing ([`shell`]) are apart, so that text is tested without a system.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod archive;
pub mod ask;
pub mod command;
pub mod complete;
pub mod date;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod names;
pub mod network;
mod order;
pub mod past;
pub mod reach;
pub mod screen;
pub mod shell;
pub mod show;
pub mod specs;
pub mod state;
pub mod store;
pub mod suggest;
pub mod table;
pub mod trouble;
pub mod url;
