//! What is asked of the disk at one time: one request, or several that are under way together.

use alloc::vec::Vec;
use core::ops::Range;

use nexus_mmio::SharedMut;
use nexus_proto::disk::{SECTOR, ring as wire};
use nexus_ring::{Completion, Consumer, DONE, Submission};
use nexus_store::DeviceError;

use crate::disk::ENTRIES;

/// Where data comes from, or goes to.
#[derive(Debug)]
pub(crate) enum Data<'a> {
    /// Read into this.
    Into(&'a mut [u8]),
    /// Written from this.
    From(&'a [u8]),
    /// A flush has none.
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

    const fn op(&self) -> u8 {
        match self {
            Data::Into(_) => wire::READ,
            Data::From(_) => wire::WRITE,
            Data::Nothing => wire::FLUSH,
        }
    }
}

/// A read, a write or a flush, in pieces of which each is a request.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    data: Data<'a>,
    /// The first sector.
    sector: u64,
    /// Bytes of a piece, but of the last.
    piece: usize,
    pieces: usize,
    /// Pieces that were never asked for.
    rest: Range<usize>,
    /// Pieces that were asked of a driver that died.
    again: Vec<usize>,
    /// The piece that each request is for.
    of: [usize; ENTRIES],
    done: usize,
    failed: Option<DeviceError>,
}

impl<'a> Job<'a> {
    /// Of whole sectors from `sector` on. Each piece takes `piece` bytes of the data area.
    pub(crate) fn new(data: Data<'a>, sector: u64, piece: u32) -> Job<'a> {
        let piece = piece as usize;
        // A flush is one piece without data.
        let pieces = match data {
            Data::Nothing => 1,
            _ => data.len().div_ceil(piece),
        };
        let (rest, again, of) = (0..pieces, Vec::new(), [0; ENTRIES]);
        Job { data, sector, piece, pieces, rest, again, of, done: 0, failed: None }
    }

    /// What came of it, once nothing of it is under way.
    pub(crate) fn result(&self, in_flight: u16) -> Option<Result<(), DeviceError>> {
        match self.failed {
            _ if in_flight > 0 => None,
            Some(failed) => Some(Err(failed)),
            None => (self.done == self.pieces).then_some(Ok(())),
        }
    }

    /// Asks for as many pieces as there is room for: `most` at one time.
    ///
    /// # Errors
    /// The ring does not take one.
    pub(crate) fn give<M: SharedMut>(
        &mut self,
        ring: &mut Consumer<M, ENTRIES>,
        most: u16,
    ) -> Result<(), DeviceError> {
        while ring.in_flight() < most && self.failed.is_none() {
            let Some(piece) = self.again.pop().or_else(|| self.rest.next()) else { break };
            // With less than `most` under way the lowest free one is below `most`: its data has a place.
            let id = ring.free_id().ok_or(DeviceError::Failed)?;
            self.ask(ring, id, piece)?;
        }
        Ok(())
    }

    fn range(&self, piece: usize) -> Range<usize> {
        let start = piece * self.piece;
        start..(start + self.piece).min(self.data.len())
    }

    fn ask<M: SharedMut>(
        &mut self,
        ring: &mut Consumer<M, ENTRIES>,
        id: u16,
        piece: usize,
    ) -> Result<(), DeviceError> {
        let range = self.range(piece);
        let offset = self.offset(id);
        if let Data::From(bytes) = &self.data {
            let bytes = bytes.get(range.clone()).ok_or(DeviceError::OutOfRange)?;
            ring.write(offset, bytes).map_err(|_| DeviceError::Failed)?;
        }
        *self.of.get_mut(usize::from(id)).ok_or(DeviceError::Failed)? = piece;
        let arg = self.sector.saturating_add(range.start as u64 / SECTOR);
        let request = Submission { id, op: self.data.op(), len: range.len() as u32, offset, arg };
        ring.submit(request).map_err(|_| DeviceError::Failed)
    }

    /// Where the data of a request is.
    fn offset(&self, id: u16) -> u32 {
        u32::from(id) * self.piece as u32
    }

    /// The driver is done with a request. One that was not done as it was asked for is a failure, whatever the
    /// driver calls it.
    pub(crate) fn done<M: SharedMut>(&mut self, ring: &Consumer<M, ENTRIES>, done: Completion) {
        let piece = self.of.get(usize::from(done.id)).copied().unwrap_or(self.pieces);
        let (range, offset) = (self.range(piece), self.offset(done.id));
        if done.status == wire::OUT_OF_RANGE {
            return self.fail(DeviceError::OutOfRange);
        }
        if done.status != DONE || done.len as usize != range.len() {
            return self.fail(DeviceError::Failed);
        }
        if let Data::Into(bytes) = &mut self.data {
            let read = bytes.get_mut(range).map(|bytes| ring.read(offset, bytes));
            if read != Some(Ok(())) {
                return self.fail(DeviceError::Failed);
            }
        }
        self.done += 1;
    }

    /// These were under way when the driver died: they are asked for again.
    pub(crate) fn lost(&mut self, ids: impl Iterator<Item = u16>) {
        for id in ids {
            self.again.extend(self.of.get(usize::from(id)));
        }
    }

    fn fail(&mut self, why: DeviceError) {
        self.failed.get_or_insert(why);
    }
}
