//! What is known of the machine at one moment, as `/api` has it: `docs/abi/page.schema.json` describes it.
//!
//! Nothing in it is an address, a root of a page table, or text of the log: httpd may `view`, and is not told them.
//! Numbers count since the machine started, or since the service began that tells them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

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

/// Bytes of the whole machine, as the kernel tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// In use by init itself.
    pub init: u64,
    /// Cut off for services.
    pub services: u64,
    /// Free.
    pub free: u64,
}

/// The time of a priority. The kernel looks about every 31 ms at what runs, and gives the time since its last look
/// to that.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Time {
    /// The priority, 0 to 31; none where nothing ran.
    pub priority: Option<u32>,
    /// Milliseconds, since the machine started.
    pub ms: u64,
    /// Thousandths of the time of all.
    pub permille: u32,
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Device {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// `held`, or why it is not.
    pub state: String,
    /// Service id of who holds it, or held it last.
    pub owner: Option<u32>,
    /// Number of the rule that decided.
    pub rule: Option<u32>,
    /// What its owner may do with its registers.
    pub rights: String,
    /// How many registers are written one at a time; none where they are mapped.
    pub registers: Option<u32>,
    /// Its interrupts.
    pub line: Option<Line>,
    /// The memory that it reaches by itself.
    pub pool: Option<Pool>,
}

/// An interrupt line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Line {
    /// Its number at the controller.
    pub number: u32,
    /// Where it is.
    pub state: String,
    /// Interrupts delivered.
    pub delivered: u64,
    /// Acknowledgements that were held back.
    pub held_back: u64,
    /// Milliseconds after the start at which the last one came.
    pub last_ms: Option<u64>,
}

/// Memory that a device reaches by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pool {
    /// How it stands.
    pub state: String,
    /// Bytes.
    pub bytes: u64,
    /// Of those, bytes that the device can be made to read or write.
    pub reach: u64,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Service {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: u32,
    /// Where it is in its life.
    pub state: String,
    /// True when it runs and can work.
    pub well: bool,
    /// Lives, with this one.
    pub lives: u32,
    /// Deaths that count towards the limit.
    pub deaths: u32,
    /// Milliseconds for which it has been in this state.
    pub for_ms: u64,
    /// How its last life has ended.
    pub last_end: Option<String>,
    /// When the next life begins, or why none does.
    pub next: Option<String>,
    /// Bytes of memory that it uses, and may.
    pub memory: Option<Use>,
    /// Kernel objects that it uses, and may.
    pub objects: Option<Use>,
    /// Capabilities that it holds.
    pub holds: Vec<Holding>,
    /// Ids of the services that it may call.
    pub calls: Vec<u32>,
}

/// How much of something is in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Use {
    /// So much is.
    pub used: u64,
    /// So much may be.
    pub most: u64,
}

/// Capabilities of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Holding {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: u32,
}

/// Memory that two services share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ring {
    /// Id of the one who asks.
    pub consumer: u32,
    /// Id of the one who is asked.
    pub driver: u32,
    /// Bytes.
    pub bytes: u64,
    /// Number of the line of the policy.
    pub rule: Option<u32>,
}

/// A line of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rule {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub id: String,
    /// Why it was written.
    pub reason: String,
}

/// The ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ledger {
    /// Number of the last record: as many as there ever were.
    pub records: u64,
    /// Hash of the last record, in hexadecimal.
    pub head: String,
    /// How its chain stands.
    pub chain: Chain,
    /// Records read here so far: `last`, `denials` and `denied` say nothing of later ones.
    pub read: u64,
    /// The last records, oldest first.
    pub last: Vec<Record>,
    /// The last denials and refusals, oldest first.
    pub denials: Vec<Record>,
    /// How many records there were of such.
    pub denied: u64,
}

/// How the chain of the ledger stands: logd computes it anew, piece by piece, whenever the page is looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chain {
    /// `whole`, `broken`, `replaced` (the ledger is not the one that was seen before) or `checking`.
    pub state: &'static str,
    /// Records that were computed anew, up to this number.
    pub checked: u64,
    /// Milliseconds after the start at which that was over.
    pub at_ms: Option<u64>,
    /// The first record that does not fit.
    pub broken_at: Option<u64>,
}

/// A record of the ledger, in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// Milliseconds after the start at which it was made.
    pub at_ms: u64,
    /// Who asked, where something was asked for.
    pub asker: String,
    /// What happened.
    pub what: &'static str,
    /// The service that it is about.
    pub service: String,
    /// The device that it is about.
    pub device: String,
    /// Why.
    pub why: String,
    /// What would have to change for another decision, of a denial.
    pub remedy: Option<&'static str>,
    /// How often, where that is counted; else 1.
    pub times: u64,
}

/// The disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Disk {
    /// Bytes of it.
    pub bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Requests that it did not do.
    pub errors: u64,
    /// Requests that it has now.
    pub in_flight: u32,
}

/// The network card.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Card {
    /// Frames can go out, and come in.
    pub link: bool,
    /// Its address.
    pub mac: String,
    /// Name of the service that has its frames.
    pub consumer: Option<String>,
    /// What came in.
    pub received: Frames,
    /// What went out.
    pub sent: Frames,
}

/// Frames in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Frames {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// Frames dropped for want of a buffer.
    pub no_buffer: u64,
    /// Frames dropped for other reasons.
    pub dropped: u64,
}

/// The network stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Network {
    /// How it stands.
    pub link: String,
    /// Sockets that there are.
    pub sockets: u32,
    /// Connections that stood.
    pub connections: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// Packets of which nothing was made.
    pub dropped: u64,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Store {
    /// How it stands.
    pub standing: String,
    /// Bytes of its partition.
    pub bytes: u64,
    /// Trees that it has.
    pub trees: u32,
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Log {
    /// Lines taken.
    pub lines: u64,
    /// Lines not taken, because their sender wrote too much.
    pub limited: u64,
    /// Requests that logd refused.
    pub refused: u64,
    /// Records for which the ledger has room.
    pub room: u64,
}

/// The page itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// Snapshots made.
    pub snapshots: u64,
    /// Questions that were asked of other services for this one.
    pub asked: u32,
    /// Most that one may ask.
    pub most: u32,
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
