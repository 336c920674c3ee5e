//! Which leaves will be wanted: what leads to them says so, and then they are read together.

use super::{Above, Cursor, Node, ROWS, Tree, child, odd};
use crate::device::BlockDevice;
use crate::format::{BRANCH, Branch, DEEPEST};
use crate::pager::{Fault, Pager};
use alloc::vec::Vec;
use core::ops::Bound;

/// Leaves that a walk reads together at most: 64 KiB.
const MOST: usize = 16;
/// So many times as many as the last time: who wants a few rows reads few leaves.
const MORE: usize = 4;

/// Where a key has its place, or will have it.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The leaf; none: there are no rows.
    pub(crate) leaf: Option<Node>,
    /// The last key that may stand in the same leaf; none: there is no leaf behind it.
    pub(crate) end: Option<Vec<u8>>,
}

/// How far a walk reads ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Pages above a leaf: all leaves lie equally deep. None: no leaf was met yet.
    above: Option<usize>,
    /// Leaves that were read together the last time.
    leaves: usize,
}

impl Ahead {
    pub(super) const fn new() -> Self {
        Self { above: None, leaves: 1 }
    }

    /// A leaf was met below so many pages.
    pub(super) const fn met(&mut self, above: usize) {
        self.above = Some(above);
    }
}

impl Tree {
    /// Where `key` has its place. How many pages are above a leaf is learned from the first one, which is read for
    /// that: of the others the pages above suffice.
    pub(crate) fn place<D: BlockDevice>(
        self,
        pager: &mut Pager<D>,
        key: &[u8],
        above: &mut Option<usize>,
    ) -> Result<Place, Fault> {
        let Some(mut node) = self.root else { return Ok(Place::default()) };
        let mut end = None;
        for level in 0..DEEPEST {
            if *above == Some(level) {
                return Ok(Place { leaf: Some(node), end });
            }
            let page = pager.page(node.first, node.pages)?;
            if page.first() != Some(&BRANCH) {
                *above = Some(level);
                return Ok(Place { leaf: Some(node), end });
            }
            let place = child(&page, Bound::Included(key)).ok_or(odd(node))?;
            let behind = Branch::of(&page, ROWS).and_then(|branch| branch.key(place));
            end = behind.map(Vec::from).or(end);
            node = self.below(&page, Some(place)).ok_or(odd(node))?;
        }
        Err(odd(node))
    }
}

impl Cursor {
    /// Before `node` is read: when that is a leaf that is not in memory, reads it and those that follow it below the
    /// same page, as far as the walk goes, together.
    pub(super) fn read_ahead<D: BlockDevice>(&mut self, pager: &mut Pager<D>, node: Node) {
        let Some(Above { page, child, .. }) = self.path.last() else { return };
        if self.ahead.above != Some(self.path.len()) || pager.has(node.first) {
            return;
        }
        let Some(branch) = Branch::of(page, ROWS) else { return };
        let leaves = (self.ahead.leaves * MORE).min(MOST);
        let wanted = |at: &usize| {
            at == child || branch.key(at - 1).is_some_and(|before| before < self.end.as_slice())
        };
        let nodes = (*child..=branch.len()).take(leaves).take_while(wanted);
        let nodes: Vec<Node> = nodes.filter_map(|at| branch.below(at, self.tree.regions)).collect();
        pager.ahead(&nodes);
        self.ahead.leaves = leaves;
    }
}
