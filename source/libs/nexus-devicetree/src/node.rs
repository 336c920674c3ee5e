//! One node: whether it is switched on, and where the processor reaches its registers.

use core::fmt;

use dtoolkit::fdt::FdtNode;
use dtoolkit::standard::{NodeStandard, Reg};
use dtoolkit::{Node as _, Property as _};

use crate::range::Range;

/// Most pieces that the buses above may cut the registers of one node into.
const MAX_PIECES: u32 = 64;

/// Address cells beyond which an address carries more than an address (PCI): not for the processor.
const MAX_CELLS: u32 = 2;

/// How much of what a node names the processor can reach. Only [`Reach::Whole`] is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing: it has no registers, or a bus above it has no way to them.
    Nowhere,
    /// All of it, each range in one piece.
    Whole,
    /// A part of it, or in several pieces.
    Partly,
    /// `reg`, or `ranges` of a bus above, does not fit its cells, or wraps.
    Malformed,
}

impl Reach {
    /// Of two ranges together.
    fn and(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Malformed, _) | (_, Reach::Malformed) => Reach::Malformed,
            (one, other) if one == other => one,
            _ => Reach::Partly,
        }
    }
}

/// A node, and the way to it from the root.
#[derive(Clone, Copy)]
pub struct Node<'w, 'f> {
    fdt: FdtNode<'f>,
    parent: Option<&'w Node<'w, 'f>>,
    depth: u8,
    on: bool,
}

impl<'w, 'f> Node<'w, 'f> {
    pub(crate) fn root(fdt: FdtNode<'f>) -> Node<'w, 'f> {
        Node { fdt, parent: None, depth: 0, on: true }
    }

    pub(crate) fn children<'a>(&'a self) -> impl Iterator<Item = Node<'a, 'f>> {
        let depth = self.depth.saturating_add(1);
        self.fdt.children().map(move |fdt| {
            let on = self.on && is_on(&fdt);
            Node { fdt, parent: Some(self), depth, on }
        })
    }

    /// The node as its parser has it.
    #[must_use]
    pub fn fdt(&self) -> FdtNode<'f> {
        self.fdt
    }

    /// The node above it.
    pub(crate) fn parent(&self) -> Option<&'w Node<'w, 'f>> {
        self.parent
    }

    /// How deep it is, from 0 for the root.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// True when it and every node above it has no `status`, or `ok` or `okay`. All else is off.
    #[must_use]
    pub fn on(&self) -> bool {
        self.on
    }

    /// True when it says that it is compatible with `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.fdt.compatible().is_some_and(|mut all| all.any(|one| one == name))
    }

    /// True when the node above it is a child of the root with this name.
    #[must_use]
    pub fn is_in(&self, name: &str) -> bool {
        let above = self.parent.filter(|parent| parent.depth == 1);
        above.is_some_and(|parent| parent.fdt.name_without_address() == name)
    }

    /// True for memory, and for what is only called so.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        let kind = self.fdt.property("device_type");
        kind.is_some_and(|kind| kind.value() == b"memory\0")
            || self.fdt.name_without_address() == "memory"
    }

    /// Tells `each` the physical ranges of its registers, and how much of them that is. A `reg`
    /// without sizes (the number of a CPU, an address on a serial bus) names none.
    pub fn registers(&self, each: &mut dyn FnMut(Range)) -> Reach {
        let Some(bus) = self.parent.filter(|bus| bus.is_way_up()) else { return Reach::Nowhere };
        let mut pieces = MAX_PIECES;
        self.ranges(&mut |range| bus.up(range, &mut pieces, each))
    }

    fn ranges(&self, each: &mut dyn FnMut(Range) -> Reach) -> Reach {
        let Ok(regs) = self.fdt.reg() else { return Reach::Malformed };
        let of = |reg: Reg<'_>| {
            let (Ok(base), Ok(len)) = (reg.address::<u64>(), reg.size::<u64>()) else {
                return Some(Reach::Malformed);
            };
            let reach = Range::up_to_the_end(base, len).map(&mut *each);
            if len > 0 && Range::new(base, len).is_none() { Some(Reach::Malformed) } else { reach }
        };
        let all = regs.into_iter().flatten().filter_map(of);
        all.reduce(Reach::and).unwrap_or(Reach::Nowhere)
    }

    /// True when addresses below it can lead to the processor's.
    fn is_way_up(&self) -> bool {
        let here = self.depth == 0 || self.fdt.property("ranges").is_some();
        let cells = self.fdt.address_cells().is_ok_and(|cells| cells <= MAX_CELLS);
        here && cells && self.parent.is_none_or(Node::is_way_up)
    }

    /// Tells where on the processor's own bus `range` is, which is an address below this node.
    fn up(&self, range: Range, pieces: &mut u32, each: &mut dyn FnMut(Range)) -> Reach {
        let Some(parent) = self.parent else {
            each(range);
            return Reach::Whole;
        };
        if self.fdt.property("ranges").is_some_and(|ranges| ranges.value().is_empty()) {
            return parent.up(range, pieces, each);
        }
        let Ok(Some(entries)) = self.fdt.ranges() else { return Reach::Malformed };
        let mut found = Reach::Nowhere;
        for entry in entries {
            let numbers = (
                entry.child_bus_address::<u64>(),
                entry.parent_bus_address::<u64>(),
                entry.length::<u64>(),
            );
            let (Ok(child), Ok(above), Ok(len)) = numbers else { return Reach::Malformed };
            if len == 0 {
                continue;
            }
            let (Some(child), Some(above)) = (Range::new(child, len), Range::new(above, len))
            else {
                return Reach::Malformed;
            };
            let Some(part) = child.common(range) else { continue };
            let Some(left) = pieces.checked_sub(1) else { return Reach::Malformed };
            *pieces = left;
            let offset = part.base.wrapping_sub(child.base);
            let moved = Range { base: above.base.wrapping_add(offset), len: part.len };
            let reach = match parent.up(moved, pieces, each) {
                Reach::Whole if part != range => Reach::Partly,
                reach => reach,
            };
            found = match (found, reach) {
                (Reach::Nowhere, reach) => reach,
                (found, Reach::Nowhere) => found,
                (Reach::Malformed, _) | (_, Reach::Malformed) => Reach::Malformed,
                // In two places, or in two pieces.
                _ => Reach::Partly,
            };
        }
        found
    }
}

/// True when the node itself has no `status`, or `ok` or `okay`.
#[must_use]
pub fn is_on(node: &FdtNode<'_>) -> bool {
    node.property("status").is_none_or(|status| matches!(status.value(), b"ok\0" | b"okay\0"))
}

impl fmt::Display for Node<'_, '_> {
    /// Its path; nothing for the root. The parser lets no name pass that cannot be printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else { return Ok(()) };
        write!(f, "{parent}/{}", self.fdt.name())
    }
}
