//! What an audit says. The JSON form is stable: a change of meaning changes [`SCHEMA`].

use super::net::{AuditNetwork, AuditReach, AuditSockets};
use super::reach::AuditMemory;
use nexus_abi::Rights;
use nexus_sysdesc::{StateRight, registers};
use serde::{Serialize, Serializer};

/// Name and version of the JSON form. Fields may be added without a new version.
pub const SCHEMA: &str = "nexus-audit/2";

/// Who may touch what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name of the system.
    pub system: String,
    /// `prod` or `test`.
    pub profile: String,
    /// Version of the rules.
    pub epoch: u32,
    /// True when services that die are started again without pause and limit.
    pub unlimited_restarts: bool,
    /// SHA-256 of the image, its nonce taken as 0.
    pub image_sha256: String,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// The devices of the board.
    pub devices: Vec<AuditDevice>,
    /// How the network is; null where no service has to do with one.
    pub network: Option<AuditNetwork>,
    /// The services, by id.
    pub services: Vec<AuditService>,
    /// Each device that a service asks for and the rules allow it, by service, then device.
    pub windows: Vec<AuditWindow>,
    /// Each device that a service asks for and the rules do not allow it.
    pub refused: Vec<AuditRefusal>,
    /// Who must be trusted, and with what.
    pub trusted: Vec<Trusted>,
    /// Who is trusted with all memory: kernel and firmware first.
    pub memory: Vec<MemoryTrust>,
}

/// A device of the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditDevice {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// What it is found by: `compatible`, with the virtio DeviceID where there is one.
    pub class: String,
    /// Which one of its class.
    pub instance: u8,
    /// Physical address, where the board fixes it.
    pub base: Option<u64>,
    /// What chooses it among several of its class beside that: `serial nexus-1`, `mac …`, `capacity …`;
    /// null where nothing does.
    pub chosen_by: Option<String>,
    /// The GUID of the partition on it that is the store; null where there is none.
    pub store: Option<String>,
    /// Bytes of its window.
    pub len: u64,
    /// True when it has an interrupt line.
    pub irq: bool,
    /// True when it reaches memory by itself.
    pub dma: bool,
    /// `low`, `medium` or `high`.
    pub danger: &'static str,
    /// Names of the services that will hold it: one, or none.
    pub owners: Vec<String>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditService {
    /// Its identity.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// True for init, which the kernel starts.
    pub init: bool,
    /// Priority, 0 to 31.
    pub priority: u8,
    /// Budget of memory in frames of 4 KiB; the whole machine for init.
    pub frames: u32,
    /// Budget of kernel objects.
    pub objects: u32,
    /// True when others may call it.
    pub serves: bool,
    /// What happens when it ends: `never`, `on-failure` or `always` it is started again.
    pub restart: &'static str,
    /// Milliseconds within which it must answer; null where it may take its time.
    pub answers_within: Option<u32>,
    /// Names of the services that it may call.
    pub calls: Vec<String>,
    /// What it may ask beyond what everyone may.
    pub permissions: Vec<&'static str>,
    /// The policy line behind each of them.
    pub permits: Vec<AuditPermit>,
    /// The memory that it shares with drivers, to ask them by.
    pub rings: Vec<AuditRing>,
    /// What it keeps in the store; null for one that keeps nothing.
    pub tree: Option<AuditTree>,
    /// What it may see of the trees of others.
    pub opens: Vec<AuditOpen>,
    /// What it may have of the network stack; null for one that has nothing to do with it.
    pub sockets: Option<AuditSockets>,
    /// Whom it may reach by the network, and who may reach it.
    pub reaches: Vec<AuditReach>,
    /// Names of the devices that it will hold.
    pub owns: Vec<String>,
    /// Names of those whose interrupts it will receive.
    pub receives: Vec<String>,
    /// The highest danger class of what it will hold; `none` without a device.
    pub danger: &'static str,
    /// What a test run must see from it.
    pub must_prove: Vec<String>,
    /// Its program.
    pub program: AuditProgram,
}

/// A program in the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditProgram {
    /// SHA-256 of its file.
    pub sha256: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// Where it begins.
    pub entry: u64,
    /// What is mapped for it.
    pub segments: Vec<AuditSegment>,
}

/// Part of a program in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditSegment {
    /// First virtual address.
    pub va: u64,
    /// Bytes in memory.
    pub len: u64,
    /// `r`, `rx` or `rw`; there is no other.
    pub access: &'static str,
}

/// One window and its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditWindow {
    /// Service id.
    pub service: u32,
    /// Name of the service.
    pub service_name: String,
    /// Number of the device.
    pub device: u16,
    /// Name of the device.
    pub device_name: String,
    /// What the device is found by.
    pub class: String,
    /// Physical address, where the board fixes it.
    pub base: Option<u64>,
    /// Bytes.
    pub len: u64,
    /// Rights (nexus-abi bits); their names in JSON.
    #[serde(serialize_with = "rights_by_name")]
    pub rights: u16,
    /// The registers that can be written, one at a time: bit n is the 32-bit register at 4n. Offsets
    /// in JSON; null where the window is mapped with these rights.
    #[serde(serialize_with = "registers_by_offset")]
    pub registers: Option<u64>,
    /// True when the owner receives the interrupts of the device.
    pub irq: bool,
    /// Microseconds between two interrupts, at least; 0 where there is no such bound.
    pub interval: u32,
    /// What the device reaches in memory by itself; null for one that reaches nothing, or stays in reset.
    pub memory: Option<AuditMemory>,
    /// True when the owner is thereby trusted with all memory.
    pub all_memory: bool,
    /// Danger class of the device.
    pub danger: &'static str,
    /// The policy line that allows it.
    pub rule: String,
    /// Why, in the words of that line.
    pub reason: String,
}

/// A policy line that lets a service have a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditPermit {
    /// The permission.
    pub permission: &'static str,
    /// The name of the line.
    pub rule: String,
    /// Why, in the words of that line.
    pub reason: String,
}

/// Memory that a service shares with a driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRing {
    /// Service id of the driver.
    pub driver: u32,
    /// Its name.
    pub driver_name: String,
    /// Bytes of the memory.
    pub bytes: u64,
    /// The policy line that allows it.
    pub rule: String,
    /// Why, in the words of that line.
    pub reason: String,
}

/// The tree of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditTree {
    /// 32 hexadecimal digits: what names it on the disk.
    pub id: String,
    /// Most keys.
    pub keys: u64,
    /// Most bytes of keys and values.
    pub bytes: u64,
}

/// What a service may see of the tree of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditOpen {
    /// Service id of whose tree it is.
    pub owner: u32,
    /// Its name.
    pub owner_name: String,
    /// Whole parts at the beginning of the keys that are open; empty for every key.
    pub prefix: String,
    /// What it may do (bits of [`StateRight`]); names in JSON.
    #[serde(serialize_with = "state_rights_by_name")]
    pub rights: u8,
    /// The policy line that allows it.
    pub rule: String,
    /// Why, in the words of that line.
    pub reason: String,
}

/// A request that policyd will deny.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRefusal {
    /// Name of the service.
    pub service: String,
    /// Name of the device.
    pub device: String,
    /// Why.
    pub why: &'static str,
}

/// A service that the others depend on not to be hostile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trusted {
    /// Name of the service.
    pub service: String,
    /// With what.
    pub with: Vec<String>,
}

/// Somebody who reaches all memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryTrust {
    /// `kernel`, `firmware`, or the name of a service.
    pub who: String,
    /// Until when; null for always.
    pub until: Option<String>,
    /// By what.
    pub why: String,
}

impl Audit {
    /// The stable JSON form.
    ///
    /// # Errors
    /// Never in practice: the model has nothing that JSON lacks.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// The device that holds the store, and the GUID of its partition.
    #[must_use]
    pub fn store(&self) -> Option<(&AuditDevice, &str)> {
        self.devices.iter().find_map(|device| Some((device, device.store.as_deref()?)))
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&AuditService> {
        self.services.iter().find(|service| service.name == name)
    }

    /// What a device of this name reaches, when it is given to somebody.
    #[must_use]
    pub fn window(&self, device: &str) -> Option<&AuditWindow> {
        self.windows.iter().find(|window| window.device_name == device)
    }

    /// The device of this name.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&AuditDevice> {
        self.devices.iter().find(|device| device.name == name)
    }
}

/// `map`, `read`, …
pub(super) fn rights_names(rights: u16) -> Vec<String> {
    let rights = Rights::from_bits_retain(rights);
    rights.iter_names().map(|(name, _)| name.to_lowercase()).collect()
}

fn rights_by_name<S: Serializer>(rights: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    rights_names(*rights).serialize(serializer)
}

/// `get`, `list`, …
pub(super) fn state_rights_names(rights: u8) -> Vec<&'static str> {
    StateRight::of(rights).map(StateRight::name).collect()
}

fn state_rights_by_name<S: Serializer>(rights: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    state_rights_names(*rights).serialize(serializer)
}

/// `[0, 16]`, or null.
fn registers_by_offset<S: Serializer>(
    mask: &Option<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let offsets: Option<Vec<u8>> = mask.map(|mask| registers::offsets(mask).collect());
    offsets.serialize(serializer)
}
