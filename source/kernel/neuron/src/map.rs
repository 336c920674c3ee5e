//! The kernel's own page tables (Sv39): built once, then the same in every address space.

use crate::layout::PAGE;

/// One page table.
#[derive(Clone, Debug)]
#[repr(C, align(4096))]
pub struct Table(pub [u64; 512]);

impl Table {
    /// Maps nothing.
    pub const EMPTY: Table = Table([0; 512]);
}

/// What the kernel may do with a page. There is no writable and executable one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Constants.
    Read,
    /// Data, stacks, the direct map.
    ReadWrite,
    /// Code.
    ReadExec,
}

const VALID: u64 = 1 << 0;
const LEAF: u64 = 0b1110;

impl Access {
    /// Valid, global, accessed, dirty, not user; read, write, execute as the access says.
    const fn bits(self) -> u64 {
        VALID
            | 0b1110_0000
            | match self {
                Access::Read => 0b0010,
                Access::ReadWrite => 0b0110,
                Access::ReadExec => 0b1010,
            }
    }
}

/// Why a mapping cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The tables that were set aside for the kernel map are used up.
    NoTable,
    /// A page in the range is mapped already, or an address or length is not of whole pages.
    BadRange,
}

type Result<T = (), E = MapError> = core::result::Result<T, E>;

/// Page tables under construction. Table 0 is the root.
#[derive(Debug)]
pub struct Builder<'a> {
    tables: &'a mut [Table],
    /// Physical address of table 0.
    base: u64,
    used: usize,
}

impl<'a> Builder<'a> {
    /// Over tables that lie at physical address `base`, one after the other, and map nothing.
    ///
    /// # Errors
    /// `NoTable` when there is not even one.
    pub fn new(tables: &'a mut [Table], base: u64) -> Result<Builder<'a>> {
        if tables.is_empty() {
            return Err(MapError::NoTable);
        }
        Ok(Builder { tables, base, used: 1 })
    }

    /// Maps `len` bytes at `virt` to `phys` with the largest pages that fit.
    ///
    /// # Errors
    /// See [`MapError`]; what was mapped before the error stays.
    pub fn map(&mut self, virt: u64, phys: u64, len: u64, access: Access) -> Result {
        if !(virt | phys | len).is_multiple_of(PAGE) {
            return Err(MapError::BadRange);
        }
        let mut done = 0;
        while done < len {
            let level = largest_level(virt + done, phys + done, len - done);
            self.set_entry(virt + done, phys + done, level, access.bits())?;
            done += page_size(level);
        }
        Ok(())
    }

    /// Has the last-level table at physical address `table`, which is kept elsewhere, map the 2 MiB from
    /// `virt` on.
    ///
    /// # Errors
    /// See [`MapError`].
    pub fn link(&mut self, virt: u64, table: u64) -> Result {
        if !virt.is_multiple_of(page_size(1)) || !table.is_multiple_of(PAGE) {
            return Err(MapError::BadRange);
        }
        self.set_entry(virt, table, 1, VALID)
    }

    /// The finished root table.
    pub fn finish(self) -> &'a Table {
        &self.tables[0]
    }

    /// Sets the entry for `virt` of the table of this level, which must be empty.
    fn set_entry(&mut self, virt: u64, phys: u64, level: u32, bits: u64) -> Result {
        let mut table = 0;
        for above in (level + 1..=2).rev() {
            table = self.child(table, index(virt, above))?;
        }
        let entry = &mut self.tables[table].0[index(virt, level)];
        if *entry != 0 {
            return Err(MapError::BadRange);
        }
        *entry = (phys >> 12 << 10) | bits;
        Ok(())
    }

    /// The number of the table that entry `index` of `table` points to, made when there is none.
    fn child(&mut self, table: usize, index: usize) -> Result<usize> {
        let entry = self.tables[table].0[index];
        if entry & LEAF != 0 {
            return Err(MapError::BadRange);
        }
        if entry & VALID != 0 {
            let phys = entry >> 10 << 12;
            return usize::try_from((phys - self.base) / PAGE).map_err(|_| MapError::BadRange);
        }
        let child = self.used;
        if child >= self.tables.len() {
            return Err(MapError::NoTable);
        }
        self.used += 1;
        let phys = self.base + PAGE * child as u64;
        self.tables[table].0[index] = (phys >> 12 << 10) | VALID;
        Ok(child)
    }
}

fn index(virt: u64, level: u32) -> usize {
    (virt >> (12 + 9 * level) & 511) as usize
}

fn page_size(level: u32) -> u64 {
    PAGE << (9 * level)
}

fn largest_level(virt: u64, phys: u64, len: u64) -> u32 {
    let fits = |level: &u32| {
        let size = page_size(*level);
        (virt | phys).is_multiple_of(size) && len >= size
    };
    [2, 1].into_iter().find(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x8030_0000;

    /// What hardware does: `(physical address, entry)`.
    fn walk(tables: &[Table], virt: u64) -> Option<(u64, u64)> {
        let mut table = 0;
        for level in (0..=2).rev() {
            let entry = tables[table].0[index(virt, level)];
            if entry & VALID == 0 {
                return None;
            }
            let phys = entry >> 10 << 12;
            if entry & LEAF != 0 {
                assert_eq!(phys % page_size(level), 0, "misaligned superpage");
                return Some((phys + virt % page_size(level), entry));
            }
            table = ((phys - BASE) / PAGE) as usize;
        }
        panic!("pointer at the last level");
    }

    fn built(count: usize, maps: &[(u64, u64, u64, Access)]) -> (Vec<Table>, Result) {
        let mut tables = vec![Table::EMPTY; count];
        let mut builder = Builder::new(&mut tables, BASE).unwrap();
        let result =
            maps.iter().try_for_each(|(v, p, len, access)| builder.map(*v, *p, *len, *access));
        (tables, result)
    }

    #[test]
    fn every_page_of_a_range_and_none_beside_it_is_mapped() {
        let (virt, phys, len) = (0xffff_ffc0_801f_f000, 0x801f_f000, 0x40_2000);
        let (tables, result) = built(8, &[(virt, phys, len, Access::ReadWrite)]);
        assert_eq!(result, Ok(()));
        for page in (0..len).step_by(4096) {
            assert_eq!(walk(&tables, virt + page).unwrap().0, phys + page);
        }
        assert_eq!(walk(&tables, virt - PAGE), None);
        assert_eq!(walk(&tables, virt + len), None);
    }

    #[test]
    fn large_ranges_take_few_tables() {
        let (tables, result) =
            built(2, &[(0xffff_ffc0_8000_0000, 0x8000_0000, 3 << 29, Access::ReadWrite)]);
        assert_eq!(result, Ok(()));
        assert_eq!(walk(&tables, 0xffff_ffc0_ffff_f008).map(|found| found.0), None);
        assert_eq!(walk(&tables, 0xffff_ffc0_dfff_f008).unwrap().0, 0xdfff_f008);
    }

    #[test]
    fn a_table_that_is_kept_elsewhere_maps_what_it_has() {
        let (virt, other) = (0xffff_ffff_c000_0000, BASE + 3 * PAGE);
        let mut tables = vec![Table::EMPTY; 4];
        let mut builder = Builder::new(&mut tables[..2], BASE).unwrap();
        assert_eq!(builder.link(virt + PAGE, other), Err(MapError::BadRange));
        assert_eq!(builder.link(virt, other + 8), Err(MapError::BadRange));
        assert_eq!(builder.link(virt, other), Ok(()));
        assert_eq!(builder.link(virt, other), Err(MapError::BadRange));
        assert_eq!(builder.link(virt - (1 << 30), other), Err(MapError::NoTable));
        let entry = (0x1000_8000 >> 12 << 10) | Access::ReadWrite.bits();
        tables[3].0[5] = entry;
        assert_eq!(walk(&tables, virt + 5 * PAGE + 8), Some((0x1000_8008, entry)));
        assert_eq!(walk(&tables, virt), None);
    }

    #[test]
    fn no_leaf_is_user_or_writable_and_executable() {
        for access in [Access::Read, Access::ReadWrite, Access::ReadExec] {
            let bits = access.bits();
            assert_eq!(bits & 0b1_0000, 0, "user");
            assert_ne!(bits & 0b1100, 0b1100, "writable and executable");
            assert_eq!(bits & 0b1110_0011, 0b1110_0011, "V R G A D");
        }
    }

    #[test]
    fn mapping_twice_unaligned_or_without_tables_is_refused() {
        let high = 0xffff_ffff_8020_0000;
        let twice =
            [(high, 0x8020_0000, PAGE, Access::Read), (high, 0x8020_0000, PAGE, Access::ReadWrite)];
        assert_eq!(built(8, &twice).1, Err(MapError::BadRange));
        let under =
            [(high, 0x8020_0000, 1 << 21, Access::Read), (high, 0x8020_0000, PAGE, Access::Read)];
        assert_eq!(built(8, &under).1, Err(MapError::BadRange));
        assert_eq!(built(8, &[(high, 0x8020_0000, 1, Access::Read)]).1, Err(MapError::BadRange));
        assert_eq!(built(2, &[(high, 0x8020_0000, PAGE, Access::Read)]).1, Err(MapError::NoTable));
        assert_eq!(Builder::new(&mut [], BASE).err(), Some(MapError::NoTable));
    }
}
