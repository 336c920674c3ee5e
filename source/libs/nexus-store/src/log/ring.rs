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
