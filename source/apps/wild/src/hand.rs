//! The capabilities that a wild process holds, and handles that it has no right to.

use nexus_abi::Handle;

use crate::random::Random;

/// What a capability is to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// An endpoint that it made.
    Endpoint,
    /// A notification.
    Notification,
    /// Memory.
    Memory,
    /// A device window.
    Window,
    /// An interrupt line.
    Line,
    /// A service that it may call.
    Service,
    /// Another wild process.
    Peer,
    /// Something else, or it does not know.
    #[default]
    Other,
}

/// A capability.
#[derive(Clone, Copy, Debug, Default)]
struct Card {
    kind: Kind,
    handle: Handle,
    /// It was there at the start, and is never dropped: without it the process could not go on.
    fixed: bool,
}

/// Most capabilities that it remembers.
const MOST: usize = 48;

/// What it holds.
#[derive(Debug)]
pub struct Hand {
    cards: [Card; MOST],
    count: usize,
    /// What it dropped last.
    gone: Handle,
    /// Where it mapped something, lately.
    pub mapped: [u64; 8],
    /// The reply that it owes.
    pub reply: Handle,
}

impl Default for Hand {
    fn default() -> Hand {
        Hand {
            cards: [Card::default(); MOST],
            count: 0,
            gone: Handle::NONE,
            mapped: [0; 8],
            reply: Handle::NONE,
        }
    }
}

impl Hand {
    /// Adds what it was started with.
    pub fn begin_with(&mut self, kind: Kind, handle: Handle) {
        self.add(Card { kind, handle, fixed: true });
    }

    /// Adds what it got. False when there is no room: then it must drop it.
    pub fn take(&mut self, kind: Kind, handle: Handle) -> bool {
        self.add(Card { kind, handle, fixed: false })
    }

    fn add(&mut self, card: Card) -> bool {
        match self.cards.get_mut(self.count) {
            Some(place) => {
                *place = card;
                self.count += 1;
                true
            }
            None => false,
        }
    }

    fn cards(&self) -> &[Card] {
        self.cards.get(..self.count).unwrap_or_default()
    }

    /// True for what it must keep.
    #[must_use]
    pub fn is_fixed(&self, handle: Handle) -> bool {
        self.cards().iter().any(|card| card.handle == handle && card.fixed)
    }

    /// Forgets a capability that was dropped.
    pub fn forget(&mut self, handle: Handle) {
        if let Some(index) = self.cards().iter().position(|card| card.handle == handle) {
            self.count -= 1;
            self.cards.swap(index, self.count);
            self.gone = handle;
        }
    }

    /// What it knows a capability as.
    #[must_use]
    pub fn kind(&self, handle: Handle) -> Kind {
        let found = self.cards().iter().find(|card| card.handle == handle);
        found.map_or(Kind::Other, |card| card.kind)
    }

    /// Mostly a capability of this kind; else one of another, or a handle that names nothing.
    pub fn draw(&self, random: &mut Random, kind: Kind) -> Handle {
        match random.below(10) {
            0 => self.foreign(random),
            1 => self.any(random),
            _ => {
                let fits = |card: &&Card| card.kind == kind;
                let count = self.cards().iter().filter(fits).count() as u64;
                let which = random.below(count) as usize;
                let found = self.cards().iter().filter(fits).nth(which);
                found.map_or_else(|| self.any(random), |card| card.handle)
            }
        }
    }

    /// Any capability that it made or got, to drop it.
    pub fn spare(&self, random: &mut Random) -> Handle {
        let spare = |card: &&Card| !card.fixed;
        let count = self.cards().iter().filter(spare).count() as u64;
        let which = random.below(count) as usize;
        let found = self.cards().iter().filter(spare).nth(which);
        found.map_or(Handle::NONE, |card| card.handle)
    }

    fn any(&self, random: &mut Random) -> Handle {
        random.pick(self.cards()).handle
    }

    /// What names nothing, or what somebody else has: neighbours of its own handles, handles of
    /// another generation, stale ones, replies that it does not owe, small and large numbers.
    fn foreign(&self, random: &mut Random) -> Handle {
        let Handle(near) = self.any(random);
        let (slot, nothing) = (random.below(256), random.word());
        Handle(random.pick(&[
            1,
            u64::MAX,
            self.gone.0,
            near.wrapping_add(1),
            near.wrapping_sub(1),
            near.wrapping_add(1 << 32),
            near.wrapping_sub(1 << 32),
            near | Handle::REPLY_BIT,
            Handle::REPLY_BIT | slot,
            self.reply.0.wrapping_add(1 << 16),
            1 << 32 | slot,
            2 << 32 | slot,
            nothing,
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_forgotten_and_what_is_fixed_is_no_spare() {
        let mut hand = Hand::default();
        let mut random = Random::new(1);
        hand.begin_with(Kind::Service, Handle(1));
        assert_eq!(hand.spare(&mut random), Handle::NONE);
        assert!(hand.take(Kind::Memory, Handle(2)));
        assert_eq!(hand.spare(&mut random), Handle(2));
        assert!(hand.is_fixed(Handle(1)) && !hand.is_fixed(Handle(2)));
        hand.forget(Handle(2));
        assert_eq!(hand.spare(&mut random), Handle::NONE);
        assert_eq!(hand.kind(Handle(2)), Kind::Other);
    }

    #[test]
    fn a_full_hand_takes_no_more() {
        let mut hand = Hand::default();
        assert!((0..MOST as u64).all(|n| hand.take(Kind::Memory, Handle(n + 1))));
        assert!(!hand.take(Kind::Memory, Handle(99)));
    }

    #[test]
    fn mostly_the_kind_asked_for_is_drawn_and_sometimes_another() {
        let mut hand = Hand::default();
        hand.begin_with(Kind::Memory, Handle(1));
        hand.begin_with(Kind::Window, Handle(2));
        let mut random = Random::new(1);
        let drawn: Vec<Handle> = (0..1000).map(|_| hand.draw(&mut random, Kind::Memory)).collect();
        let right = drawn.iter().filter(|handle| **handle == Handle(1)).count();
        assert!((700..950).contains(&right), "{right}");
        assert!(drawn.iter().any(|handle| handle.0 > 2));
    }
}
