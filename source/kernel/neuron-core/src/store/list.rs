//! Doubly linked lists through the objects of a pool. Every operation takes constant time.

use core::marker::PhantomData;

use derive_where::derive_where;

use crate::Result;
use crate::store::pool::{Id, Pool};

/// The two links that an object gives to one list.
#[derive_where(Debug, Hash)]
pub struct Links<T> {
    pub(crate) next: Option<Id<T>>,
    pub(crate) prev: Option<Id<T>>,
}

impl<T> Links<T> {
    /// In no list.
    pub const NONE: Links<T> = Links { next: None, prev: None };
}

/// An object that can be in the list called `Name`.
pub trait Linked<Name>: Sized {
    /// Its links for that list.
    fn links(&self) -> &Links<Self>;
    /// Its links for that list, to change them.
    fn links_mut(&mut self) -> &mut Links<Self>;
}

/// First and last of a list called `Name`.
#[derive_where(Clone, Copy, Debug, Hash)]
pub struct List<T, Name> {
    head: Option<Id<T>>,
    tail: Option<Id<T>>,
    name: PhantomData<fn() -> Name>,
}

impl<T: Linked<Name>, Name> List<T, Name> {
    /// The empty list.
    pub const EMPTY: List<T, Name> = List { head: None, tail: None, name: PhantomData };

    /// First element.
    pub fn first(&self) -> Option<Id<T>> {
        self.head
    }

    /// The list of one element, which is in no list of this name.
    pub fn of(id: Id<T>) -> List<T, Name> {
        List { head: Some(id), tail: Some(id), name: PhantomData }
    }

    /// The element of a list that has just one. It can be taken out by forgetting the list.
    pub fn sole(&self) -> Option<Id<T>> {
        self.head.filter(|_| self.head == self.tail)
    }

    /// Last element.
    #[cfg(feature = "checker")]
    pub(crate) fn last(&self) -> Option<Id<T>> {
        self.tail
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Its elements, as long as it does not change.
    pub(crate) fn iter(&self, pool: &Pool<'_, T>) -> impl Iterator<Item = Id<T>> {
        core::iter::successors(self.head, |id| Self::next(pool, *id))
    }

    /// The element after `id`.
    pub fn next(pool: &Pool<'_, T>, id: Id<T>) -> Option<Id<T>> {
        pool.get(id).ok().and_then(|object| object.links().next)
    }

    /// Adds `id`, which is in no list of this name, at the end.
    #[inline(always)]
    pub fn push_back(&mut self, pool: &mut Pool<'_, T>, id: Id<T>) -> Result {
        *pool.get_mut(id)?.links_mut() = Links { next: None, prev: self.tail };
        match self.tail {
            Some(tail) => pool.get_mut(tail)?.links_mut().next = Some(id),
            None => self.head = Some(id),
        }
        self.tail = Some(id);
        Ok(())
    }

    /// Adds `id`, which is in no list of this name, at the front.
    pub fn push_front(&mut self, pool: &mut Pool<'_, T>, id: Id<T>) -> Result {
        *pool.get_mut(id)?.links_mut() = Links { next: self.head, prev: None };
        match self.head {
            Some(head) => pool.get_mut(head)?.links_mut().prev = Some(id),
            None => self.tail = Some(id),
        }
        self.head = Some(id);
        Ok(())
    }

    /// Takes `id`, which is in this list, out of it.
    #[inline(always)]
    pub fn remove(&mut self, pool: &mut Pool<'_, T>, id: Id<T>) -> Result {
        let Links { next, prev } = core::mem::replace(pool.get_mut(id)?.links_mut(), Links::NONE);
        match prev {
            Some(prev) => pool.get_mut(prev)?.links_mut().next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => pool.get_mut(next)?.links_mut().prev = prev,
            None => self.tail = prev,
        }
        Ok(())
    }

    /// Takes the first element out.
    pub fn pop_front(&mut self, pool: &mut Pool<'_, T>) -> Option<Id<T>> {
        let id = self.head?;
        self.remove(pool, id).ok()?;
        Some(id)
    }
}

/// Implements [`Linked`] for a field of type [`Links`].
macro_rules! linked {
    ($Type:ty, $Name:ty, $field:ident) => {
        impl $crate::store::list::Linked<$Name> for $Type {
            fn links(&self) -> &$crate::store::list::Links<Self> {
                &self.$field
            }
            fn links_mut(&mut self) -> &mut $crate::store::list::Links<Self> {
                &mut self.$field
            }
        }
    };
}
pub(crate) use linked;
