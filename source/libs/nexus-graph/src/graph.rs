//! What is drawn.

use alloc::string::String;
use alloc::vec::Vec;

/// What a box stands for; decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A device that somebody holds.
    Device,
    /// A device that nobody holds.
    Idle,
    /// A service that holds a device.
    Owner,
    /// A service that holds none.
    Service,
    /// A service that does not run.
    Ended,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The column, from 0 at the left.
    pub column: usize,
    /// What it stands for.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// More about it, in few words, below the name.
    pub note: String,
    /// Number of what it stands for among its kind: the drawing has it as `d3` for a device, `s3` for a service.
    pub number: u32,
}

/// What a line stands for; decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// One holds the other.
    Holds,
    /// The two share memory.
    Shares,
}

/// A line from one box to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Index of the one box.
    pub from: usize,
    /// Index of the other.
    pub to: usize,
    /// What it stands for.
    pub tie: Tie,
    /// By which rule.
    pub rule: String,
    /// Why that is permitted: shown when somebody asks.
    pub reason: String,
}

/// Boxes in columns, and lines between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<Node>,
    lines: Vec<Line>,
    left_out: usize,
}

impl Graph {
    /// Most boxes.
    pub const MOST_NODES: usize = 128;
    /// Most lines.
    pub const MOST_LINES: usize = 256;
    /// Most columns.
    pub const MOST_COLUMNS: usize = 8;

    /// Takes a box, and tells its index. One too many is left out and counted; so is one with no such column.
    pub fn node(&mut self, node: Node) -> Option<usize> {
        if self.nodes.len() >= Self::MOST_NODES || node.column >= Self::MOST_COLUMNS {
            self.left_out += 1;
            return None;
        }
        self.nodes.push(node);
        self.nodes.len().checked_sub(1)
    }

    /// Takes a line. One too many is left out and counted; so is one from or to no box.
    pub fn line(&mut self, line: Line) {
        let known = line.from.max(line.to) < self.nodes.len() && line.from != line.to;
        if self.lines.len() >= Self::MOST_LINES || !known {
            self.left_out += 1;
            return;
        }
        self.lines.push(line);
    }

    /// The boxes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Boxes and lines for which there was no room.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Indices of the boxes that lines join with this one.
    pub(crate) fn neighbours(&self, node: usize) -> impl Iterator<Item = usize> {
        self.lines.iter().filter_map(move |line| match node {
            _ if line.from == node => Some(line.to),
            _ if line.to == node => Some(line.from),
            _ => None,
        })
    }
}
