//! The pass at the opening: every page of redb's file that its header leads to, read once and compared with the sum
//! that the page above has of it, before redb sees any.
//!
//! What is known here of redb's format (of its file format 3, which redb refuses to differ from):
//!
//! ```text
//! header   byte 9: bit 0: which of two slots counts; at 16: pages of a region's head; at 20: pages of a region
//! slot     at 64 and 192: a byte (3), whether there is a tree of rows' tables, and one of redb's own, 5 bytes,
//!          the two roots; in the last 16 bytes the sum of the others
//! root     page, sum, how many entries
//! page     8 bytes: bits 0 to 19 index, 20 to 39 region, 59 to 63 order; it has 2^order pages of 4,096 bytes
//! branch   2, 0, n (16 bits), 4 bytes, n + 1 sums, n + 1 pages, n ends of keys when these differ in length, keys
//! leaf     1, 0, n (16 bits), n ends of keys and n ends of values when these differ in length, keys, values
//! table    kind (3 for one value a key), 8 bytes, whether it has a root, the root, lengths of keys and values
//! ```
//!
//! A sum is XXH3 of 128 bits over what is used of a page.

use crate::bytes::Reader;
use crate::device::{BlockDevice, PAGE};
use crate::pager::{Fault, HEADER, Pager};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use twox_hash::xxhash3_128;

const SLOTS: [Range<usize>; 2] = [64..192, 192..320];
const SLOT_FORMAT: u8 = 3;
const LEAF: u8 = 1;
const BRANCH: u8 = 2;
/// A table with one value for each key.
const NORMAL: u8 = 3;
/// Levels of the deepest tree that redb makes.
const DEEPEST: usize = 64;
/// Pages that are read at once at most; one that is larger is read by itself.
const RUN: u64 = 64;

type Sum = u128;

/// A page of redb's: where it is in the file, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    first: u64,
    pages: u64,
    sum: Sum,
}

/// How long the keys and values of a tree are, when all are the same.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    key: Option<usize>,
    value: Option<usize>,
}

/// Where regions are.
#[derive(Clone, Copy, Debug)]
struct Regions {
    head: u64,
    pages: u64,
}

impl Regions {
    fn of(header: &[u8]) -> Option<Self> {
        let mut reader = Reader(header.get(16..24)?);
        Some(Self { head: reader.u32()?.into(), pages: reader.u32()?.into() })
    }

    fn node(self, number: u64, sum: Sum) -> Node {
        let order = number >> 59;
        let index = number & (0xf_ffff >> order);
        let region = number >> 20 & 0xf_ffff;
        let first = 1 + region * (self.head + self.pages) + self.head + (index << order);
        Node { first, pages: 1 << order, sum }
    }

    fn root(self, bytes: &[u8]) -> Option<Node> {
        let mut reader = Reader(bytes);
        Some(self.node(reader.u64()?, reader.u128()?))
    }
}

fn sum_of(bytes: &[u8]) -> Sum {
    xxhash3_128::Hasher::oneshot(bytes)
}

fn number(page: &[u8], at: usize) -> Option<usize> {
    usize::try_from(Reader(page.get(at..)?).u32()?).ok()
}

fn entries(page: &[u8]) -> Option<usize> {
    Reader(page.get(2..)?).u16().map(usize::from).filter(|entries| *entries > 0)
}

/// Where the keys and the values of a leaf end.
struct Leaf<'a> {
    page: &'a [u8],
    lengths: Lengths,
    entries: usize,
}

impl<'a> Leaf<'a> {
    fn of(page: &'a [u8], lengths: Lengths) -> Option<Self> {
        Some(Self { page, lengths, entries: entries(page)? })
    }

    fn key_end(&self, entry: usize) -> Option<usize> {
        match self.lengths.key {
            None => number(self.page, 4 + 4 * entry),
            Some(len) => Some(4 + self.ends(self.lengths.value) + len * (entry + 1)),
        }
    }

    fn value_end(&self, entry: usize) -> Option<usize> {
        match self.lengths.value {
            None => number(self.page, 4 + self.ends(self.lengths.key) + 4 * entry),
            Some(len) => Some(self.key_end(self.entries - 1)? + len * (entry + 1)),
        }
    }

    /// Bytes of the ends of keys or of values.
    fn ends(&self, length: Option<usize>) -> usize {
        if length.is_none() { 4 * self.entries } else { 0 }
    }

    fn used(&self) -> Option<&'a [u8]> {
        self.page.get(..self.value_end(self.entries - 1)?)
    }

    fn values(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        (0..self.entries).map(|entry| {
            let from = match entry {
                0 => self.key_end(self.entries - 1)?,
                _ => self.value_end(entry - 1)?,
            };
            self.page.get(from..self.value_end(entry)?)
        })
    }
}

/// What a branch has: bytes that are used, and the pages below.
fn branch(page: &[u8], lengths: Lengths, regions: Regions) -> Option<(&[u8], Vec<Node>)> {
    let keys = entries(page)?;
    let pages_at = 8 + 16 * (keys + 1);
    let ends_at = pages_at + 8 * (keys + 1);
    let end = match lengths.key {
        None => number(page, ends_at + 4 * (keys - 1))?,
        Some(len) => ends_at + len * keys,
    };
    let used = page.get(..end)?;
    let (mut sums, mut numbers) = (Reader(page.get(8..)?), Reader(page.get(pages_at..)?));
    let below = (0..=keys).map(|_| Some((numbers.u64()?, sums.u128()?)));
    let below = below.map(|below| below.map(|(number, sum)| regions.node(number, sum)));
    Some((used, below.collect::<Option<_>>()?))
}

/// What a table's entry says: the root, when it has rows, and lengths.
fn table(entry: &[u8], regions: Regions) -> Option<(Option<Node>, Lengths)> {
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

/// The pass.
struct Pass<'a, D> {
    pager: &'a mut Pager<D>,
    regions: Regions,
}

/// Reads every page that the header leads to, compares it, and learns its sum.
pub(crate) fn verify<D: BlockDevice>(pager: &mut Pager<D>) -> Result<(), Fault> {
    let header = *pager.header();
    let regions = Regions::of(&header).ok_or(Fault::Header)?;
    let roots = roots(&header, regions).ok_or(Fault::Header)?;
    let mut pass = Pass { pager, regions };
    for root in roots.into_iter().flatten() {
        let mut tables = Vec::new();
        pass.tree(vec![root], Lengths::default(), DEEPEST, Some(&mut tables))?;
        for (root, lengths) in tables {
            pass.tree(root.into_iter().collect(), lengths, DEEPEST, None)?;
        }
    }
    Ok(())
}

/// The roots of the two trees of tables in the slot that counts.
fn roots(header: &[u8; HEADER], regions: Regions) -> Option<[Option<Node>; 2]> {
    let [first, second] = SLOTS;
    let slot = header.get(if header.get(9)? & 1 == 0 { first } else { second })?;
    let (body, sum) = slot.split_at_checked(slot.len() - 16)?;
    let right = Reader(sum).u128()? == sum_of(body) && body.first() == Some(&SLOT_FORMAT);
    let there = |at: usize| body.get(at).is_some_and(|there| *there != 0);
    let root = |at: usize| regions.root(body.get(at..)?);
    let roots = [(there(1), root(8)?), (there(2), root(40)?)];
    right.then_some(roots.map(|(there, root)| there.then_some(root)))
}

type Tables = Vec<(Option<Node>, Lengths)>;

impl<D: BlockDevice> Pass<'_, D> {
    /// Verifies these pages and all below them; what the leaves say of tables goes into `tables`.
    fn tree(
        &mut self,
        mut nodes: Vec<Node>,
        lengths: Lengths,
        levels: usize,
        mut tables: Option<&mut Tables>,
    ) -> Result<(), Fault> {
        // In the order of the disk, so that neighbours are read at once.
        nodes.sort_unstable_by_key(|node| node.first);
        let mut rest = nodes.as_slice();
        while let Some(first) = rest.first() {
            let levels = levels.checked_sub(1).ok_or(Fault::Page(first.first))?;
            let (run, behind) = rest.split_at(run_len(rest));
            rest = behind;
            for below in self.run(run, lengths, tables.as_deref_mut())? {
                self.tree(below, lengths, levels, tables.as_deref_mut())?;
            }
        }
        Ok(())
    }

    /// Reads pages that lie side by side; the pages below each.
    fn run(
        &mut self,
        nodes: &[Node],
        lengths: Lengths,
        mut tables: Option<&mut Tables>,
    ) -> Result<Vec<Vec<Node>>, Fault> {
        let Some(first) = nodes.first() else { return Ok(Vec::new()) };
        let pages: u64 = nodes.iter().map(|node| node.pages).sum();
        let bytes = self.pager.read_unknown(first.first, pages)?;
        let mut rest = bytes.as_slice();
        let mut below = Vec::new();
        for node in nodes {
            let damaged = Fault::Page(node.first);
            let len = usize::try_from(node.pages).map_or(usize::MAX, |pages| pages * PAGE);
            let (page, behind) = rest.split_at_checked(len).ok_or(damaged)?;
            rest = behind;
            below.push(self.page(*node, page, lengths, tables.as_deref_mut()).ok_or(damaged)?);
            self.pager.learn(node.first, page)?;
        }
        below.retain(|nodes| !nodes.is_empty());
        Ok(below)
    }

    /// Compares one page; those below it, of a branch.
    fn page(
        &self,
        node: Node,
        page: &[u8],
        lengths: Lengths,
        tables: Option<&mut Tables>,
    ) -> Option<Vec<Node>> {
        match *page.first()? {
            LEAF => {
                let leaf = Leaf::of(page, lengths)?;
                if sum_of(leaf.used()?) != node.sum {
                    return None;
                }
                if let Some(tables) = tables {
                    for value in leaf.values() {
                        tables.push(table(value?, self.regions)?);
                    }
                }
                Some(Vec::new())
            }
            BRANCH => {
                let (used, below) = branch(page, lengths, self.regions)?;
                (sum_of(used) == node.sum).then_some(below)
            }
            _ => None,
        }
    }
}

/// How many of these lie side by side.
fn run_len(nodes: &[Node]) -> usize {
    let mut pages = 0;
    let side_by_side = |pair: &[Node]| match pair {
        [one, two] => one.first + one.pages == two.first,
        _ => false,
    };
    let first = nodes.first().map_or(0, |node| node.pages);
    let more = nodes.windows(2).take_while(|pair| {
        pages += pair.last().map_or(0, |node| node.pages);
        side_by_side(pair) && first + pages <= RUN
    });
    1 + more.count()
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
