//! The shared memory that is real: volatile copies out of and into a mapping.

use core::array::from_fn;
use core::marker::PhantomData;
use core::ptr::{
    read_volatile, with_exposed_provenance, with_exposed_provenance_mut, write_volatile,
};
use core::sync::atomic::{Ordering, fence};

use zerocopy::FromBytes;

use crate::window::address;
use crate::{Exact, Outside, ReadWrite, Readable, Shared, SharedMut, Split};

/// Bytes in the widest load or store of a copy.
const WORD: usize = size_of::<u64>();
/// Words whose places are found at once.
const BLOCK: usize = 8;

/// Memory that a device, or another process, reaches as well, mapped into this process. One that is
/// [`ReadOnly`](crate::ReadOnly) has no stores:
///
/// ```compile_fail
/// # use nexus_mmio::*;
/// fn f(used: &mut SharedMemory<ReadOnly>) {
///     used.write16(0, 1);
/// }
/// ```
#[derive(Debug)]
pub struct SharedMemory<A, L = usize> {
    base: usize,
    len: L,
    access: PhantomData<A>,
}

/// How long a memory is: known when the program runs, or when it is compiled.
pub trait Length: Copy + core::fmt::Debug {
    /// In bytes.
    fn bytes(self) -> usize;
}

impl Length for usize {
    #[inline]
    fn bytes(self) -> usize {
        self
    }
}

/// So many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<const COUNT: usize>(());

impl<const COUNT: usize> Length for Bytes<COUNT> {
    #[inline]
    fn bytes(self) -> usize {
        COUNT
    }
}

impl<A> SharedMemory<A> {
    /// The memory mapped at `base`.
    ///
    /// # Safety
    /// (1) `base` to `base + len` is mapped memory that stays until the process ends, readable, and
    /// writable if `A` is (a store that the mapping refuses is a fault, not undefined behaviour).
    /// (2) `base` is a multiple of 8. (3) No other `SharedMemory`, and no reference, covers any of it in
    /// this process; a device, or another process, may load and store there.
    #[must_use]
    pub const unsafe fn from_mapping(base: usize, len: usize) -> Self {
        SharedMemory { base, len, access: PhantomData }
    }
}

impl<A, L: Length> SharedMemory<A, L> {
    /// The places of `count` values side by side from `offset` on; `None` when they are not all aligned
    /// and inside.
    #[inline]
    fn places<T>(
        &self,
        offset: usize,
        count: usize,
    ) -> Option<impl ExactSizeIterator<Item = Place<T>> + use<A, L, T>> {
        let first = address::<T>(self.base, self.len.bytes(), offset, count)?;
        let place = move |index| Place { at: first + index * size_of::<T>(), holds: PhantomData };
        Some((0..count).map(place))
    }

    /// The places of a block of words from `offset` on.
    #[inline]
    fn block(&self, offset: usize) -> Option<[Place<u64>; BLOCK]> {
        let first = address::<u64>(self.base, self.len.bytes(), offset, BLOCK)?;
        Some(from_fn(|index| Place { at: first + index * WORD, holds: PhantomData }))
    }

    #[inline]
    fn load<T>(&self, offset: usize) -> Option<T> {
        self.places(offset, 1)?.next().map(Place::load)
    }

    #[inline]
    fn store<T>(&mut self, offset: usize, value: T) {
        if let Some(place) = self.places(offset, 1).and_then(|mut places| places.next()) {
            place.store(value);
        }
    }
}

/// Where a `T` stands, aligned for it: in a mapping that stays, by `from_mapping`, `split` and `address`:
/// `places` alone makes these.
struct Place<T> {
    at: usize,
    holds: PhantomData<T>,
}

impl<T> Place<T> {
    #[inline]
    fn load(self) -> T {
        let at = with_exposed_provenance::<T>(self.at);
        // SAFETY: (1) `at` is aligned for `T` and inside a live mapping, as `Place` says. (2) The memory
        // was zeroed before it was mapped, and any bit pattern is a `T`, which is an unsigned integer in
        // every use below. (3) No reference covers it. (4) Who stores there meanwhile is outside the
        // program: the load is volatile, made once, and gives the old bytes, the new ones, or some of
        // both.
        unsafe { read_volatile(at) }
    }

    #[inline]
    fn store(self, value: T) {
        let at = with_exposed_provenance_mut::<T>(self.at);
        // SAFETY: as in `load`; and only `SharedMut`, which memory to be written has, calls this.
        unsafe { write_volatile(at, value) };
    }
}

/// How many of `len` bytes from `offset` on come before the first that a word can begin at; `None` when
/// they are not all inside `has` bytes.
#[inline]
fn head(offset: usize, len: usize, has: usize) -> Option<usize> {
    let inside = offset <= has && len <= has - offset;
    inside.then(|| len.min(offset.wrapping_neg() % WORD))
}

impl<A> Split for SharedMemory<A> {
    fn split(self, at: usize) -> Result<(Self, Self), Self> {
        if at > self.len || !at.is_multiple_of(WORD) {
            return Err(self);
        }
        let SharedMemory { base, len, access } = self;
        let first = SharedMemory { base, len: at, access };
        Ok((first, SharedMemory { base: base + at, len: len - at, access }))
    }
}

impl Exact for SharedMemory<ReadWrite> {
    type Exactly<const COUNT: usize> = SharedMemory<ReadWrite, Bytes<COUNT>>;

    fn exactly<const COUNT: usize>(self) -> Result<Self::Exactly<COUNT>, Self> {
        let SharedMemory { base, len, access } = self;
        // `Bytes` is made here alone: for memory that is so long.
        if len == COUNT { Ok(SharedMemory { base, len: Bytes(()), access }) } else { Err(self) }
    }
}

impl<A: Readable, L: Length> SharedMemory<A, L> {
    /// Loads words from `offset` on. Where they go is written a word at a time: each is of two that were loaded where it
    /// is not aligned.
    #[inline]
    fn load_words(&self, offset: usize, to: &mut [[u8; WORD]]) -> Result<(), Outside> {
        let to = to.as_flattened_mut();
        let Ok(words) = <[u64]>::mut_from_bytes(to) else {
            return self.load_skewed(offset, to);
        };
        let (blocks, rest) = words.as_chunks_mut::<BLOCK>();
        let mut at = offset;
        for block in blocks {
            let places = self.block(at).ok_or(Outside)?;
            block.iter_mut().zip(places).for_each(|(to, place)| *to = place.load());
            at += BLOCK * WORD;
        }
        let loaded = self.words(at, rest.len())?;
        rest.iter_mut().zip(loaded).for_each(|(to, word)| *to = word);
        Ok(())
    }

    /// The same for whole words that go where no word begins.
    fn load_skewed(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        let mut words = self.words(offset, to.len() / WORD)?.map(u64::from_le);
        let Some(first) = words.next() else { return Ok(()) };
        let (before, rest) = to.split_at_mut(skew(to));
        let (middle, behind) = rest.split_at_mut(words.len() * WORD);
        let (low, high) = (8 * before.len() as u32, 8 * behind.len() as u32);
        before.iter_mut().zip(first.to_le_bytes()).for_each(|(to, byte)| *to = byte);
        // It begins where a word does, and has whole ones.
        let middle = <[u64]>::mut_from_bytes(middle).map_err(|_| Outside)?;
        let mut left = first >> low;
        for (to, word) in middle.iter_mut().zip(words) {
            *to = (left | word << high).to_le();
            left = word >> low;
        }
        behind.iter_mut().zip(left.to_le_bytes()).for_each(|(to, byte)| *to = byte);
        Ok(())
    }
}

/// Bytes until a word begins.
fn skew(bytes: &[u8]) -> usize {
    bytes.as_ptr().addr().wrapping_neg() % WORD
}

/// Bytes, fewer than a word, as the lowest of one.
fn lowest(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl<L: Length> SharedMemory<ReadWrite, L> {
    /// Stores words from `offset` on. Where they come from is read a word at a time: each that is stored is of two where it
    /// is not aligned.
    #[inline]
    fn store_words(&mut self, offset: usize, from: &[[u8; WORD]]) -> Result<(), Outside> {
        let from = from.as_flattened();
        let Ok(words) = <[u64]>::ref_from_bytes(from) else {
            return self.store_skewed(offset, from);
        };
        let (blocks, rest) = words.as_chunks::<BLOCK>();
        let mut at = offset;
        for block in blocks {
            let places = self.block(at).ok_or(Outside)?;
            block.iter().zip(places).for_each(|(word, place)| place.store(*word));
            at += BLOCK * WORD;
        }
        self.put_words(at, rest.iter().copied())
    }

    /// The same for whole words that come from where no word begins.
    fn store_skewed(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside> {
        let Some(few) = (from.len() / WORD).checked_sub(1) else { return Ok(()) };
        let (before, rest) = from.split_at(skew(from));
        let (middle, behind) = rest.split_at(few * WORD);
        let (low, high) = (8 * before.len() as u32, 8 * behind.len() as u32);
        // It begins where a word does, and has whole ones.
        let middle = <[u64]>::ref_from_bytes(middle).map_err(|_| Outside)?;
        let mut places = self.places(offset, few + 1).ok_or(Outside)?;
        let mut left = lowest(before);
        for (word, place) in middle.iter().zip(places.by_ref()) {
            let word = u64::from_le(*word);
            place.store((left | word << low).to_le());
            left = word >> high;
        }
        let last = (left | lowest(behind) << low).to_le();
        places.for_each(|place| place.store(last));
        Ok(())
    }
}

impl<A: Readable, L: Length> Shared for SharedMemory<A, L> {
    #[inline]
    fn len(&self) -> usize {
        self.len.bytes()
    }

    fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        let head = head(offset, to.len(), self.len.bytes()).ok_or(Outside)?;
        let (first, rest) = to.split_at_mut(head);
        let (words, last) = rest.as_chunks_mut::<WORD>();
        let middle = offset + first.len();
        let end = middle + words.len() * WORD;
        let places = self.places(offset, first.len()).ok_or(Outside)?;
        first.iter_mut().zip(places).for_each(|(byte, place)| *byte = place.load());
        self.load_words(middle, words)?;
        let places = self.places(end, last.len()).ok_or(Outside)?;
        last.iter_mut().zip(places).for_each(|(byte, place)| *byte = place.load());
        Ok(())
    }

    #[inline]
    fn words(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = u64>, Outside> {
        Ok(self.places(offset, count).ok_or(Outside)?.map(Place::load))
    }

    #[inline]
    fn read16(&self, offset: usize) -> u16 {
        self.load(offset).map_or(u16::MAX, u16::from_le)
    }

    #[inline]
    fn read32(&self, offset: usize) -> u32 {
        self.load(offset).map_or(u32::MAX, u32::from_le)
    }

    #[inline]
    fn read32s<const COUNT: usize>(&self, offset: usize) -> [u32; COUNT] {
        let mut words = [u32::MAX; COUNT];
        if let Some(places) = self.places::<u32>(offset, COUNT) {
            words.iter_mut().zip(places).for_each(|(to, at)| *to = u32::from_le(at.load()));
        }
        words
    }

    #[inline]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

impl<L: Length> SharedMut for SharedMemory<ReadWrite, L> {
    fn copy_in(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside> {
        let head = head(offset, from.len(), self.len.bytes()).ok_or(Outside)?;
        let (first, rest) = from.split_at(head);
        let (words, last) = rest.as_chunks::<WORD>();
        let middle = offset + first.len();
        let end = middle + words.len() * WORD;
        let places = self.places(offset, first.len()).ok_or(Outside)?;
        first.iter().zip(places).for_each(|(byte, place)| place.store(*byte));
        self.store_words(middle, words)?;
        let places = self.places(end, last.len()).ok_or(Outside)?;
        last.iter().zip(places).for_each(|(byte, place)| place.store(*byte));
        Ok(())
    }

    #[inline]
    fn put_words(
        &mut self,
        offset: usize,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), Outside> {
        let places = self.places(offset, words.len()).ok_or(Outside)?;
        places.zip(words).for_each(|(place, word)| place.store(word));
        Ok(())
    }

    #[inline]
    fn write16(&mut self, offset: usize, value: u16) {
        self.store(offset, value.to_le());
    }
}
