//! What a device may read and write by itself: the heads of its queues (RFC-0004).

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::bounds::{MAX_HEADS, MAX_QUEUES, MAX_SEGMENT, MAX_SEGMENTS};

/// A queue of a device: its heads, in groups that are alike. Head 0 is the first of the first group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Queue {
    /// The groups.
    pub shapes: Vec<Shape>,
}

/// Heads that are alike: what the device reads for each of them, and then what it writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// How many heads.
    pub heads: u16,
    /// Bytes of each piece that the device reads.
    pub reads: Vec<u32>,
    /// Bytes of each piece that the device writes.
    pub writes: Vec<u32>,
}

impl Queue {
    /// How many heads it has.
    #[must_use]
    pub fn heads(&self) -> u32 {
        self.shapes.iter().fold(0, |sum, shape| sum.saturating_add(u32::from(shape.heads)))
    }
}

impl Shape {
    /// Its pieces in the order of their descriptors: bytes, and whether the device writes them.
    pub fn segments(&self) -> impl Iterator<Item = (u32, bool)> {
        let reads = self.reads.iter().map(|len| (*len, false));
        reads.chain(self.writes.iter().map(|len| (*len, true)))
    }

    /// How many these are.
    #[must_use]
    pub const fn pieces(&self) -> usize {
        self.reads.len().saturating_add(self.writes.len())
    }

    fn is_whole(&self) -> bool {
        self.heads > 0
            && (1..=MAX_SEGMENTS).contains(&self.pieces())
            && self.segments().all(|(len, _)| (1..=MAX_SEGMENT).contains(&len))
    }
}

/// True for queues that a device can have: as many heads and pieces as there can be, and no more.
#[must_use]
pub fn are_queues(queues: &[Queue]) -> bool {
    queues.len() <= MAX_QUEUES
        && queues.iter().all(|queue| {
            (1..=MAX_HEADS).contains(&queue.heads()) && queue.shapes.iter().all(Shape::is_whole)
        })
}

impl fmt::Display for Shape {
    /// `16 x (reads 16, writes 4096+1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x (", self.heads)?;
        let mut before = "";
        for (what, pieces) in [("reads", &self.reads), ("writes", &self.writes)] {
            let mut sign = " ";
            for (index, piece) in pieces.iter().enumerate() {
                if index == 0 {
                    write!(f, "{before}{what}")?;
                    before = ", ";
                }
                write!(f, "{sign}{piece}")?;
                sign = "+";
            }
        }
        f.write_str(")")
    }
}
