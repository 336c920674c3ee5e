//! A sector of the log: 488 bytes of a frame, and what shows which ones.
//!
//! A disk writes a sector whole or not at all. So each is what one frame wrote there, or zero, and right by its sum;
//! what is neither was damaged, and never the work of a cut.

use crate::bytes::Reader;
use crate::device::SECTOR;
use crate::sum;

/// Bytes of a frame in one sector.
pub(super) const PAYLOAD: usize = SECTOR - 24;

/// Which part of which frame a sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Number of the frame; the first has 1.
    pub(super) frame: u64,
    /// Which of the frame's sectors.
    pub(super) index: u16,
    /// How many it has.
    pub(super) count: u16,
}

/// What a sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sector<'a> {
    /// Never written, or behind the end of a frame.
    Zero,
    Part(Part, &'a [u8]),
    Damaged,
}

/// Makes a sector of zeros the `part` of a frame that has this payload.
pub(super) fn encode(sector: &mut [u8], key: u64, place: u64, part: Part, payload: &[u8]) {
    let Some((body, sum)) = sector.split_at_mut_checked(SECTOR - 8) else { return };
    let Some((to, trailer)) = body.split_at_mut_checked(PAYLOAD) else { return };
    to.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
    let counts = u64::from(part.index) | u64::from(part.count) << 16;
    for (to, word) in trailer.chunks_exact_mut(8).zip([part.frame, counts]) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    sum.copy_from_slice(&sum::bound(key, place, part.frame, body).to_le_bytes());
}

pub(super) fn decode(sector: &[u8], key: u64, place: u64) -> Sector<'_> {
    if sector.iter().all(|byte| *byte == 0) {
        return Sector::Zero;
    }
    read(sector, key, place).unwrap_or(Sector::Damaged)
}

fn read(sector: &[u8], key: u64, place: u64) -> Option<Sector<'_>> {
    let (body, sum) = sector.split_at_checked(SECTOR - 8)?;
    let (payload, trailer) = body.split_at_checked(PAYLOAD)?;
    let mut trailer = Reader(trailer);
    let part = Part { frame: trailer.u64()?, index: trailer.u16()?, count: trailer.u16()? };
    let right = Reader(sum).u64()? == sum::bound(key, place, part.frame, body);
    let sound = right && part.frame > 0 && part.index < part.count;
    sound.then_some(Sector::Part(part, payload))
}
