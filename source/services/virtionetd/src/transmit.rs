//! The transmit queue: frames that go out, each in a head of a fixed length.

use alloc::vec::Vec;

use nexus_mmio::{Outside, Shared, SharedMut};
use nexus_proto::net::{Counters, MIN_FRAME};
use nexus_virtio::net::{FRAME_PIECE, HEADER_PIECE};
use nexus_virtio::{Doorbell, Driven, Head, Misbehaved, Part, Queue, Slots};

use crate::frame::{Dropped, count};

/// Heads of the queue.
pub const HEADS: usize = 128;

/// The queue. What a device reads for a head was fixed before the driver began (RFC-0004), its length too.
/// So heads come in classes of one length each: a frame goes in the shortest one that it fits, and the rest
/// of it is zero.
#[derive(Debug)]
pub struct Transmitter<P, U, T> {
    queue: Queue<P, U, HEADS>,
    slots: Slots<P>,
    /// Heads that the device does not have, by class; the shortest first.
    free: Vec<Class>,
    /// Whose frame is in each head that the device has.
    sent: Vec<Option<T>>,
    /// Most bytes of a frame.
    longest: usize,
    counters: Counters,
}

/// Heads for frames of at most `len` bytes.
#[derive(Debug)]
struct Class {
    len: usize,
    heads: Vec<Head>,
}

impl<P: SharedMut, U: Shared, T> Transmitter<P, U, T> {
    /// A queue whose device has nothing. Frames of at most `longest` bytes are sent.
    #[must_use]
    pub fn new(parts: Driven<P, U, HEADS>, longest: usize) -> Transmitter<P, U, T> {
        let (queue, heads, slots) = parts;
        let sent = heads.iter().map(|_| None).collect();
        let (free, counters) = (Vec::new(), Counters::default());
        let mut transmitter = Transmitter { queue, slots, free, sent, longest, counters };
        heads.into_iter().for_each(|head| transmitter.put(head));
        transmitter
    }

    /// What went out, and what did not.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Sends a frame of `len` bytes, which `fill` writes to the start of the piece that it is given. `of` comes back when the device is done with it; [`Self::ring`] tells the device.
    ///
    /// # Errors
    /// `of`, and why the frame is dropped. After `NoBuffer` the same frame can be sent later.
    pub fn send(
        &mut self,
        len: usize,
        of: T,
        fill: impl FnOnce(&T, Part<'_, &mut P>) -> Result<(), Outside>,
    ) -> Result<(), (Dropped, T)> {
        let head = if len < MIN_FRAME {
            Err(Dropped::TooShort)
        } else if len > self.longest {
            Err(Dropped::TooLong)
        } else {
            self.take(len).ok_or(Dropped::NoBuffer)
        };
        let sent = head.and_then(|head| self.post(head, len, |part| fill(&of, part)));
        count(&mut self.counters, sent.map(|_| len));
        let place = sent.map(|index| self.sent.get_mut(usize::from(index)));
        match place {
            Ok(Some(place)) => *place = Some(of),
            Ok(None) => {}
            Err(dropped) => return Err((dropped, of)),
        }
        Ok(())
    }

    /// Counts a frame that is not sent.
    pub fn refuse(&mut self, why: Dropped) {
        count(&mut self.counters, Err(why));
    }

    /// True when a frame of any length has a head.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.free.last().is_some_and(|class| !class.heads.is_empty())
    }

    /// Takes back the heads that the device is done with, and says whose they were.
    ///
    /// # Errors
    /// What the device did that no device does.
    pub fn reap(&mut self, mut done: impl FnMut(T)) -> Result<(), Misbehaved> {
        while let Some(completion) = self.queue.pop()? {
            let head = completion.into_head();
            if let Some(of) = self.sent.get_mut(usize::from(head.index())).and_then(Option::take) {
                done(of);
            }
            self.put(head);
        }
        Ok(())
    }

    /// After a batch: tells the device of its frames, once.
    ///
    /// # Errors
    /// Of the doorbell.
    pub fn ring<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<bool, D::Error> {
        self.queue.ring(doorbell)
    }

    /// Before waiting: asks for an interrupt at the next head that comes back. False when one has.
    ///
    /// # Errors
    /// As [`Self::reap`].
    pub fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        self.queue.may_wait()
    }

    /// Gives a head to the device: a header of zeroes, `num_buffers` with it (virtio 1.2, 5.1.6.2.1), then the
    /// frame, then zeroes.
    fn post(
        &mut self,
        head: Head,
        len: usize,
        fill: impl FnOnce(Part<'_, &mut P>) -> Result<(), Outside>,
    ) -> Result<u16, Dropped> {
        let slots = &mut self.slots;
        let written = slots
            .clear(&head, HEADER_PIECE, 0)
            .and_then(|()| fill(slots.part_mut(&head, FRAME_PIECE)?))
            .and_then(|()| slots.clear(&head, FRAME_PIECE, len));
        let index = head.index();
        let posted = match written {
            Ok(()) => self.queue.post(head),
            Err(Outside) => Err(head),
        };
        posted.map(|()| index).map_err(|head| {
            self.put(head);
            Dropped::NoBuffer
        })
    }

    /// The shortest free head that a frame of `len` bytes fits.
    fn take(&mut self, len: usize) -> Option<Head> {
        let fits = self.free.iter_mut().filter(|class| class.len >= len);
        fits.filter_map(|class| class.heads.pop()).next()
    }

    /// A head is free. One whose length is not known is of no use.
    fn put(&mut self, head: Head) {
        let Some(len) = self.slots.len_of(&head, FRAME_PIECE) else { return };
        let at = self.free.partition_point(|class| class.len < len);
        match self.free.get_mut(at) {
            Some(class) if class.len == len => class.heads.push(head),
            _ => self.free.insert(at, Class { len, heads: [head].into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use nexus_sysdesc::{Queue, Shape};
    use nexus_virtio::Notices;
    use nexus_virtio::fake::Layout;

    /// In whatever order the description has them, and as often as one comes back.
    #[test]
    fn heads_are_in_one_class_for_each_length_the_shortest_first() {
        let shape = |(heads, len)| Shape { heads, reads: vec![12, len], writes: vec![] };
        let shapes = [(32, 1514), (32, 64), (32, 512), (32, 1514)].map(shape);
        let layout = Layout::of(&[Queue { shapes: shapes.into() }]);
        let parts = layout.sealed(&layout.memory(), Notices::Flags).queue(0).unwrap();
        let mut output = Transmitter::new(parts, 1514);
        for len in [60, 500, 1500, 60] {
            let refused = output.send(len, len, |_, _| Err(Outside));
            assert_eq!(refused, Err((Dropped::NoBuffer, len)));
            let free: Vec<_> =
                output.free.iter().map(|class| (class.len, class.heads.len())).collect();
            assert_eq!(free, [(64, 32), (512, 32), (1514, 64)]);
        }
    }
}
