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

pub(super) fn encode(out: &mut [u8], key: u64, place: u64, part: Part, payload: &[u8]) {
    let mut trailer = [0; 16];
    let (frame, counts) = trailer.split_at_mut(8);
    frame.copy_from_slice(&part.frame.to_le_bytes());
    let (index, rest) = counts.split_at_mut(2);
    index.copy_from_slice(&part.index.to_le_bytes());
    for (to, from) in rest.iter_mut().zip(part.count.to_le_bytes()) {
        *to = from;
    }
    let body = payload.iter().chain(core::iter::repeat_n(&0, PAYLOAD - payload.len()));
    for (to, from) in out.iter_mut().zip(body.chain(&trailer)) {
        *to = *from;
    }
    if let Some((body, sum)) = out.split_at_mut_checked(SECTOR - 8) {
        sum.copy_from_slice(&sum::bound(key, place, part.frame, body).to_le_bytes());
    }
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
