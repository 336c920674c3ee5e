//! The other side of fake memory, when it is a process as well.

use core::ops::Range;

use super::{FakeMemory, FakeShared};
use crate::{Outside, ReadWrite, Shared, SharedMut};

/// A part of a [`FakeMemory`], as a process on the other side sees it: nothing is held back and nothing
/// is loaded ahead.
pub struct FakePeer {
    memory: FakeMemory,
    /// For where an access goes.
    part: FakeShared<ReadWrite>,
}

impl FakeMemory {
    /// A part of it for the other side.
    ///
    /// # Panics
    /// It is not inside, or does not begin at a multiple of 8.
    #[must_use]
    pub fn peer(&self, range: Range<usize>) -> FakePeer {
        FakePeer { memory: self.clone(), part: self.part(range) }
    }
}

impl FakePeer {
    fn load<const BYTES: usize>(&self, offset: usize) -> [u8; BYTES] {
        let at = self.part.word::<BYTES>(offset);
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&self.memory.device_read(at..at + BYTES));
        bytes
    }

    fn store<const BYTES: usize>(&self, offset: usize, bytes: [u8; BYTES]) {
        self.memory.device_write(self.part.word::<BYTES>(offset), &bytes);
    }
}

impl Shared for FakePeer {
    fn len(&self) -> usize {
        self.part.len()
    }
    fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        let at = self.part.place(offset, to.len())?;
        to.copy_from_slice(&self.memory.device_read(at..at + to.len()));
        Ok(())
    }
    fn read16(&self, offset: usize) -> u16 {
        u16::from_le_bytes(self.load(offset))
    }
    fn read32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.load(offset))
    }
    fn read32s<const COUNT: usize>(&self, offset: usize) -> [u32; COUNT] {
        core::array::from_fn(|index| self.read32(offset + 4 * index))
    }
    fn words(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = u64>, Outside> {
        self.part.run(offset, count)?;
        Ok((0..count).map(move |index| u64::from_ne_bytes(self.load(offset + 8 * index))))
    }
    fn fence(&self) {}
}

impl SharedMut for FakePeer {
    fn copy_in(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside> {
        let at = self.part.place(offset, from.len())?;
        self.memory.device_write(at, from);
        Ok(())
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.store(offset, value.to_le_bytes());
    }
    fn put_words(
        &mut self,
        offset: usize,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), Outside> {
        self.part.run(offset, words.len())?;
        for (index, word) in words.enumerate() {
            self.store(offset + 8 * index, word.to_ne_bytes());
        }
        Ok(())
    }
}
