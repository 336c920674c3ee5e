//! Which interrupt line of a controller a node has.

use dtoolkit::fdt::FdtNode;
use dtoolkit::{Node as _, Property as _};

use crate::node::Node;

/// Bytes of a cell.
const CELL: usize = 4;

/// How the lines of a controller are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specifier {
    /// Cells of an address below it, which stand before the line in an `interrupt-map`.
    pub address: usize,
    /// Cells of the line.
    pub line: usize,
}

/// A controller, and what is known of all of them.
#[derive(Clone, Copy)]
pub struct Controller<'k> {
    /// Its handle. Its lines are named by one cell.
    pub handle: u32,
    /// How lines are named of the controller with a handle.
    pub known: &'k dyn Fn(u32) -> Option<Specifier>,
}

impl Node<'_, '_> {
    /// The handle that other nodes name it by.
    #[must_use]
    pub fn handle(&self) -> Option<u32> {
        cell(&self.fdt(), "phandle")
    }

    /// How its lines are named, if it is a controller, or leads to one.
    #[must_use]
    pub fn specifier(&self) -> Option<Specifier> {
        let fdt = self.fdt();
        let line = usize::try_from(cell(&fdt, "#interrupt-cells")?).ok()?;
        let address = match fdt.property("#address-cells") {
            Some(_) => usize::try_from(cell(&fdt, "#address-cells")?).ok()?,
            None => 0,
        };
        Some(Specifier { address, line })
    }

    /// The line of `controller` that this node has, if it says so of one line and of nothing else.
    /// Tells `each` every line that it may mean, also where it is in doubt which is its own, and
    /// those of an `interrupt-map`.
    pub fn line(&self, controller: Controller<'_>, each: &mut dyn FnMut(u32)) -> Option<u32> {
        let fdt = self.fdt();
        if let Some(map) = fdt.property("interrupt-map") {
            let specifier = self.specifier();
            let before = specifier.and_then(|own| own.address.checked_add(own.line));
            lines(map.value(), before, true, controller, each);
        }
        let own = fdt.property("interrupts");
        let extended = fdt.property("interrupts-extended");
        let here = self.interrupt_parent() == Some(controller.handle);
        if let Some(own) = own.as_ref().filter(|_| here) {
            cells(own.value()).for_each(&mut *each);
        }
        if let Some(extended) = &extended {
            lines(extended.value(), Some(0), false, controller, each);
        }
        match (own, extended) {
            (Some(own), None) => only(own.value()).filter(|_| here).map(|[line]| line),
            (None, Some(extended)) => {
                let [handle, line] = only(extended.value())?;
                (handle == controller.handle).then_some(line)
            }
            _ => None,
        }
    }

    /// The handle of the controller that `interrupts` are lines of: what this node says, or the first
    /// above it that says so or is a controller itself.
    fn interrupt_parent(&self) -> Option<u32> {
        if self.fdt().property("interrupt-parent").is_some() {
            return cell(&self.fdt(), "interrupt-parent");
        }
        let above = self.parent()?;
        match above.fdt().property("#interrupt-cells") {
            Some(_) => above.handle(),
            None => above.interrupt_parent(),
        }
    }
}

/// Tells `each` the lines of `controller` in a list of: `before` cells, a handle, its address if it
/// is `mapped`, its line. Where the list cannot be read on, every cell that is left may be one.
fn lines(
    value: &[u8],
    before: Option<usize>,
    mapped: bool,
    controller: Controller<'_>,
    each: &mut dyn FnMut(u32),
) {
    let (mut left, _) = value.as_chunks::<CELL>();
    let entry = |left: &[[u8; CELL]]| {
        let handle = *left.get(before?)?;
        let known = (controller.known)(u32::from_be_bytes(handle))?;
        let address = if mapped { known.address } else { 0 };
        let line = before?.checked_add(1)?.checked_add(address)?;
        let end = line.checked_add(known.line)?;
        let own = u32::from_be_bytes(handle) == controller.handle;
        left.get(line..end).map(|_| (own, line, end))
    };
    while !left.is_empty() {
        let Some((own, line, end)) = entry(left) else {
            return left.iter().for_each(|cell| each(u32::from_be_bytes(*cell)));
        };
        let named = left.get(line..end).unwrap_or_default();
        named.iter().filter(|_| own).for_each(|cell| each(u32::from_be_bytes(*cell)));
        left = left.get(end..).unwrap_or_default();
    }
}

/// The whole cells of a property.
fn cells(value: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let (whole, _) = value.as_chunks::<CELL>();
    whole.iter().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The cells of a property that has exactly so many.
fn only<const N: usize>(value: &[u8]) -> Option<[u32; N]> {
    let (whole, rest) = value.as_chunks::<CELL>();
    let whole: &[[u8; CELL]; N] = whole.try_into().ok()?;
    rest.is_empty().then(|| whole.map(u32::from_be_bytes))
}

/// A property of one cell.
fn cell(node: &FdtNode<'_>, name: &str) -> Option<u32> {
    only(node.property(name)?.value()).map(|[cell]| cell)
}
