//! Typed messages between services.
//!
//! A protocol is one table (`protocol!`): number, name, request and answer of each operation. The
//! marker type, the `Request` enum and its strict decode come from the table. A request travels as
//! label `protocol << 16 | operation`; an answer as label 0 and its payload, or the code of a
//! [`ServiceError`] and no payload. Payloads are `repr(C)` structs of whole words, at most 64
//! bytes, whose padding is explicit and must be zero: each value has exactly one encoding.
//!
//! Nothing in a payload is ever identity: who sent a message is in its
//! [`Sender`](nexus_abi::Sender), which the kernel writes.
#![no_std]
#![forbid(unsafe_code)]

#[macro_use]
mod table;

mod anchor;
pub mod bus;
pub mod console;
pub mod device;
pub mod disk;
pub mod entropy;
mod fold;
pub mod ids;
pub mod init;
pub mod log;
mod message;
pub mod net;
pub mod policy;
pub mod power;
mod reason;
pub mod rtc;
pub mod socket;
pub mod state;
#[cfg(test)]
mod tests;
mod wire;

pub use fold::{Fold, Holes, Resume};
pub use message::{
    Malformed, Operation, Payload, Protocol, ReplyError, Request, ServiceError, decode_payload,
    decode_with_caps, encode_error, encode_payload, encode_with_caps, read_payload,
};
pub use wire::{Asker, Name, Registers, Subject, Text, Wire, Zero};
