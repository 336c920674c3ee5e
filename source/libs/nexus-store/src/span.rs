//! Bytes of a row where they lie, in memory of words: whoever copies them copies words.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::ops::Range;
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<u64>();
/// Words that are copied in one turn of the loop.
const BLOCK: usize = 4;

/// Bytes of a key or of a value, at any place of memory that has other things before and behind them: nobody is shown
/// these.
#[derive(Clone, Copy, Default)]
pub struct Span<'a> {
    words: &'a [u64],
    start: usize,
    len: usize,
}

impl<'a> Span<'a> {
    /// None: they are not all inside.
    #[inline]
    pub(crate) fn new(words: &'a [u64], range: Range<usize>) -> Option<Self> {
        let Range { start, end } = range;
        let inside = start <= end && end <= size_of_val(words);
        inside.then(|| Self { words, start, len: end - start })
    }

    /// Without so many bytes at the beginning; none: it has fewer.
    #[inline]
    pub(crate) fn behind(self, count: usize) -> Option<Self> {
        let len = self.len.checked_sub(count)?;
        Some(Self { start: self.start + count, len, ..self })
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len
    }

    /// How many words they take.
    #[must_use]
    #[inline]
    pub const fn words(self) -> usize {
        // No memory is so large that this is too much.
        self.len.saturating_add(WORD - 1) / WORD
    }

    /// True when there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The bytes behind so many at the beginning; none: there are fewer.
    #[inline]
    pub(crate) fn rest(self, count: usize) -> Option<&'a [u8]> {
        let (start, end) = (self.start.checked_add(count)?, self.start + self.len);
        self.words.as_bytes().get(start..end)
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        // They are inside.
        self.words.as_bytes().get(self.start..self.start + self.len).unwrap_or_default()
    }

    /// The number that the bytes begin with, of which there are eight.
    #[inline]
    pub(crate) fn number(self) -> Option<u64> {
        let (first, shift) = (self.start / WORD, 8 * (self.start % WORD) as u32);
        let word = u64::from_le(*self.words.get(first)?).wrapping_shr(shift);
        let rest = match shift {
            0 => 0,
            _ => u64::from_le(*self.words.get(first + 1)?).wrapping_shl(u64::BITS - shift),
        };
        (self.len >= WORD).then_some(word | rest)
    }

    /// Byte `at` of them.
    #[inline]
    pub(crate) fn byte(self, at: usize) -> Option<u8> {
        let at = (at < self.len).then_some(self.start + at)?;
        self.words.as_bytes().get(at).copied()
    }

    /// Writes the bytes to the first words of `to`, as many as they take, and zeros behind them in the last of these.
    /// What `to` has no room for is left out. Inside of who calls it: the call would take as long as a key's copy.
    #[inline(always)]
    pub fn copy_to(self, to: &mut [u64]) {
        let (first, count) = (self.start / WORD, self.words());
        let from = self.words.get(first..first + count + 1);
        let (Some((low, from)), Some(to)) =
            (from.and_then(<[_]>::split_first), to.get_mut(..count))
        else {
            // The last word there is, or no room.
            return pieces(self.bytes(), to);
        };
        shifted(to, *low, from, 8 * (self.start % WORD) as u32);
        if let Some(last) = to.last_mut() {
            let behind = count * WORD - self.len;
            *last &= (u64::MAX >> (8 * behind)).to_le();
        }
    }
}

/// Writes the words that begin `shift` bits behind `low` and those of `from` that follow it, 0 to 56. Without a case for
/// 0: that costs more than a shift by one.
#[inline(always)]
fn shifted(to: &mut [u64], low: u64, from: &[u64], shift: u32) {
    let mut low = u64::from_le(low);
    let mut put = |to: &mut u64, word: u64| {
        let word = u64::from_le(word);
        *to = (low.wrapping_shr(shift) | (word << 1).wrapping_shl(63 - shift)).to_le();
        low = word;
    };
    let (blocks, rest) = to.as_chunks_mut::<BLOCK>();
    let (from_blocks, from_rest) = from.as_chunks::<BLOCK>();
    for (to, from) in blocks.iter_mut().zip(from_blocks) {
        to.iter_mut().zip(from).for_each(|(to, word)| put(to, *word));
    }
    rest.iter_mut().zip(from_rest).for_each(|(to, word)| put(to, *word));
}

/// The same a byte at a time.
#[cold]
#[inline(never)]
fn pieces(bytes: &[u8], to: &mut [u64]) {
    for (to, bytes) in to.iter_mut().zip(bytes.chunks(WORD)) {
        let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        *to = word.to_le();
    }
}

/// The bytes as words. None: they are not whole words, or the memory does not begin with one.
pub(crate) fn words(bytes: &[u8]) -> Option<&[u64]> {
    <[u64]>::ref_from_bytes(bytes).ok()
}

/// The bytes as halves of words. None: as there.
pub(crate) fn halves(bytes: &[u8]) -> Option<&[u32]> {
    <[u32]>::ref_from_bytes(bytes).ok()
}

impl PartialEq for Span<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Span<'_> {}

impl fmt::Debug for Span<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(out)
    }
}

/// Bytes in words of their own, and zeros up to the end of one word more.
#[derive(Debug)]
pub(crate) struct Kept {
    words: Box<[u64]>,
    len: usize,
}

impl Kept {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut words =
            vec![0; bytes.len() / WORD + 1 + usize::from(!bytes.len().is_multiple_of(WORD))];
        words.as_mut_bytes().iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
        Self { words: words.into(), len: bytes.len() }
    }

    pub(crate) fn span(&self) -> Span<'_> {
        Span { words: &self.words, start: 0, len: self.len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.span().bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::prelude::rust_2024::*;

    const LEN: usize = 20 * WORD;

    fn memory() -> Vec<u64> {
        let mut words = vec![0; LEN / WORD];
        let bytes = words.as_mut_bytes().iter_mut();
        bytes.zip(1..).for_each(|(to, byte): (_, u8)| *to = byte);
        words
    }

    // attack 66 U: rows of every length from every place of a page, into memory that has the rows of another; of what is around a row nothing is copied, and zeros follow it; broken: store-span-end
    #[test]
    fn a_span_is_copied_from_any_place_and_zeros_follow() {
        let memory = memory();
        for start in 0..=LEN {
            for end in start..=LEN {
                let span = Span::new(&memory, start..end).unwrap();
                let count = span.len().div_ceil(WORD);
                for room in [count.saturating_sub(1), count, count + 1] {
                    let mut to = vec![u64::MAX; room];
                    span.copy_to(&mut to);
                    let mut wanted = span.bytes().to_vec();
                    wanted.resize(count * WORD, 0);
                    wanted.resize(wanted.len().max(room * WORD), 0xff);
                    wanted.truncate(room * WORD);
                    assert_eq!(to.as_bytes(), wanted, "{start} to {end}");
                }
            }
        }
    }

    // attack 66 U: a leaf whose ends say that a key or a value is behind the page, or ends before it begins; it is none; broken: store-span-inside
    #[test]
    fn a_span_is_inside() {
        let memory = memory();
        assert!(Span::new(&memory, LEN..LEN).unwrap().is_empty());
        for (start, end) in [(0, LEN + 1), (LEN + 1, LEN + 1), (3, 2)] {
            assert!(Span::new(&memory, start..end).is_none(), "{start} to {end}");
        }
        let span = Span::new(&memory, 3..7).unwrap();
        assert_eq!(span.behind(1).map(Span::bytes), Some(&[5, 6, 7][..]));
        assert_eq!((span.rest(3), span.rest(4)), (Some(&[7][..]), Some(&[][..])));
        assert_eq!((span.rest(5), span.rest(usize::MAX), span.words()), (None, None, 1));
        assert_eq!((span.byte(3), span.byte(4)), (Some(7), None));
        for start in 0..=LEN - WORD {
            let number = Span::new(&memory, start..start + WORD).unwrap().number().unwrap();
            assert_eq!(number.to_le_bytes().first(), Some(&(start as u8 + 1)));
            assert_eq!(number.to_le_bytes().last(), Some(&((start + WORD) as u8)));
            assert_eq!(Span::new(&memory, start..start + WORD - 1).unwrap().number(), None);
        }
        assert_eq!((span.behind(4).map(Span::len), span.behind(5)), (Some(0), None));
        assert_eq!(std::format!("{span:?}"), "[4, 5, 6, 7]");
        assert_eq!((words(&memory.as_bytes()[1..9]), words(&memory.as_bytes()[..9])), (None, None));
    }

    #[test]
    fn bytes_are_kept_with_a_word_more() {
        for len in 0..40 {
            let bytes: Vec<u8> = (1..=len).collect();
            let kept = Kept::new(&bytes);
            assert_eq!(kept.bytes(), bytes);
            assert!(kept.words.len() * WORD >= bytes.len().next_multiple_of(WORD) + WORD);
            let mut to = vec![0; bytes.len().div_ceil(WORD)];
            kept.span().copy_to(&mut to);
            assert_eq!(to.as_bytes().get(..bytes.len()), Some(&bytes[..]));
        }
    }
}
