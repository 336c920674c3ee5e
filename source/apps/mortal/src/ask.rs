//! What an init that starts a driver again answers beside what every init does.

use nexus_abi::Message;

/// Service id of the keeper.
pub const KEEPER: u32 = 80;
/// Service id of the driver that is started again. A system without it has rtcd for that.
pub const DRIVER: u32 = 81;
/// Exit code of whoever is killed.
pub const KILLED: u64 = 57;

/// The driver asks how this life of it ends. Answers with [`Fate::words`].
pub const FATE: u32 = 0x7fff_0001;
/// The driver asks to be killed, now.
pub const KILL: u32 = 0x7fff_0002;
/// The keeper asks for the next life of the driver, as [`Next::words`] say.
pub const START: u32 = 0x7fff_0003;
/// The keeper asks to kill the driver, wherever it is.
pub const END: u32 = 0x7fff_0004;

/// The keeper has init try to give the window of the driver, which lives, to somebody else, and to
/// map what it keeps of it. Answers with a bit, from the lowest, for each of [`ATTEMPTS`] that was
/// refused as it must be.
pub const SECOND: u32 = 0x7fff_0005;
/// The keeper asks what became of the driver's device. Answers with [`Rest::word`].
pub const LOOK: u32 = 0x7fff_0006;
/// The keeper has init ask policyd for the device of the driver, which lives, on behalf of the life before.
/// Answered when that is denied because it is over.
pub const OLD: u32 = 0x7fff_0007;
/// In how many ways a second owner is tried.
pub const ATTEMPTS: usize = 6;

/// How the driver dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A register access faults, because the window is no longer mapped.
    Fault,
    /// It is killed while it waits for an answer.
    Killed,
    /// It ends by itself.
    Exit,
}

impl Manner {
    /// Each.
    pub const ALL: [Manner; 3] = [Manner::Fault, Manner::Killed, Manner::Exit];
}

/// Where and how a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// At which step, from 1; of those that fault, at which register access. 0 is never.
    pub step: u64,
    /// How.
    pub manner: Manner,
}

impl Fate {
    /// It does not.
    pub const NONE: Fate = Fate { step: 0, manner: Manner::Exit };

    /// As words of a message.
    #[must_use]
    pub const fn words(self) -> [u64; 2] {
        [self.step, self.manner as u64]
    }

    /// From words of a message.
    #[must_use]
    pub fn of(message: &Message) -> Option<Fate> {
        let [step, manner, ..] = message.words;
        let manner = Manner::ALL.into_iter().find(|one| *one as u64 == manner)?;
        Some(Fate { step, manner })
    }
}

/// What is left of a device when its driver has ended: each number is 0 where there is nothing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Its line, as the kernel has it: [`nexus_abi::LineState`] as a number.
    pub line: u8,
    /// How its memory stands: [`nexus_proto::init::DmaState`] as a number.
    pub memory: u8,
    /// Pieces of it that anybody has, but for its line.
    pub pieces: u8,
}

impl Rest {
    /// As a word of a message.
    #[must_use]
    pub const fn word(self) -> u64 {
        u64::from_le_bytes([self.line, self.memory, self.pieces, 0, 0, 0, 0, 0])
    }

    /// From a word of a message.
    #[must_use]
    pub const fn of(word: u64) -> Rest {
        let [line, memory, pieces, ..] = word.to_le_bytes();
        Rest { line, memory, pieces }
    }
}

/// The next life of the driver, which the keeper asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// How it ends.
    pub fate: Fate,
    /// When it has ended another one follows at once, and has no fate.
    pub followed: bool,
}

impl Next {
    /// As words of a message.
    #[must_use]
    pub fn words(self) -> [u64; 3] {
        let [step, manner] = self.fate.words();
        [step, manner, u64::from(self.followed)]
    }

    /// From words of a message.
    #[must_use]
    pub fn of(message: &Message) -> Option<Next> {
        let [_, _, followed, ..] = message.words;
        Some(Next { fate: Fate::of(message)?, followed: followed == 1 })
    }
}

/// An answer: one word, or that it was refused.
#[must_use]
pub fn answer(result: Option<u64>) -> Message {
    result.map_or_else(|| Message::new(1, &[]), |word| Message::new(0, &[word]))
}

/// The word of an answer; `None` when it was refused.
#[must_use]
pub fn word(answer: &Message) -> Option<u64> {
    let [word, ..] = answer.words;
    (answer.tag.label() == 0).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back() {
        for manner in Manner::ALL {
            let fate = Fate { step: 7, manner };
            assert_eq!(Fate::of(&Message::new(START, &fate.words())), Some(fate));
        }
        assert_eq!(Fate::of(&Message::new(START, &[7, 3])), None);
        for followed in [false, true] {
            let next = Next { fate: Fate { step: 7, manner: Manner::Killed }, followed };
            assert_eq!(Next::of(&Message::new(START, &next.words())), Some(next));
        }
        assert_eq!(Next::of(&Message::new(START, &[7, 3])), None);
        assert_eq!(word(&answer(Some(9))), Some(9));
        let rest = Rest { line: 1, memory: 2, pieces: 3 };
        assert_eq!(Rest::of(rest.word()), rest);
        assert_eq!(word(&answer(None)), None);
    }
}
