//! What memory that a device, or another process, reaches as well is behind.

/// Bytes that are not all inside the memory. Nothing was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside;

/// Memory that a device, or another process, may read and write at any time, to be read.
///
/// Never a slice: each byte is loaded once, into a copy that nobody else changes, and the copy is
/// what a driver looks at. Offsets are in bytes from the start. A load of a word that is not
/// aligned to its width, or not inside the memory, reads as all ones, as on a [`Bus`](crate::Bus);
/// words are little endian, as devices write them (virtio 1.2, 1.4).
pub trait Shared {
    /// Bytes in the memory.
    fn len(&self) -> usize;

    /// True when there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the bytes from `offset` on into `to`.
    ///
    /// # Errors
    /// They are not all inside.
    fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside>;
    /// Loads two bytes.
    fn read16(&self, offset: usize) -> u16;
    /// Loads four bytes.
    fn read32(&self, offset: usize) -> u32;
    /// Loads words of four bytes, side by side from `offset` on, each once. All are all ones when one is not
    /// inside, or `offset` is no multiple of 4.
    fn read32s<const COUNT: usize>(&self, offset: usize) -> [u32; COUNT];
    /// Loads `count` words of eight bytes, in the order of this machine, from `offset` on, each when it is
    /// asked for.
    ///
    /// # Errors
    /// They are not all inside, or there are some and `offset` is no multiple of 8.
    fn words(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = u64>, Outside>;

    /// What this thread loaded and stored before it, in all memory, is done before what it loads and
    /// stores after it. Needed between the parts of what is handed over and the store that hands it
    /// over, before a doorbell, and between the load that says something is complete and the loads
    /// of it. Orders memory with memory: the order with a store to a register of the device is its
    /// [bus](crate::Bus)'s.
    fn fence(&self);
}

/// The same, to be written as well. A store of a word that is not aligned, or not inside, does nothing.
pub trait SharedMut: Shared {
    /// Copies `from` to the bytes from `offset` on.
    ///
    /// # Errors
    /// They are not all inside.
    fn copy_in(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside>;
    /// Stores two bytes.
    fn write16(&mut self, offset: usize, value: u16);
    /// Stores words as [`words`](Shared::words) gives them to the bytes from `offset` on.
    ///
    /// # Errors
    /// They are not all inside, or there are some and `offset` is no multiple of 8. Nothing was stored.
    fn put_words(
        &mut self,
        offset: usize,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), Outside>;
}

/// Memory whose length can be known when a program is compiled: then an access at an offset that is known, too,
/// compares nothing.
pub trait Exact: SharedMut + Split {
    /// So many bytes of it.
    type Exactly<const COUNT: usize>: SharedMut + core::fmt::Debug;

    /// All of it.
    ///
    /// # Errors
    /// The memory as it was: it has another length.
    fn exactly<const COUNT: usize>(self) -> Result<Self::Exactly<COUNT>, Self>;
}

/// Memory that can be cut in two, each with an owner of its own.
pub trait Split: Sized {
    /// The first `at` bytes, and the rest.
    ///
    /// # Errors
    /// The memory as it was: `at` is past its end, or no multiple of 8.
    fn split(self, at: usize) -> Result<(Self, Self), Self>;
}
