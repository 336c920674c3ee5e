//! What both sides have: the end of one ring that makes entries, and the end of the other that takes them.

use nexus_mmio::{SharedMut, TooSmall};

use crate::attachment::Attachment;
use crate::layout::{Words, data_len};
use crate::{Ended, entry};

/// One side of both rings.
#[derive(Debug)]
pub(crate) struct Side<M, const N: usize> {
    pub(crate) memory: M,
    /// Bytes of the data area.
    pub(crate) data_len: u32,
    words: Words,
    /// Entries made, ever.
    made: u16,
    /// Of those, how many the peer was told of, or did not want to be told of.
    told: u16,
    /// Entries of the peer taken, ever.
    taken: u16,
    /// Entries of the peer made, ever, as it last said.
    seen: u16,
    /// The peer was asked to tell of the next entry, and this side has not looked at one since.
    asked: bool,
    /// The attachment that this side is in, or was in last.
    pub(crate) attachment: Attachment,
    /// Both sides are not in it, as far as this one knows.
    pub(crate) over: bool,
}

impl<M: SharedMut, const N: usize> Side<M, N> {
    /// A side that is in no attachment. It has written nothing yet.
    pub(crate) fn new(memory: M, words: Words) -> Result<Self, TooSmall> {
        let data_len = data_len(memory.len())?;
        let (made, told, taken, seen, asked) = (0, 0, 0, 0, true);
        let (attachment, over) = (Attachment::NONE, true);
        Ok(Side { memory, data_len, words, made, told, taken, seen, asked, attachment, over })
    }

    /// Leaves the attachment that it is in, and says that it is in `next`, with nothing made and nothing taken:
    /// it wants to be told of the first entry.
    pub(crate) fn leave_for(&mut self, next: Attachment) {
        (self.made, self.told, self.taken, self.seen) = (0, 0, 0, 0);
        (self.asked, self.over) = (true, true);
        self.say(next);
        // The attachment, before an index that is not of the last one.
        self.memory.fence();
        self.memory.write16(self.words.index, 0);
        self.memory.write16(self.words.event, 0);
        // All, before anybody is told that this side is there.
        self.memory.fence();
    }

    /// Says which attachment it is in.
    pub(crate) fn say(&mut self, attachment: Attachment) {
        entry::store(&mut self.memory, self.words.attachment, [attachment.0]);
    }

    /// The attachment that this side said it is in, in this life or another.
    pub(crate) fn said(&self) -> Attachment {
        let [name] = entry::load(&self.memory, self.words.attachment);
        Attachment(name)
    }

    /// The attachment that the peer says it is in.
    pub(crate) fn peers(&self) -> Attachment {
        let [name] = entry::load(&self.memory, self.words.peer_attachment);
        Attachment(name)
    }

    /// The index that the peer says.
    pub(crate) fn peer_index(&self) -> u16 {
        self.memory.read16(self.words.peer_index)
    }

    /// That both are in the same attachment.
    pub(crate) fn agreed(&self) -> Result<(), Ended> {
        if self.peers() == self.attachment { Ok(()) } else { Err(Ended::PeerGone) }
    }

    /// Makes an entry, which stands where `at` says of its place.
    pub(crate) fn make<const WORDS: usize>(&mut self, at: fn(usize) -> usize, entry: [u64; WORDS]) {
        entry::store(&mut self.memory, at(usize::from(self.made) % N), entry);
        self.made = self.made.wrapping_add(1);
        // The data and the entry, before the index that hands them over.
        self.memory.fence();
        self.memory.write16(self.words.index, self.made);
    }

    /// After a batch: notifies once, if the peer wants that. True when it did.
    pub(crate) fn ring<E>(&mut self, notify: impl FnOnce() -> Result<(), E>) -> Result<bool, E> {
        if self.told == self.made {
            return Ok(false);
        }
        // The index, before the load of what the peer wants: it stores the one and looks at the other in
        // the opposite order, so that one of the two sees the other's store.
        self.memory.fence();
        let wanted = passes(self.memory.read16(self.words.peer_event), self.made, self.told);
        if wanted {
            notify()?;
        }
        self.told = self.made;
        Ok(wanted)
    }

    /// True when the peer wants to be told of an entry that was not made yet, in an attachment that is not over.
    pub(crate) fn is_awaited(&self) -> bool {
        // Whatever made this side ask, before what the peer wants.
        self.memory.fence();
        let ahead = self.memory.read16(self.words.peer_event).wrapping_sub(self.made);
        !self.over && usize::from(ahead) < N
    }

    /// Takes the next entry; `None` when there is none now. `room` is how many the peer can have made that
    /// were not taken.
    pub(crate) fn take<const WORDS: usize>(
        &mut self,
        at: fn(usize) -> usize,
        room: u16,
    ) -> Result<Option<[u64; WORDS]>, Ended> {
        if self.taken == self.seen && !self.look(room)? {
            return Ok(None);
        }
        Ok(self.take_seen(at))
    }

    /// The same without another look at how far the peer is.
    pub(crate) fn take_seen<const WORDS: usize>(
        &mut self,
        at: fn(usize) -> usize,
    ) -> Option<[u64; WORDS]> {
        if self.taken == self.seen {
            return None;
        }
        let entry = entry::load(&self.memory, at(usize::from(self.taken) % N));
        self.taken = self.taken.wrapping_add(1);
        Some(entry)
    }

    /// Before waiting: asks to be told of the entry that so many others come `before`. True when there has been none
    /// meanwhile.
    pub(crate) fn may_wait(&mut self, room: u16, before: u16) -> Result<bool, Ended> {
        self.in_use()?;
        self.memory.write16(self.words.event, self.taken.wrapping_add(before));
        self.asked = true;
        // What is wanted, before the load of the index: as in `ring`, with the sides changed.
        self.memory.fence();
        let something = self.look(room).and_then(|something| {
            // With nothing to take nobody has looked yet. A peer that leaves later tells.
            if something { Ok(true) } else { self.agreed().map(|()| false) }
        });
        self.noted(something).map(|something| !something)
    }

    /// That the attachment is not over yet.
    pub(crate) const fn in_use(&self) -> Result<(), Ended> {
        if self.over { Err(Ended::Before) } else { Ok(()) }
    }

    /// The same result, remembered when the attachment is over.
    pub(crate) fn noted<T>(&mut self, result: Result<T, Ended>) -> Result<T, Ended> {
        self.over = result.is_err();
        result
    }

    /// Looks how far the peer is. True when there is something to take.
    fn look(&mut self, room: u16) -> Result<bool, Ended> {
        let index = self.memory.read16(self.words.peer_index);
        if index == self.taken {
            return Ok(false);
        }
        // The index, before the attachment that it is of, and the entries and the data that it hands over.
        self.memory.fence();
        self.agreed()?;
        if index.wrapping_sub(self.taken) > room {
            return Err(Ended::Index { index, room });
        }
        self.seen = index;
        if self.asked {
            self.asked = false;
            // As far from every entry that there is as can be: this side is awake, and looks once more before
            // it waits.
            self.memory.write16(self.words.event, self.taken.wrapping_add(1 << 15));
        }
        Ok(true)
    }
}

/// True when an index that went from `old` to `new` has passed `event` (virtio 1.2, 2.7.10).
pub(crate) const fn passes(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}
