//! Page tables, walked from each root.

use super::rule::{Rule, Violation, ensure, present};
use super::scratch::{Role, Scratch};
use super::walk;
use crate::kernel::Kernel;
use crate::object::capability::{CapabilityKind, Named};
use crate::object::mapping::Mapping;
use crate::object::process::Process;
use crate::object::window::Window;
use crate::platform::{Asid, Platform};
use crate::store::addr::{Frame, Page};
use crate::store::pool::Id;
use crate::store::pte::{Leaf, Pte};

/// Set in an entry that user mode may use.
const USER: u64 = 1 << 4;

/// The walk of one address space.
struct Walk {
    process: Id<Process>,
    asid: Asid,
    /// Frames of tables found.
    tables: u32,
    /// Leaves found.
    leaves: u64,
    /// The leaf before: its mapping, page, and place in its object.
    last: Option<(Id<Mapping>, Page, u64)>,
}

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_spaces(&self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        for (process, record) in self.processes.iter() {
            let at = u64::from(process.slot());
            let Some(space) = &record.space else { continue };
            let mut found = Walk { process, asid: space.asid, tables: 0, leaves: 0, last: None };
            self.check_kernel_half(space.root)?;
            self.check_table(&mut found, scratch, space.root, 2, 0)?;
            ensure(found.tables == space.tables, Rule::AccountTables, at)?;
            let mut pages = 0u64;
            walk(&space.mappings, &self.mappings, |_, mapping| {
                pages = pages.wrapping_add(u64::from(mapping.pages.count));
                Ok(())
            })?;
            ensure(pages == found.leaves, Rule::LeafCount, at)?;
        }
        Ok(())
    }

    fn check_kernel_half(&self, root: Frame) -> Result<(), Violation> {
        let mut found = self.platform.next_word(root, 256);
        for index in 256..512usize {
            let entry = self.platform.kernel_entry(index);
            let word = found.filter(|(at, _)| *at == index).map_or(0, |(_, word)| word);
            if word != 0 {
                found = self.platform.next_word(root, index.wrapping_add(1));
            }
            let closed = word & 1 == 0 || word & USER == 0;
            let at = u64::try_from(index).unwrap_or(0);
            ensure(word == entry && closed, Rule::KernelHalf, at)?;
        }
        Ok(())
    }

    /// Marks a table frame, and looks at the entries of its user half.
    fn check_table(
        &self,
        found: &mut Walk,
        scratch: &mut Scratch<'_>,
        table: Frame,
        level: u8,
        first: u32,
    ) -> Result<(), Violation> {
        take(scratch, table, Role::Table { asid: found.asid, level, page: first })?;
        charge(scratch, found);
        if level == 0 {
            let record = present(self.frames.record(table).ok_or(()), Rule::FrameUse, first)?;
            take(scratch, record, Role::Record)?;
            charge(scratch, found);
        }
        let entries = if level == 2 { 256 } else { 512 };
        let span = 1u32 << (9 * u32::from(level));
        let mut valid = 0u16;
        let mut words = self.platform.next_word(table, 0);
        while let Some((index, word)) = words.filter(|(index, _)| *index < entries) {
            let page = first.wrapping_add(u32::try_from(index).unwrap_or(0).wrapping_mul(span));
            valid = valid.wrapping_add(1);
            let pte = Pte::from_word(word);
            if level == 0 {
                let record = present(self.frames.record(table).ok_or(()), Rule::FrameUse, page)?;
                let reason = self.platform.read(record, index);
                self.check_leaf(found, scratch, Page::from_number(page), pte, reason)?;
            } else {
                let next = present(pte.next_table().ok_or(()), Rule::TableEntry, page)?;
                ensure(Pte::table(next) == pte, Rule::TableEntry, page)?;
                self.check_table(found, scratch, next, level.wrapping_sub(1), page)?;
            }
            words = self.platform.next_word(table, index.wrapping_add(1));
        }
        if level == 0 {
            self.check_reasons(table, first)?;
        }
        let counted = self.frames.entries(table) == Some(valid);
        ensure(counted && (level == 2 || valid != 0), Rule::TableCount, table.number())
    }

    /// Only a leaf has a reason.
    fn check_reasons(&self, table: Frame, first: u32) -> Result<(), Violation> {
        let record = present(self.frames.record(table).ok_or(()), Rule::FrameUse, first)?;
        let mut found = self.platform.next_word(record, 0);
        while let Some((index, _)) = found {
            let page = first.wrapping_add(u32::try_from(index).unwrap_or(0));
            ensure(self.platform.read(table, index) != 0, Rule::LeafStale, page)?;
            found = self.platform.next_word(record, index.wrapping_add(1));
        }
        Ok(())
    }

    fn check_leaf(
        &self,
        found: &mut Walk,
        scratch: &mut Scratch<'_>,
        page: Page,
        pte: Pte,
        reason: u64,
    ) -> Result<(), Violation> {
        let at = page.number();
        let id: Id<Mapping> = present(Id::from_slot(reason), Rule::LeafReason, at)?;
        let mapping = present(self.mappings.get(id), Rule::LeafReason, at)?;
        let step = page.number().wrapping_sub(mapping.pages.first.number());
        let inside = step < mapping.pages.count && mapping.process == found.process;
        ensure(inside, Rule::LeafReason, at)?;
        let Some((frame, leaf)) = pte.as_leaf() else {
            return ensure(false, Rule::LeafBits, at);
        };
        let exact = Pte::leaf(frame, leaf) == pte && leaf == mapping.leaf;
        ensure(exact, Rule::LeafBits, at)?;
        ensure(pte.word() & 0xffc0_0000_0000_0320 == 0, Rule::LeafBits, at)?;
        found.leaves = found.leaves.wrapping_add(1);
        let place = self.check_target(scratch, mapping, frame, leaf, at)?;
        if step != 0 {
            let before = (id, Page::from_number(at.wrapping_sub(1)), place.wrapping_sub(1));
            ensure(found.last == Some(before), Rule::LeafFrame, at)?;
        }
        found.last = Some((id, page, place));
        Ok(())
    }

    /// The frame of a leaf lies in the object of its mapping; tells which page it is.
    fn check_target(
        &self,
        scratch: &mut Scratch<'_>,
        mapping: &Mapping,
        frame: Frame,
        leaf: Leaf,
        at: u32,
    ) -> Result<u64, Violation> {
        let kind = present(self.caps.get(mapping.cap), Rule::MappingAlive, at)?.kind;
        if let CapabilityKind::Vmo(vmo) = kind {
            let mark = scratch.mark(frame).filter(|mark| mark.role == Role::Memory);
            let mark = present(mark.ok_or(()), Rule::LeafFrame, at)?;
            ensure(mark.vmo == vmo.slot(), Rule::LeafFrame, at)?;
            mark.writable |= leaf == Leaf::ReadWrite;
            mark.executable |= leaf == Leaf::ReadExec;
            ensure(!(mark.writable && mark.executable), Rule::FrameWx, frame.number())?;
            return Ok(u64::from(mark.page));
        }
        let window = present(Window::of(kind), Rule::MappingAlive, at)?;
        let page = Window::page(frame);
        ensure(window.contains(page), Rule::LeafFrame, at)?;
        ensure(leaf != Leaf::ReadExec, Rule::LeafBits, at)?;
        ensure(scratch.mark(frame).is_none(), Rule::WindowRange, at)?;
        Ok(frame.number())
    }
}

fn take(scratch: &mut Scratch<'_>, frame: Frame, role: Role) -> Result<(), Violation> {
    let mark = scratch.mark(frame).filter(|mark| mark.role == Role::Unseen);
    let Some(mark) = mark else { return ensure(false, Rule::FrameUse, frame.number()) };
    mark.role = role;
    Ok(())
}

fn charge(scratch: &mut Scratch<'_>, found: &mut Walk) {
    found.tables = found.tables.wrapping_add(1);
    if let Some(sum) = scratch.sum(found.process.slot()) {
        sum.frames = sum.frames.wrapping_add(1);
    }
}
