//! What a flattened device tree says is on a board, and at which physical addresses.
//!
//! The kernel and init both read the tree through this crate, so that they cannot come to differ about
//! what is switched on, or where it is. Needs no heap.
//!
//! The tree is read fail-closed: what is in doubt is [unusable](Reach), and never the whole tree for
//! one odd node. Only a tree that is damaged, or nested too deeply to be looked at whole, is refused.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod interrupts;
mod node;
mod range;
#[cfg(test)]
mod tests;

pub use interrupts::{Controller, Specifier};
pub use node::{Node, Reach, is_on};
pub use range::{PAGE, Range};

use core::fmt;

use dtoolkit::error::FdtParseError;
use dtoolkit::fdt::Fdt;

/// Deepest nesting of nodes, from 0 for the root.
pub const MAX_DEPTH: u8 = 16;

/// Why a tree is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// It is not a device tree, or a damaged one.
    Malformed(FdtParseError),
    /// Nodes are nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Malformed(why) => write!(f, "the device tree is damaged: {why}"),
            TreeError::TooDeep => f.write_str("the device tree is nested too deeply"),
        }
    }
}

impl core::error::Error for TreeError {}

/// A flattened device tree that is well formed.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'f>(Fdt<'f>);

impl<'f> Tree<'f> {
    /// Reads a flattened device tree. What follows its `totalsize` in `bytes` is ignored.
    ///
    /// # Errors
    /// See [`TreeError`].
    pub fn parse(bytes: &'f [u8]) -> Result<Tree<'f>, TreeError> {
        let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_be_bytes);
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let fdt = Fdt::new(bytes.get(..size).unwrap_or(bytes)).map_err(TreeError::Malformed)?;
        let tree = Tree(fdt);
        tree.walk(&mut |_| {})?;
        Ok(tree)
    }

    /// The tree as its parser has it, for properties of single nodes.
    #[must_use]
    pub fn fdt(self) -> Fdt<'f> {
        self.0
    }

    /// Shows every node to `visit`, each before those below it.
    ///
    /// # Errors
    /// [`TreeError::TooDeep`], never for a tree that [`Tree::parse`] returned.
    pub fn walk(self, visit: &mut dyn FnMut(&Node<'_, 'f>)) -> Result<(), TreeError> {
        walk(&Node::root(self.0.root()), visit)
    }

    /// The memory that the block of reservations names. One that wraps reaches to the end of memory.
    pub fn reservations(self) -> impl Iterator<Item = Range> + 'f {
        let entries = self.0.memory_reservations();
        entries.filter_map(|entry| Range::up_to_the_end(entry.address(), entry.size()))
    }
}

fn walk<'f>(node: &Node<'_, 'f>, visit: &mut dyn FnMut(&Node<'_, 'f>)) -> Result<(), TreeError> {
    visit(node);
    node.children().try_for_each(|child| match child.depth() {
        depth if depth > MAX_DEPTH => Err(TreeError::TooDeep),
        _ => walk(&child, visit),
    })
}
