//! Address spaces: the page tables of the user half.
//!
//! A last-level table is a pair of frames: the table, and beside it one word for each entry that
//! names the mapping the entry belongs to. So a leaf and its reason are found in the same walk,
//! in constant time, however many mappings there are. Tables are charged to the process and
//! freed when their last entry goes.

use nexus_abi::Error;

use crate::addr::{Frame, Page, PageRange};
use crate::frames::FrameUse;
use crate::kernel::Kernel;
use crate::mapping::Mapping;
use crate::platform::{Asid, Platform};
use crate::pool::Id;
use crate::process::Process;
use crate::pte::{Leaf, Pte};

/// Up to this many pages are fenced one by one; more fence the whole space.
const FENCE_EACH: u32 = 8;

/// Frames of a last-level table with its record.
const PAIR: u32 = 2;

impl<P: Platform> Kernel<'_, P> {
    /// A root table with the kernel half filled in, charged to nobody yet.
    pub(crate) fn new_root(&mut self) -> Result<Frame, Error> {
        let root = self.frames.alloc(1, FrameUse::Table)?;
        self.platform.zero(root);
        for index in 256..512 {
            let entry = self.platform.kernel_entry(index);
            self.platform.write(root, index, entry);
        }
        Ok(root)
    }

    /// The last-level table that holds `page`, if there is one.
    #[inline]
    fn leaf_table(&self, root: Frame, page: Page) -> Option<Frame> {
        let middle = self.entry(root, page.table_index(2)).next_table()?;
        self.entry(middle, page.table_index(1)).next_table()
    }

    #[inline]
    fn entry(&self, table: Frame, index: usize) -> Pte {
        Pte::from_word(self.platform.read(table, index))
    }

    /// Refuses a range that holds a mapping.
    pub(crate) fn check_vacant(&self, root: Frame, pages: PageRange) -> Result<(), Error> {
        let mut step = 0;
        while step < pages.count {
            let page = pages.first.plus(step);
            match self.leaf_table(root, page) {
                Some(table) if self.entry(table, page.table_index(0)).is_valid() => {
                    return Err(Error::Exists);
                }
                Some(_) => step = step.wrapping_add(1),
                None => step = step.wrapping_add(left_in_table(page)),
            }
        }
        Ok(())
    }

    /// Makes sure that every page of the range has a last-level table. On an error, the tables
    /// made for it are gone again.
    pub(crate) fn make_tables(
        &mut self,
        process: Id<Process>,
        root: Frame,
        pages: PageRange,
    ) -> Result<(), Error> {
        let mut step = 0;
        while step < pages.count {
            let page = pages.first.plus(step);
            if let Err(error) = self.make_table(process, root, page) {
                if !cfg!(broken = "map-rollback") {
                    self.free_empty_tables(process, root, pages)?;
                }
                return Err(error);
            }
            step = step.wrapping_add(left_in_table(page));
        }
        Ok(())
    }

    fn make_table(&mut self, process: Id<Process>, root: Frame, page: Page) -> Result<(), Error> {
        let middle = match self.entry(root, page.table_index(2)).next_table() {
            Some(middle) => middle,
            None => self.add_table(process, root, page.table_index(2), 1)?,
        };
        if self.entry(middle, page.table_index(1)).next_table().is_none() {
            self.add_table(process, middle, page.table_index(1), PAIR)?;
        }
        Ok(())
    }

    fn add_table(
        &mut self,
        process: Id<Process>,
        parent: Frame,
        index: usize,
        frames: u32,
    ) -> Result<Frame, Error> {
        self.processes.get_mut(process)?.frames.charge(frames)?;
        let table = match self.frames.alloc(frames, FrameUse::Table) {
            Ok(table) => table,
            Err(error) => {
                self.refund_frames(process, frames);
                return Err(error);
            }
        };
        for step in 0..frames {
            self.platform.zero(table.plus(u64::from(step)));
        }
        self.platform.write(parent, index, Pte::table(table).word());
        self.frames.count_entries(parent, 1);
        if !cfg!(broken = "table-fence") {
            // The fence of a page orders its leaf only, not the tables above it.
            let asid = self.processes.get(process)?.asid;
            self.platform.fence_space(asid);
        }
        Ok(table)
    }

    /// Frees the tables over a range that hold no entry.
    fn free_empty_tables(
        &mut self,
        process: Id<Process>,
        root: Frame,
        pages: PageRange,
    ) -> Result<(), Error> {
        let asid = self.processes.get(process)?.asid;
        let mut step = 0;
        while step < pages.count {
            let page = pages.first.plus(step);
            if let Some(middle) = self.entry(root, page.table_index(2)).next_table() {
                if let Some(table) = self.entry(middle, page.table_index(1)).next_table()
                    && self.frames.count_entries(table, 0) == 0
                {
                    self.free_table(process, middle, page.table_index(1), table, PAIR);
                }
                if self.frames.count_entries(middle, 0) == 0 {
                    self.free_table(process, root, page.table_index(2), middle, 1);
                }
            }
            step = step.wrapping_add(left_in_table(page));
        }
        self.platform.fence_space(asid);
        Ok(())
    }

    fn free_table(
        &mut self,
        process: Id<Process>,
        parent: Frame,
        index: usize,
        table: Frame,
        frames: u32,
    ) {
        self.platform.write(parent, index, Pte::INVALID.word());
        self.frames.count_entries(parent, -1);
        self.frames.release(table, frames);
        self.refund_frames(process, frames);
    }

    /// Writes the leaves of a mapping, over tables that exist and pages that hold none.
    pub(crate) fn write_leaves(
        &mut self,
        root: Frame,
        asid: Asid,
        mapping: Id<Mapping>,
        pages: PageRange,
        base: Frame,
        leaf: Leaf,
    ) -> Result<(), Error> {
        let reason = u64::from(mapping.slot());
        for step in 0..pages.count {
            let page = pages.first.plus(step);
            let table = self.leaf_table(root, page).ok_or(Error::BadAddress)?;
            let index = page.table_index(0);
            let pte = Pte::leaf(base.plus(u64::from(step)), leaf);
            self.platform.write(table, index, pte.word());
            self.platform.write(table.plus(1), index, reason);
            self.frames.count_entries(table, 1);
        }
        self.fence(asid, pages);
        Ok(())
    }

    /// Gives the leaves of a mapping another protection.
    pub(crate) fn rewrite_leaves(
        &mut self,
        root: Frame,
        asid: Asid,
        pages: PageRange,
        leaf: Leaf,
    ) -> Result<(), Error> {
        for step in 0..pages.count {
            let page = pages.first.plus(step);
            let table = self.leaf_table(root, page).ok_or(Error::BadAddress)?;
            let index = page.table_index(0);
            if let Some((frame, _)) = self.entry(table, index).as_leaf() {
                self.platform.write(table, index, Pte::leaf(frame, leaf).word());
            }
        }
        self.fence(asid, pages);
        Ok(())
    }

    /// Clears the leaves of a mapping, and frees tables that hold none any more.
    pub(crate) fn clear_leaves(
        &mut self,
        process: Id<Process>,
        root: Frame,
        pages: PageRange,
    ) -> Result<(), Error> {
        let asid = self.processes.get(process)?.asid;
        let mut emptied = false;
        for step in 0..pages.count {
            let page = pages.first.plus(step);
            let Some(table) = self.leaf_table(root, page) else { continue };
            let index = page.table_index(0);
            self.platform.write(table, index, Pte::INVALID.word());
            self.platform.write(table.plus(1), index, 0);
            emptied |= self.frames.count_entries(table, -1) == 0;
        }
        self.fence(asid, pages);
        if emptied {
            self.free_empty_tables(process, root, pages)?;
        }
        Ok(())
    }

    fn fence(&mut self, asid: Asid, pages: PageRange) {
        if cfg!(broken = "unmap-fence") {
            return;
        }
        if pages.count > FENCE_EACH {
            self.platform.fence_space(asid);
            return;
        }
        for step in 0..pages.count {
            self.platform.fence_page(asid, pages.first.plus(step));
        }
    }

    /// The mapping that `page` belongs to.
    pub(crate) fn mapping_at(&self, root: Frame, page: Page) -> Option<Id<Mapping>> {
        let table = self.leaf_table(root, page)?;
        let reason = self.platform.read(table.plus(1), page.table_index(0));
        Id::from_slot(reason).ok()
    }
}

/// Pages from `page` to the end of its last-level table.
fn left_in_table(page: Page) -> u32 {
    512u32.wrapping_sub(page.number() & 511)
}
