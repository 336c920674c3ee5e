//! The compiled system description: what the system's services are, what they may touch, and
//! what they may ask of each other.
//!
//! The host tool makes it from the files under `system/`; init and policyd act on it. Requests
//! ([`Need`]) and permissions ([`Rule`], [`Permit`], [`Ring`], [`OpenTree`]) stand apart: init asks for what a service
//! needs, and policyd answers from the rules alone.

pub mod bounds;
mod codec;
mod device;
mod error;
mod lookup;
mod net;
mod net_text;
mod queue;
pub mod registers;
mod rule;
mod serial;
mod service;
mod state;
mod validate;
mod validate_net;

use alloc::string::String;
use alloc::vec::Vec;

pub use codec::MAX_LEN;
pub use device::{Danger, Device, Says};
pub use error::{DescError, Place, Problem};
pub use net::{
    Address, Ip, MAPPED_BITS, NetDirection, NetProtocol, Network, NetworkSays, Ports, Reach,
    Sockets, mapped, v4,
};
pub use net_text::{ip_addr, ip_of, is_one};
pub use queue::{Queue, Shape, are_queues};
pub use rule::{Permission, Permit, Ring, Rule};
use serde::{Deserialize, Serialize};
pub use serial::{NoSerial, SERIAL_LEN, Serial};
pub use service::{Need, Proof, Restart, Service};
pub use state::{GUID_LEN, OpenTree, StateRight, Tree};

/// A whole system in one profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Description {
    /// Name of the system.
    pub name: String,
    /// What this image is for.
    pub profile: Profile,
    /// Version of the rules, from 1. A decision made under another epoch is void.
    pub epoch: u32,
    /// True when a service that dies is started again at once, however often it has died. Test profile only.
    pub unlimited_restarts: bool,
    /// Service id of init, which the kernel starts and which starts the others.
    pub init: u32,
    /// The devices of the board, each at the index that is its id.
    pub devices: Vec<Device>,
    /// The services, by ascending id.
    pub services: Vec<Service>,
    /// What may be granted, by ascending subject, then device.
    pub rules: Vec<Rule>,
    /// How the network of the board is; `None`: no service has to do with one.
    pub network: Option<NetworkSays>,
}

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// For use: no test programs, no proofs.
    Prod,
    /// For test runs: it proves itself, and ends the machine with a verdict.
    Test,
}

impl Profile {
    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Prod => "prod",
            Profile::Test => "test",
        }
    }
}
