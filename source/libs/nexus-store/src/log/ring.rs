//! Which pages of the log are in use.

use alloc::collections::VecDeque;

/// A frame that is not folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) frame: u64,
    pub(super) page: u32,
    pub(super) sectors: u16,
}

impl Live {
    pub(super) fn pages(&self) -> u32 {
        u32::from(self.sectors).div_ceil(8)
    }
}

#[derive(Debug)]
pub(super) struct Ring {
    pages: u32,
    live: VecDeque<Live>,
}

impl Ring {
    pub(super) fn new(pages: u32) -> Self {
        Self { pages, live: VecDeque::new() }
    }

    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    pub(super) fn push(&mut self, live: Live) {
        self.live.push_back(live);
    }

    pub(super) fn release(&mut self, frame: u64) {
        while self.live.front().is_some_and(|live| live.frame <= frame) {
            self.live.pop_front();
        }
    }

    /// The frame with this number, when it has page `page` of its own; else the next one, from its beginning.
    pub(super) fn from(&self, frame: u64, page: u32) -> Option<(Live, u32)> {
        let live = self
            .live
            .iter()
            .find(|live| live.frame > frame || (live.frame == frame && page < live.pages()))?;
        Some((*live, if live.frame == frame { page } else { 0 }))
    }

    /// Pages from the oldest frame to `next`, with those that were skipped at the end.
    pub(super) fn used(&self, next: u32) -> u32 {
        match self.live.front() {
            None => 0,
            Some(first) if first.page < next => next - first.page,
            Some(first) => self.pages - first.page + next,
        }
    }

    /// Where `count` pages in one piece go, at `next` or, when they do not fit there, at the beginning.
    pub(super) fn place(&self, next: u32, count: u32) -> Option<u32> {
        let first = self.live.front().map(|live| live.page);
        let end = next.checked_add(count)?;
        match first {
            None if end <= self.pages => Some(next),
            None => (count <= self.pages).then_some(0),
            Some(first) if first < next && end <= self.pages => Some(next),
            Some(first) if first < next => (count <= first).then_some(0),
            Some(first) => (end <= first).then_some(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(page: u32) -> Ring {
        let mut ring = Ring::new(16);
        ring.push(Live { frame: 1, page, sectors: 9 });
        ring
    }

    #[test]
    fn pages_in_use_are_counted_round_the_ring() {
        assert_eq!(Ring::new(16).used(5), 0);
        let ring = ring(4);
        assert_eq!((ring.used(5), ring.used(16), ring.used(2), ring.used(4)), (1, 12, 14, 16));
    }

    #[test]
    fn a_frame_goes_where_it_lies_in_one_piece() {
        let empty = Ring::new(16);
        let places = [empty.place(14, 2), empty.place(14, 3), empty.place(0, 16)];
        assert_eq!(places, [Some(14), Some(0), Some(0)]);
        assert_eq!((empty.place(0, 17), empty.place(3, u32::MAX)), (None, None));
        let ring = ring(4);
        assert_eq!((ring.place(5, 11), ring.place(5, 12)), (Some(5), None));
        assert_eq!((ring.place(13, 4), ring.place(13, 5)), (Some(0), None));
        assert_eq!((ring.place(2, 2), ring.place(2, 3), ring.place(4, 1)), (Some(2), None, None));
        assert_eq!(ring.place(4, 13), None);
    }

    #[test]
    fn frames_are_walked_page_by_page() {
        let mut ring = ring(4);
        ring.push(Live { frame: 2, page: 6, sectors: 8 });
        let from = |frame, page| ring.from(frame, page).map(|(live, page)| (live.frame, page));
        assert_eq!(
            (from(0, 0), from(1, 1), from(1, 2)),
            (Some((1, 0)), Some((1, 1)), Some((2, 0)))
        );
        assert_eq!((from(2, 0), from(2, 1), from(3, 0)), (Some((2, 0)), None, None));
    }
}
