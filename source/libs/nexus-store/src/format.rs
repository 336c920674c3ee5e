//! What is known here of redb's format (of its file format 3, which redb refuses to differ from).
//!
//! ```text
//! header   byte 9: bit 0: which of two slots counts; at 16: pages of a region's head; at 20: pages of a region
//! slot     at 64 and 192: a byte (3), whether there is a tree of rows' tables, and one of redb's own, 5 bytes,
//!          the two roots; in the last 16 bytes the sum of the others
//! root     page, sum, how many entries
//! page     8 bytes: bits 0 to 19 index, 20 to 39 region, 59 to 63 order; it has 2^order pages of 4,096 bytes
//! branch   2, 0, n (16 bits), 4 bytes, n + 1 sums, n + 1 pages, n ends of keys when these differ in length, keys;
//!          below page i are the keys up to key i that are above key i - 1
//! leaf     1, 0, n (16 bits), n ends of keys and n ends of values when these differ in length, keys, values
//! table    kind (3 for one value a key), 8 bytes, whether it has a root, the root, lengths of keys and values
//! ```
//!
//! A sum is XXH3 of 128 bits over what is used of a page.

use crate::bytes::Reader;
use crate::pager::HEADER;
use crate::span::{self, Span};
use alloc::vec::Vec;
use core::iter::Zip;
use core::ops::Range;
use core::slice;
use twox_hash::xxhash3_128;

const SLOTS: [Range<usize>; 2] = [64..192, 192..320];
const SLOT_FORMAT: u8 = 3;
/// The first byte of a page with rows.
pub(crate) const LEAF: u8 = 1;
/// The first byte of a page that leads to others.
pub(crate) const BRANCH: u8 = 2;
/// A table with one value for each key.
const NORMAL: u8 = 3;
/// Levels of the deepest tree that redb makes.
pub(crate) const DEEPEST: usize = 64;

type Sum = u128;

/// A page of redb's: where it is in the file, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) first: u64,
    pub(crate) pages: u64,
    pub(crate) sum: Sum,
}

/// How long the keys and values of a tree are, when all are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) key: Option<usize>,
    pub(crate) value: Option<usize>,
}

/// Where regions are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Regions {
    head: u64,
    pages: u64,
}

impl Regions {
    pub(crate) fn of(header: &[u8]) -> Option<Self> {
        let mut reader = Reader(header.get(16..24)?);
        Some(Self { head: reader.u32()?.into(), pages: reader.u32()?.into() })
    }

    pub(crate) fn node(self, number: u64, sum: Sum) -> Node {
        let order = number >> 59;
        let index = number & (0xf_ffff >> order);
        let region = number >> 20 & 0xf_ffff;
        let first = 1 + region * (self.head + self.pages) + self.head + (index << order);
        Node { first, pages: 1 << order, sum }
    }

    pub(crate) fn root(self, bytes: &[u8]) -> Option<Node> {
        let mut reader = Reader(bytes);
        Some(self.node(reader.u64()?, reader.u128()?))
    }
}

pub(crate) fn sum_of(bytes: &[u8]) -> Sum {
    xxhash3_128::Hasher::oneshot(bytes)
}

pub(crate) fn number(page: &[u8], at: usize) -> Option<usize> {
    usize::try_from(Reader(page.get(at..)?).u32()?).ok()
}

pub(crate) fn entries(page: &[u8]) -> Option<usize> {
    Reader(page.get(2..)?).u16().map(usize::from).filter(|entries| *entries > 0)
}

/// Where the keys and the values of a leaf end.
pub(crate) struct Leaf<'a> {
    page: &'a [u8],
    lengths: Lengths,
    entries: usize,
}

impl<'a> Leaf<'a> {
    pub(crate) fn of(page: &'a [u8], lengths: Lengths) -> Option<Self> {
        Some(Self { page, lengths, entries: entries(page)? })
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    pub(crate) fn key(&self, entry: usize) -> Option<Range<usize>> {
        let from = match entry {
            0 => 4 + self.ends(self.lengths.key) + self.ends(self.lengths.value),
            _ => self.key_end(entry - 1)?,
        };
        Some(from..self.key_end(entry)?)
    }

    pub(crate) fn value(&self, entry: usize) -> Option<Range<usize>> {
        let from = match entry {
            0 => self.key_end(self.entries - 1)?,
            _ => self.value_end(entry - 1)?,
        };
        Some(from..self.value_end(entry)?)
    }

    pub(crate) fn key_end(&self, entry: usize) -> Option<usize> {
        match self.lengths.key {
            None => number(self.page, 4 + 4 * entry),
            Some(len) => Some(4 + self.ends(self.lengths.value) + len * (entry + 1)),
        }
    }

    pub(crate) fn value_end(&self, entry: usize) -> Option<usize> {
        match self.lengths.value {
            None => number(self.page, 4 + self.ends(self.lengths.key) + 4 * entry),
            Some(len) => Some(self.key_end(self.entries - 1)? + len * (entry + 1)),
        }
    }

    /// Bytes of the ends of keys or of values.
    fn ends(&self, length: Option<usize>) -> usize {
        if length.is_none() { 4 * self.entries } else { 0 }
    }

    pub(crate) fn used(&self) -> Option<&'a [u8]> {
        self.page.get(..self.value_end(self.entries - 1)?)
    }

    /// Rows of these entries, of a leaf of rows: one walk over the ends of their keys and values.
    pub(crate) fn rows(&self, entries: Range<usize>) -> Option<Rows<'a>> {
        let at = 4 + 4 * entries.start;
        let len = 4 * entries.len();
        let key_ends = span::halves(self.page.get(at..at + len)?)?;
        let at = at + self.ends(self.lengths.key);
        let row_ends = span::halves(self.page.get(at..at + len)?)?;
        let (key, row) = (self.key(entries.start)?.start, self.value(entries.start)?.start);
        Some(Rows { words: span::words(self.page)?, ends: key_ends.iter().zip(row_ends), key, row })
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        (0..self.entries).map(|entry| self.page.get(self.value(entry)?))
    }
}

/// Key and value of each of a leaf's entries in order; none of one that is not inside the page.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    words: &'a [u64],
    ends: Zip<slice::Iter<'a, u32>, slice::Iter<'a, u32>>,
    /// Where the next key begins, and the next value.
    key: usize,
    row: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Option<(Span<'a>, Span<'a>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (key_end, row_end) = self.ends.next()?;
        let end = |end: &u32| u32::from_le(*end) as usize;
        let (key_end, row_end) = (end(key_end), end(row_end));
        let key = Span::new(self.words, self.key..key_end);
        let row = Span::new(self.words, self.row..row_end);
        (self.key, self.row) = (key_end, row_end);
        Some(key.zip(row))
    }
}

/// Where the keys of a branch end, and which pages are below.
pub(crate) struct Branch<'a> {
    page: &'a [u8],
    lengths: Lengths,
    keys: usize,
}

impl<'a> Branch<'a> {
    pub(crate) fn of(page: &'a [u8], lengths: Lengths) -> Option<Self> {
        Some(Self { page, lengths, keys: entries(page)? })
    }

    /// How many keys it has; below it is one page more.
    pub(crate) fn len(&self) -> usize {
        self.keys
    }

    /// Behind the numbers of the pages below.
    fn ends_at(&self) -> usize {
        8 + (16 + 8) * (self.keys + 1)
    }

    fn key_end(&self, key: usize) -> Option<usize> {
        match self.lengths.key {
            None => number(self.page, self.ends_at() + 4 * key),
            Some(len) => Some(self.ends_at() + len * (key + 1)),
        }
    }

    /// None: there is no such key.
    pub(crate) fn key(&self, key: usize) -> Option<&'a [u8]> {
        if key >= self.keys {
            return None;
        }
        let from = match (key, self.lengths.key) {
            (0, None) => self.ends_at() + 4 * self.keys,
            (0, Some(_)) => self.ends_at(),
            _ => self.key_end(key - 1)?,
        };
        self.page.get(from..self.key_end(key)?)
    }

    pub(crate) fn below(&self, child: usize, regions: Regions) -> Option<Node> {
        let pages_at = 8 + 16 * (self.keys + 1);
        let sum = Reader(self.page.get(8 + 16 * child..)?).u128()?;
        let number = Reader(self.page.get(pages_at + 8 * child..self.ends_at())?).u64()?;
        Some(regions.node(number, sum))
    }

    /// The bytes that are used.
    pub(crate) fn used(&self) -> Option<&'a [u8]> {
        self.page.get(..self.key_end(self.keys - 1)?)
    }

    /// All pages below.
    pub(crate) fn all(&self, regions: Regions) -> Option<Vec<Node>> {
        (0..=self.keys).map(|child| self.below(child, regions)).collect()
    }
}

/// What a table's entry says: the root, when it has rows, and lengths.
pub(crate) fn table(entry: &[u8], regions: Regions) -> Option<(Option<Node>, Lengths)> {
    let mut reader = Reader(entry);
    let kind = reader.u8()?;
    reader.u64()?;
    let there = reader.u8()? != 0;
    let root = regions.root(reader.take(32)?)?;
    let mut length = || {
        let fixed = reader.u8()? != 0;
        let length = usize::try_from(reader.u32()?).ok()?;
        Some(fixed.then_some(length))
    };
    let lengths = Lengths { key: length()?, value: length()? };
    (kind == NORMAL).then_some((there.then_some(root), lengths))
}

/// The roots of the two trees of tables in the slot that counts.
pub(crate) fn roots(header: &[u8; HEADER], regions: Regions) -> Option<[Option<Node>; 2]> {
    let [first, second] = SLOTS;
    let slot = header.get(if header.get(9)? & 1 == 0 { first } else { second })?;
    let (body, sum) = slot.split_at_checked(slot.len() - 16)?;
    let right = Reader(sum).u128()? == sum_of(body) && body.first() == Some(&SLOT_FORMAT);
    let there = |at: usize| body.get(at).is_some_and(|there| *there != 0);
    let root = |at: usize| regions.root(body.get(at..)?);
    let roots = [(there(1), root(8)?), (there(2), root(40)?)];
    right.then_some(roots.map(|(there, root)| there.then_some(root)))
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
