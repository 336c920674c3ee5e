//! Sets of physical addresses, as sorted ranges in a fixed array.

use core::fmt;

use crate::layout::PAGE;

/// The last address that begins a page.
const LAST_PAGE: u64 = !(PAGE - 1);

/// Physical addresses from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Range {
    /// First address.
    pub start: u64,
    /// First address past it.
    pub end: u64,
}

impl Range {
    /// From the address and length of a device tree; `None` when it wraps.
    pub fn from_len(start: u64, len: u64) -> Option<Range> {
        Some(Range { start, end: start.checked_add(len)? })
    }

    /// Bytes in it.
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// True when no address is in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The smallest range of whole pages that has all of it.
    pub fn pages_outward(self) -> Range {
        let end = self.end.checked_next_multiple_of(PAGE).unwrap_or(LAST_PAGE);
        Range { start: self.start & !(PAGE - 1), end }
    }

    /// The largest range of whole pages inside it.
    pub fn pages_inward(self) -> Range {
        let start = self.start.checked_next_multiple_of(PAGE).unwrap_or(LAST_PAGE);
        Range { start, end: (self.end & !(PAGE - 1)).max(start) }
    }

    /// True when all of `other` is in it.
    pub fn contains(self, other: Range) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl From<nexus_devicetree::Range> for Range {
    /// The last address of all is no part of any range.
    fn from(range: nexus_devicetree::Range) -> Range {
        Range { start: range.base, end: range.base.saturating_add(range.len) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

/// More separate ranges than a [`RangeSet`] has places for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Most separate ranges in a set.
pub const MAX_RANGES: usize = 64;

/// A set of addresses: ranges in ascending order that neither overlap nor touch.
#[derive(Clone, Debug)]
pub struct RangeSet {
    items: [Range; MAX_RANGES],
    count: usize,
}

impl Default for RangeSet {
    fn default() -> RangeSet {
        RangeSet { items: [Range::default(); MAX_RANGES], count: 0 }
    }
}

impl RangeSet {
    /// Its ranges, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.items.iter().take(self.count).copied()
    }

    /// True when no address is in it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds `range`.
    ///
    /// # Errors
    /// [`Full`] when that takes one range too many.
    pub fn insert(&mut self, mut range: Range) -> Result<(), Full> {
        if range.is_empty() {
            return Ok(());
        }
        let mut result = RangeSet::default();
        for item in self.iter() {
            if item.end < range.start || range.end < item.start {
                result.append(item)?;
            } else {
                range = Range { start: range.start.min(item.start), end: range.end.max(item.end) };
            }
        }
        result.append(range)?;
        result.items[..result.count].sort_unstable_by_key(|item| item.start);
        *self = result;
        Ok(())
    }

    /// Takes `range` out.
    ///
    /// # Errors
    /// [`Full`] when that leaves one range too many.
    pub fn remove(&mut self, range: Range) -> Result<(), Full> {
        if range.is_empty() {
            return Ok(());
        }
        let mut result = RangeSet::default();
        for item in self.iter() {
            result.append(Range { start: item.start, end: item.end.min(range.start) })?;
            result.append(Range { start: item.start.max(range.end), end: item.end })?;
        }
        *self = result;
        Ok(())
    }

    /// Adds `range`. When there is no room, the smallest gap of all is added as well.
    pub fn cover(&mut self, range: Range) {
        let gap = |one: Range, other: Range| {
            one.start.max(other.start).saturating_sub(one.end.min(other.end))
        };
        let hull = |one: Range, other: Range| Range {
            start: one.start.min(other.start),
            end: one.end.max(other.end),
        };
        let pairs = self.iter().zip(self.iter().skip(1));
        let pair = pairs.min_by_key(|(one, next)| gap(*one, *next));
        let near = self.iter().min_by_key(|item| gap(*item, range));
        if self.insert(range).is_ok() {
            return;
        }
        // Whichever is joined grows a range that is there, and needs no other.
        let (Some((one, next)), Some(near)) = (pair, near) else { return };
        let _ = if gap(one, next) < gap(near, range) {
            self.insert(hull(one, next)).and_then(|()| self.insert(range))
        } else {
            self.insert(hull(near, range))
        };
    }

    /// Takes `range` out. When there is no room, the smaller of the two sides that remain goes too.
    pub fn cut(&mut self, mut range: Range) {
        if self.remove(range).is_ok() {
            return;
        }
        let split = self.iter().find(|item| item.contains(range));
        if let Some(item) = split {
            match range.start - item.start < item.end - range.end {
                true => range.start = item.start,
                false => range.end = item.end,
            }
            // It ends at an end of a range, and leaves none more.
            let _ = self.remove(range);
        }
    }

    /// The last `len` bytes of the last range that has so many; `None` when none has.
    pub fn at_end(&self, len: u64) -> Option<Range> {
        let end = self.iter().filter(|range| range.len() >= len).last()?.end;
        Some(Range { start: end - len, end })
    }

    /// True when some address of `range` is in it.
    pub fn touches(&self, range: Range) -> bool {
        self.iter().any(|item| item.start < range.end && range.start < item.end)
    }

    /// True when one of its ranges has all of `range`.
    pub fn contains(&self, range: Range) -> bool {
        self.iter().any(|item| item.contains(range))
    }

    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.iter().map(Range::len).sum()
    }

    fn append(&mut self, range: Range) -> Result<(), Full> {
        if !range.is_empty() {
            *self.items.get_mut(self.count).ok_or(Full)? = range;
            self.count += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Range {
        Range { start, end }
    }

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        let mut set = RangeSet::default();
        for (start, end) in ranges {
            set.insert(range(*start, *end)).unwrap();
        }
        set
    }

    fn list(set: &RangeSet) -> Vec<(u64, u64)> {
        set.iter().map(|item| (item.start, item.end)).collect()
    }

    #[test]
    fn insert_sorts_and_merges_what_touches() {
        assert_eq!(list(&set(&[(30, 40), (10, 20)])), [(10, 20), (30, 40)]);
        assert_eq!(list(&set(&[(10, 20), (30, 40), (20, 30)])), [(10, 40)]);
        assert_eq!(list(&set(&[(10, 20), (12, 14)])), [(10, 20)]);
        assert_eq!(list(&set(&[(10, 20), (5, 5)])), [(10, 20)]);
    }

    #[test]
    fn remove_cuts_ends_and_middles() {
        let mut cut = set(&[(10, 40)]);
        cut.remove(range(20, 30)).unwrap();
        assert_eq!(list(&cut), [(10, 20), (30, 40)]);
        cut.remove(range(0, 15)).unwrap();
        cut.remove(range(35, 100)).unwrap();
        assert_eq!(list(&cut), [(15, 20), (30, 35)]);
        cut.remove(range(17, 17)).unwrap();
        assert_eq!(list(&cut), [(15, 20), (30, 35)]);
        cut.remove(range(0, u64::MAX)).unwrap();
        assert!(cut.is_empty());
    }

    #[test]
    fn pages_round_outward_and_inward() {
        assert_eq!(range(1, 4097).pages_outward(), range(0, 8192));
        assert_eq!(range(1, 8193).pages_inward(), range(4096, 8192));
        assert!(range(1, 4095).pages_inward().is_empty());
        assert!(range(u64::MAX - 1, u64::MAX).pages_inward().is_empty());
        assert_eq!(range(4096, 8192).pages_outward(), range(4096, 8192));
        assert_eq!(range(4096, 8192).pages_inward(), range(4096, 8192));
    }

    #[test]
    fn one_range_too_many_is_an_error_and_changes_nothing() {
        let mut full = RangeSet::default();
        for number in 0..MAX_RANGES as u64 {
            full.insert(range(number * 10, number * 10 + 5)).unwrap();
        }
        let before = list(&full);
        assert_eq!(full.insert(range(100_000, 100_001)), Err(Full));
        assert_eq!(full.remove(range(2, 3)), Err(Full));
        assert_eq!(list(&full), before);
    }

    #[test]
    fn without_room_more_is_covered_and_more_is_cut() {
        let mut full = RangeSet::default();
        for number in 0..MAX_RANGES as u64 {
            full.insert(range(number * 100, number * 100 + 50)).unwrap();
        }
        let mut covered = full.clone();
        covered.cover(range(260, 270));
        assert!(covered.contains(range(200, 270)) && !covered.touches(range(270, 300)));
        covered.cover(range(100_000, 100_001));
        assert!(covered.contains(range(200, 350)), "the smallest gap is closed");
        assert!(
            covered.contains(range(100_000, 100_001)) && !covered.touches(range(7000, 100_000))
        );
        assert_eq!(covered.iter().count(), MAX_RANGES);
        let mut cut = full.clone();
        cut.cut(range(210, 220));
        assert!(
            !cut.touches(range(200, 220)) && cut.contains(range(220, 250)),
            "the left side goes"
        );
        cut.cut(range(330, 340));
        assert!(!cut.touches(range(330, 350)) && cut.contains(range(300, 330)), "the right side");
        let before = list(&cut);
        cut.cut(range(250, 300));
        assert_eq!(list(&cut), before, "nothing is there");
    }

    // attack 48 U: more memory for devices than there is in one piece; none is given, and nothing else is taken for it; broken: devices-in-pieces
    #[test]
    fn the_end_of_the_last_range_with_room_is_taken_or_none() {
        let free = set(&[(0, 0x9000), (0x1_0000, 0x1_4000), (0x2_0000, 0x2_2000)]);
        let at = |len| free.at_end(len).map(|found| (found.start, found.end));
        assert_eq!(at(0x2000), Some((0x2_0000, 0x2_2000)));
        assert_eq!(at(0x2001), Some((0x1_1fff, 0x1_4000)));
        assert_eq!(at(0x4000), Some((0x1_0000, 0x1_4000)));
        assert_eq!(at(0x9000), Some((0, 0x9000)));
        // All that is free together would do.
        for len in [0x9001, free.len(), u64::MAX] {
            assert_eq!(at(len), None, "{len:#x}");
        }
        assert_eq!(RangeSet::default().at_end(1), None);
    }

    #[test]
    fn a_wrapping_length_is_no_range() {
        assert_eq!(Range::from_len(u64::MAX, 2), None);
        assert_eq!(Range::from_len(8, 8), Some(range(8, 16)));
    }
}
