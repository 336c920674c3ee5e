//! What is asked of the disk at one time: one request, or several that are under way together.

use alloc::vec::Vec;
use core::ops::Range;

use nexus_mmio::SharedMut;
use nexus_proto::disk::{SECTOR, ring as wire};
use nexus_ring::{Completion, Consumer, DONE, Submission};
use nexus_store::{DeviceError, PAGE};

use crate::disk::ENTRIES;

/// Where data comes from, or goes to.
#[derive(Debug)]
pub(crate) enum Data<'a> {
    /// Read into this.
    Into(&'a mut [u8]),
    /// Written from this.
    From(&'a [u8]),
    /// None: a flush alone.
    Nothing,
}

impl Data<'_> {
    fn len(&self) -> usize {
        match self {
            Data::Into(bytes) => bytes.len(),
            Data::From(bytes) => bytes.len(),
            Data::Nothing => 0,
        }
    }
}

/// A read or a write, in pieces of which each is a request, and a flush behind it.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    data: Data<'a>,
    to: Place<'a>,
    /// Bytes of a piece, but of the last.
    piece: usize,
    /// Pieces of data. The number behind the last stands for the flush.
    pieces: usize,
    /// Pieces that were never asked for.
    rest: Range<usize>,
    /// Pieces that were asked of a driver that died.
    again: Vec<usize>,
    /// The flush, which comes behind all pieces.
    flush: Flush,
    /// The piece that each request is for.
    of: [usize; ENTRIES],
    /// Pieces of data that are done.
    done: usize,
    failed: Option<DeviceError>,
}

/// Where it is on the disk.
#[derive(Debug)]
enum Place<'a> {
    /// From this sector on.
    From(u64),
    /// Each piece from a sector of its own on.
    Each(&'a [u64]),
}

/// How far the flush of a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    /// It has none, or it is done.
    Nothing,
    /// It is still to be asked for.
    Waits,
    /// The driver has it.
    Asked,
}

impl<'a> Job<'a> {
    /// Of whole sectors from `sector` on. Each piece takes `piece` bytes of the data area.
    pub(crate) fn new(data: Data<'a>, sector: u64, piece: u32) -> Job<'a> {
        let piece = piece as usize;
        let pieces = data.len().div_ceil(piece);
        let (rest, again, flush, of) = (0..pieces, Vec::new(), Flush::Nothing, [0; ENTRIES]);
        let to = Place::From(sector);
        Job { data, to, piece, pieces, rest, again, flush, of, done: 0, failed: None }
    }

    /// Of pages, each from a sector of its own on: as many as there are.
    pub(crate) fn each(data: Data<'a>, sectors: &'a [u64]) -> Job<'a> {
        Job { to: Place::Each(sectors), ..Job::new(data, 0, PAGE as u32) }
    }

    /// The same, and a flush of them.
    pub(crate) fn each_flushed(data: Data<'a>, sectors: &'a [u64]) -> Job<'a> {
        Job { flush: Flush::Waits, ..Job::each(data, sectors) }
    }

    /// How many pieces there may be at one time, where there is room for `most` of the length that is usual.
    fn most<M: SharedMut>(&self, ring: &Consumer<M, ENTRIES>, most: u16) -> u16 {
        match self.to {
            Place::From(_) => most,
            Place::Each(_) => (ring.data_len() as usize / self.piece).min(ENTRIES) as u16,
        }
    }

    fn sector(&self, piece: usize) -> u64 {
        let start = self.range(piece).start as u64 / SECTOR;
        match self.to {
            Place::From(first) => first.saturating_add(start),
            // The flush has none.
            Place::Each(sectors) => sectors.get(piece).copied().unwrap_or(0),
        }
    }

    /// The same, and a flush of what it writes.
    pub(crate) fn flushed(data: Data<'a>, sector: u64, piece: u32) -> Job<'a> {
        Job { flush: Flush::Waits, ..Job::new(data, sector, piece) }
    }

    /// What came of it, once nothing of it is under way.
    pub(crate) fn result(&self, in_flight: u16) -> Option<Result<(), DeviceError>> {
        match self.failed {
            _ if in_flight > 0 => None,
            Some(failed) => Some(Err(failed)),
            None => (self.done == self.pieces && self.flush == Flush::Nothing).then_some(Ok(())),
        }
    }

    /// True when there is nothing to do for it until all that is under way is done.
    pub(crate) fn is_given(&self) -> bool {
        // What was read of a long run is copied while the rest is read; pages are few.
        let reads = matches!((&self.data, &self.to), (Data::Into(_), Place::From(_)));
        !reads && self.has_no_more_data() && self.flush != Flush::Waits
    }

    fn has_no_more_data(&self) -> bool {
        self.rest.is_empty() && self.again.is_empty()
    }

    /// Asks for as many pieces as there is room for: `most` at one time. Behind the last the flush is asked for, which
    /// the driver holds back until they are done.
    ///
    /// # Errors
    /// The ring does not take one.
    pub(crate) fn give<M: SharedMut>(
        &mut self,
        ring: &mut Consumer<M, ENTRIES>,
        most: u16,
    ) -> Result<(), DeviceError> {
        let most = self.most(ring, most);
        while ring.in_flight() < most && self.failed.is_none() {
            let Some(piece) = self.again.pop().or_else(|| self.rest.next()) else { break };
            // With less than `most` under way the lowest free one is below `most`: its data has a place.
            let id = ring.free_id().ok_or(DeviceError::Failed)?;
            self.ask(ring, id, piece)?;
        }
        let last = self.failed.is_none() && self.has_no_more_data();
        if last
            && self.flush == Flush::Waits
            && let Some(id) = ring.free_id()
        {
            self.flush = Flush::Asked;
            self.ask(ring, id, self.pieces)?;
        }
        Ok(())
    }

    /// The bytes of a piece; none of the flush.
    fn range(&self, piece: usize) -> Range<usize> {
        let end = self.data.len();
        let start = (piece * self.piece).min(end);
        start..(start + self.piece).min(end)
    }

    const fn op(&self, piece: usize) -> u8 {
        match &self.data {
            _ if piece == self.pieces => wire::FLUSH,
            Data::Into(_) => wire::READ,
            Data::From(_) | Data::Nothing => wire::WRITE,
        }
    }

    fn ask<M: SharedMut>(
        &mut self,
        ring: &mut Consumer<M, ENTRIES>,
        id: u16,
        piece: usize,
    ) -> Result<(), DeviceError> {
        let range = self.range(piece);
        let offset = self.offset(id, piece);
        if let Data::From(bytes) = &self.data {
            let bytes = bytes.get(range.clone()).ok_or(DeviceError::OutOfRange)?;
            ring.write(offset, bytes).map_err(|_| DeviceError::Failed)?;
        }
        *self.of.get_mut(usize::from(id)).ok_or(DeviceError::Failed)? = piece;
        let arg = self.sector(piece);
        let request = Submission { id, op: self.op(piece), len: range.len() as u32, offset, arg };
        ring.submit(request).map_err(|_| DeviceError::Failed)
    }

    /// Where the data of a request is. A flush has none: there may be no place for that of its id.
    fn offset(&self, id: u16, piece: usize) -> u32 {
        if piece == self.pieces { 0 } else { u32::from(id) * self.piece as u32 }
    }

    /// The driver is done with a request. One that was not done as it was asked for is a failure, whatever the
    /// driver calls it.
    pub(crate) fn done<M: SharedMut>(&mut self, ring: &Consumer<M, ENTRIES>, done: Completion) {
        let piece = self.of.get(usize::from(done.id)).copied().unwrap_or(self.pieces);
        let (range, offset) = (self.range(piece), self.offset(done.id, piece));
        if done.status == wire::OUT_OF_RANGE {
            return self.fail(DeviceError::OutOfRange);
        }
        if done.status != DONE || done.len as usize != range.len() {
            return self.fail(DeviceError::Failed);
        }
        if piece == self.pieces {
            return self.is_flushed();
        }
        if let Data::Into(bytes) = &mut self.data {
            let read = bytes.get_mut(range).map(|bytes| ring.read(offset, bytes));
            if read != Some(Ok(())) {
                return self.fail(DeviceError::Failed);
            }
        }
        self.done += 1;
    }

    /// The driver says that it has flushed. It is not believed while a piece ahead of the flush is not done.
    fn is_flushed(&mut self) {
        if self.done < self.pieces {
            return self.fail(DeviceError::Failed);
        }
        self.flush = Flush::Nothing;
    }

    /// These were under way when the driver died: they are asked for again, the flush behind the others.
    pub(crate) fn lost(&mut self, ids: impl Iterator<Item = u16>) {
        for id in ids {
            match self.of.get(usize::from(id)) {
                Some(piece) if *piece == self.pieces => self.flush = Flush::Waits,
                piece => self.again.extend(piece),
            }
        }
    }

    fn fail(&mut self, why: DeviceError) {
        self.failed.get_or_insert(why);
    }
}
