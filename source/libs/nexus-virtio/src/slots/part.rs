//! One piece of a slot, as memory of its own.

use core::ops::{Deref, DerefMut};

use nexus_mmio::{Outside, Shared, SharedMut};

use super::{Piece, Slots};
use crate::Head;

/// A piece of a slot. Offsets are from its first byte, and an access that is not all in it is refused as
/// memory refuses what is past its end: whoever copies from it or to it gets to nothing else. It borrows the
/// [`Head`], so the device does not have the piece meanwhile.
#[derive(Debug)]
pub struct Part<'a, R> {
    memory: R,
    piece: Piece,
    head: core::marker::PhantomData<&'a Head>,
}

impl<M: Shared> Slots<M> {
    /// A piece, to be copied from.
    ///
    /// # Errors
    /// There is no such piece, or the head is of another queue.
    pub fn part<'a>(&'a self, head: &'a Head, piece: usize) -> Result<Part<'a, &'a M>, Outside> {
        let piece = self.piece(head, piece)?;
        Ok(Part { memory: &self.memory, piece, head: core::marker::PhantomData })
    }
}

impl<M: SharedMut> Slots<M> {
    /// A piece, to be copied to.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    pub fn part_mut<'a>(
        &'a mut self,
        head: &'a Head,
        piece: usize,
    ) -> Result<Part<'a, &'a mut M>, Outside> {
        let piece = self.piece(head, piece)?;
        Ok(Part { memory: &mut self.memory, piece, head: core::marker::PhantomData })
    }
}

impl<R> Part<'_, R> {
    /// Where `len` bytes from `offset` on are in the memory of the slots.
    fn place(&self, offset: usize, len: usize) -> Result<usize, Outside> {
        let inside = offset <= self.piece.len && len <= self.piece.len - offset;
        inside.then(|| self.piece.start + offset).ok_or(Outside)
    }

    /// The same for `count` words of `width` bytes.
    fn words_at(&self, offset: usize, count: usize, width: usize) -> Result<usize, Outside> {
        self.place(offset, count.checked_mul(width).ok_or(Outside)?)
    }
}

impl<R: Deref<Target: Shared + Sized>> Shared for Part<'_, R> {
    fn len(&self) -> usize {
        self.piece.len
    }

    fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        self.memory.copy_out(self.place(offset, to.len())?, to)
    }

    fn read16(&self, offset: usize) -> u16 {
        self.place(offset, 2).map_or(u16::MAX, |place| self.memory.read16(place))
    }

    fn read32(&self, offset: usize) -> u32 {
        self.place(offset, 4).map_or(u32::MAX, |place| self.memory.read32(place))
    }

    fn read32s<const COUNT: usize>(&self, offset: usize) -> [u32; COUNT] {
        let place = self.words_at(offset, COUNT, size_of::<u32>());
        place.map_or([u32::MAX; COUNT], |place| self.memory.read32s(place))
    }

    fn words(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = u64>, Outside> {
        self.memory.words(self.words_at(offset, count, size_of::<u64>())?, count)
    }

    fn fence(&self) {
        self.memory.fence();
    }
}

impl<R: DerefMut<Target: SharedMut + Sized>> SharedMut for Part<'_, R> {
    fn copy_in(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside> {
        let place = self.place(offset, from.len())?;
        self.memory.copy_in(place, from)
    }

    fn write16(&mut self, offset: usize, value: u16) {
        if let Ok(place) = self.place(offset, 2) {
            self.memory.write16(place, value);
        }
    }

    fn put_words(
        &mut self,
        offset: usize,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), Outside> {
        let place = self.words_at(offset, words.len(), size_of::<u64>())?;
        self.memory.put_words(place, words)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use nexus_mmio::copy_between;
    use nexus_mmio::fake::FakeMemory;

    use super::*;
    use crate::bench::{Bench, NUMBER, bench};
    use crate::fake::Order;
    use crate::{Notices, Slots};

    const LENS: [usize; 3] = [4, 5, 3];

    fn all<M: Shared>(slots: &Slots<M>, head: &Head, piece: usize) -> Vec<u8> {
        let mut bytes = vec![0; LENS[piece]];
        slots.read(head, piece, 0, &mut bytes).unwrap();
        bytes
    }

    // attack 52 U: bytes past the end of a piece, asked for through the piece; refused, and nothing is copied; broken: part-end
    #[test]
    fn a_part_is_its_piece_and_nothing_else() {
        let Bench { mut slots, heads, .. } = bench(Notices::Flags, Order::Oldest);
        let other = FakeMemory::new(64);
        let mut other = other.peer(0..64);
        other.copy_in(0, &[7; 64]).unwrap();
        for (piece, len) in LENS.into_iter().enumerate() {
            let mut part = slots.part_mut(&heads[1], piece).unwrap();
            assert_eq!((part.len(), part.is_empty()), (len, false));
            for (offset, many) in
                [(0, len + 1), (len, 1), (len - 1, 2), (len + 1, 0), (usize::MAX, 1)]
            {
                let mut bytes = vec![1; many];
                assert_eq!(part.copy_in(offset, &bytes), Err(Outside));
                assert_eq!(part.copy_out(offset, &mut bytes), Err(Outside));
                assert_eq!(copy_between(&other, 0, &mut part, offset, many), Err(Outside));
                assert_eq!(copy_between(&part, offset, &mut other, 0, many), Err(Outside));
            }
            part.write16(len - 1, 0x0101);
            assert_eq!((part.read16(len - 1), part.read32(len - 3)), (u16::MAX, u32::MAX));
            assert_eq!(part.read32s::<2>(0), [u32::MAX; 2]);
            assert_eq!(part.put_words(0, [u64::MAX].into_iter()), Err(Outside));
            assert_eq!(part.words(0, 1).map(|words| words.len()), Err(Outside));
            assert_eq!(part.words(0, usize::MAX).map(|words| words.len()), Err(Outside));
        }
        for (piece, len) in LENS.into_iter().enumerate() {
            assert_eq!(all(&slots, &heads[1], piece), vec![0; len]);
        }
        copy_between(&other, 3, &mut slots.part_mut(&heads[1], 1).unwrap(), 0, 5).unwrap();
        assert_eq!([0, 1, 2].map(|piece| all(&slots, &heads[1], piece)[0]), [0, 7, 0]);
        copy_between(&slots.part(&heads[1], 0).unwrap(), 1, &mut other, 60, 3).unwrap();
        let mut end = [1; 4];
        other.copy_out(60, &mut end).unwrap();
        assert_eq!(end, [0, 0, 0, 7]);
    }

    #[test]
    fn what_is_before_a_fence_of_a_part_is_in_its_memory() {
        let Bench { layout, memory, mut slots, heads, .. } = bench(Notices::Flags, Order::Oldest);
        let place = layout.piece(NUMBER, heads[0].index(), 0);
        let mut part = slots.part_mut(&heads[0], 0).unwrap();
        part.copy_in(0, &[1, 2, 3, 4]).unwrap();
        assert_eq!(memory.device_read(place.clone()), [0; 4], "it is held back");
        part.fence();
        assert_eq!(memory.device_read(place), [1, 2, 3, 4]);
    }

    #[test]
    fn words_of_a_part_are_read_and_written() {
        let Bench { mut slots, heads, .. } = bench(Notices::Flags, Order::Oldest);
        let mut part = slots.part_mut(&heads[0], 0).unwrap();
        part.write16(2, 0x1234);
        part.fence();
        assert_eq!((part.read16(2), part.read32(0)), (0x1234, 0x1234_0000));
        assert!(slots.part(&heads[0], 3).is_err(), "it has no such piece");
    }
}
