//! The pass at the opening: every page of redb's file that its header leads to, read once and compared with the sum
//! that the page above has of it, before redb sees any.

use crate::device::{BlockDevice, PAGE};
use crate::format::{self, BRANCH, Branch, DEEPEST, LEAF, Leaf, Lengths, Node, Regions, sum_of};
use crate::pager::{Fault, Pager};
use alloc::vec;
use alloc::vec::Vec;

/// Pages that are read at once at most; one that is larger is read by itself.
const RUN: u64 = 64;

/// The pass.
struct Pass<'a, D> {
    pager: &'a mut Pager<D>,
    regions: Regions,
}

/// Reads every page that the header leads to, compares it, and learns its sum.
pub(crate) fn verify<D: BlockDevice>(pager: &mut Pager<D>) -> Result<(), Fault> {
    let header = *pager.header();
    let regions = Regions::of(&header).ok_or(Fault::Header)?;
    let roots = format::roots(&header, regions).ok_or(Fault::Header)?;
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
                        tables.push(format::table(value?, self.regions)?);
                    }
                }
                Some(Vec::new())
            }
            BRANCH => {
                let branch = Branch::of(page, lengths)?;
                if sum_of(branch.used()?) != node.sum {
                    return None;
                }
                branch.all(self.regions)
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
