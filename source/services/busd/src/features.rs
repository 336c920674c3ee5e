//! Which devices are set up, and which features are agreed with them (virtio 1.2, sections 5 and 6).
//!
//! Everything is left out that is not here: payloads of other devices, and of other features, carry
//! addresses, which no table confines; and tables of packed rings are written by the device.

use crate::Failure;

const NETWORK: u32 = 1;
/// A disk.
pub(crate) const BLOCK: u32 = 2;

const INDIRECT_DESC: u64 = 1 << 28;
const EVENT_IDX: u64 = 1 << 29;
const VERSION_1: u64 = 1 << 32;

/// Of a disk: it can only be read.
const RO: u64 = 1 << 5;
/// Of a disk: what was written stays after a flush.
const FLUSH: u64 = 1 << 9;
/// SIZE_MAX, SEG_MAX, RO, BLK_SIZE, FLUSH, TOPOLOGY, DISCARD, WRITE_ZEROES.
const OF_BLOCK: u64 = 1 << 1 | 1 << 2 | RO | 1 << 6 | FLUSH | 1 << 10 | 1 << 13 | 1 << 14;
/// MTU, MAC, STATUS.
const OF_NETWORK: u64 = 1 << 3 | 1 << 5 | 1 << 16;

/// Without the first the layout is another one; without the second a head is not one table of a shape.
const REQUIRED: u64 = VERSION_1 | INDIRECT_DESC;

/// The features to agree with a device of the list that offers these.
///
/// # Errors
/// It lacks what it must have.
pub(crate) fn agree(device_id: u32, offered: u64) -> Result<u64, Failure> {
    let (own, required) = match device_id {
        NETWORK => (OF_NETWORK, 0),
        BLOCK if offered & RO == 0 => (OF_BLOCK, FLUSH),
        BLOCK => (OF_BLOCK, 0),
        _ => (0, 0),
    };
    match (REQUIRED | required) & !offered {
        0 => Ok(offered & (REQUIRED | EVENT_IDX | own)),
        lacks => Err(Failure::Lacks(lacks)),
    }
}
