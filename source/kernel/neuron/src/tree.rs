//! What the kernel takes from the device tree: memory, its own devices, the timer, the initrd.
//!
//! It knows the classes of devices that are the kernel's on every RISC-V machine (interrupt
//! controllers, timers, IOMMUs) and no other device. All else on the board is one of the
//! [root windows](Board::windows), of which the kernel knows the addresses and nothing more.

use core::fmt;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node, Property, ToCellInt};

use crate::layout::PHYS_END;
use crate::range::{Full, Range, RangeSet};

/// Deepest nesting of nodes that is followed.
const MAX_DEPTH: u32 = 16;

/// Timers and IOMMUs, which are the kernel's. Interrupt controllers are told by their property.
const KERNEL_DEVICES: [&str; 6] = [
    "riscv,clint0",
    "sifive,clint0",
    "riscv,aclint-mtimer",
    "riscv,aclint-mswi",
    "riscv,aclint-sswi",
    "riscv,iommu",
];

/// Why a device tree cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// Not a flattened device tree, or damaged.
    Damaged,
    /// A node or property that must be there is not, or cannot be read.
    Missing(&'static str),
    /// Nodes are nested too deeply.
    TooDeep,
    /// More separate address ranges than there is room for.
    TooMany,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Damaged => f.write_str("the device tree is damaged"),
            TreeError::Missing(what) => write!(f, "the device tree has no usable {what}"),
            TreeError::TooDeep => f.write_str("the device tree is nested too deeply"),
            TreeError::TooMany => f.write_str("the device tree has too many address ranges"),
        }
    }
}

impl From<Full> for TreeError {
    fn from(_: Full) -> TreeError {
        TreeError::TooMany
    }
}

/// What the kernel needs to know of the board.
#[derive(Clone, Debug)]
pub struct Board {
    /// All of RAM, whole pages.
    pub ram: RangeSet,
    /// Memory of the firmware, and what else the tree reserves, whole pages.
    pub reserved: RangeSet,
    /// Registers of the kernel's own devices, whole pages.
    pub devices: RangeSet,
    /// The boot archive, which the boot loader put in RAM.
    pub initrd: Range,
    /// Ticks of the `time` CSR in a second.
    pub timebase_hz: u64,
    /// The hart has `stimecmp`.
    pub sstc: bool,
}

impl Board {
    /// Reads a flattened device tree.
    ///
    /// # Errors
    /// See [`TreeError`].
    pub fn read(data: &[u8]) -> Result<Board, TreeError> {
        let tree = Fdt::new(data).map_err(|_| TreeError::Damaged)?;
        let mut board = Board {
            ram: RangeSet::default(),
            reserved: RangeSet::default(),
            devices: RangeSet::default(),
            initrd: initrd(tree)?,
            timebase_hz: timebase(tree)?,
            sstc: has_sstc(tree)?,
        };
        board.read_memory(tree)?;
        board.read_devices(tree.root(), &Bus::Root, 0)?;
        if board.ram.is_empty() {
            return Err(TreeError::Missing("memory node"));
        }
        Ok(board)
    }

    /// What user space may be given: all physical addresses, without RAM, firmware memory and
    /// the kernel's devices.
    ///
    /// # Errors
    /// [`TreeError::TooMany`].
    pub fn windows(&self) -> Result<RangeSet, TreeError> {
        let mut windows = RangeSet::default();
        windows.insert(Range { start: 0, end: PHYS_END })?;
        for taken in self.ram.iter().chain(self.reserved.iter()).chain(self.devices.iter()) {
            windows.remove(taken)?;
        }
        Ok(windows)
    }

    fn read_memory(&mut self, tree: Fdt<'_>) -> Result<(), TreeError> {
        for node in tree.root().children() {
            let device_type = node.property("device_type");
            if device_type.is_some_and(|kind| kind.value() == b"memory\0") {
                for range in regs(&node, "memory reg")? {
                    self.ram.insert(range?.pages_outward())?;
                }
            }
        }
        for memory in tree.reserved_memory().into_iter().flatten() {
            for range in regs(&memory, "reserved-memory reg")? {
                self.reserved.insert(range?.pages_outward())?;
            }
        }
        for entry in tree.memory_reservations() {
            let range = Range::from_len(entry.address(), entry.size());
            self.reserved.insert(range.ok_or(TreeError::Damaged)?.pages_outward())?;
        }
        Ok(())
    }

    fn read_devices(
        &mut self,
        node: FdtNode<'_>,
        bus: &Bus<'_>,
        depth: u32,
    ) -> Result<(), TreeError> {
        if depth > MAX_DEPTH {
            return Err(TreeError::TooDeep);
        }
        for child in node.children() {
            if is_kernel_device(&child) {
                for range in regs(&child, "reg of a kernel device")? {
                    if let Some(range) = bus.to_physical(range?)? {
                        self.devices.insert(range.pages_outward())?;
                    }
                }
            }
            self.read_devices(child, &Bus::Below { node: child, parent: bus }, depth + 1)?;
        }
        Ok(())
    }
}

/// The way from a bus to the physical address space.
enum Bus<'a> {
    Root,
    Below { node: FdtNode<'a>, parent: &'a Bus<'a> },
}

impl Bus<'_> {
    /// The physical range of `range` on this bus; `None` when the bus has no way there.
    fn to_physical(&self, range: Range) -> Result<Option<Range>, TreeError> {
        let Bus::Below { node, parent } = self else { return Ok(Some(range)) };
        let Some(ranges) = node.ranges().map_err(|_| TreeError::Missing("ranges of a bus"))? else {
            return Ok(None);
        };
        let mut identity = true;
        for entry in ranges {
            identity = false;
            let (Ok(child), Ok(up), Ok(len)) = (
                entry.child_bus_address::<u64>(),
                entry.parent_bus_address::<u64>(),
                entry.length(),
            ) else {
                continue;
            };
            let whole = Range::from_len(child, len).ok_or(TreeError::Missing("ranges of a bus"))?;
            if whole.contains(range) {
                let start = up.checked_add(range.start - child);
                let moved = start.and_then(|start| Range::from_len(start, range.len()));
                return parent.to_physical(moved.ok_or(TreeError::Missing("ranges of a bus"))?);
            }
        }
        if identity { parent.to_physical(range) } else { Ok(None) }
    }
}

fn is_kernel_device(node: &FdtNode<'_>) -> bool {
    node.property("interrupt-controller").is_some()
        || KERNEL_DEVICES.iter().any(|class| node.is_compatible(class))
}

/// The ranges in `reg` of a node; none when it has no `reg`.
fn regs<'a>(
    node: &FdtNode<'a>,
    what: &'static str,
) -> Result<impl Iterator<Item = Result<Range, TreeError>> + 'a, TreeError> {
    let regs = node.reg().map_err(|_| TreeError::Missing(what))?;
    Ok(regs.into_iter().flatten().map(move |reg| {
        let (address, size) = (reg.address::<u64>(), reg.size::<u64>());
        let range = address.ok().zip(size.ok()).and_then(|(at, len)| Range::from_len(at, len));
        range.ok_or(TreeError::Missing(what))
    }))
}

fn initrd(tree: Fdt<'_>) -> Result<Range, TreeError> {
    let chosen = tree.find_node("/chosen").ok_or(TreeError::Missing("chosen node"))?;
    let range = Range {
        start: integer(&chosen, "linux,initrd-start")?,
        end: integer(&chosen, "linux,initrd-end")?,
    };
    if range.is_empty() { Err(TreeError::Missing("initrd in chosen")) } else { Ok(range) }
}

fn timebase(tree: Fdt<'_>) -> Result<u64, TreeError> {
    let cpus = tree.find_node("/cpus").ok_or(TreeError::Missing("cpus node"))?;
    match integer(&cpus, "timebase-frequency")? {
        0 => Err(TreeError::Missing("timebase-frequency")),
        hz => Ok(hz),
    }
}

/// True when every hart that is in use has Sstc.
fn has_sstc(tree: Fdt<'_>) -> Result<bool, TreeError> {
    let cpus = tree.cpus().map_err(|_| TreeError::Missing("cpus node"))?;
    let mut found = false;
    for cpu in cpus.cpus().filter(|cpu| matches!(cpu.status(), Ok(Status::Okay))) {
        let isa = cpu.property("riscv,isa").ok_or(TreeError::Missing("riscv,isa"))?;
        let isa: &str = isa.value_as().map_err(|_| TreeError::Missing("riscv,isa"))?;
        if !isa.split('_').any(|extension| extension == "sstc") {
            return Ok(false);
        }
        found = true;
    }
    if found { Ok(true) } else { Err(TreeError::Missing("cpu node")) }
}

/// A property of one or two cells.
fn integer(node: &FdtNode<'_>, name: &'static str) -> Result<u64, TreeError> {
    let property = node.property(name).ok_or(TreeError::Missing(name))?;
    let cells = property.value_as::<dtoolkit::Cells<'_>>().map_err(|_| TreeError::Missing(name))?;
    if cells.as_ref().is_empty() {
        return Err(TreeError::Missing(name));
    }
    cells.to_int().map_err(|_| TreeError::Missing(name))
}

#[cfg(test)]
mod tests;
