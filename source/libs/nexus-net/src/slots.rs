//! The requests that there are: in flight, or answered and not taken.

use alloc::vec::Vec;

use nexus_proto::socket::ring::{CALM, ENTRIES};

use crate::answer::Kept;
use crate::request::{Class, Token};
use crate::room::Part;
use crate::{Error, Socket};

/// Requests that wait for peers at one time, whatever for: others, which netstackd does by itself, always have a place.
const WAITING: u32 = 56;

/// What is known of a request.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Which of those with this id.
    pub(crate) serial: u32,
    pub(crate) op: u8,
    /// The socket that it is of.
    pub(crate) socket: Option<Socket>,
    pub(crate) class: Class,
    /// Its data.
    pub(crate) part: Part,
    /// Bytes of that which were given to netstackd.
    pub(crate) given: u32,
    /// Its answer, once there is one.
    pub(crate) answer: Option<Result<Kept, Error>>,
    /// Nobody takes the answer any more.
    pub(crate) unwanted: bool,
    /// When it is done the socket is let go.
    pub(crate) then_close: bool,
}

/// A set of ids.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Set(pub(crate) u64);

impl Set {
    pub(crate) const fn insert(&mut self, id: u16) {
        self.0 |= 1 << id;
    }

    /// False when it was not in.
    pub(crate) const fn remove(&mut self, id: u16) -> bool {
        let had = self.0 >> id & 1 == 1;
        self.0 &= !(1 << id);
        had
    }

    /// The lowest; none where there is none.
    pub(crate) const fn first(self) -> Option<u16> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as u16) }
    }

    /// Each.
    pub(crate) fn each(mut self) -> impl Iterator<Item = u16> {
        core::iter::from_fn(move || {
            let first = self.first()?;
            self.remove(first);
            Some(first)
        })
    }
}

/// A place for each request that the ring has entries for.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Those without a request.
    free: Set,
    /// Requests that netstackd has.
    pub(crate) flying: Set,
    /// Those answered since somebody asked which.
    pub(crate) news: Set,
    /// Those whose answer nobody waits for.
    pub(crate) calm: Set,
    /// Of all, those of each class.
    classes: [Set; 4],
}

impl Slots {
    pub(crate) fn new() -> Slots {
        let slots = (0..ENTRIES).map(|_| Slot::default()).collect();
        let none = Set::default();
        let free = Set(u64::MAX);
        Slots { slots, free, flying: none, news: none, calm: none, classes: [none; 4] }
    }

    pub(crate) fn get(&mut self, id: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(id))
    }

    /// The request of a token, if there is one still.
    pub(crate) fn of(&mut self, token: Token) -> Option<&mut Slot> {
        let free = self.free.0 >> (token.id % 64) & 1 == 1;
        self.get(token.id).filter(|slot| slot.serial == token.serial && !free)
    }

    /// Requests of a class that there can be beside those that there are.
    pub(crate) const fn left(&mut self, class: Class) -> u32 {
        class.most().saturating_sub(self.class(class).0.count_ones())
    }

    /// An id for a request. None where there is none now.
    pub(crate) fn next(&mut self, class: Class) -> Option<u16> {
        let used = ENTRIES as u32 - self.free.0.count_ones();
        let waiting = used - self.class(Class::Soon).0.count_ones();
        let has_place = self.left(class) > 0 && (class == Class::Soon || waiting < WAITING);
        self.free.first().filter(|_| has_place)
    }

    /// Those of a class.
    const fn class(&mut self, class: Class) -> &mut Set {
        let [soon, comes, goes, ends] = &mut self.classes;
        match class {
            Class::Soon => soon,
            Class::Comes => comes,
            Class::Goes => goes,
            Class::Ends => ends,
        }
    }

    /// A request is in flight under an id that [`next`](Self::next) gave.
    pub(crate) fn insert(&mut self, id: u16, slot: Slot) -> Token {
        self.free.remove(id);
        self.flying.insert(id);
        self.class(slot.class).insert(id);
        let serial = self.get(id).map_or(0, |place| {
            let serial = place.serial.wrapping_add(1);
            *place = Slot { serial, ..slot };
            serial
        });
        Token { id, serial }
    }

    /// A request is over, and its answer was taken, or nobody wants it. Its part of the data is free.
    pub(crate) fn remove(&mut self, id: u16) -> Part {
        let class = self.get(id).map_or(Class::Soon, |slot| slot.class);
        self.class(class).remove(id);
        for set in [&mut self.flying, &mut self.news, &mut self.calm] {
            set.remove(id);
        }
        self.free.insert(id);
        self.get(id).map_or(Part::default(), |slot| {
            slot.answer = None;
            core::mem::take(&mut slot.part)
        })
    }

    /// Whether a request is in flight of which a socket has one at a time.
    pub(crate) fn has(&self, socket: Socket, op: u8) -> bool {
        let is = |slot: &Slot| slot.op == op && slot.socket == Some(socket);
        self.flying.each().any(|id| self.slots.get(usize::from(id)).is_some_and(is))
    }

    /// Whether nobody waits for any request in flight that netstackd may do without a word.
    pub(crate) fn are_calm(&self) -> bool {
        let waits = |slot: &Slot| CALM.contains(&slot.op);
        let others = Set(self.flying.0 & !self.calm.0);
        !others.each().any(|id| self.slots.get(usize::from(id)).is_some_and(waits))
    }

    /// Whether no request has a place.
    #[cfg(any(test, feature = "fake"))]
    pub(crate) const fn is_empty(&self) -> bool {
        self.free.0 == u64::MAX
    }
}
