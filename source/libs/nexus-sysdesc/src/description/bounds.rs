//! The bounds of a description. The host tool checks the files against the same numbers.

use nexus_abi::Rights;

pub use super::state::is_prefix;

/// Most services. With the description itself they fill an archive.
pub const MAX_SERVICES: usize = 63;
/// Most devices.
pub const MAX_DEVICES: usize = 64;
/// Most rules.
pub const MAX_RULES: usize = 256;
/// Most windows and clients' endpoints together that one service can be given: its startup block
/// has 126 entries, and some are for other uses.
pub const MAX_HANDLES: usize = 120;
/// Most proofs of one service.
pub const MAX_PROOFS: usize = 256;
/// Most bytes of a name: of a service, a device, a rule, or the system. A name in the archive has
/// no more.
pub const MAX_NAME: usize = 32;
/// Most bytes of the name of a proof: it travels in one message.
pub const MAX_PROOF: usize = 48;
/// Most bytes of a `compatible` string.
pub const MAX_COMPATIBLE: usize = 64;
/// Most bytes of the reason of a rule.
pub const MAX_REASON: usize = 400;
/// The highest priority.
pub const MAX_PRIORITY: u8 = 31;
/// Most frames in a budget: 4 GiB.
pub const MAX_FRAMES: u32 = 1 << 20;
/// Most kernel objects in a budget.
pub const MAX_OBJECTS: u32 = 1 << 16;
/// Most pages of a first stack: 1 MiB.
pub const MAX_STACK_PAGES: u32 = 256;
/// Bytes in a page: windows are whole pages.
pub const PAGE: u64 = nexus_abi::PAGE_SIZE;
/// Most bytes of a window: 128 MiB.
pub const MAX_WINDOW: u64 = 1 << 27;
/// Most queues of a device.
pub const MAX_QUEUES: usize = 4;
/// Most heads of a queue.
pub const MAX_HEADS: u32 = 1024;
/// Most pieces of a head.
pub const MAX_SEGMENTS: usize = 8;
/// Most bytes of a piece: 1 MiB.
pub const MAX_SEGMENT: u32 = 1 << 20;
/// Most bytes of all memory that one device reaches: 16 MiB.
pub const MAX_MEMORY: u64 = 1 << 24;
/// Disks that can be asked for their serial numbers beside those that are described. With more of them none
/// is given.
pub const STRANGERS: u64 = 2;
/// Pages of the memory of a ring: one for what is in order, and one of data; what one memory object can
/// have.
pub const RING_PAGES: core::ops::RangeInclusive<u16> = 2..=512;
/// Keys of a tree.
pub const TREE_KEYS: core::ops::RangeInclusive<u64> = 1..=1 << 32;
/// Bytes of a tree: to a tebibyte.
pub const TREE_BYTES: core::ops::RangeInclusive<u64> = 1..=1 << 40;
/// Most bytes of a key in a tree, and of a prefix of keys.
pub const MAX_KEY: usize = 255;
/// Most lines by which one service opens trees of others.
pub const MAX_OPENS: usize = 64;
/// Sockets of one service.
pub const SOCKETS: core::ops::RangeInclusive<u32> = 1..=256;
/// Bytes of the buffers of one service's sockets: to 64 MiB.
pub const SOCKET_BYTES: core::ops::RangeInclusive<u64> = 4096..=1 << 26;
/// Most lines by which one service reaches others by the network, or is reached.
pub const MAX_REACHES: usize = 32;
/// Most ranges of ports, and most networks, of one of them.
pub const MAX_NET_LIST: usize = 16;
/// Most addresses that lead back to this machine.
pub const MAX_LEADS_BACK: usize = 8;
/// Most servers of names that a description can say.
pub const MAX_SERVERS: usize = 3;
/// Most microseconds between two deliveries of an interrupt line: a second.
pub const MAX_INTERVAL: u32 = 1_000_000;
/// Service id of who sets up devices that reach memory by themselves, in `nexus-proto` as well. It is not
/// started again: what it knows of them is nowhere else.
pub const BUSD: u32 = 11;
/// Milliseconds within which a service can be wanted to answer.
pub const ANSWERS_WITHIN: core::ops::RangeInclusive<u32> = 10..=60_000;
/// What an owner can hold of its window.
pub const WINDOW_RIGHTS: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);

/// Of [`MAX_HANDLES`], those for so many rings: the memory and who is told, of each, and what it is told
/// by itself.
#[must_use]
pub const fn ring_handles(rings: usize) -> usize {
    if rings == 0 { 0 } else { rings.saturating_mul(2).saturating_add(1) }
}

/// True for a well-formed name: `[a-z][a-z0-9-]*`, at most [`MAX_NAME`] bytes.
#[must_use]
pub fn is_name(text: &str) -> bool {
    is_word(text, MAX_NAME)
}

/// True for a well-formed name of a proof: as a name, at most [`MAX_PROOF`] bytes.
#[must_use]
pub fn is_proof(text: &str) -> bool {
    is_word(text, MAX_PROOF)
}

/// True for text that can be shown on a terminal: printable ASCII, not empty, at most `max` bytes.
#[must_use]
pub fn is_text(text: &str, max: usize) -> bool {
    !text.is_empty()
        && text.len() <= max
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// True for rights that an owner can use: MAP and READ, with or without WRITE.
#[must_use]
pub fn is_window_rights(rights: u16) -> bool {
    let least = Rights::MAP.union(Rights::READ);
    Rights::from_bits(rights)
        .is_some_and(|rights| rights.contains(least) && WINDOW_RIGHTS.contains(rights))
}

/// True for a mask that goes with these rights: with a mask, WRITE is for its registers alone, so one
/// that names a register needs WRITE, and one that names none excludes it.
#[must_use]
pub fn is_mask_for(rights: Rights, registers: Option<u64>) -> bool {
    registers.is_none_or(|mask| rights.contains(Rights::WRITE) == (mask != 0))
}

fn is_word(text: &str, max: usize) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= max
        && text.bytes().all(allowed)
}
