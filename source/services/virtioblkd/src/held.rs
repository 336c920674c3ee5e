//! Flushes that are held back until the changes ahead of them are done.
//!
//! A flush of the device is of the writes that the device had done when it was asked (virtio 1.2, 5.2.6), and a device
//! does what it has in any order. So a flush of the ring is asked when every change (write, discard, zeroes) that was
//! taken from the ring ahead of it is done, and not at all when one of them failed. It waits for none behind it.

use crate::requests::ENTRIES;

// A set of ids is one word.
const _: () = assert!(ENTRIES == u64::BITS as usize);

/// Changes that are under way, and flushes that wait for some of them, all by the id of their request (0 to 63).
#[derive(Debug)]
pub(crate) struct Held {
    /// Changes that were taken and not completed.
    changes: u64,
    /// Flushes that are held back.
    flushes: u64,
    /// Of those, for which a change failed.
    failed: u64,
    /// The changes that each of them waits for.
    ahead: [u64; ENTRIES],
}

impl Default for Held {
    fn default() -> Held {
        Held { changes: 0, flushes: 0, failed: 0, ahead: [0; ENTRIES] }
    }
}

impl Held {
    /// A change was taken.
    pub(crate) const fn change(&mut self, id: u16) {
        self.changes |= bit(id);
    }

    /// A flush was taken. It is held back if a change is under way.
    pub(crate) fn flush(&mut self, id: u16) {
        if let Some(ahead) = self.ahead.get_mut(usize::from(id))
            && self.changes != 0
        {
            *ahead = self.changes;
            self.flushes |= bit(id);
        }
    }

    /// True while this one is a flush that is held back.
    pub(crate) const fn holds(&self, id: u16) -> bool {
        self.flushes & bit(id) != 0
    }

    /// A request was completed, which may have been a change.
    pub(crate) fn done(&mut self, id: u16, failed: bool) {
        let done = self.changes & bit(id);
        self.changes &= !done;
        if done == 0 || self.flushes == 0 {
            return;
        }
        for (flush, ahead) in (0..).zip(&mut self.ahead) {
            if *ahead & done != 0 {
                *ahead &= !done;
                self.failed |= if failed { bit(flush) } else { 0 };
            }
        }
    }

    /// The next flush that is not to be held back any more, and whether a change ahead of it failed.
    pub(crate) fn release(&mut self) -> Option<(u16, bool)> {
        if self.flushes == 0 {
            return None;
        }
        let free = |(id, ahead): &(u16, &u64)| self.flushes & bit(*id) != 0 && **ahead == 0;
        let (id, _) = (0..).zip(&self.ahead).find(free)?;
        let failed = self.failed & bit(id) != 0;
        self.flushes &= !bit(id);
        self.failed &= !bit(id);
        Some((id, failed))
    }
}

/// The set of this one; of none, where there is no such id.
const fn bit(id: u16) -> u64 {
    match 1_u64.checked_shl(id as u32) {
        Some(bit) => bit,
        None => 0,
    }
}
