//! Which parts of the ring's data requests have.

/// Words of the set of blocks.
const WORDS: usize = 4;
/// Most blocks that the data is parted into.
const BLOCKS: u32 = 64 * WORDS as u32;
/// Bytes of the smallest block.
const LEAST: u32 = 64;

/// A part of the data that one request has: whole blocks. Whoever has it gives it back once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it begins, in bytes from the start of the data area.
    pub(crate) offset: u32,
    /// Its bytes; 0: no part.
    pub(crate) len: u32,
}

/// The blocks of the data, and which of them are taken.
#[derive(Debug)]
pub(crate) struct Room {
    taken: [u64; WORDS],
    /// Bytes of a block.
    block: u32,
    /// Blocks that there are.
    count: u32,
}

impl Room {
    /// All of so many bytes of data, but for a rest that is less than a block.
    pub(crate) fn new(len: u32) -> Room {
        let block = len.div_ceil(BLOCKS).checked_next_power_of_two().unwrap_or(1 << 31).max(LEAST);
        Room { taken: [0; WORDS], block, count: len / block }
    }

    /// Bytes of the longest part that there can be.
    pub(crate) const fn most(&self) -> u32 {
        self.count * self.block
    }

    /// Bytes of the shortest.
    pub(crate) const fn least(&self) -> u32 {
        self.block
    }

    /// Bytes of the part that one has who needs so many.
    pub(crate) fn whole(&self, len: u32) -> u32 {
        len.checked_next_multiple_of(self.block).unwrap_or(u32::MAX)
    }

    /// A part that has so many bytes. None where none is so long now.
    pub(crate) fn take(&mut self, len: u32) -> Option<Part> {
        self.take_some(len, len)
    }

    /// A part that has `most` bytes, or the longest that there is, if it has `least`.
    pub(crate) fn take_some(&mut self, least: u32, most: u32) -> Option<Part> {
        let [least, most] = [least, most].map(|len| len.div_ceil(self.block).max(1));
        let (mut start, mut len) = (0, 0);
        let mut at = self.next(0, false);
        while at < self.count && len < most {
            let end = self.next(at, true);
            if end - at > len {
                (start, len) = (at, end - at);
            }
            at = self.next(end, false);
        }
        let len = len.min(most);
        (len >= least).then(|| {
            self.mark(start, len, true);
            Part { offset: start * self.block, len: len * self.block }
        })
    }

    /// Takes a part back.
    pub(crate) fn give(&mut self, part: Part) {
        self.mark(part.offset / self.block, part.len / self.block, false);
    }

    /// The first block from this one on that is taken, or is not; the number of blocks, where none is.
    fn next(&self, from: u32, taken: bool) -> u32 {
        let mut at = from;
        while at < self.count {
            let word = self.taken.get(at as usize / 64).copied().unwrap_or_default();
            let rest = if taken { word } else { !word } >> (at % 64);
            if rest != 0 {
                return (at + rest.trailing_zeros()).min(self.count);
            }
            at = (at / 64 + 1) * 64;
        }
        self.count
    }

    fn mark(&mut self, start: u32, len: u32, taken: bool) {
        let (mut at, end) = (start, start + len);
        while at < end {
            let bits = (64 - at % 64).min(end - at);
            let mask = u64::MAX >> (64 - bits) << (at % 64);
            let Some(word) = self.taken.get_mut(at as usize / 64) else { return };
            debug_assert_eq!(*word & mask, if taken { 0 } else { mask }, "taken or given twice");
            if taken {
                *word |= mask
            } else {
                *word &= !mask
            }
            at += bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn blocks_are_as_small_as_their_number_allows() {
        for (len, block, count) in [
            (0, 64, 0),
            (63, 64, 0),
            (4096, 64, 64),
            (64 * 256, 64, 256),
            (64 * 256 + 1, 128, 128),
            (16 * 4096, 256, 256),
            (1 << 20, 4096, 256),
            (u32::MAX, 1 << 24, 255),
        ] {
            let room = Room::new(len);
            assert_eq!((room.block, room.count), (block, count), "{len}");
        }
    }

    #[test]
    fn parts_are_cut_to_what_there_is() {
        let mut room = Room::new(4096);
        let all = room.take_some(1, u32::MAX).unwrap();
        assert_eq!(all, Part { offset: 0, len: 4096 });
        assert_eq!(room.take(1), None);
        room.give(all);
        assert_eq!(room.take(4097), None);
        let parts: Vec<Part> = (0..64).map(|_| room.take(0).unwrap()).collect();
        assert_eq!(room.take_some(1, 64), None);
        // Every other one is free: none is longer.
        parts.into_iter().step_by(2).for_each(|part| room.give(part));
        assert_eq!(room.take(65), None);
        assert_eq!(room.take_some(64, 1000), Some(Part { offset: 0, len: 64 }));
        assert_eq!(room.take_some(65, 1000), None);
    }

    #[test]
    fn nothing_is_taken_of_no_data() {
        assert_eq!((Room::new(0).take(1), Room::new(63).take_some(0, 9)), (None, None));
    }

    proptest! {
        // attack 92 U: requests of any size are done in any order; no two have the same bytes, none has any behind the end, and in the end all are free again; broken: sockets-room-given, sockets-room-apart
        #[test]
        fn parts_are_apart_and_none_is_lost(
            len in 64..200_000_u32,
            program in prop::collection::vec((any::<bool>(), 0..20_000_u32, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut room = Room::new(len);
            let mut held: Vec<Part> = Vec::new();
            for (take, size, which) in program {
                if take {
                    let got = room.take_some(size / 4, size);
                    if let Some(part) = got {
                        prop_assert!(part.len >= size / 4 && part.len < size.max(1) + room.block);
                        prop_assert!(part.offset + part.len <= len);
                        let apart = |other: &Part| {
                            part.offset + part.len <= other.offset || other.offset + other.len <= part.offset
                        };
                        prop_assert!(held.iter().all(apart));
                        held.push(part);
                    } else {
                        prop_assert!(!held.is_empty() || size / 4 > room.most());
                    }
                } else if !held.is_empty() {
                    room.give(held.swap_remove(which.index(held.len())));
                }
            }
            held.into_iter().for_each(|part| room.give(part));
            let all = room.most();
            prop_assert_eq!(room.take(all), Some(Part { offset: 0, len: all }));
        }
    }
}
