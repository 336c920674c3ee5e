//! What is in the image that boots: the archive that holds every program, and the compiled
//! description of the system.
//!
//! [`archive`] needs no heap: the kernel uses it to find init, and init to find the rest.
//! Nothing here trusts its input. Every length and offset is checked when an archive is opened,
//! and a description is validated again when it is decoded, although the host tool has checked it
//! before: init and policyd act on it, and a damaged image must stop there.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used
)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod archive;
#[cfg(feature = "alloc")]
pub mod ask;
#[cfg(feature = "alloc")]
mod description;
#[cfg(feature = "alloc")]
pub mod layout;
pub mod restart;
pub mod sealed;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "alloc")]
pub use description::{
    Address, Danger, DescError, Description, Device, GUID_LEN, Ip, MAPPED_BITS, MAX_LEN, Need,
    NetDirection, NetProtocol, Network, NetworkSays, NoSerial, OpenTree, Permission, Permit, Place,
    Ports, Problem, Profile, Proof, Queue, Reach, Restart, Ring, Rule, SERIAL_LEN, Says, Serial,
    Service, Shape, Sockets, StateRight, Tree, are_queues, bounds, ip_addr, ip_of, is_one, mapped,
    registers, v4,
};
