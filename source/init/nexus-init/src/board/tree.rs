//! The device tree, flattened to a list of devices with physical register ranges.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dtoolkit::Property as _;
use nexus_devicetree::Reach;
pub use nexus_devicetree::{PAGE, Range};

use super::lines::{Line, lines};

/// Most nodes in a tree. A tree with more is refused: of nodes that are not looked at, nobody knows
/// what they share with others. 512 harts are 2,100 nodes.
pub const MAX_NODES: usize = 4096;

/// One node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its path; empty for the root.
    pub path: String,
    /// How deep it is, from 0 for the root.
    pub depth: u8,
    /// What it says it is compatible with, best match first.
    pub compatible: Vec<String>,
    /// Its registers, as far as the processor can reach them.
    pub ranges: Vec<Range>,
    /// How far that is. Only [`Reach::Whole`] is a device that can be used.
    pub reach: Reach,
    /// False when it or a node above it says that it is not to be used.
    pub enabled: bool,
    /// True for memory.
    pub memory: bool,
    /// Its interrupt line.
    pub line: Line,
}

impl Node {
    /// True when it says that it is compatible with `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.compatible.iter().any(|own| own == name)
    }

    /// The last part of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn of(node: &nexus_devicetree::Node<'_, '_>, line: Line) -> Node {
        let mut ranges = Vec::new();
        let reach = node.registers(&mut |range| ranges.push(range));
        let compatible = node.fdt().compatible().into_iter().flatten();
        let kind = dtoolkit::Node::property(&node.fdt(), "device_type");
        Node {
            path: node.to_string(),
            depth: node.depth(),
            compatible: compatible.map(String::from).collect(),
            ranges,
            reach,
            enabled: node.on(),
            memory: kind.is_some_and(|kind| kind.value() == b"memory\0"),
            line,
        }
    }
}

/// Every node, each before those below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// Why a tree was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// It is not a device tree, a damaged one, or nested too deeply.
    Unread(nexus_devicetree::TreeError),
    /// More than [`MAX_NODES`] nodes.
    TooLarge(usize),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Unread(why) => why.fmt(f),
            TreeError::TooLarge(nodes) => {
                write!(f, "the device tree has {nodes} nodes, more than {MAX_NODES}")
            }
        }
    }
}

impl core::error::Error for TreeError {}

impl From<nexus_devicetree::TreeError> for TreeError {
    fn from(error: nexus_devicetree::TreeError) -> TreeError {
        TreeError::Unread(error)
    }
}

impl Tree {
    /// Reads a flattened device tree. What follows its `totalsize` in `bytes` is ignored.
    ///
    /// # Errors
    /// See [`TreeError`].
    pub fn parse(bytes: &[u8]) -> Result<Tree, TreeError> {
        let tree = nexus_devicetree::Tree::parse(bytes)?;
        let (mut nodes, mut count) = (Vec::new(), 0);
        let mut lines = lines(tree, MAX_NODES)?.into_iter();
        tree.walk(&mut |node| {
            count += 1;
            // As many as there are lines.
            nodes.extend(lines.next().map(|line| Node::of(node, line)));
        })?;
        if count > MAX_NODES { Err(TreeError::TooLarge(count)) } else { Ok(Tree { nodes }) }
    }

    /// The nodes, depth first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}
