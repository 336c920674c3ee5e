//! By how much the heap grows, in pages.

use nexus_abi::MAX_PAGES_PER_CALL;

/// Pages that the heap grows by, when it needs fewer.
const STEP: u64 = 16;
/// Frames that are left alone, for the first page tables of the heap.
const TABLES: u64 = 2;
/// Most memory objects that objects are kept back for.
const MOST_PIECES: u64 = 8;

/// How many pages can be had of so many free frames: page tables are charged as well.
pub(crate) fn left(free: u64) -> u64 {
    free.saturating_sub(free / MAX_PAGES_PER_CALL + TABLES)
}

/// How many pages a heap of `has` takes that needs `needed` of the `left` ones: as many as it has,
/// so that a heap of n pages costs about log n memory objects. `None` when there are too few.
pub(crate) fn wanted(needed: u64, has: u64, left: u64) -> Option<u64> {
    (needed <= left).then(|| needed.max(has).max(STEP).min(left))
}

/// How many memory objects it takes at most to map all frames of a budget; of a large one, the first
/// 16 MiB.
pub(crate) fn pieces(frames: u64) -> u64 {
    frames.div_ceil(MAX_PAGES_PER_CALL).min(MOST_PIECES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_uses_its_frames_to_the_last_few_and_costs_few_objects() {
        for free in 0..4_200 {
            let (mut has, mut grown, mut rest) = (0, 0, left(free));
            while let Some(pages) = wanted(1, has, rest) {
                assert!(pages >= 1 && pages <= rest, "{free}");
                (has, rest) = (has + pages, rest - pages);
                grown += pages.div_ceil(MAX_PAGES_PER_CALL);
            }
            let tables = has.div_ceil(MAX_PAGES_PER_CALL) + u64::from(has > 0);
            assert!(has + tables <= free && has + tables + 3 >= free, "{free}: {has}");
            assert!(grown <= 7 + free / MAX_PAGES_PER_CALL, "{free}: {grown} growths");
        }
    }

    #[test]
    fn what_is_needed_is_had_or_nothing_is() {
        assert_eq!(wanted(1, 0, 100), Some(16));
        assert_eq!(wanted(20, 0, 100), Some(20));
        assert_eq!(wanted(1, 40, 100), Some(40));
        assert_eq!(wanted(1, 400, 100), Some(100));
        assert_eq!(wanted(100, 0, 100), Some(100));
        assert_eq!(wanted(101, 0, 100), None);
        assert_eq!(wanted(1, 0, 0), None);
    }

    #[test]
    fn objects_are_kept_for_all_frames_of_a_budget() {
        let budgets = [1, 512, 513, 1024, 4_000, 4_097, 1 << 20];
        assert_eq!(budgets.map(pieces), [1, 1, 2, 2, 8, 8, 8]);
    }
}
