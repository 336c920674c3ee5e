//! The data part of a pool: a slot for each head.

use nexus_mmio::{Outside, Shared, SharedMut};

use crate::Head;

/// The slots of one queue, of `size` bytes each, side by side in the order of their heads.
///
/// A slot is read and written only with its [`Head`] in hand: never while the device has it.
#[derive(Debug)]
pub struct Slots<M> {
    memory: M,
    queue: u16,
    size: usize,
}

impl<M: Shared> Slots<M> {
    /// The slots of queue `queue`, from the start of `memory` on. A slot that is not in it cannot be
    /// read or written.
    pub const fn new(queue: u16, memory: M, size: usize) -> Slots<M> {
        Slots { memory, queue, size }
    }

    /// Copies bytes of the slot from `offset` on into `to`.
    ///
    /// # Errors
    /// They are not all in the slot, or the head is of another queue.
    pub fn read(&self, head: &Head, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        self.memory.copy_out(self.place(head, offset, to.len())?, to)
    }

    /// Where in the memory `len` bytes of a slot are.
    fn place(&self, head: &Head, offset: usize, len: usize) -> Result<usize, Outside> {
        let inside = offset <= self.size && len <= self.size - offset;
        let start = usize::from(head.index).checked_mul(self.size).ok_or(Outside)?;
        let place = start.checked_add(offset).ok_or(Outside)?;
        (inside && head.queue == self.queue).then_some(place).ok_or(Outside)
    }
}

impl<M: SharedMut> Slots<M> {
    /// Copies `from` to the bytes of the slot from `offset` on.
    ///
    /// # Errors
    /// They are not all in the slot, or the head is of another queue.
    pub fn write(&mut self, head: &Head, offset: usize, from: &[u8]) -> Result<(), Outside> {
        let place = self.place(head, offset, from.len())?;
        self.memory.copy_in(place, from)
    }

    /// Zeroes `len` bytes of the slot from `offset` on: what a device that writes nothing, and says it
    /// has, leaves there is not what was there before.
    ///
    /// # Errors
    /// They are not all in the slot, or the head is of another queue.
    pub fn clear(&mut self, head: &Head, offset: usize, len: usize) -> Result<(), Outside> {
        const ZEROES: [u8; 64] = [0; 64];
        let place = self.place(head, offset, len)?;
        let whole = len / ZEROES.len();
        for chunk in 0..whole {
            self.memory.copy_in(place + chunk * ZEROES.len(), &ZEROES)?;
        }
        let (rest, _) = ZEROES.split_at(len % ZEROES.len());
        self.memory.copy_in(place + whole * ZEROES.len(), rest)
    }
}
