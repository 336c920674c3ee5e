//! What the init of this system is asked beside what every init is.

use nexus_abi::Message;
use nexus_proto::init::EndKind;

/// Service id of the keeper, the only one who may ask.
pub const KEEPER: u32 = 80;
/// The proof of the keeper by whose number it knows how many lives with faults there are to be.
pub const LIVES: &str = "honest-life-follows";
/// Service id of [`crate::others`].
pub const OTHERS: u32 = 82;

/// The keeper asks for a life with faults of a driver, whose life now is ended for it. Words: [`Life::words`].
/// Answers with [`Started::words`]. When it ends an honest one follows at once.
pub const LIFE: u32 = 0x7fff_0011;
/// The keeper asks how the life ended that it asked for last. Answers with [`Ended::words`], or refuses while
/// it runs.
pub const ENDED: u32 = 0x7fff_0012;

/// How [`crate::others`] is asked what it has seen. Answers with [`crate::others::Seen::words`].
pub const SEEN: u32 = 0x7fff_0014;

/// With what init ends a life at its deadline.
pub const LATE: u64 = 58;
/// With what it ends one that the keeper wants ended.
pub const KILLED: u64 = 57;
/// Nanoseconds that a life with faults has to become ready, and from then on.
pub const START_NS: u64 = 4_000_000;
/// See [`START_NS`].
pub const LIFE_NS: u64 = 2_000_000;
/// A seed that no faults follow from: such a life has other code that does the same.
pub const NO_FAULTS: u64 = u64::MAX;

/// A life of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Service id of the driver.
    pub driver: u32,
    /// What its faults follow from.
    pub seed: u64,
}

impl Life {
    /// As words of a message.
    #[must_use]
    pub fn words(self) -> [u64; 2] {
        [self.driver.into(), self.seed]
    }

    /// From words of a message.
    #[must_use]
    pub fn of(message: &Message) -> Option<Life> {
        let [driver, seed, ..] = message.words;
        Some(Life { driver: u32::try_from(driver).ok()?, seed })
    }
}

/// A life has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Faults in it.
    pub faults: u64,
    /// The tick from which on it ran.
    pub tick: u64,
}

impl Started {
    /// As words of a message.
    #[must_use]
    pub const fn words(self) -> [u64; 2] {
        [self.faults, self.tick]
    }

    /// From words of a message that is no refusal.
    #[must_use]
    pub fn of(message: &Message) -> Option<Started> {
        let [faults, tick, ..] = message.words;
        (message.tag.label() == 0).then_some(Started { faults, tick })
    }
}

/// A life has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How: as [`EndKind`] has it.
    pub end: EndKind,
    /// Exit code, or cause of the fault.
    pub code: u64,
    /// Tick at which it was ended, or at which init was told that it has.
    pub died: u64,
    /// Tick at which init had taken back what it held, and its device was at rest.
    pub at_rest: u64,
    /// Tick from which on the next life ran.
    pub again: u64,
}

impl Ended {
    /// As words of a message.
    #[must_use]
    pub const fn words(self) -> [u64; 5] {
        [self.end as u64, self.code, self.died, self.at_rest, self.again]
    }

    /// From words of a message that is no refusal.
    #[must_use]
    pub fn of(message: &Message) -> Option<Ended> {
        let [end, code, died, at_rest, again, ..] = message.words;
        let ends = [EndKind::Exit, EndKind::Fault, EndKind::Killed];
        let end = ends.into_iter().find(|one| *one as u64 == end)?;
        (message.tag.label() == 0).then_some(Ended { end, code, died, at_rest, again })
    }
}

/// An answer: words, or that it was refused.
#[must_use]
pub fn answer<const N: usize>(words: Option<[u64; N]>) -> Message {
    words.map_or_else(|| Message::new(1, &[]), |words| Message::new(0, &words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back() {
        let life = Life { driver: 7, seed: 9 };
        assert_eq!(Life::of(&Message::new(LIFE, &life.words())), Some(life));
        let started = Started { faults: 12, tick: 5 };
        assert_eq!(Started::of(&answer(Some(started.words()))), Some(started));
        assert_eq!(Started::of(&answer::<2>(None)), None);
        for end in [EndKind::Exit, EndKind::Fault, EndKind::Killed] {
            let ended = Ended { end, code: 13, died: 1, at_rest: 2, again: 3 };
            assert_eq!(Ended::of(&answer(Some(ended.words()))), Some(ended));
        }
        assert_eq!(Ended::of(&answer(Some([99, 0, 0, 0, 0]))), None);
        assert_eq!(Ended::of(&answer::<5>(None)), None);
    }
}
