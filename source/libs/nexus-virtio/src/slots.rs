//! The data part of a pool: a slot for each head, in pieces.

mod part;

use alloc::boxed::Box;
use alloc::vec::Vec;

use nexus_mmio::{Outside, Shared, SharedMut, Split, copy_between};
use nexus_sysdesc::layout::{QueueLayout, Segment};

use crate::Head;

pub use part::Part;

/// A piece of a slot.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it begins, in the memory of the slots.
    start: usize,
    /// Its bytes.
    len: usize,
    /// The device writes it; else it reads it.
    writes: bool,
}

/// The slots of one queue. The pieces of a slot have numbers, from 0, in the order of their descriptors:
/// those that the device reads, then those that it writes.
///
/// A slot is read and written only with its [`Head`] in hand: never while the device has it. Each access
/// looks up one piece, whatever the queue is like.
#[derive(Debug)]
pub struct Slots<M> {
    memory: M,
    queue: u16,
    /// The pieces of all heads, one head after the other.
    pieces: Box<[Piece]>,
    /// For each head the number of its first piece in `pieces`; and after the last one, how many there are.
    firsts: Box<[usize]>,
}

impl<M: Shared> Slots<M> {
    /// The slots of queue `number`, which is laid out so. `memory` begins at byte `base` of the pool. A piece
    /// that is not in it cannot be read or written.
    ///
    /// # Errors
    /// A piece is not in it.
    pub fn new(number: u16, layout: &QueueLayout, memory: M, base: u64) -> Result<Self, Outside> {
        let has = memory.len();
        let place = |segment: &Segment| {
            let start = usize::try_from(segment.offset.checked_sub(base)?).ok()?;
            let (len, writes) = (usize::try_from(segment.len).ok()?, segment.writes);
            (start.checked_add(len)? <= has).then_some(Piece { start, len, writes })
        };
        let segments = layout.heads.iter().flat_map(|head| &head.segments);
        let pieces = segments.map(place);
        let ends = layout.heads.iter().scan(0, |sum, head| {
            *sum += head.segments.len();
            Some(*sum)
        });
        Ok(Slots {
            memory,
            queue: number,
            pieces: pieces.collect::<Option<_>>().ok_or(Outside)?,
            firsts: core::iter::once(0).chain(ends).collect(),
        })
    }

    /// Bytes of a piece. `None` when the head has no such piece, or is of another queue.
    #[must_use]
    pub fn len_of(&self, head: &Head, piece: usize) -> Option<usize> {
        self.piece(head, piece).ok().map(|piece| piece.len)
    }

    /// The pieces of a head, from the first: the bytes of each, and true where the device writes it. None
    /// when the head is of another queue.
    pub fn pieces(&self, head: &Head) -> impl Iterator<Item = (u32, bool)> {
        let pieces = (0..).map_while(|piece| self.piece(head, piece).ok());
        // A piece is as long as its descriptor can say.
        pieces.map(|piece| (piece.len as u32, piece.writes))
    }

    /// The memory of each piece of each head, in their order, in whole words of eight bytes. Whoever has it
    /// looks to it that a slot is read and written only while the device does not have its head.
    ///
    /// # Errors
    /// A piece is not in words of its own.
    pub fn into_pieces(self) -> Result<Vec<Vec<M>>, Outside>
    where
        M: Split,
    {
        let Slots { memory: mut rest, pieces, firsts, .. } = self;
        let mut parts = Vec::new();
        for piece in pieces.iter().rev() {
            let (before, from) = rest.split(piece.start).map_err(|_| Outside)?;
            let (own, _) = from.split(piece.len.next_multiple_of(8)).map_err(|_| Outside)?;
            parts.push(own);
            rest = before;
        }
        let mut parts = parts.into_iter().rev();
        let counts = firsts.iter().zip(firsts.iter().skip(1)).map(|(first, end)| end - first);
        Ok(counts.map(|count| parts.by_ref().take(count).collect()).collect())
    }

    /// Copies bytes of a piece from `offset` on into `to`.
    ///
    /// # Errors
    /// They are not all in it, there is no such piece, or the head is of another queue.
    pub fn read(
        &self,
        head: &Head,
        piece: usize,
        offset: usize,
        to: &mut [u8],
    ) -> Result<(), Outside> {
        self.memory.copy_out(self.place(head, piece, offset, to.len())?, to)
    }

    /// Copies `len` bytes of a piece from `offset` on to other memory, each loaded and stored once.
    ///
    /// # Errors
    /// As [`read`](Self::read); or they do not fit there.
    pub fn copy_to<T: SharedMut>(
        &self,
        (head, piece, offset): (&Head, usize, usize),
        to: &mut T,
        to_offset: usize,
        len: usize,
    ) -> Result<(), Outside> {
        let place = self.place(head, piece, offset, len)?;
        copy_between(&self.memory, place, to, to_offset, len)
    }

    fn piece(&self, head: &Head, piece: usize) -> Result<Piece, Outside> {
        let index = usize::from(head.index);
        let first = *self.firsts.get(index).ok_or(Outside)?;
        let end = *self.firsts.get(index + 1).ok_or(Outside)?;
        let its = first.checked_add(piece).filter(|at| *at < end && head.queue == self.queue);
        self.pieces.get(its.ok_or(Outside)?).copied().ok_or(Outside)
    }

    /// Where in the memory `len` bytes of a piece are.
    fn place(
        &self,
        head: &Head,
        piece: usize,
        offset: usize,
        len: usize,
    ) -> Result<usize, Outside> {
        let piece = self.piece(head, piece)?;
        let inside = offset <= piece.len && len <= piece.len - offset;
        inside.then(|| piece.start + offset).ok_or(Outside)
    }
}

impl<M: SharedMut> Slots<M> {
    /// Copies `from` to the bytes of a piece from `offset` on.
    ///
    /// # Errors
    /// They are not all in it, there is no such piece, or the head is of another queue.
    pub fn write(
        &mut self,
        head: &Head,
        piece: usize,
        offset: usize,
        from: &[u8],
    ) -> Result<(), Outside> {
        let place = self.place(head, piece, offset, from.len())?;
        self.memory.copy_in(place, from)
    }

    /// Copies `len` bytes of other memory to a piece from `offset` on, each loaded and stored once.
    ///
    /// # Errors
    /// As [`write`](Self::write); or they are not all there.
    pub fn copy_from<F: Shared>(
        &mut self,
        (head, piece, offset): (&Head, usize, usize),
        from: &F,
        from_offset: usize,
        len: usize,
    ) -> Result<(), Outside> {
        let place = self.place(head, piece, offset, len)?;
        copy_between(from, from_offset, &mut self.memory, place, len)
    }

    /// Zeroes a piece from `offset` to its end: so a device that reads it finds nothing that was there
    /// before, and one that says it has written it, and has not, leaves nothing but zeroes.
    ///
    /// # Errors
    /// `offset` is past its end, there is no such piece, or the head is of another queue.
    pub fn clear(&mut self, head: &Head, piece: usize, offset: usize) -> Result<(), Outside> {
        const ZEROES: [u8; 64] = [0; 64];
        let len = self.piece(head, piece)?.len.checked_sub(offset).ok_or(Outside)?;
        let place = self.place(head, piece, offset, len)?;
        let whole = len / ZEROES.len();
        for chunk in 0..whole {
            self.memory.copy_in(place + chunk * ZEROES.len(), &ZEROES)?;
        }
        let (rest, _) = ZEROES.split_at(len % ZEROES.len());
        self.memory.copy_in(place + whole * ZEROES.len(), rest)
    }
}
