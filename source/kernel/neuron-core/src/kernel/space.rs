//! Address spaces: the page tables of the user half.
//!
//! A last-level table has two frames: the table, and its record with one word for each entry that
//! names the mapping the entry belongs to. So a leaf and its reason are found in the same walk,
//! in constant time, however many mappings there are. Tables are charged to the process and
//! freed when their last entry goes.

use nexus_abi::Error;

use crate::kernel::Kernel;
use crate::object::mapping::{Backing, Mapping};
use crate::object::process::Process;
use crate::platform::{Asid, Platform};
use crate::store::addr::{Frame, Page, PageRange};
use crate::store::frames::FrameUse;
use crate::store::pool::Id;
use crate::store::pte::{Leaf, Pte};

/// Up to this many pages are fenced one by one; more fence the whole space.
pub(crate) const FENCE_EACH: u32 = 8;

/// Frames of a last-level table with its record.
const PAIR: u32 = 2;

impl<P: Platform> Kernel<'_, P> {
    /// A root table with the kernel half filled in, charged to nobody yet.
    pub(crate) fn new_root(&mut self) -> Result<Frame, Error> {
        let root = self.frames.alloc(FrameUse::Table)?;
        self.platform.zero(root);
        for index in 256..512 {
            let entry = self.platform.kernel_entry(index);
            self.platform.write(root, index, entry);
        }
        Ok(root)
    }

    /// The last-level table that holds `page`, if there is one.
    #[inline(never)]
    fn leaf_table(&self, root: Frame, page: Page) -> Option<Frame> {
        let middle = self.entry(root, page.table_index(2)).next_table()?;
        self.entry(middle, page.table_index(1)).next_table()
    }

    #[inline(always)]
    fn entry(&self, table: Frame, index: usize) -> Pte {
        Pte::from_word(self.platform.read(table, index))
    }

    #[inline(always)]
    fn is_taken(&self, table: Frame, page: Page) -> bool {
        self.entry(table, page.table_index(0)).is_valid()
    }

    /// Refuses a range that holds a mapping. Tells the last-level table, if there is one that
    /// holds the whole range.
    #[inline(always)]
    pub(crate) fn check_vacant(
        &self,
        root: Frame,
        pages: PageRange,
    ) -> Result<Option<Frame>, Error> {
        if pages.count != 1 {
            return self.check_all_vacant(root, pages);
        }
        let table = self.leaf_table(root, pages.first);
        match table {
            Some(table) if self.is_taken(table, pages.first) => Err(Error::Exists),
            _ => Ok(table),
        }
    }

    #[inline(never)]
    fn check_all_vacant(&self, root: Frame, pages: PageRange) -> Result<Option<Frame>, Error> {
        let mut whole = None;
        let mut rest = Spans::of(pages);
        while let Some(span) = rest.next() {
            let Some(table) = self.leaf_table(root, span.first) else { continue };
            for page in span.pages() {
                if self.is_taken(table, page) {
                    return Err(Error::Exists);
                }
            }
            whole = (span.count == pages.count).then_some(table);
        }
        Ok(whole)
    }

    /// Makes sure that every page of the range has a last-level table. On an error, the tables
    /// made for it are gone again.
    #[inline(never)]
    pub(crate) fn make_tables(
        &mut self,
        process: Id<Process>,
        root: Frame,
        pages: PageRange,
    ) -> Result<(), Error> {
        let mut rest = Spans::of(pages);
        while let Some(span) = rest.next() {
            if let Err(error) = self.make_table(process, root, span.first) {
                self.free_empty_tables(process, root, pages)?;
                return Err(error);
            }
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
        let table = match self.table_frames(frames) {
            Ok(table) => table,
            Err(error) => {
                self.refund_frames(process, frames);
                return Err(error);
            }
        };
        self.platform.write(parent, index, Pte::table(table).word());
        self.frames.count_entries(parent, 1);
        // The fence of a page orders its leaf only, not the tables above it.
        let asid = self.processes.get(process)?.asid;
        self.platform.fence_space(asid);
        Ok(table)
    }

    /// A cleared table, with its record if it has two frames.
    fn table_frames(&mut self, frames: u32) -> Result<Frame, Error> {
        let table = self.frames.alloc(FrameUse::Table)?;
        if frames == PAIR {
            let record = self.frames.alloc(FrameUse::Table);
            let record = record.inspect_err(|_| self.frames.release(table))?;
            self.frames.set_record(table, record);
            self.platform.zero(record);
        }
        self.platform.zero(table);
        Ok(table)
    }

    /// Frees the tables over a range that hold no entry.
    #[inline(never)]
    fn free_empty_tables(
        &mut self,
        process: Id<Process>,
        root: Frame,
        pages: PageRange,
    ) -> Result<(), Error> {
        let asid = self.processes.get(process)?.asid;
        let mut rest = Spans::of(pages);
        while let Some(Span { first: page, .. }) = rest.next() {
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
        if frames == PAIR
            && let Some(record) = self.frames.record(table)
        {
            self.frames.release(record);
        }
        self.frames.release(table);
        self.refund_frames(process, frames);
    }

    /// Writes the leaves of a mapping, over tables that exist and pages that hold none.
    #[inline(never)]
    pub(crate) fn write_leaves(
        &mut self,
        root: Frame,
        mapping: Id<Mapping>,
        pages: PageRange,
        backing: Backing,
        leaf: Leaf,
    ) -> Result<(), Error> {
        let mut steps = 0..pages.count;
        let mut rest = Spans::of(pages);
        while let Some(span) = rest.next() {
            let table = self.leaf_table(root, span.first).ok_or(Error::BadAddress)?;
            for (page, step) in span.pages().zip(&mut steps) {
                let frame = self.frame_of(backing, step).ok_or(Error::BadAddress)?;
                self.write_leaf(table, mapping, page, frame, leaf);
            }
        }
        Ok(())
    }

    /// The frame for page `step` of a mapping.
    #[inline(always)]
    pub(crate) fn frame_of(&self, backing: Backing, step: u32) -> Option<Frame> {
        match backing {
            Backing::Device(first) => Some(first.plus(u64::from(step))),
            Backing::Memory(pages, first) => self.frames.page(pages, first.wrapping_add(step)),
        }
    }

    /// Writes one leaf in a last-level table, and the mapping that it belongs to.
    #[inline(always)]
    pub(crate) fn write_leaf(
        &mut self,
        table: Frame,
        mapping: Id<Mapping>,
        page: Page,
        frame: Frame,
        leaf: Leaf,
    ) {
        let index = page.table_index(0);
        let Some((_, record)) = self.frames.enter(table, 1) else { return };
        self.platform.write(table, index, Pte::leaf(frame, leaf).word());
        self.platform.write(record, index, u64::from(mapping.slot()));
    }

    /// Gives the leaves of a mapping another protection.
    pub(crate) fn rewrite_leaves(
        &mut self,
        root: Frame,
        asid: Asid,
        pages: PageRange,
        leaf: Leaf,
    ) -> Result<(), Error> {
        let mut rest = Spans::of(pages);
        while let Some(span) = rest.next() {
            let table = self.leaf_table(root, span.first).ok_or(Error::BadAddress)?;
            for page in span.pages() {
                let index = page.table_index(0);
                if let Some((frame, _)) = self.entry(table, index).as_leaf() {
                    self.platform.write(table, index, Pte::leaf(frame, leaf).word());
                }
            }
        }
        self.fence(asid, pages);
        Ok(())
    }

    /// Clears the leaves of a mapping, and frees tables that hold none any more. `table` is the
    /// last-level table of the first page, where it is known.
    #[inline(always)]
    pub(crate) fn clear_leaves(
        &mut self,
        process: Id<Process>,
        root: Frame,
        asid: Asid,
        pages: PageRange,
        table: Option<Frame>,
    ) -> Result<(), Error> {
        let emptied = if pages.count == 1 {
            let table = table.or_else(|| self.leaf_table(root, pages.first));
            table.is_some_and(|table| self.clear_leaf(table, pages.first))
        } else {
            self.clear_all(root, pages)
        };
        if emptied {
            // Its fence is for the leaves, too.
            return self.free_empty_tables(process, root, pages);
        }
        self.fence(asid, pages);
        Ok(())
    }

    /// Clears the leaves of a range. True when a table holds none any more.
    #[inline(never)]
    fn clear_all(&mut self, root: Frame, pages: PageRange) -> bool {
        let mut emptied = false;
        let mut rest = Spans::of(pages);
        while let Some(span) = rest.next() {
            let Some(table) = self.leaf_table(root, span.first) else { continue };
            for page in span.pages() {
                emptied |= self.clear_leaf(table, page);
            }
        }
        emptied
    }

    /// Clears one leaf of a last-level table. True when it holds none any more.
    #[inline(always)]
    fn clear_leaf(&mut self, table: Frame, page: Page) -> bool {
        let index = page.table_index(0);
        let Some((left, record)) = self.frames.enter(table, -1) else { return false };
        self.platform.write(table, index, Pte::INVALID.word());
        self.platform.write(record, index, 0);
        left == 0
    }

    /// Orders the writes to the entries of a range before user mode runs.
    #[inline(always)]
    pub(crate) fn fence(&mut self, asid: Asid, pages: PageRange) {
        match pages.count {
            1 => self.platform.fence_page(asid, pages.first),
            2..=FENCE_EACH => {
                for step in 0..pages.count {
                    self.platform.fence_page(asid, pages.first.plus(step));
                }
            }
            _ => self.platform.fence_space(asid),
        }
    }

    /// The mapping that `page` belongs to, and its last-level table.
    #[inline(always)]
    pub(crate) fn mapping_at(&self, root: Frame, page: Page) -> Option<(Id<Mapping>, Frame)> {
        let table = self.leaf_table(root, page)?;
        let reason = self.platform.read(self.frames.record(table)?, page.table_index(0));
        Some((Id::from_slot(reason).ok()?, table))
    }
}

/// The pages of a range that are in one last-level table.
#[derive(Clone, Copy)]
struct Span {
    first: Page,
    /// 1 to 512.
    count: u32,
}

impl Span {
    fn pages(self) -> impl Iterator<Item = Page> {
        (0..self.count).map(move |step| self.first.plus(step))
    }
}

/// What is left of a range, to be cut where the last-level table changes.
struct Spans {
    first: Page,
    left: u32,
}

impl Spans {
    #[inline(always)]
    fn of(pages: PageRange) -> Spans {
        Spans { first: pages.first, left: pages.count }
    }

    #[inline(always)]
    fn next(&mut self) -> Option<Span> {
        if self.left == 0 {
            return None;
        }
        let in_table = 512u32.wrapping_sub(self.first.number() & 511);
        let span = Span { first: self.first, count: self.left.min(in_table) };
        self.first = self.first.plus(span.count);
        self.left = self.left.wrapping_sub(span.count);
        Some(span)
    }
}
