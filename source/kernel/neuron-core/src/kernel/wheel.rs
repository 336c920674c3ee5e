//! Deadlines: a wheel of 256 slots. Setting and clearing one takes constant time.

use nexus_abi::{Error, NO_DEADLINE};

use crate::object::thread::{Thread, Timed};
use crate::store::addr::index;
use crate::store::list::List;
use crate::store::pool::{Id, Pool};

/// A slot spans 2^13 ticks: 0.8 ms at 10 MHz. A turn of the wheel is 0.2 s; later deadlines stay
/// in their slot for further turns.
const SLOT_SHIFT: u32 = 13;

/// The wheel.
#[derive(Debug)]
pub struct Wheel {
    pub(crate) slots: [List<Thread, Timed>; 256],
    /// One bit for each slot that is not empty.
    pub(crate) used: [u64; 4],
    /// Slots before this one (counted from tick 0) hold nothing that is due.
    done: u64,
}

impl Wheel {
    /// An empty wheel at tick `now`.
    #[must_use]
    pub const fn new(now: u64) -> Wheel {
        Wheel { slots: [List::EMPTY; 256], used: [0; 4], done: now >> SLOT_SHIFT }
    }

    /// Sets the deadline of a thread that has none.
    pub fn insert(
        &mut self,
        threads: &mut Pool<'_, Thread>,
        id: Id<Thread>,
        deadline: u64,
    ) -> Result<(), Error> {
        let at = (deadline >> SLOT_SHIFT).max(self.done);
        threads.get_mut(id)?.deadline = deadline;
        let (slot, word, bit) = place(at);
        self.slots.get_mut(slot).ok_or(Error::BadState)?.push_back(threads, id)?;
        if let Some(used) = self.used.get_mut(word) {
            *used |= bit;
        }
        // A deadline in the past still has to be found: its slot is the current one.
        threads.get_mut(id)?.wheel_slot = at;
        Ok(())
    }

    /// Clears the deadline of a thread, if it has one.
    #[inline]
    pub fn remove(&mut self, threads: &mut Pool<'_, Thread>, id: Id<Thread>) -> Result<(), Error> {
        let thread = threads.get_mut(id)?;
        if thread.deadline == NO_DEADLINE {
            return Ok(());
        }
        thread.deadline = NO_DEADLINE;
        let (slot, word, bit) = place(thread.wheel_slot);
        let list = self.slots.get_mut(slot).ok_or(Error::BadState)?;
        list.remove(threads, id)?;
        if list.is_empty()
            && let Some(used) = self.used.get_mut(word)
        {
            *used &= !bit;
        }
        Ok(())
    }

    /// Takes out one thread whose deadline has passed at `now`.
    pub fn expire(&mut self, threads: &mut Pool<'_, Thread>, now: u64) -> Option<Id<Thread>> {
        let current = now >> SLOT_SHIFT;
        // After a long sleep, one turn of the wheel visits every slot.
        self.done = self.done.max(current.saturating_sub(255));
        loop {
            let (slot, ..) = place(self.done);
            let mut next = self.slots.get(slot)?.first();
            while let Some(id) = next {
                if threads.get(id).ok()?.deadline <= now {
                    self.remove(threads, id).ok()?;
                    return Some(id);
                }
                next = List::<Thread, Timed>::next(threads, id);
            }
            if self.done >= current {
                return None;
            }
            self.done = self.done.wrapping_add(1);
        }
    }

    /// A tick at or before the earliest deadline, later than `now` unless one has passed;
    /// `u64::MAX` when there is none.
    #[must_use]
    pub fn next_event(&self, threads: &Pool<'_, Thread>, now: u64) -> u64 {
        let current = now >> SLOT_SHIFT;
        let (slot, ..) = place(current);
        let end = current.wrapping_add(1) << SLOT_SHIFT;
        let mut soonest = u64::MAX;
        let mut next = self.slots.get(slot).and_then(List::first);
        while let Some(id) = next {
            let deadline = threads.get(id).map_or(u64::MAX, |thread| thread.deadline);
            // One that waits for a further turn is looked at again when the turn comes.
            let wake = if deadline < end { deadline } else { end.wrapping_add(TURN) };
            soonest = soonest.min(wake);
            next = List::<Thread, Timed>::next(threads, id);
        }
        (1..256u64)
            .find(|ahead| self.is_used(current.wrapping_add(*ahead)))
            .map_or(soonest, |ahead| soonest.min(current.wrapping_add(ahead) << SLOT_SHIFT))
    }

    fn is_used(&self, at: u64) -> bool {
        let (_, word, bit) = place(at);
        self.used.get(word).is_some_and(|used| used & bit != 0)
    }
}

const TURN: u64 = 255 << SLOT_SHIFT;

/// Slot, word of the bit map, and bit for a slot counted from tick 0.
pub(crate) fn place(at: u64) -> (usize, usize, u64) {
    let low = u32::try_from(at & 255).unwrap_or(0);
    (index(low), index(low >> 6), 1u64.wrapping_shl(low & 63))
}
