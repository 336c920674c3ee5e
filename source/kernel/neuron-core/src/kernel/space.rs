//! Address spaces: the page tables of the user half.
//!
//! A last-level table has two frames: the table, and its record with one word for each entry that
//! names the mapping the entry belongs to. So a leaf and its reason are found in the same walk,
//! in constant time, however many mappings there are. Tables are charged to whoever has the space
//! and freed when their last entry goes.

use nexus_abi::Error;

use crate::Result;
use crate::object::mapping::{Backing, Mapping};
use crate::object::process::Account;
use crate::object::space::Space;
use crate::platform::{Asid, PhysMem, Platform};
use crate::store::addr::{Frame, Page, PageRange};
use crate::store::frames::{FrameUse, Frames};
use crate::store::list::List;
use crate::store::pool::Id;
use crate::store::pte::{Leaf, Pte};

/// Up to this many pages are fenced one by one; more fence the whole space.
pub(crate) const FENCE_EACH: u32 = 8;

/// The table for `page` below a table of this level.
#[inline(always)]
fn below<P: PhysMem>(platform: &P, table: Frame, page: Page, level: u32) -> Option<Frame> {
    entry(platform, table, page.table_index(level)).next_table()
}

#[inline(always)]
fn entry<P: PhysMem>(platform: &P, table: Frame, index: usize) -> Pte {
    Pte::from_word(platform.read(table, index))
}

#[inline(always)]
fn is_taken<P: PhysMem>(platform: &P, table: Frame, page: Page) -> bool {
    entry(platform, table, page.table_index(0)).is_valid()
}

impl Space {
    /// The last-level table that holds `page`, if there is one.
    #[inline(never)]
    fn leaf_table<P: PhysMem>(&self, platform: &P, page: Page) -> Option<Frame> {
        below(platform, below(platform, self.root, page, 2)?, page, 1)
    }

    /// Refuses a range that holds a mapping. Tells the last-level table, if there is one that
    /// holds the whole range.
    #[inline(always)]
    pub(crate) fn check_vacant<P: PhysMem>(
        &self,
        platform: &P,
        pages: PageRange,
    ) -> Result<Option<Frame>> {
        if pages.count != 1 {
            return self.check_all_vacant(platform, pages);
        }
        let table = self.leaf_table(platform, pages.first);
        match table {
            Some(table) if is_taken(platform, table, pages.first) => Err(Error::Exists),
            _ => Ok(table),
        }
    }

    #[inline(never)]
    fn check_all_vacant<P: PhysMem>(
        &self,
        platform: &P,
        pages: PageRange,
    ) -> Result<Option<Frame>> {
        let mut whole = None;
        for part in pages.by_table() {
            let Some(table) = self.leaf_table(platform, part.first) else { continue };
            if part.iter().any(|page| is_taken(platform, table, page)) {
                return Err(Error::Exists);
            }
            whole = (part.count == pages.count).then_some(table);
        }
        Ok(whole)
    }

    /// The mapping that `page` belongs to, and its last-level table.
    #[inline(always)]
    pub(crate) fn mapping_at<P: PhysMem>(
        &self,
        platform: &P,
        frames: &Frames<'_>,
        page: Page,
    ) -> Option<(Id<Mapping>, Frame)> {
        let table = self.leaf_table(platform, page)?;
        let reason = platform.read(frames.record(table)?, page.table_index(0));
        Some((Id::from_slot(reason).ok()?, table))
    }
}

/// One change of an address space: the frames that tables are made of, and the machine that reads
/// and writes them. It is passed by value, in registers.
pub(crate) struct Paging<'k, 'a, P> {
    frames: &'k mut Frames<'a>,
    platform: &'k mut P,
}

impl<'k, 'a, P: Platform> Paging<'k, 'a, P> {
    /// With these frames, on this machine.
    #[inline(always)]
    pub(crate) fn new(frames: &'k mut Frames<'a>, platform: &'k mut P) -> Paging<'k, 'a, P> {
        Paging { frames, platform }
    }

    /// An empty address space, paid by `payer`.
    pub(crate) fn new_space(mut self, payer: &mut Account, asid: Asid) -> Result<Space> {
        payer.charge(1)?;
        let root = self.table_frames(1).inspect_err(|_| payer.refund(1))?;
        for index in 256..512 {
            let entry = self.platform.kernel_entry(index);
            self.platform.write(root, index, entry);
        }
        Ok(Space { root, asid, tables: 1, mappings: List::EMPTY })
    }

    /// Gives back what is left of an address space in which nothing is mapped.
    pub(crate) fn end_space(self, payer: &mut Account, space: &Space) {
        payer.refund(space.tables);
        self.platform.retire_root(space.root);
        self.frames.release(space.root);
        self.platform.fence_space(space.asid);
    }

    /// Makes sure that every page of the range has a last-level table. On an error, the tables
    /// made for it are gone again.
    #[inline(never)]
    pub(crate) fn make_tables(
        mut self,
        space: &mut Space,
        payer: &mut Account,
        pages: PageRange,
    ) -> Result {
        for part in pages.by_table() {
            let made = self.make_table(space, payer, part.first);
            if made.is_err() {
                self.free_empty_tables(space, payer, pages);
                return made;
            }
        }
        Ok(())
    }

    fn make_table(&mut self, space: &mut Space, payer: &mut Account, page: Page) -> Result {
        let middle = match below(self.platform, space.root, page, 2) {
            Some(middle) => middle,
            None => self.add_table(space, payer, space.root, page, 2)?,
        };
        if below(self.platform, middle, page, 1).is_none() {
            self.add_table(space, payer, middle, page, 1)?;
        }
        Ok(())
    }

    /// Makes the table for `page` below a table of this level.
    fn add_table(
        &mut self,
        space: &mut Space,
        payer: &mut Account,
        above: Frame,
        page: Page,
        level: u32,
    ) -> Result<Frame> {
        let frames = frames_below(level);
        payer.charge(frames)?;
        let table = self.table_frames(frames).inspect_err(|_| payer.refund(frames))?;
        space.tables = space.tables.wrapping_add(frames);
        self.platform.write(above, page.table_index(level), Pte::table(table).word());
        self.frames.count_entries(above, 1);
        // The fence of a page orders its leaf only, not the tables above it.
        self.platform.fence_space(space.asid);
        Ok(table)
    }

    /// A cleared table, with its record if it has two frames.
    fn table_frames(&mut self, frames: u32) -> Result<Frame> {
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
    fn free_empty_tables(mut self, space: &mut Space, payer: &mut Account, pages: PageRange) {
        for PageRange { first: page, .. } in pages.by_table() {
            let Some(middle) = below(self.platform, space.root, page, 2) else { continue };
            if let Some(table) = below(self.platform, middle, page, 1) {
                self.free_if_empty(space, payer, middle, page, 1, table);
            }
            self.free_if_empty(space, payer, space.root, page, 2, middle);
        }
        self.platform.fence_space(space.asid);
    }

    /// Frees the table for `page` below a table of this level, unless it holds an entry.
    fn free_if_empty(
        &mut self,
        space: &mut Space,
        payer: &mut Account,
        above: Frame,
        page: Page,
        level: u32,
        table: Frame,
    ) {
        if self.frames.count_entries(table, 0) != 0 {
            return;
        }
        self.platform.write(above, page.table_index(level), Pte::INVALID.word());
        self.frames.count_entries(above, -1);
        let frames = frames_below(level);
        if frames == PAIR
            && let Some(record) = self.frames.record(table)
        {
            self.frames.release(record);
        }
        self.frames.release(table);
        space.tables = space.tables.wrapping_sub(frames);
        payer.refund(frames);
    }

    /// Writes the leaves of a mapping, over tables that exist and pages that hold none. `table` is
    /// the last-level table, where one is known to hold all the pages.
    #[inline(always)]
    pub(crate) fn write_leaves(
        mut self,
        space: &Space,
        table: Option<Frame>,
        id: Id<Mapping>,
        pages: PageRange,
        backing: Backing,
        leaf: Leaf,
    ) -> Result {
        let Some(table) = table.filter(|_| pages.count == 1) else {
            return self.write_all(space, id, pages, backing, leaf);
        };
        self.write_leaf(table, id, pages.first, self.frame_of(backing, 0), leaf)?;
        self.platform.fence_page(space.asid, pages.first);
        Ok(())
    }

    #[inline(never)]
    fn write_all(
        mut self,
        space: &Space,
        id: Id<Mapping>,
        pages: PageRange,
        backing: Backing,
        leaf: Leaf,
    ) -> Result {
        let mut steps = 0..pages.count;
        for part in pages.by_table() {
            let table = space.leaf_table(self.platform, part.first).ok_or(Error::BadAddress)?;
            for (page, step) in part.iter().zip(&mut steps) {
                self.write_leaf(table, id, page, self.frame_of(backing, step), leaf)?;
            }
        }
        self.fence(space.asid, pages);
        Ok(())
    }

    /// The frame for page `step` of a mapping.
    #[inline(always)]
    fn frame_of(&self, backing: Backing, step: u32) -> Option<Frame> {
        match backing {
            Backing::Device(first) => Some(first.plus(u64::from(step))),
            Backing::Memory(pages, first) => self.frames.page(pages, first.wrapping_add(step)),
        }
    }

    /// Writes one leaf in a last-level table, and the mapping that it belongs to.
    #[inline(always)]
    fn write_leaf(
        &mut self,
        table: Frame,
        id: Id<Mapping>,
        page: Page,
        frame: Option<Frame>,
        leaf: Leaf,
    ) -> Result {
        let index = page.table_index(0);
        let frame = frame.ok_or(Error::BadAddress)?;
        let (_, record) = self.frames.enter(table, 1).ok_or(Error::BadAddress)?;
        self.platform.write(table, index, Pte::leaf(frame, leaf).word());
        self.platform.write(record, index, u64::from(id.slot()));
        Ok(())
    }

    /// Gives the leaves of a mapping another protection.
    pub(crate) fn rewrite_leaves(mut self, space: &Space, pages: PageRange, leaf: Leaf) -> Result {
        for part in pages.by_table() {
            let table = space.leaf_table(self.platform, part.first).ok_or(Error::BadAddress)?;
            for page in part.iter() {
                let index = page.table_index(0);
                if let Some((frame, _)) = entry(self.platform, table, index).as_leaf() {
                    self.platform.write(table, index, Pte::leaf(frame, leaf).word());
                }
            }
        }
        self.fence(space.asid, pages);
        Ok(())
    }

    /// Clears the leaves of a mapping, and frees tables that hold none any more. `table` is the
    /// last-level table of the first page, where it is known.
    #[inline(always)]
    pub(crate) fn clear_leaves(
        mut self,
        space: &mut Space,
        payer: &mut Account,
        pages: PageRange,
        table: Option<Frame>,
    ) {
        if pages.count != 1 {
            return self.clear_all(space, payer, pages);
        }
        let table = table.or_else(|| space.leaf_table(self.platform, pages.first));
        if table.is_some_and(|table| self.clear_leaf(table, pages.first)) {
            // Its fence is for the leaves, too.
            return self.free_empty_tables(space, payer, pages);
        }
        self.platform.fence_page(space.asid, pages.first);
    }

    #[inline(never)]
    fn clear_all(mut self, space: &mut Space, payer: &mut Account, pages: PageRange) {
        let mut emptied = false;
        for part in pages.by_table() {
            let Some(table) = space.leaf_table(self.platform, part.first) else { continue };
            for page in part.iter() {
                emptied |= self.clear_leaf(table, page);
            }
        }
        if emptied {
            return self.free_empty_tables(space, payer, pages);
        }
        self.fence(space.asid, pages);
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
    fn fence(&mut self, asid: Asid, pages: PageRange) {
        match pages.count {
            0..=FENCE_EACH => pages.iter().for_each(|page| self.platform.fence_page(asid, page)),
            _ => self.platform.fence_space(asid),
        }
    }
}

/// Frames of a last-level table with its record.
const PAIR: u32 = 2;

/// Frames of a table below one of this level.
fn frames_below(level: u32) -> u32 {
    if level == 1 { PAIR } else { 1 }
}
