//! Rows, read out of the pages that redb committed last. redb writes the table, and is not asked to read it: for each
//! row it would count three more references to a page, and compare each key once more.
//!
//! A page is right by its sum when it comes here ([`crate::pager`]). One that is none of redb's all the same is refused
//! by its number.

mod ahead;

use crate::device::BlockDevice;
use crate::format::{self, BRANCH, Branch, DEEPEST, LEAF, Leaf, Lengths, Node, Regions, Rows};
use crate::held::Bytes;
use crate::pager::{Fault, Pager};
use crate::span::Span;
use ahead::Ahead;
pub(crate) use ahead::Place;
use alloc::vec::Vec;
use core::ops::{Bound, Range};

/// Keys and values of the table have lengths of their own.
const ROWS: Lengths = Lengths { key: None, value: None };

/// The tree of all rows, as it was committed last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    regions: Regions,
    /// None: there are no rows.
    root: Option<Node>,
}

/// What is under a key: a part of its page.
#[derive(Debug)]
pub(crate) struct Value {
    page: Bytes,
    range: Range<usize>,
}

impl Value {
    pub(crate) fn value(&self) -> &[u8] {
        self.page.get(self.range.clone()).unwrap_or_default()
    }
}

/// The first of `count` keys in order that is not before `from`. None: one of them cannot be told. Bytes that both
/// ends of what is left share with `from` are not compared again.
fn first<'a>(
    count: usize,
    from: Bound<&[u8]>,
    key: impl Fn(usize) -> Option<&'a [u8]>,
) -> Option<usize> {
    let (bound, at_itself) = match from {
        Bound::Included(bound) => (bound, false),
        Bound::Excluded(bound) => (bound, true),
        Bound::Unbounded => return Some(0),
    };
    let (mut low, mut high) = (0, count);
    let (mut low_shares, mut high_shares) = (0, 0);
    while low < high {
        #[cfg(test)]
        tests::LOOKS.with(|looks| looks.set(looks.get() + 1));
        let middle = low.midpoint(high);
        let key = key(middle)?;
        let shares: usize = low_shares.min(high_shares);
        let shares = shares + shared(key.get(shares..)?, bound.get(shares..)?);
        let before = match (key.get(shares), bound.get(shares)) {
            (Some(one), Some(two)) => one < two,
            (None, None) => at_itself,
            (key, _) => key.is_none(),
        };
        if before {
            (low, low_shares) = (middle + 1, shares);
        } else {
            (high, high_shares) = (middle, shares);
        }
    }
    Some(low)
}

/// Bytes with which both begin.
pub(crate) fn shared(one: &[u8], two: &[u8]) -> usize {
    one.iter().zip(two).take_while(|(one, two)| one == two).count()
}

/// A page that is none of redb's.
const fn odd(node: Node) -> Fault {
    Fault::Page(node.first)
}

/// The page below this one that has the first key that is not before `from`, if any has it.
fn child(page: &[u8], from: Bound<&[u8]>) -> Option<usize> {
    let branch = Branch::of(page, ROWS)?;
    // Below a page are keys up to the one that it has here.
    first(branch.len(), from, |key| branch.key(key))
}

impl Tree {
    /// The one that the header leads to. No other tree is there but redb's own.
    pub(crate) fn committed<D: BlockDevice>(pager: &mut Pager<D>) -> Result<Self, Fault> {
        let header = *pager.header();
        let regions = Regions::of(&header).ok_or(Fault::Header)?;
        let [tables, _] = format::roots(&header, regions).ok_or(Fault::Header)?;
        let Some(tables) = tables else { return Ok(Self { regions, root: None }) };
        let page = pager.page(tables.first, tables.pages)?;
        let only = Leaf::of(&page, Lengths::default()).filter(|leaf| leaf.len() == 1);
        let entry = only.and_then(|leaf| format::table(leaf.values().next()??, regions));
        let (root, lengths) = entry.ok_or(odd(tables))?;
        if lengths == ROWS { Ok(Self { regions, root }) } else { Err(odd(tables)) }
    }

    /// What is under a key.
    pub(crate) fn get<D: BlockDevice>(
        self,
        pager: &mut Pager<D>,
        key: &[u8],
    ) -> Result<Option<Value>, Fault> {
        let from = Bound::Included(key);
        let Some(mut node) = self.root else { return Ok(None) };
        for _ in 0..DEEPEST {
            let page = pager.page(node.first, node.pages)?;
            match page.first() {
                Some(&LEAF) => return value(page, key).ok_or(odd(node)),
                Some(&BRANCH) => {
                    node = self.below(&page, child(&page, from)).ok_or(odd(node))?;
                }
                _ => break,
            }
        }
        Err(odd(node))
    }

    fn below(self, page: &[u8], child: Option<usize>) -> Option<Node> {
        Branch::of(page, ROWS)?.below(child?, self.regions)
    }

    /// Stands at the leaf of the first row that is not before `from`, and ends before `end`.
    pub(crate) fn cursor<D: BlockDevice>(
        self,
        pager: &mut Pager<D>,
        from: Bound<&[u8]>,
        end: &[u8],
    ) -> Result<Cursor, Fault> {
        let mut cursor =
            Cursor { tree: self, end: end.into(), path: Vec::new(), at: None, ahead: Ahead::new() };
        if let Some(root) = self.root {
            cursor.descend(pager, root, from)?;
            cursor.settle(pager)?;
        }
        Ok(cursor)
    }
}

/// What a leaf has under `key`. None: it is no leaf of redb's.
fn value(page: Bytes, key: &[u8]) -> Option<Option<Value>> {
    let leaf = Leaf::of(&page, ROWS)?;
    let key_at = |entry| page.get(leaf.key(entry)?);
    let entry = first(leaf.len(), Bound::Included(key), key_at)?;
    if entry == leaf.len() || key_at(entry)? != key {
        return Some(None);
    }
    let range = leaf.value(entry)?;
    page.get(range.clone())?;
    Some(Some(Value { page, range }))
}

/// A leaf of the rows, in their order.
#[derive(Debug)]
pub(crate) struct Cursor {
    tree: Tree,
    end: Vec<u8>,
    /// The pages above.
    path: Vec<Above>,
    /// None: behind the last row.
    at: Option<At>,
    ahead: Ahead,
}

/// A page that leads to others, and which of those is being read.
#[derive(Debug)]
struct Above {
    page: Bytes,
    node: Node,
    child: usize,
}

/// A leaf, and which of its rows are in the walk: there is one, or the walk goes on behind it.
#[derive(Debug)]
struct At {
    page: Bytes,
    node: Node,
    entries: Range<usize>,
    /// The walk ends in this leaf.
    last: bool,
}

impl At {
    fn new(page: Bytes, node: Node, from: Bound<&[u8]>, end: &[u8]) -> Option<Self> {
        let leaf = Leaf::of(&page, ROWS)?;
        let (count, key_at) = (leaf.len(), |entry| page.get(leaf.key(entry)?));
        let entry = first(count, from, key_at)?;
        let last = key_at(count - 1)? >= end;
        let limit = if last { first(count, Bound::Included(end), key_at)? } else { count };
        Some(Self { page, node, entries: entry..limit, last })
    }

    fn rows(&self) -> Option<Rows<'_>> {
        Leaf::of(&self.page, ROWS)?.rows(self.entries.clone())
    }

    /// The last key of the rows.
    fn last_key(&self) -> Option<&[u8]> {
        let entry = self.entries.end.checked_sub(1)?;
        self.page.get(Leaf::of(&self.page, ROWS)?.key(entry)?)
    }
}

/// Rows that lie in one leaf, at least one.
#[derive(Debug)]
pub(crate) struct LeafRows<'a> {
    node: Node,
    rows: Rows<'a>,
    /// The key of the last one.
    pub(crate) last: &'a [u8],
}

impl<'a> LeafRows<'a> {
    /// Bytes with which all keys begin.
    pub(crate) fn shared(&self) -> usize {
        let first = self.rows.clone().next().flatten();
        first.map_or(0, |(first, _)| shared(first.bytes(), self.last))
    }

    /// Key and value of each, in order.
    pub(crate) fn rows(self) -> impl Iterator<Item = Result<(Span<'a>, Span<'a>), Fault>> {
        let Self { node, rows, .. } = self;
        rows.map(move |row| row.ok_or(odd(node)))
    }
}

impl Cursor {
    /// The rows of the leaf that it stands in; none behind the last.
    pub(crate) fn leaf(&self) -> Result<Option<LeafRows<'_>>, Fault> {
        let Some(at) = &self.at else { return Ok(None) };
        let rows = at.rows().zip(at.last_key()).ok_or(odd(at.node))?;
        Ok(Some(LeafRows { node: at.node, rows: rows.0, last: rows.1 }))
    }

    /// Goes on behind the rows of this leaf, to the next one that has some.
    pub(crate) fn leave<D: BlockDevice>(&mut self, pager: &mut Pager<D>) -> Result<(), Fault> {
        if let Some(at) = &mut self.at {
            at.entries.start = at.entries.end;
        }
        self.settle(pager)
    }

    /// Goes on to the next leaf until one has a row.
    fn settle<D: BlockDevice>(&mut self, pager: &mut Pager<D>) -> Result<(), Fault> {
        while let Some(At { entries, last, .. }) = &self.at
            && entries.is_empty()
        {
            let next = if *last { None } else { self.next_below()? };
            match next {
                Some(node) => self.descend(pager, node, Bound::Unbounded)?,
                None => self.at = None,
            }
        }
        Ok(())
    }

    /// The next page beside the path.
    fn next_below(&mut self) -> Result<Option<Node>, Fault> {
        while let Some(Above { page, node, child }) = self.path.last_mut() {
            *child += 1;
            let branch = Branch::of(page, ROWS).ok_or(odd(*node))?;
            if *child <= branch.len() {
                return branch.below(*child, self.tree.regions).ok_or(odd(*node)).map(Some);
            }
            self.path.pop();
        }
        Ok(None)
    }

    /// Goes down from `node` to the leaf that has the first row that is not before `from`, or ends before it.
    fn descend<D: BlockDevice>(
        &mut self,
        pager: &mut Pager<D>,
        mut node: Node,
        from: Bound<&[u8]>,
    ) -> Result<(), Fault> {
        while self.path.len() < DEEPEST {
            self.read_ahead(pager, node);
            let page = pager.page(node.first, node.pages)?;
            match page.first() {
                Some(&LEAF) => {
                    self.ahead.met(self.path.len());
                    self.at = Some(At::new(page, node, from, &self.end).ok_or(odd(node))?);
                    return Ok(());
                }
                Some(&BRANCH) => {
                    let child = child(&page, from).ok_or(odd(node))?;
                    let below = self.tree.below(&page, Some(child)).ok_or(odd(node))?;
                    self.path.push(Above { page, node, child });
                    node = below;
                }
                _ => break,
            }
        }
        Err(odd(node))
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
pub(crate) mod tests;
