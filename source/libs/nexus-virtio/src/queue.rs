//! The driver's side of a sealed queue.
//!
//! Where the rings are, and what each head makes the device read and write, was written once, before the
//! driver began, by somebody else. A driver chooses which head goes next, and nothing more. It writes
//! the available ring and reads the used ring; what it needs to know of the first it remembers, and
//! reads nothing back.
//!
//! The device is not trusted: a head that it does not have, an index that runs ahead or a length beyond
//! what it may write ends the queue, or is cut. Nothing that it writes makes a loop longer than the
//! heads that it has.

use core::fmt;

use nexus_mmio::{Shared, SharedMut, TooSmall};

use crate::ring::{
    FLAGS, INDEX, MAX_SIZE, NO_INTERRUPT, NO_NOTIFY, avail_entry, avail_event, avail_len, passes,
    size_for, used_entry, used_event, used_len,
};
use crate::{Completion, Doorbell, Head};

/// How the two sides say whether they want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// By a flag: always, or not at all.
    Flags,
    /// By the index from which on (`VIRTIO_F_EVENT_IDX`, when it was agreed).
    EventIndex,
}

/// What the device did that no device does. Its queue is of no use from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaved {
    /// It says that it completed more heads than it had: its index, and how many it had.
    Index {
        /// The index of the used ring.
        index: u16,
        /// Heads that it had not completed.
        had: u16,
    },
    /// It completed a head that the queue does not have.
    NoSuchHead {
        /// Its index.
        id: u32,
    },
    /// It completed a head that it did not have.
    NotPosted {
        /// Its index.
        head: u16,
    },
    /// It misbehaved before, and that was told.
    Before,
}

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misbehaved::Index { index, had } => {
                write!(f, "the device had {had} heads, and completed more: index {index}")
            }
            Misbehaved::NoSuchHead { id } => write!(f, "the device completed head {id}: none such"),
            Misbehaved::NotPosted { head } => {
                write!(f, "the device completed head {head}, which it did not have")
            }
            Misbehaved::Before => f.write_str("the device misbehaved before"),
        }
    }
}

/// A head, as the queue knows it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Bytes that the device may write for it.
    writable: u32,
    /// True while the device has it.
    posted: bool,
}

/// A queue of `HEADS` heads, 1 to [`MAX_SIZE`]. `A` holds the available ring, `U` the used ring, which the
/// driver only reads.
#[derive(Debug)]
pub struct Queue<A, U, const HEADS: usize> {
    number: u16,
    avail: A,
    used: U,
    notices: Notices,
    entries: [Entry; HEADS],
    /// Heads posted, ever; what the index of the available ring says.
    posted: u16,
    /// Of those, how many the device was told of, or did not want to be told of.
    told: u16,
    /// Completions taken, ever.
    taken: u16,
    /// Completions made, ever, as the device last said.
    made: u16,
    /// True when the flag says that no interrupt is wanted.
    quiet: bool,
    misbehaved: bool,
}

impl<A: SharedMut, U: Shared, const HEADS: usize> Queue<A, U, HEADS> {
    /// Entries of each ring.
    pub const SIZE: usize = {
        assert!(0 < HEADS && HEADS <= MAX_SIZE, "a queue has 1 to 32,768 heads");
        size_for(HEADS)
    };

    /// Queue `number` of a device that was just reset, and its heads. `writable` says how many bytes the
    /// device may write for each. Both rings are zeroes.
    ///
    /// # Errors
    /// A ring does not fit into its memory.
    pub fn new(
        number: u16,
        avail: A,
        used: U,
        notices: Notices,
        writable: [u32; HEADS],
    ) -> Result<(Self, [Head; HEADS]), TooSmall> {
        for (has, needs) in
            [(avail.len(), avail_len(Self::SIZE)), (used.len(), used_len(Self::SIZE))]
        {
            if has < needs {
                return Err(TooSmall { has, needs });
            }
        }
        let entries = writable.map(|writable| Entry { writable, posted: false });
        let heads = core::array::from_fn(|index| Head { queue: number, index: index as u16 });
        let queue = Queue {
            number,
            avail,
            used,
            notices,
            entries,
            posted: 0,
            told: 0,
            taken: 0,
            made: 0,
            quiet: false,
            misbehaved: false,
        };
        Ok((queue, heads))
    }

    /// Heads that the device has.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.posted.wrapping_sub(self.taken)
    }

    /// Whether the device misbehaved.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.misbehaved
    }

    /// Heads posted that the device was not told of.
    #[must_use]
    pub const fn untold(&self) -> u16 {
        self.posted.wrapping_sub(self.told)
    }

    /// Gives a head to the device, with what stands in its slot. The device may begin at once; it need not
    /// look before [`ring`](Self::ring).
    ///
    /// # Errors
    /// The head: it is of another queue, or the device misbehaved.
    #[inline]
    pub fn post(&mut self, head: Head) -> Result<(), Head> {
        let own = head.queue == self.number;
        if !own || !self.post_index(head.index) {
            return Err(head);
        }
        self.publish();
        Ok(())
    }

    /// The same for a driver that keeps the heads of the queue by their indices, and gives them in batches: the
    /// device gets it at the next [`ring`](Self::ring). False when there is no such head, the device has it,
    /// or it misbehaved.
    #[inline]
    pub fn post_index(&mut self, index: u16) -> bool {
        let entry = self.entries.get_mut(usize::from(index));
        let Some(entry) = entry.filter(|entry| !entry.posted) else { return false };
        entry.posted = true;
        self.avail.write16(avail_entry(self.posted, Self::SIZE), index);
        self.posted = self.posted.wrapping_add(1);
        true
    }

    /// After a batch of posts: gives it to the device, and rings the doorbell once, if the device wants that.
    /// True when it rang.
    ///
    /// # Errors
    /// Of the doorbell. The device was not told, and is at the next call.
    #[inline]
    pub fn ring<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<bool, D::Error> {
        if self.told == self.posted {
            return Ok(false);
        }
        self.publish();
        // The index, before the load of what the device wants: it stores the one and looks at the other
        // in the opposite order, so that one of the two sees the other's store.
        self.avail.fence();
        let wanted = match self.notices {
            Notices::Flags => self.used.read16(FLAGS) & NO_NOTIFY == 0,
            Notices::EventIndex => {
                passes(self.used.read16(avail_event(Self::SIZE)), self.posted, self.told)
            }
        };
        if wanted {
            doorbell.notify(self.number)?;
        }
        self.told = self.posted;
        Ok(wanted)
    }

    /// Hands over what was posted.
    #[inline]
    fn publish(&mut self) {
        // The slots and the entries, before the index that hands them over.
        self.avail.fence();
        self.avail.write16(INDEX, self.posted);
    }

    /// The next head that the device is done with; `None` when there is none now.
    ///
    /// # Errors
    /// What the device did, once; from then on [`Misbehaved::Before`].
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Completion>, Misbehaved> {
        let queue = self.number;
        let completion = |(index, len)| Completion { head: Head { queue, index }, len };
        Ok(self.pop_index()?.map(completion))
    }

    /// The same for a driver that keeps its heads by their indices: the index, and the bytes that the device
    /// says it has written, no more than it may.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_index(&mut self) -> Result<Option<(u16, u32)>, Misbehaved> {
        if self.taken == self.made && !self.look()? {
            return Ok(None);
        }
        self.next().map(Some).map_err(|what| self.end(what))
    }

    /// Before waiting for an interrupt: asks for one at the next completion. True when there has been
    /// none meanwhile, so that it will come; otherwise [`pop`](Self::pop) has something.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        match self.notices {
            Notices::Flags => self.set_quiet(false),
            Notices::EventIndex => self.avail.write16(used_event(Self::SIZE), self.taken),
        }
        // What is wanted, before the load of the device's index: as in `ring`, with the sides changed.
        self.avail.fence();
        self.look().map(|something| !something)
    }

    /// Looks for a completion while the device has one head and no other, and `goes_on` says so, which is
    /// asked after each look that found nothing. True when [`pop`](Self::pop) has something. No interrupt is
    /// asked for: with [`Notices::EventIndex`], and with [`Notices::Flags`] after a completion was found,
    /// none comes for what is found here.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn spin(&mut self, mut goes_on: impl FnMut() -> bool) -> Result<bool, Misbehaved> {
        while self.in_flight() == 1 {
            if self.look()? {
                return Ok(true);
            }
            if !goes_on() {
                break;
            }
        }
        if self.misbehaved { Err(Misbehaved::Before) } else { Ok(false) }
    }

    /// The device is of no use from now on: nothing more is taken from it, and no head is given to it.
    #[cold]
    fn end(&mut self, what: Misbehaved) -> Misbehaved {
        self.misbehaved = true;
        self.made = self.taken;
        self.entries.iter_mut().for_each(|entry| entry.posted = true);
        what
    }

    /// The next that the device has said it has made.
    #[inline]
    fn next(&mut self) -> Result<(u16, u32), Misbehaved> {
        let [id, len] = self.used.read32s(used_entry(self.taken, Self::SIZE));
        let none = Misbehaved::NoSuchHead { id };
        let entry = self.entries.get_mut(id as usize).ok_or(none)?;
        let index = u16::try_from(id).map_err(|_| none)?;
        if !entry.posted {
            return Err(Misbehaved::NotPosted { head: index });
        }
        entry.posted = false;
        let len = len.min(entry.writable);
        self.taken = self.taken.wrapping_add(1);
        Ok((index, len))
    }

    /// Looks how far the device is. True when there is something to take.
    #[inline]
    fn look(&mut self) -> Result<bool, Misbehaved> {
        if self.misbehaved {
            return Err(Misbehaved::Before);
        }
        let index = self.used.read16(INDEX);
        if index == self.taken {
            return Ok(false);
        }
        let had = self.in_flight();
        if index.wrapping_sub(self.taken) > had {
            return Err(self.end(Misbehaved::Index { index, had }));
        }
        // The index, before the entries and the slots that it hands over.
        self.used.fence();
        self.made = index;
        if self.notices == Notices::Flags {
            self.set_quiet(true);
        }
        Ok(true)
    }

    /// With flags: says whether interrupts are wanted.
    fn set_quiet(&mut self, quiet: bool) {
        if self.quiet != quiet {
            self.avail.write16(FLAGS, if quiet { NO_INTERRUPT } else { 0 });
            self.quiet = quiet;
        }
    }
}
