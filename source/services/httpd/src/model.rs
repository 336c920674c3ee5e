//! What is known of the machine at one moment, as `/api` has it: `docs/abi/page.schema.json` describes it.
//!
//! Nothing in it is an address, a root of a page table, or text of the log: httpd may `view`, and is not told them.
//! Numbers count since the machine started, or since the service began that tells them.

mod counters;
mod machine;
mod policy;
mod services;

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

pub use counters::{Card, Disk, Frames, Log, Network, Page, Store};
pub use machine::{Device, Line, Memory, Pool, Time};
pub use policy::{Chain, Ledger, Record, Rule};
pub use services::{Holding, Ring, Service, Use};

/// Version of what `/api` has. Raised when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// [`VERSION`].
    pub version: u32,
    /// Milliseconds since the machine started.
    pub uptime_ms: u64,
    /// Milliseconds since 1970-01-01 00:00 UTC, when the clock answers.
    pub unix_ms: Option<u64>,
    /// What could not be asked for this time, or not all of it: that part is older, or not there.
    pub behind: Vec<String>,
    /// How far distribution is.
    pub ready: Option<Ready>,
    /// Memory.
    pub memory: Option<Memory>,
    /// The time of each priority that ran.
    pub times: Vec<Time>,
    /// The devices.
    pub devices: Vec<Device>,
    /// The services.
    pub services: Vec<Service>,
    /// Memory that two services share.
    pub rings: Vec<Ring>,
    /// The lines of the policy.
    pub rules: Vec<Rule>,
    /// The ledger.
    pub ledger: Ledger,
    /// The disk.
    pub disk: Option<Disk>,
    /// The network card.
    pub card: Option<Card>,
    /// The network stack.
    pub network: Option<Network>,
    /// The store.
    pub store: Option<Store>,
    /// The log.
    pub log: Option<Log>,
    /// The page itself.
    pub page: Page,
    /// Sums of what is above.
    pub totals: Totals,
}

/// Sums.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Services.
    pub services: u64,
    /// Services that run and can work.
    pub well: u64,
    /// Lives of all services.
    pub lives: u64,
    /// Lives after the first of each.
    pub again: u64,
    /// Devices.
    pub devices: u64,
    /// Devices that somebody holds.
    pub held: u64,
    /// Interrupts delivered.
    pub interrupts: u64,
    /// Requests that the disk was asked for.
    pub disk: u64,
}

/// How far distribution is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ready {
    /// Owners that are ready.
    pub owners_ready: u32,
    /// Owners that will not be.
    pub owners_lost: u32,
    /// Owners.
    pub owners: u32,
    /// Services that were started.
    pub services_started: u32,
    /// Services.
    pub services: u32,
    /// True once nothing more will be given.
    pub distributed: bool,
    /// Milliseconds after the start at which the last owner was ready.
    pub after_ms: Option<u64>,
}

impl Snapshot {
    /// Name of a service; `service 9` for one that is not known.
    #[must_use]
    pub fn service(&self, id: u32) -> String {
        let known = self.services.iter().find(|service| service.id == id);
        known.map_or_else(|| alloc::format!("service {id}"), |service| service.name.clone())
    }

    /// Its sums.
    #[must_use]
    pub fn sums(&self) -> Totals {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let lives = || self.services.iter().map(|service| u64::from(service.lives));
        let lines = self.devices.iter().filter_map(|device| device.line.as_ref());
        Totals {
            services: count(self.services.len()),
            well: count(self.services.iter().filter(|service| service.well).count()),
            lives: lives().sum(),
            again: lives().map(|lives| lives.saturating_sub(1)).sum(),
            devices: count(self.devices.len()),
            held: count(self.devices.iter().filter(|device| device.state == "held").count()),
            interrupts: lines.map(|line| line.delivered).fold(0, u64::saturating_add),
            disk: self.disk.as_ref().map_or(0, |disk| {
                disk.reads.saturating_add(disk.writes).saturating_add(disk.flushes)
            }),
        }
    }

    /// The line of the policy with this number.
    #[must_use]
    pub fn rule(&self, number: Option<u32>) -> Option<&Rule> {
        self.rules.iter().find(|rule| Some(rule.number) == number)
    }
}
