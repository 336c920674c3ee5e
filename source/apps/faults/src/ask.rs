//! What the init of this system is asked beside what every init is.

use nexus_abi::Message;
use nexus_proto::ids;
use nexus_proto::init::EndKind;

/// Service id of the keeper, the only one who may ask.
pub const KEEPER: u32 = 80;
/// The proof of the keeper by whose number it knows how many lives with faults there are to be.
pub const LIVES: &str = "honest-life-follows";
/// Service id of [`crate::others`].
pub const OTHERS: u32 = 82;
/// Service id of [`crate::consumer`].
pub const CONSUMER: u32 = 83;
/// Drivers that are given faults, and the services whose programs are these with registers that lie
/// ([`crate::lies`]).
pub const DRIVERS: [(u32, u32); 3] =
    [(ids::RNGD, 84), (ids::VIRTIOBLKD, 85), (ids::VIRTIONETD, 86)];

/// The keeper asks for a life with faults of a driver, whose life now is ended for it. Words: [`Life::words`].
/// Answers with [`Started::words`]. When it ends an honest one follows at once.
pub const LIFE: u32 = 0x7fff_0011;
/// The keeper asks how the life ended that it asked for last. Answers with [`Ended::words`], or refuses while
/// it runs.
pub const ENDED: u32 = 0x7fff_0012;

/// A driver whose registers lie asks what that follows from. Answers with [`Values::words`].
pub const VALUES: u32 = 0x7fff_0013;

/// How [`crate::others`] is asked what it has seen. Answers with [`crate::others::Seen::words`].
pub const SEEN: u32 = 0x7fff_0014;

/// How [`crate::consumer`] is asked to write at random into the ring of a driver. Words: [`Life::words`].
pub const WRITE: u32 = 0x7fff_0015;
/// How it is asked what it has written. Answers with [`Written::words`].
pub const WRITTEN: u32 = 0x7fff_0016;

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

/// A life with this seed has no faults in its code, but other values in its registers: one in 16 of each driver.
#[must_use]
pub const fn lies(seed: u64) -> bool {
    seed != NO_FAULTS && seed >> 4 & 15 == 0
}

/// In the honest life after that with this seed a consumer writes at random into the ring: one in 8.
#[must_use]
pub const fn is_written_to(seed: u64) -> bool {
    seed != NO_FAULTS && seed >> 4 & 7 == 1
}

/// What the values of registers follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// The seed of the life.
    pub seed: u64,
}

impl Values {
    /// As words of a message.
    #[must_use]
    pub const fn words(self) -> [u64; 1] {
        [self.seed]
    }

    /// From words of a message that is no refusal.
    #[must_use]
    pub fn of(message: &Message) -> Option<Values> {
        let [seed, ..] = message.words;
        (message.tag.label() == 0).then_some(Values { seed })
    }
}

/// What a hostile consumer has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Things that it did.
    pub writes: u64,
    /// The driver had joined an attachment before.
    pub attached: bool,
    /// It is done.
    pub over: bool,
}

impl Written {
    /// As words of a message.
    #[must_use]
    pub fn words(self) -> [u64; 3] {
        [self.writes, self.attached.into(), self.over.into()]
    }

    /// From words of a message that is no refusal.
    #[must_use]
    pub fn of(message: &Message) -> Option<Written> {
        let [writes, attached, over, ..] = message.words;
        let written = Written { writes, attached: attached == 1, over: over == 1 };
        (message.tag.label() == 0).then_some(written)
    }
}

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
        let written = Written { writes: 3, attached: true, over: false };
        assert_eq!(Written::of(&answer(Some(written.words()))), Some(written));
        assert_eq!(Values::of(&answer(Some(Values { seed: 9 }.words()))), Some(Values { seed: 9 }));
        assert_eq!(Values::of(&answer::<1>(None)), None);
    }

    #[test]
    fn of_each_driver_some_lives_lie_and_some_are_written_to() {
        for turn in 0..16 {
            let seeds = || (1..=64).map(|round| 16 * round + turn);
            assert_eq!(seeds().filter(|seed| lies(*seed)).count(), 4);
            assert_eq!(seeds().filter(|seed| is_written_to(*seed)).count(), 8);
            assert!(!seeds().any(|seed| lies(seed) && is_written_to(seed)));
        }
        assert!(!lies(NO_FAULTS) && !is_written_to(NO_FAULTS));
    }
}
