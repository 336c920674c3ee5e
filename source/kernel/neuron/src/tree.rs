//! What the kernel takes from the device tree: memory, its own devices, the timer, the initrd, and the
//! [root windows](Board::windows).
//!
//! It knows the classes of devices that are the kernel's on every RISC-V machine (interrupt
//! controllers, timers, IOMMUs) and no other device: of all else it takes the addresses and nothing
//! more. A node in doubt is told, and what it covers is in no window; the machine goes on.

use core::fmt;

use dtoolkit::fdt::FdtNode;
use dtoolkit::standard::Reg;
use dtoolkit::{Node as _, Property, ToCellInt};
use nexus_devicetree::{Node, Reach, Tree};
use thiserror::Error;

use crate::layout::{DIRECT_END, MAX_BANKS, PHYS_END};
use crate::plic::Controller;
use crate::range::{Range, RangeSet};

/// The interrupt controller that the kernel can use.
const PLIC: [&str; 2] = ["riscv,plic0", "sifive,plic-1.0.0"];

/// Timers and IOMMUs, which are the kernel's as all interrupt controllers are. Those are told by their
/// property as well.
const KERNEL_DEVICES: [&str; 8] = [
    "riscv,clint0",
    "sifive,clint0",
    "thead,c900-clint",
    "riscv,aclint-mtimer",
    "riscv,aclint-mswi",
    "riscv,aclint-sswi",
    "riscv,iommu",
    "riscv,pci-iommu",
];

/// What the extension `sstc` is called, in either property.
const SSTC: &[u8] = b"sstc";

/// Why a device tree cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError {
    /// It cannot be read.
    #[error(transparent)]
    Tree(#[from] nexus_devicetree::TreeError),
    /// A node or property that must be there is not, or cannot be read.
    #[error("the device tree has no usable {0}")]
    Missing(&'static str),
}

type Result<T = (), E = TreeError> = core::result::Result<T, E>;

/// What is told of a node that is not used.
pub type Tell<'a> = &'a mut dyn FnMut(fmt::Arguments<'_>);

/// What the kernel needs to know of the board. All ranges are whole pages, but for the initrd.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// The banks of RAM that are in use.
    pub banks: RangeSet,
    /// RAM that can be handed out: the banks, without what is reserved.
    pub ram: RangeSet,
    /// What no window may touch: RAM in use or not, what is reserved, the kernel's own devices.
    pub kept: RangeSet,
    /// What user space may be given: the registers of nodes that are on and whose registers are
    /// known, apart from what is kept and from those of all other nodes.
    pub windows: RangeSet,
    /// The boot archive, which the boot loader put in memory.
    pub initrd: Range,
    /// Ticks of the `time` CSR in a second.
    pub timebase_hz: u64,
    /// The hart has `stimecmp`, as its node says.
    pub sstc: bool,
    /// The interrupt controller, when there is one, and one only, and nothing about it is in doubt.
    pub plic: Option<Controller>,
}

impl Board {
    /// Reads a flattened device tree, on the hart with this number.
    ///
    /// # Errors
    /// See [`TreeError`].
    pub fn read(data: &[u8], hart: u64, tell: Tell<'_>) -> Result<Board> {
        let tree = Tree::parse(data)?;
        let root = tree.fdt();
        let cpus = root.find_node("/cpus").ok_or(TreeError::Missing("cpus node"))?;
        let cpu = cpus.children().find(|cpu| is_cpu(cpu, hart));
        let board = Board {
            initrd: initrd(root.find_node("/chosen"))?,
            timebase_hz: timebase(&cpus, cpu.as_ref())?,
            sstc: has_sstc(cpu.as_ref(), hart, tell),
            ..Board::default()
        };
        let mut reader = Reader { board, ..Reader::default() };
        reader.read_memory(tree, tell)?;
        reader.read_windows(tree, tell)?;
        reader.read_plic(tree, cpu.as_ref(), tell)?;
        Ok(reader.board)
    }
}

/// A board that is being read.
#[derive(Default)]
struct Reader {
    board: Board,
    /// Memory, in use or not.
    memory: RangeSet,
    /// Memory that is not in use.
    off: RangeSet,
    /// What is covered by nodes that are off, or in doubt.
    shut: RangeSet,
}

impl Reader {
    /// Everything that no window may touch.
    fn read_memory(&mut self, tree: Tree<'_>, tell: Tell<'_>) -> Result {
        let mut reserved = RangeSet::default();
        tree.reservations().for_each(|range| reserved.cover(Range::from(range).pages_outward()));
        let mut readable = true;
        tree.walk(&mut |node| match Kind::of(node) {
            Kind::Reserved => readable &= reserve(node, &mut reserved),
            Kind::Memory => self.bank(node, tell),
            Kind::KernelDevice | Kind::Other => {}
        })?;
        if !readable {
            return Err(TreeError::Missing("reg of what it reserves"));
        }
        reserved.iter().for_each(|range| self.board.kept.cover(range));
        self.memory = self.board.kept.clone();
        self.board.ram = self.board.banks.clone();
        for taken in self.off.iter().chain(reserved.iter()) {
            self.board.ram.cut(taken);
        }
        if self.board.ram.is_empty() {
            return Err(TreeError::Missing("memory node"));
        }
        Ok(())
    }

    /// A bank of memory, which is used when it is on, all of it known, and not too high.
    fn bank(&mut self, node: &Node<'_, '_>, tell: Tell<'_>) {
        let (mut pages, mut inside) = (RangeSet::default(), RangeSet::default());
        let reach = node.registers(&mut |range| {
            pages.cover(Range::from(range).pages_outward());
            inside.cover(Range::from(range).pages_inward());
        });
        pages.iter().for_each(|range| self.board.kept.cover(range));
        let usable = node.on() && node.depth() == 1 && reach == Reach::Whole;
        if !usable {
            tell(format_args!("{node}: memory that is not used: {}", doubt(node, reach)));
            pages.iter().for_each(|range| self.off.cover(range));
            return;
        }
        for range in inside.iter() {
            let low = Range { end: range.end.min(DIRECT_END), ..range };
            if low != range {
                tell(format_args!("{node}: memory from {DIRECT_END:#x} is not used: too high"));
            }
            let mut banks = self.board.banks.clone();
            if banks.insert(low).is_ok() && banks.iter().count() <= MAX_BANKS {
                self.board.banks = banks;
            } else {
                tell(format_args!("{node}: memory at {range} is not used: too many banks"));
            }
        }
    }

    /// What nodes name and the kernel does not keep.
    fn read_windows(&mut self, tree: Tree<'_>, tell: Tell<'_>) -> Result {
        tree.walk(&mut |node| {
            if Kind::of(node) == Kind::KernelDevice {
                let (pages, reach) = pages_of(node);
                pages.iter().for_each(|range| self.board.kept.cover(range));
                pages.iter().for_each(|range| self.shut.cover(range));
                if is_doubtful(reach) {
                    tell(format_args!("{node}: of the kernel, {}", doubt(node, reach)));
                }
            }
        })?;
        tree.walk(&mut |node| {
            if Kind::of(node) == Kind::Other {
                self.device(node, tell);
            }
        })?;
        let Board { windows, kept, initrd, .. } = &mut self.board;
        // A boot loader may have taken its memory out of the banks; it is not read from a device.
        let device = self.shut.touches(*initrd) || windows.touches(*initrd);
        if !self.memory.contains(*initrd) && device {
            return Err(TreeError::Missing("memory where its initrd is"));
        }
        kept.cover(initrd.pages_outward());
        kept.iter().chain(self.shut.iter()).for_each(|taken| windows.cut(taken));
        Ok(())
    }

    /// The interrupt controller. Without one the machine boots, and has no interrupt lines.
    fn read_plic(&mut self, tree: Tree<'_>, cpu: Option<&FdtNode<'_>>, tell: Tell<'_>) -> Result {
        let (mut plic, mut count) = (None, 0);
        tree.walk(&mut |node| {
            if PLIC.iter().any(|class| node.is(class)) {
                plic = cpu.and_then(|cpu| Controller::of(node, cpu, &self.memory));
                count += 1;
            }
        })?;
        self.board.plic = plic.filter(|_| count == 1);
        if count > 0 && self.board.plic.is_none() {
            tell(format_args!("no interrupt lines: of {count} controllers, none beyond doubt"));
        }
        Ok(())
    }

    /// A node that may have a window.
    fn device(&mut self, node: &Node<'_, '_>, tell: Tell<'_>) {
        let (pages, reach) = pages_of(node);
        let kept = pages.iter().any(|range| self.board.kept.touches(range));
        if node.on() && reach == Reach::Whole && !kept {
            for range in pages.iter() {
                let reachable = range.end <= PHYS_END;
                if !reachable || self.board.windows.insert(range).is_err() {
                    tell(format_args!("{node}: not usable: {range} is out of reach"));
                }
            }
            return;
        }
        pages.iter().for_each(|range| self.shut.cover(range));
        if kept {
            tell(format_args!("{node}: not usable: it overlaps what the kernel keeps"));
        } else if is_doubtful(reach) {
            tell(format_args!("{node}: not usable: {}", doubt(node, reach)));
        }
    }
}

/// What a node is to the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Reserved,
    KernelDevice,
    Other,
}

impl Kind {
    fn of(node: &Node<'_, '_>) -> Kind {
        if node.is_in("reserved-memory") {
            Kind::Reserved
        } else if node.is_memory() {
            Kind::Memory
        } else if node.fdt().property("interrupt-controller").is_some()
            || PLIC.iter().chain(&KERNEL_DEVICES).any(|class| node.is(class))
        {
            Kind::KernelDevice
        } else {
            Kind::Other
        }
    }
}

/// The pages of its registers, and how much of them that is.
fn pages_of(node: &Node<'_, '_>) -> (RangeSet, Reach) {
    let mut pages = RangeSet::default();
    let reach = node.registers(&mut |range| pages.cover(Range::from(range).pages_outward()));
    (pages, reach)
}

fn is_doubtful(reach: Reach) -> bool {
    matches!(reach, Reach::Partly | Reach::Malformed)
}

/// Why a node is not used.
fn doubt(node: &Node<'_, '_>, reach: Reach) -> &'static str {
    match reach {
        Reach::Malformed => "its reg, or a ranges above it, is malformed",
        Reach::Partly => "the buses above it reach it in part, or in pieces",
        Reach::Nowhere => "it says no place that can be reached",
        Reach::Whole if !node.on() => "its status",
        Reach::Whole => "it is not a child of the root",
    }
}

/// Adds the pages of a reservation, whatever its status says: its addresses are physical. False when
/// they cannot be read, so that nobody knows what is reserved.
fn reserve(node: &Node<'_, '_>, reserved: &mut RangeSet) -> bool {
    let Ok(regs) = node.fdt().reg() else { return false };
    let mut cover = |reg: Reg<'_>| {
        let (Ok(base), Ok(len)) = (reg.address::<u64>(), reg.size::<u64>()) else { return false };
        let range = nexus_devicetree::Range::up_to_the_end(base, len);
        range.into_iter().for_each(|range| reserved.cover(Range::from(range).pages_outward()));
        true
    };
    // Each, not only up to the first that cannot be read.
    regs.into_iter().flatten().map(&mut cover).filter(|readable| !readable).count() == 0
}

fn initrd(chosen: Option<FdtNode<'_>>) -> Result<Range> {
    let chosen = chosen.ok_or(TreeError::Missing("chosen node"))?;
    let range = Range {
        start: integer(&chosen, "linux,initrd-start")?,
        end: integer(&chosen, "linux,initrd-end")?,
    };
    if range.is_empty() { Err(TreeError::Missing("initrd in chosen")) } else { Ok(range) }
}

/// True for the node of this hart.
fn is_cpu(node: &FdtNode<'_>, hart: u64) -> bool {
    let named = node.name_without_address() == "cpu";
    let cpu = node.property("device_type").map_or(named, |kind| kind.value() == b"cpu\0");
    cpu && integer(node, "reg") == Ok(hart)
}

/// Of all harts together, or of the one that asks.
fn timebase(cpus: &FdtNode<'_>, cpu: Option<&FdtNode<'_>>) -> Result<u64> {
    const NAME: &str = "timebase-frequency";
    let own = |_| cpu.map_or(Err(TreeError::Missing(NAME)), |cpu| integer(cpu, NAME));
    match integer(cpus, NAME).or_else(own)? {
        0 => Err(TreeError::Missing(NAME)),
        hz => Ok(hz),
    }
}

/// True when the node of the hart says that it has Sstc: in `riscv,isa-extensions`, or else in
/// `riscv,isa`. A hart of which the tree says nothing usable has what every hart has.
fn has_sstc(cpu: Option<&FdtNode<'_>>, hart: u64, tell: Tell<'_>) -> bool {
    let Some(cpu) = cpu.filter(|cpu| nexus_devicetree::is_on(cpu)) else {
        tell(format_args!("hart {hart}: no node that is on; no extensions are used"));
        return false;
    };
    let has = |name: &str, separator: u8| {
        cpu.property(name).map(|list| {
            let list = list.value().strip_suffix(b"\0").unwrap_or_default();
            list.split(|byte| *byte == separator).any(|one| one == SSTC)
        })
    };
    let extensions = has("riscv,isa-extensions", 0).or_else(|| has("riscv,isa", b'_'));
    if extensions.is_none() {
        tell(format_args!("hart {hart}: its node names no extensions; none is used"));
    }
    extensions.unwrap_or(false)
}

/// A property of one or two cells.
pub(crate) fn integer(node: &FdtNode<'_>, name: &'static str) -> Result<u64> {
    let property = node.property(name).ok_or(TreeError::Missing(name))?;
    let cells = property.value_as::<dtoolkit::Cells<'_>>().map_err(|_| TreeError::Missing(name))?;
    if cells.as_ref().is_empty() {
        return Err(TreeError::Missing(name));
    }
    cells.to_int().map_err(|_| TreeError::Missing(name))
}

#[cfg(test)]
mod tests;
