//! The log: a ring of pages, in which each sync is one frame, one write and one flush.
//!
//! A frame begins on a page of its own and lies in one piece, so a page that was acknowledged is not written again
//! before it was folded into the table. A frame is written when the one before it was flushed. From that follows what
//! may be found at an opening: frames without a gap from the first that was not folded, then at most one that was
//! torn, which nobody was told of. All else is damage:
//! - a frame is missing or in pieces, and there is a part of a later one;
//! - a sector where the next frame would begin, or within it, is neither zero nor right by its sum.
//!
//! What cannot be told from a cut: the newest frame, when its sectors are what they were before it was written.

pub(crate) mod frame;
mod ring;
mod sector;

use crate::device::{BlockDevice, DeviceError, PAGE, PAGE_SECTORS, SECTOR, Volume};
use alloc::vec;
use alloc::vec::Vec;
use frame::{Frame, Head};
use ring::{Live, Ring};
use sector::{PAYLOAD, Part, Sector};

/// Pages that are read at once at the opening.
const READ_PAGES: usize = 64;

/// Where the log goes on behind what was folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last frame that was folded.
    pub(crate) frame: u64,
    /// The page behind it.
    pub(crate) page: u32,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogDamage {
    /// This frame was acknowledged, and is not there whole.
    Frame(u64),
    /// This frame is whole and says nothing that can be.
    Meaning(u64),
}

/// Why a log could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    Device(DeviceError),
    Damage(LogDamage),
}

/// The log of an open store.
#[derive(Debug)]
pub(crate) struct Log {
    /// Its first page in the volume.
    start: u64,
    key: u64,
    ring: Ring,
    /// Frame and page for the next one.
    next: Mark,
}

/// A log as it was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) log: Log,
    pub(crate) frames: Vec<(u64, Frame)>,
}

/// A page of the log that was read again.
#[derive(Debug)]
pub(crate) struct CheckedPage {
    /// Whose page it is.
    pub(crate) frame: u64,
    /// Where it is in the log.
    pub(crate) page: u32,
    /// The frame's next page, counted from its first.
    pub(crate) next: u32,
    /// Whether it is what was written there.
    pub(crate) right: Result<bool, DeviceError>,
}

impl Log {
    /// How many bytes of changes one frame may have: a quarter of the log.
    pub(crate) fn max_changes(pages: u32) -> usize {
        let sectors = u64::from(pages / 4) * PAGE_SECTORS;
        usize::try_from(sectors).unwrap_or(0).min(usize::from(u16::MAX)) * PAYLOAD - frame::HEAD
    }

    /// Reads the whole log.
    pub(crate) fn open<D: BlockDevice>(
        volume: &mut Volume<D>,
        start: u64,
        pages: u32,
        key: u64,
        mark: Mark,
    ) -> Result<Recovered, OpenError> {
        let scan = Scan::read(volume, start, pages, key).map_err(OpenError::Device)?;
        let mut ring = Ring::new(pages);
        let mut next = Mark { frame: mark.frame + 1, page: mark.page };
        let mut frames = Vec::new();
        while let Some((place, count, frame)) = scan.find(next) {
            let live = Live { frame: next.frame, page: place, sectors: count };
            frames.push((next.frame, frame));
            next = Mark { frame: next.frame + 1, page: live.page + live.pages() };
            ring.push(live);
        }
        scan.look_behind(next).map_err(OpenError::Damage)?;
        Ok(Recovered { log: Self { start, key, ring, next }, frames })
    }

    /// Pages that frames have which are not folded.
    pub(crate) fn used(&self) -> u32 {
        self.ring.used(self.next.page)
    }

    pub(crate) fn pages(&self) -> u32 {
        self.ring.pages()
    }

    /// The last frame that was written, and where the next one begins.
    pub(crate) fn mark(&self) -> Mark {
        Mark { frame: self.next.frame - 1, page: self.next.page }
    }

    /// What was folded up to `mark` is not needed any more.
    pub(crate) fn release(&mut self, mark: Mark) {
        self.ring.release(mark.frame);
    }

    /// Writes one frame and flushes it. `None`: there is no room.
    pub(crate) fn append<D: BlockDevice>(
        &mut self,
        volume: &mut Volume<D>,
        head: Head,
        changes: &[u8],
    ) -> Result<Option<u64>, DeviceError> {
        let payload = frame::encode(self.key, self.next.frame, head, changes);
        let Ok(count) = u16::try_from(payload.len().div_ceil(PAYLOAD)) else { return Ok(None) };
        let mut live = Live { frame: self.next.frame, page: 0, sectors: count };
        let Some(page) = self.ring.place(self.next.page, live.pages()) else { return Ok(None) };
        live.page = page;
        let mut out = vec![0; live.pages() as usize * PAGE];
        let sectors = out.chunks_exact_mut(SECTOR).zip(payload.chunks(PAYLOAD));
        for (index, (sector, payload)) in (0..count).zip(sectors) {
            let place = u64::from(page) * PAGE_SECTORS + u64::from(index);
            let part = Part { frame: self.next.frame, index, count };
            sector::encode(sector, self.key, place, part, payload);
        }
        volume.write_flushed(self.start + u64::from(page), &out)?;
        self.ring.push(live);
        self.next = Mark { frame: live.frame + 1, page: page + live.pages() };
        Ok(Some(live.frame))
    }

    /// Reads a page of a frame that is not folded: page `page` of frame `frame`, or when that has no such page the
    /// first one of the next frame. `None`: there is none behind.
    pub(crate) fn check<D: BlockDevice>(
        &self,
        volume: &mut Volume<D>,
        frame: u64,
        page: u32,
    ) -> Option<CheckedPage> {
        let (live, offset) = self.ring.from(frame, page)?;
        let page = live.page + offset;
        let mut bytes = vec![0; PAGE];
        let read = volume.read(self.start + u64::from(page), &mut bytes);
        let first = u64::from(page) * PAGE_SECTORS;
        let sectors = (first..).zip(bytes.chunks_exact(SECTOR));
        let right =
            (u64::from(offset) * PAGE_SECTORS..).zip(sectors).all(|(index, (place, bytes))| {
                match sector::decode(bytes, self.key, place) {
                    Sector::Part(part, _) => {
                        let Part { frame, index: own, count } = part;
                        frame == live.frame && u64::from(own) == index && count == live.sectors
                    }
                    Sector::Zero => index >= u64::from(live.sectors),
                    Sector::Damaged => false,
                }
            });
        Some(CheckedPage { frame: live.frame, page, next: offset + 1, right: read.map(|()| right) })
    }
}

/// The log's bytes as they were found.
struct Scan {
    bytes: Vec<u8>,
    pages: u32,
    key: u64,
}

impl Scan {
    fn read<D: BlockDevice>(
        volume: &mut Volume<D>,
        start: u64,
        pages: u32,
        key: u64,
    ) -> Result<Self, DeviceError> {
        let mut bytes = vec![0; pages as usize * PAGE];
        for (part, out) in (0_u64..).zip(bytes.chunks_mut(READ_PAGES * PAGE)) {
            volume.read(start + part * READ_PAGES as u64, out)?;
        }
        Ok(Self { bytes, pages, key })
    }

    fn sectors(&self) -> impl Iterator<Item = Sector<'_>> {
        self.from(0)
    }

    /// The sectors from the beginning of `page` on.
    fn from(&self, page: u32) -> impl Iterator<Item = Sector<'_>> {
        let first = u64::from(page) * PAGE_SECTORS;
        let bytes = self.bytes.get(page as usize * PAGE..).unwrap_or_default();
        (first..)
            .zip(bytes.chunks_exact(SECTOR))
            .map(|(place, sector)| sector::decode(sector, self.key, place))
    }

    /// Where a frame that follows may begin: here, or at the beginning when it did not fit here.
    fn places(&self, page: u32) -> impl Iterator<Item = u32> {
        let here = (page < self.pages).then_some(page);
        here.into_iter().chain((page != 0).then_some(0))
    }

    fn find(&self, next: Mark) -> Option<(u32, u16, Frame)> {
        self.places(next.page).find_map(|place| {
            let (count, frame) = self.whole(place, next.frame)?;
            Some((place, count, frame))
        })
    }

    /// The frame `number` at `page`, when all of it is there.
    fn whole(&self, page: u32, number: u64) -> Option<(u16, Frame)> {
        let mut payload = Vec::new();
        let mut sectors = self.from(page);
        let count = match sectors.next()? {
            Sector::Part(part, bytes) if part.frame == number && part.index == 0 => {
                payload.extend(bytes);
                part.count
            }
            _ => return None,
        };
        for index in 1..count {
            match sectors.next()? {
                Sector::Part(part, bytes) if part == (Part { frame: number, index, count }) => {
                    payload.extend(bytes);
                }
                _ => return None,
            }
        }
        Some((count, frame::decode(self.key, number, &payload)?))
    }

    /// Looks whether what is not there whole was never acknowledged.
    fn look_behind(&self, next: Mark) -> Result<(), LogDamage> {
        let damage = Err(LogDamage::Frame(next.frame));
        let later = |sector| matches!(sector, Sector::Part(part, _) if part.frame > next.frame);
        if self.sectors().any(later) {
            return damage;
        }
        let torn = self.places(next.page).all(|place| self.may_be_torn(place, next.frame));
        if torn { Ok(()) } else { damage }
    }

    /// Whether a frame that begins at `page` may have been torn: no sector of it is damaged.
    fn may_be_torn(&self, page: u32, number: u64) -> bool {
        let count = match self.from(page).next() {
            Some(Sector::Part(part, _)) if part.frame == number => part.count,
            _ => 1,
        };
        !self.from(page).take(usize::from(count)).any(|sector| sector == Sector::Damaged)
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
