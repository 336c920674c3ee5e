//! The device tree, flattened to a list of devices with physical register ranges.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dtoolkit::error::FdtParseError;
use dtoolkit::fdt::{Fdt, FdtNode, FdtProperty};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node as _, Property as _};

/// Bytes in a page; windows are whole pages.
pub const PAGE: u64 = 4096;

/// Most nodes in a tree. A tree with more is refused.
pub const MAX_NODES: usize = 512;

/// Deepest nesting. A tree with more is refused.
pub const MAX_DEPTH: u8 = 16;

/// Physical bytes, not empty, not wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// First byte.
    pub base: u64,
    /// How many.
    pub len: u64,
}

impl Range {
    /// The range; `None` when it is empty or wraps.
    #[must_use]
    pub fn new(base: u64, len: u64) -> Option<Range> {
        base.checked_add(len.checked_sub(1)?)?;
        Some(Range { base, len })
    }

    /// The whole pages that it touches; `None` at the very end of the address space.
    #[must_use]
    pub fn pages(self) -> Option<Range> {
        let base = self.base & !(PAGE - 1);
        let end = self.base.checked_add(self.len)?.checked_next_multiple_of(PAGE)?;
        Range::new(base, end - base)
    }

    /// True when all of `other` is in it.
    #[must_use]
    pub fn contains(self, other: Range) -> bool {
        let last = |range: Range| range.base + (range.len - 1);
        self.base <= other.base && last(other) <= last(self)
    }

    /// True when some byte is in both.
    #[must_use]
    pub fn overlaps(self, other: Range) -> bool {
        self.base <= other.base + (other.len - 1) && other.base <= self.base + (self.len - 1)
    }
}

/// One node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its path; empty for the root.
    pub path: String,
    /// How deep it is, from 0 for the root.
    pub depth: u8,
    /// What it says it is compatible with, best match first.
    pub compatible: Vec<String>,
    /// Its registers. Empty when the tree gives none that the processor can reach.
    pub ranges: Vec<Range>,
    /// False when the tree says that it is not to be used.
    pub enabled: bool,
    /// True for memory.
    pub memory: bool,
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
}

/// Every node, each before those below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// Why a tree was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// It is not a device tree, or a damaged one.
    Malformed(FdtParseError),
    /// More than [`MAX_NODES`] nodes, or nested deeper than [`MAX_DEPTH`].
    TooLarge,
    /// The node's `reg` does not fit `#address-cells` and `#size-cells`, or wraps.
    BadReg(String),
    /// The bus's `ranges` does not fit its cells, or wraps.
    BadRanges(String),
    /// The node's `status` is no status.
    BadStatus(String),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Malformed(why) => write!(f, "malformed device tree: {why}"),
            TreeError::TooLarge => f.write_str("the device tree is too large"),
            TreeError::BadReg(path) => write!(f, "{path}: malformed reg"),
            TreeError::BadRanges(path) => write!(f, "{path}: malformed ranges"),
            TreeError::BadStatus(path) => write!(f, "{path}: unknown status"),
        }
    }
}

impl core::error::Error for TreeError {}

impl Tree {
    /// Reads a flattened device tree. What follows its `totalsize` in `bytes` is ignored.
    ///
    /// # Errors
    /// [`TreeError`] names the place.
    pub fn parse(bytes: &[u8]) -> Result<Tree, TreeError> {
        let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_be_bytes);
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let fdt = Fdt::new(bytes.get(..size).unwrap_or(bytes)).map_err(TreeError::Malformed)?;

        let mut nodes = Vec::new();
        walk(&fdt.root(), "", &Bus::Identity, 0, &mut nodes)?;
        Ok(Tree { nodes })
    }

    /// The nodes, depth first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// How addresses of a bus become physical.
enum Bus {
    /// They are physical already.
    Identity,
    /// Each child range stands for a parent range, which is physical.
    Windows(Vec<(Range, u64)>),
    /// The processor cannot reach them.
    Unreachable,
}

impl Bus {
    fn translate(&self, range: Range) -> Option<Range> {
        match self {
            Bus::Identity => Some(range),
            Bus::Windows(windows) => windows.iter().find_map(|(child, parent)| {
                let offset = range.base.checked_sub(child.base)?;
                let fits = offset < child.len && range.len <= child.len - offset;
                fits.then_some(())?;
                Range::new(parent.checked_add(offset)?, range.len)
            }),
            Bus::Unreachable => None,
        }
    }
}

fn walk(
    node: &FdtNode<'_>,
    path: &str,
    bus: &Bus,
    depth: u8,
    out: &mut Vec<Node>,
) -> Result<(), TreeError> {
    if depth > MAX_DEPTH || out.len() >= MAX_NODES {
        return Err(TreeError::TooLarge);
    }
    let status = node.status().map_err(|_| TreeError::BadStatus(path.into()))?;
    let is_memory = |kind: FdtProperty<'_>| kind.value() == b"memory\0";
    out.push(Node {
        path: path.into(),
        depth,
        compatible: node.compatible().into_iter().flatten().map(String::from).collect(),
        ranges: if depth == 0 { Vec::new() } else { registers(node, path, bus)? },
        enabled: status == Status::Okay,
        memory: node.property("device_type").is_some_and(is_memory),
    });
    let inner = if depth == 0 { Bus::Identity } else { child_bus(node, path, bus)? };
    for child in node.children() {
        let path = alloc::format!("{path}/{}", child.name());
        walk(&child, &path, &inner, depth + 1, out)?;
    }
    Ok(())
}

/// Register ranges that the processor can reach. A `reg` without sizes (a CPU's number, an
/// address on a serial bus) names no registers.
fn registers(node: &FdtNode<'_>, path: &str, bus: &Bus) -> Result<Vec<Range>, TreeError> {
    let bad = || TreeError::BadReg(path.into());
    if matches!(bus, Bus::Unreachable) {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    for reg in node.reg().map_err(|_| bad())?.into_iter().flatten() {
        let base = reg.address::<u64>().map_err(|_| bad())?;
        let len = reg.size::<u64>().map_err(|_| bad())?;
        if len > 0 {
            let range = Range::new(base, len).ok_or_else(bad)?;
            ranges.extend(bus.translate(range));
        }
    }
    Ok(ranges)
}

/// The bus that a node's children are on. Without `ranges` they cannot be reached.
fn child_bus(node: &FdtNode<'_>, path: &str, bus: &Bus) -> Result<Bus, TreeError> {
    let bad = || TreeError::BadRanges(path.into());
    let Some(property) = node.property("ranges") else { return Ok(Bus::Unreachable) };
    if property.value().is_empty() {
        return Ok(match bus {
            Bus::Identity => Bus::Identity,
            Bus::Windows(windows) => Bus::Windows(windows.clone()),
            Bus::Unreachable => Bus::Unreachable,
        });
    }
    // Addresses of more than two cells carry more than an address (PCI): not for this list.
    if node.address_cells().map_err(|_| bad())? > 2 {
        return Ok(Bus::Unreachable);
    }
    let mut windows = Vec::new();
    for range in node.ranges().map_err(|_| bad())?.into_iter().flatten() {
        let child = range.child_bus_address::<u64>().map_err(|_| bad())?;
        let parent = range.parent_bus_address::<u64>().map_err(|_| bad())?;
        let len = range.length::<u64>().map_err(|_| bad())?;
        let child = Range::new(child, len).ok_or_else(bad)?;
        let parent = Range::new(parent, len).ok_or_else(bad)?;
        windows.extend(bus.translate(parent).map(|parent| (child, parent.base)));
    }
    Ok(Bus::Windows(windows))
}
