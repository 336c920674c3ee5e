//! The machine and its devices.

use alloc::string::String;

use serde::Serialize;

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
