//! The interrupt controller of the board: which it is, as the device tree says, and where its registers
//! are (RISC-V PLIC specification 1.0.0, section 3).

use dtoolkit::fdt::FdtNode;
use dtoolkit::{Node as _, Property as _};
use nexus_devicetree::{Node, Reach};

use crate::layout::{DIRECT_END, PAGE};
use crate::range::{Range, RangeSet};
use crate::tree::integer;

/// Most lines of a controller, and most contexts.
const MAX_LINES: u64 = 1023;
const MAX_CONTEXTS: u64 = 15_872;

/// An external interrupt for supervisor mode, as a hart's own controller numbers it.
const SUPERVISOR_EXTERNAL: u64 = 9;

/// A controller, and the context in which the kernel's hart takes its interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controller {
    base: u64,
    /// Lines are numbered from 1 to this, at most 1,023.
    pub lines: u32,
    context: u64,
}

impl Controller {
    /// The controller of a node, for the hart of `cpu`; `None` when something about it is in doubt, or
    /// its registers are beside the direct map or touch `memory`.
    pub fn of(node: &Node<'_, '_>, cpu: &FdtNode<'_>, memory: &RangeSet) -> Option<Controller> {
        let (mut registers, mut count) = (Range::default(), 0);
        let reach = node.registers(&mut |range| (registers, count) = (range.into(), count + 1));
        let usable = node.on() && reach == Reach::Whole && count == 1;
        let fits = registers.end <= DIRECT_END && registers.start.is_multiple_of(PAGE);
        if !usable || !fits || memory.touches(registers) {
            return None;
        }
        let lines = integer(&node.fdt(), "riscv,ndev").ok()?;
        let context = context(&node.fdt(), cpu)?;
        let controller =
            Controller { base: registers.start, lines: u32::try_from(lines).ok()?, context };
        let valid = (1..=MAX_LINES).contains(&lines) && context < MAX_CONTEXTS;
        let whole = controller
            .pages()
            .into_iter()
            .all(|page| Range::from_len(page, PAGE).is_some_and(|page| registers.contains(page)));
        (valid && whole).then_some(controller)
    }

    /// The pages of the registers that the kernel uses: priorities, enables, and its own context.
    pub fn pages(&self) -> [u64; 3] {
        [self.priority(0), self.enables(0), self.threshold()].map(|at| at & !(PAGE - 1))
    }

    /// Where the priority of a line is; 0 keeps it from interrupting.
    pub fn priority(&self, line: u32) -> u64 {
        self.base + 4 * u64::from(line)
    }

    /// Where the word is with the enable of a line: the bit is the number of the line modulo 32.
    pub fn enables(&self, line: u32) -> u64 {
        self.base + 0x2000 + 0x80 * self.context + 4 * u64::from(line / 32)
    }

    /// Where the priority is that a line must be above.
    pub fn threshold(&self) -> u64 {
        self.base + 0x20_0000 + 0x1000 * self.context
    }

    /// Where an interrupt is claimed, by reading, and completed, by writing its number.
    pub fn claim(&self) -> u64 {
        self.threshold() + 4
    }
}

/// The context of a controller that leads to the hart of `cpu` in supervisor mode. Each entry of
/// `interrupts-extended` is one, and names the controller of a hart, and an interrupt there.
fn context(node: &FdtNode<'_>, cpu: &FdtNode<'_>) -> Option<u64> {
    let local = cpu.children().find(|node| node.property("interrupt-controller").is_some())?;
    let hart = u32::try_from(integer(&local, "phandle").ok()?).ok()?;
    let contexts = node.property("interrupts-extended")?;
    let (entries, []) = contexts.value().as_chunks::<8>() else { return None };
    let leads = |entry: &[u8; 8]| {
        let cells = u64::from_be_bytes(*entry);
        cells == u64::from(hart) << 32 | SUPERVISOR_EXTERNAL
    };
    let mut found = (0..).zip(entries).filter(|(_, entry)| leads(entry));
    match (found.next(), found.next()) {
        (Some((context, _)), None) => Some(context),
        _ => None,
    }
}
