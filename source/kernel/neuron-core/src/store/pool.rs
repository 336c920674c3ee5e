//! Pools of kernel objects: fixed arrays, allocated at boot, with constant-time allocation.

use core::marker::PhantomData;
use core::num::NonZeroUsize;

use derive_where::derive_where;
use nexus_abi::{Error, Handle};

use crate::Result;
use crate::store::addr::index;

/// Last generation of a slot; a slot that reaches it is never used again.
const LAST_GENERATION: u32 = (1 << 31) - 1;

/// Generations of a slot before it goes behind the other free ones. Until then it is used again
/// first, so that what lives is mostly in the first slots. Who makes and drops something for ever
/// uses all free slots up equally: the first is gone after 2^31 times their number, which takes
/// longer than a machine runs, and not after 2^31.
const TURN: u32 = 1 << 20;

/// Names a live object of one pool, from inside the kernel.
#[derive_where(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id<T> {
    /// Slot number. Slot 0 of a pool is never used, so that `Option<Id>` is one word.
    slot: NonZeroUsize,
    kind: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    #[inline(always)]
    const fn new(slot: usize) -> Option<Id<T>> {
        match NonZeroUsize::new(slot) {
            Some(slot) => Some(Id { slot, kind: PhantomData }),
            None => None,
        }
    }

    /// The id of a slot whose number came from outside; what it names is checked on access.
    pub(crate) fn from_slot(slot: u64) -> Result<Id<T>> {
        usize::try_from(slot).ok().and_then(Id::new).ok_or(Error::BadHandle)
    }

    /// The slot number, from 1.
    #[allow(clippy::as_conversions, reason = "a pool has less than 2^32 slots")]
    pub(crate) const fn slot(self) -> u32 {
        self.slot.get() as u32
    }

    const fn index(self) -> usize {
        self.slot.get()
    }
}

impl<T> core::fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "#{}", self.slot())
    }
}

/// One place of a pool.
#[derive(Debug)]
pub struct Slot<T> {
    value: Option<T>,
    generation: u32,
    /// Number of the next free slot, while this one is free; 0 for none.
    next_free: u32,
}

impl<T> Slot<T> {
    /// A slot that holds nothing.
    pub const EMPTY: Slot<T> = Slot { value: None, generation: 1, next_free: 0 };
}

/// A pool of objects of one type.
#[derive(Debug)]
pub struct Pool<'a, T> {
    slots: &'a mut [Slot<T>],
    /// Number of the first free slot; 0 for none.
    free: u32,
    /// Number of the last free slot, if there is one.
    last: u32,
    live: u32,
}

impl<'a, T> Pool<'a, T> {
    /// A pool over these slots, which are emptied. The first one is not used, and at most 2^32 are.
    pub fn new(slots: &'a mut [Slot<T>]) -> Pool<'a, T> {
        let count = slots.len().min(index(u32::MAX));
        let slots = slots.get_mut(..count).unwrap_or_default();
        let mut free = 0;
        for number in (1..slots.len()).rev() {
            if let Some(slot) = slots.get_mut(number) {
                *slot = Slot { next_free: free, ..Slot::EMPTY };
                free = Id::<T>::new(number).map_or(0, Id::slot);
            }
        }
        let last = u32::try_from(slots.len().saturating_sub(1)).unwrap_or(0);
        Pool { slots, free, last, live: 0 }
    }

    /// Puts a value in a free slot.
    ///
    /// # Errors
    /// `NoMemory` when all are taken.
    #[inline(always)]
    pub fn alloc(&mut self, value: T) -> Result<Id<T>> {
        #[cfg(feature = "testing")]
        if crate::sim::fault::hit() {
            return Err(Error::NoMemory);
        }
        let id = Id::new(index(self.free)).ok_or(Error::NoMemory)?;
        let slot = self.slots.get_mut(id.index()).ok_or(Error::NoMemory)?;
        self.free = slot.next_free;
        slot.value = Some(value);
        self.live = self.live.wrapping_add(1);
        Ok(id)
    }

    /// Empties a slot. Handles to it are stale from here on.
    #[inline(always)]
    pub fn release(&mut self, id: Id<T>) {
        let Some(slot) = self.slots.get_mut(id.index()) else { return };
        if slot.value.is_none() {
            return;
        }
        slot.value = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.live = self.live.wrapping_sub(1);
        if slot.generation >= LAST_GENERATION {
            return;
        }
        let ends_turn = slot.generation.is_multiple_of(TURN);
        slot.next_free = self.free;
        if self.free == 0 {
            self.last = id.slot();
        } else if ends_turn {
            slot.next_free = 0;
            return self.append(id);
        }
        self.free = id.slot();
    }

    /// Puts a slot behind the free ones.
    #[cold]
    fn append(&mut self, id: Id<T>) {
        if let Some(last) = self.slots.get_mut(index(self.last)) {
            last.next_free = id.slot();
        }
        self.last = id.slot();
    }

    /// The object.
    ///
    /// # Errors
    /// `BadHandle` when there is none.
    #[inline(always)]
    pub fn get(&self, id: Id<T>) -> Result<&T> {
        self.slots.get(id.index()).and_then(|slot| slot.value.as_ref()).ok_or(Error::BadHandle)
    }

    /// The object, to change it.
    ///
    /// # Errors
    /// `BadHandle` when there is none.
    #[inline(always)]
    pub fn get_mut(&mut self, id: Id<T>) -> Result<&mut T> {
        self.slots.get_mut(id.index()).and_then(|slot| slot.value.as_mut()).ok_or(Error::BadHandle)
    }

    /// Two different objects, to copy between them.
    #[inline(always)]
    pub fn pair_mut(&mut self, a: Id<T>, b: Id<T>) -> Result<(&mut T, &mut T)> {
        let indices = [a.index(), b.index()];
        let [a, b] = self.slots.get_disjoint_mut(indices).map_err(|_| Error::BadHandle)?;
        match (a.value.as_mut(), b.value.as_mut()) {
            (Some(a), Some(b)) => Ok((a, b)),
            _ => Err(Error::BadHandle),
        }
    }

    /// The object that a handle names, if its generation is still the slot's.
    #[inline(always)]
    pub fn by_handle(&self, handle: Handle) -> Result<(Id<T>, &T)> {
        let (value, generation) = self.at(handle).ok_or(Error::BadHandle)?;
        if generation != handle.generation() {
            return Err(Error::BadHandle);
        }
        Ok((Id::new(index(handle.slot())).ok_or(Error::BadHandle)?, value))
    }

    /// What is in the slot that a handle names, and the slot's generation. The caller compares it
    /// with the handle's.
    #[inline(always)]
    pub(crate) fn at(&self, handle: Handle) -> Option<(&T, u64)> {
        let slot = self.slots.get(index(handle.slot()))?;
        Some((slot.value.as_ref()?, u64::from(slot.generation)))
    }

    /// The generation of a slot.
    pub fn generation(&self, id: Id<T>) -> u32 {
        self.slots.get(id.index()).map_or(0, |slot| slot.generation)
    }

    /// The handle of a live object.
    pub fn handle(&self, id: Id<T>) -> Handle {
        Handle::new(id.slot(), self.generation(id))
    }

    /// What the next objects will be called, as long as none is released.
    #[cfg(feature = "testing")]
    pub(crate) fn next_handles(&self) -> impl Iterator<Item = Handle> {
        let free = |number: u32| Id::new(index(number));
        let next = move |id: &Id<T>| free(self.slots.get(id.index())?.next_free);
        core::iter::successors(free(self.free), next).map(|id| self.handle(id))
    }

    /// True when free and live slots add up, and no live slot is among the free ones.
    #[cfg(feature = "checker")]
    pub(crate) fn is_sound(&self) -> bool {
        let count = self.slots.len().saturating_sub(1);
        let (mut live, mut spent) = (0usize, 0usize);
        for slot in self.slots.iter().skip(1) {
            match slot.value {
                Some(_) => live = live.wrapping_add(1),
                None if slot.generation >= LAST_GENERATION => spent = spent.wrapping_add(1),
                None => {}
            }
        }
        let mut all = live.wrapping_add(spent);
        let (mut next, mut last) = (self.free, None);
        while let Some(slot) = self.slots.get(index(next)).filter(|_| next != 0) {
            if slot.value.is_some() || all >= count {
                return false;
            }
            all = all.wrapping_add(1);
            (last, next) = (Some(next), slot.next_free);
        }
        let ends = last.is_none_or(|last| last == self.last);
        u32::try_from(live) == Ok(self.live) && all == count && ends
    }

    /// Slots in the pool: one more than the last slot number.
    pub(crate) fn capacity(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Live objects.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// Every live object.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        let slots = self.slots.iter().enumerate();
        // The count ends the search: what lives is mostly in the first slots.
        let live =
            slots.filter_map(|(number, slot)| Some((Id::new(number)?, slot.value.as_ref()?)));
        live.take(index(self.live))
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]
mod tests {
    use super::*;

    // attack 19 U: a slot at its last generation; it is never used again, and no handle names it
    #[test]
    fn the_last_generation_of_a_slot_is_its_end() {
        let mut slots = [Slot::EMPTY; 3];
        let mut pool: Pool<'_, u8> = Pool::new(&mut slots);
        let id = pool.alloc(1).unwrap();
        pool.slots[id.index()].generation = LAST_GENERATION - 1;
        let handle = pool.handle(id);
        assert!(pool.by_handle(handle).is_ok());
        pool.release(id);
        assert!(pool.by_handle(handle).is_err());
        assert!(pool.is_sound());
        // A handle has 31 bits for it: the next would make the handle of an answer.
        assert!(!Handle::new(1, LAST_GENERATION).is_reply());
        assert!(Handle::new(1, LAST_GENERATION + 1).is_reply());
        // The other slot is all that is left.
        let other = pool.alloc(2).unwrap();
        assert_ne!(other, id);
        assert_eq!(pool.alloc(3), Err(Error::NoMemory));
    }

    // attack 19 U: take and release a slot for ever; it goes behind the others long before its end, so that all last equally long
    #[test]
    fn slots_are_used_up_in_turns() {
        let mut slots = [Slot::EMPTY; 4];
        let mut pool: Pool<'_, u8> = Pool::new(&mut slots);
        let mut turns = [0; 9];
        for turn in &mut turns {
            let id = pool.alloc(1).unwrap();
            // Nearly to the end of its turn.
            pool.slots[id.index()].generation |= TURN - 1;
            pool.release(id);
            assert!(pool.is_sound());
            *turn = id.slot();
        }
        assert_eq!(turns, [1, 2, 3, 1, 2, 3, 1, 2, 3]);
        // Until then it is used again at once.
        let id = pool.alloc(1).unwrap();
        pool.release(id);
        assert_eq!(pool.alloc(1), Ok(id));
        // The last free one goes behind nothing.
        let others = [pool.alloc(2).unwrap(), pool.alloc(3).unwrap()];
        pool.slots[id.index()].generation |= TURN - 1;
        pool.release(id);
        for other in others {
            pool.release(other);
        }
        assert!(pool.is_sound());
        assert_eq!([(); 3].map(|()| pool.alloc(1).unwrap()), [others[1], others[0], id]);
        assert_eq!(pool.alloc(1), Err(Error::NoMemory));
    }

    #[test]
    fn a_slot_is_released_once() {
        let mut slots = [Slot::EMPTY; 3];
        let mut pool: Pool<'_, u8> = Pool::new(&mut slots);
        let id = pool.alloc(1).unwrap();
        pool.release(id);
        let generation = pool.generation(id);
        pool.release(id);
        assert_eq!((pool.generation(id), pool.live()), (generation, 0));
        assert!(pool.is_sound());
        pool.alloc(1).unwrap();
        pool.alloc(2).unwrap();
        assert!(pool.alloc(3).is_err(), "one slot was free twice");
    }

    #[test]
    fn the_checker_sees_a_pool_that_does_not_add_up() {
        let mut slots = [Slot::EMPTY; 4];
        let mut pool: Pool<'_, u8> = Pool::new(&mut slots);
        let id = pool.alloc(1).unwrap();
        assert!(pool.is_sound());
        pool.live = 2;
        assert!(!pool.is_sound());
        pool.live = 1;
        pool.free = id.slot();
        assert!(!pool.is_sound(), "a live slot is free");
        pool.free = 0;
        assert!(!pool.is_sound(), "a free slot is lost");
        pool.free = 2;
        pool.last = 2;
        assert!(!pool.is_sound(), "the last free slot is another");
        pool.slots[3].next_free = 2;
        assert!(!pool.is_sound(), "the free slots go in a circle");
    }
}
