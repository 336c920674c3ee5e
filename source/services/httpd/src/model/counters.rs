//! What those have counted that serve others.

use alloc::string::String;

use serde::Serialize;

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
