//! What policy allows.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::Rights;
use serde::{Deserialize, Serialize};

use super::Queue;

/// Lets one service receive one device. What no rule allows is denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Its number in records: its place among the rules, from 1.
    pub number: u16,
    /// Its name in `policy.toml`.
    pub id: String,
    /// Service id of the receiver.
    pub subject: u32,
    /// [`crate::Device::id`].
    pub device: u16,
    /// The most [`Rights`] bits that may be given; within MAP, READ and WRITE.
    pub rights: u16,
    /// True when the device's interrupt line may be given.
    pub irq: bool,
    /// The registers that may be written, as in [`crate::Need::registers`].
    pub registers: Option<u64>,
    /// The shortest time between two deliveries of the line in microseconds; 0 is none.
    pub interval: u32,
    /// What the device may be made to reach, as in [`crate::Need::queues`].
    pub queues: Vec<Queue>,
    /// Why it is allowed, in the words of `policy.toml`.
    pub reason: String,
}

impl Rule {
    /// The rights as a set.
    #[must_use]
    pub const fn rights(&self) -> Rights {
        Rights::from_bits_truncate(self.rights)
    }
}

/// Lets one service ask others for more than everyone may.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permit {
    /// What it may ask for.
    pub permission: Permission,
    /// Its name in `policy.toml`.
    pub id: String,
    /// Why it is permitted, in the words of `policy.toml`.
    pub reason: String,
}

/// Lets one service, the consumer, share memory with one driver, for a ring of requests and their data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ring {
    /// Service id of the driver.
    pub server: u32,
    /// Pages of all of the memory: of 4 KiB each.
    pub pages: u16,
    /// Its name in `policy.toml`.
    pub id: String,
    /// Why it is permitted, in the words of `policy.toml`.
    pub reason: String,
}

impl Ring {
    /// Bytes of the memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.pages).saturating_mul(nexus_abi::PAGE_SIZE)
    }
}

/// What a service may ask of other services beyond what everyone may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// Ask policyd for decisions, and give out devices.
    Distribute,
    /// Append to the ledger.
    Record,
    /// Ask who holds what and why, and read the ledger; without addresses.
    View,
    /// Read the log lines of others, and the addresses that stand in them.
    Log,
    /// Read the line that a person types, and have init ask policyd.
    Ask,
    /// Print records for the host, and read page-table roots. Test profile only.
    Report,
    /// Set the wall clock of the log.
    Clock,
    /// End or restart the machine.
    Power,
    /// Read and write the disk.
    Disk,
    /// Send frames to the network, and have those that come.
    Net,
    /// End services, and start them again.
    Supervise,
    /// Read the ledger whole, wait for its records, and say where the archive of those before it ends.
    Archive,
    /// Tell what a service was refused that asked for the state of others.
    Refuse,
    /// Have names resolved by the network stack.
    Resolve,
}

impl Permission {
    /// Every permission, in order.
    pub const ALL: [Permission; 14] = [
        Permission::Distribute,
        Permission::Record,
        Permission::View,
        Permission::Log,
        Permission::Ask,
        Permission::Report,
        Permission::Clock,
        Permission::Power,
        Permission::Disk,
        Permission::Net,
        Permission::Supervise,
        Permission::Archive,
        Permission::Refuse,
        Permission::Resolve,
    ];

    /// Its number in messages: its place in [`Permission::ALL`], from 0.
    #[must_use]
    pub fn code(self) -> u8 {
        (0..).zip(Permission::ALL).find(|(_, one)| *one == self).map_or(u8::MAX, |(code, _)| code)
    }

    /// The one with this number; `None` when there is none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Permission> {
        Permission::ALL.get(usize::from(code)).copied()
    }

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Permission::Distribute => "distribute",
            Permission::Record => "record",
            Permission::View => "view",
            Permission::Log => "log",
            Permission::Ask => "ask",
            Permission::Report => "report",
            Permission::Clock => "clock",
            Permission::Power => "power",
            Permission::Disk => "disk",
            Permission::Net => "net",
            Permission::Supervise => "supervise",
            Permission::Archive => "archive",
            Permission::Refuse => "refuse",
            Permission::Resolve => "resolve",
        }
    }
}
