//! The peer of the tests on the other end of the wire (RFC-0007): it gives addresses, knows names, routes, connects, and
//! attacks, by frames over a socket that QEMU has as a network (`-netdev dgram`).
//!
//! What it does follows from a seed. What it sees is counted, a proof for each scenario; its deadlines are a safety net
//! against a guest that says nothing more. Two machines live at this end: the [`peer`] with a stack of its own, and a
//! stranger without one, whose packets are made by hand ([`raw`]) and whose answers nobody makes.
#![forbid(unsafe_code)]

pub mod client;
pub mod line;
pub mod names;
pub mod peer;
pub mod raw;
pub mod scenarios;
pub mod server;
pub mod talk;

pub use line::Line;
pub use scenarios::{Findings, Says, play};
