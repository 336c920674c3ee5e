//! Pools of kernel objects: fixed arrays, allocated at boot, with constant-time allocation.

use core::marker::PhantomData;
use core::num::NonZeroU32;

use nexus_abi::{Error, Handle};

use crate::addr::index;

/// Last generation of a slot; a slot that reaches it is never used again.
const LAST_GENERATION: u32 = (1 << 31) - 1;

/// Names a live object of one pool, from inside the kernel.
pub struct Id<T> {
    /// Slot number plus one.
    number: NonZeroU32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    const fn new(slot: u32) -> Option<Id<T>> {
        match NonZeroU32::new(slot.wrapping_add(1)) {
            Some(number) => Some(Id { number, kind: PhantomData }),
            None => None,
        }
    }

    /// The id of a slot whose number came from outside; what it names is checked on access.
    pub(crate) fn from_slot(slot: u64) -> Result<Id<T>, Error> {
        u32::try_from(slot).ok().and_then(Id::new).ok_or(Error::BadHandle)
    }

    /// The slot number.
    #[must_use]
    #[inline(always)]
    pub const fn slot(self) -> u32 {
        self.number.get().wrapping_sub(1)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl<T> Eq for Id<T> {}
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
    next_free: Option<Id<T>>,
}

impl<T> Slot<T> {
    /// A slot that holds nothing.
    pub const EMPTY: Slot<T> = Slot { value: None, generation: 1, next_free: None };
}

/// A pool of objects of one type.
#[derive(Debug)]
pub struct Pool<'a, T> {
    slots: &'a mut [Slot<T>],
    free: Option<Id<T>>,
    live: u32,
}

impl<'a, T> Pool<'a, T> {
    /// A pool over these slots, which are emptied. At most 2^32 - 2 are used.
    pub fn new(slots: &'a mut [Slot<T>]) -> Pool<'a, T> {
        let mut free = None;
        let mut number = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        for slot in slots.iter_mut().rev() {
            number = number.wrapping_sub(1);
            *slot = Slot { next_free: free, ..Slot::EMPTY };
            free = Id::new(number);
        }
        Pool { slots, free, live: 0 }
    }

    /// Puts a value in a free slot.
    ///
    /// # Errors
    /// `NoMemory` when all are taken.
    pub fn alloc(&mut self, value: T) -> Result<Id<T>, Error> {
        let id = self.free.ok_or(Error::NoMemory)?;
        let slot = self.slots.get_mut(index(id.slot())).ok_or(Error::NoMemory)?;
        self.free = slot.next_free.take();
        slot.value = Some(value);
        self.live = self.live.wrapping_add(1);
        Ok(id)
    }

    /// Empties a slot. Handles and weak references to it are stale from here on.
    pub fn release(&mut self, id: Id<T>) -> Option<T> {
        let slot = self.slots.get_mut(index(id.slot()))?;
        let value = slot.value.take()?;
        if !cfg!(broken = "generation") {
            slot.generation = slot.generation.wrapping_add(1);
        }
        if slot.generation < LAST_GENERATION {
            slot.next_free = self.free;
            self.free = Some(id);
        }
        self.live = self.live.wrapping_sub(1);
        Some(value)
    }

    /// The object.
    ///
    /// # Errors
    /// `BadHandle` when there is none.
    #[inline(always)]
    pub fn get(&self, id: Id<T>) -> Result<&T, Error> {
        self.slots
            .get(index(id.slot()))
            .and_then(|slot| slot.value.as_ref())
            .ok_or(Error::BadHandle)
    }

    /// The object, to change it.
    ///
    /// # Errors
    /// `BadHandle` when there is none.
    #[inline(always)]
    pub fn get_mut(&mut self, id: Id<T>) -> Result<&mut T, Error> {
        self.slots
            .get_mut(index(id.slot()))
            .and_then(|slot| slot.value.as_mut())
            .ok_or(Error::BadHandle)
    }

    /// Two different objects, to copy between them.
    #[inline(always)]
    pub fn pair_mut(&mut self, a: Id<T>, b: Id<T>) -> Result<(&mut T, &mut T), Error> {
        let indices = [index(a.slot()), index(b.slot())];
        let [a, b] = self.slots.get_disjoint_mut(indices).map_err(|_| Error::BadHandle)?;
        match (a.value.as_mut(), b.value.as_mut()) {
            (Some(a), Some(b)) => Ok((a, b)),
            _ => Err(Error::BadHandle),
        }
    }

    /// The object that a handle names, if its generation is still the slot's.
    #[inline(always)]
    pub fn by_handle(&self, handle: Handle) -> Result<(Id<T>, &T), Error> {
        let slot = self.slots.get(index(handle.slot())).ok_or(Error::BadHandle)?;
        let value = slot.value.as_ref().ok_or(Error::BadHandle)?;
        if u64::from(slot.generation) != handle.generation() {
            return Err(Error::BadHandle);
        }
        Ok((Id::new(handle.slot()).ok_or(Error::BadHandle)?, value))
    }

    /// The generation of a slot.
    pub fn generation(&self, id: Id<T>) -> u32 {
        self.slots.get(index(id.slot())).map_or(0, |slot| slot.generation)
    }

    /// The handle of a live object.
    pub fn handle(&self, id: Id<T>) -> Handle {
        Handle::new(id.slot(), self.generation(id))
    }

    /// A reference that does not keep the object alive.
    pub(crate) fn weak(&self, id: Id<T>) -> Weak<T> {
        Weak { id, generation: self.generation(id) }
    }

    /// The object of a weak reference, while it lives.
    pub(crate) fn upgrade(&self, weak: Weak<T>) -> Option<Id<T>> {
        (self.generation(weak.id) == weak.generation && self.get(weak.id).is_ok())
            .then_some(weak.id)
    }

    /// Slots in the pool.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Live objects.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.live
    }

    /// Every live object.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        (0u32..)
            .zip(self.slots.iter())
            .filter_map(|(number, slot)| Some((Id::new(number)?, slot.value.as_ref()?)))
    }
}

/// Names an object only as long as it lives.
pub struct Weak<T> {
    id: Id<T>,
    generation: u32,
}

impl<T> Clone for Weak<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Weak<T> {}
impl<T> core::fmt::Debug for Weak<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}@{}", self.id, self.generation)
    }
}
