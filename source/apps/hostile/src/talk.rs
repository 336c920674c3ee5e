//! What a hostile process and the tests say to each other.

use nexus_abi::{Error, Message};

/// Asks the process to begin. Word 0 goes with it: see each role.
pub const GO: u32 = 1;

const DONE: u32 = 2;
const NOT_BEGUN: u32 = 3;
const SURVIVED: u32 = 4;

/// What a hostile process answers. One that ends as it must never answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did its work; what the words say depends on the role.
    Done([u64; 2]),
    /// The kernel refused a step before the attack.
    NotBegun {
        /// Which step, from 1.
        step: u64,
        /// Its answer; 0 when it was a result that is wrong.
        error: u64,
    },
    /// The attack did not end the process.
    Survived,
}

impl Outcome {
    /// A step before the attack was refused.
    #[must_use]
    pub fn not_begun(step: u64, error: Error) -> Outcome {
        Outcome::NotBegun { step, error: error.code() }
    }

    /// As a message.
    #[must_use]
    pub fn to_message(self) -> Message {
        match self {
            Outcome::Done(words) => Message::new(DONE, &words),
            Outcome::NotBegun { step, error } => Message::new(NOT_BEGUN, &[step, error]),
            Outcome::Survived => Message::new(SURVIVED, &[]),
        }
    }

    /// Back from a message.
    #[must_use]
    pub fn from_message(message: &Message) -> Option<Outcome> {
        let [first, second, ..] = message.words;
        match (message.tag.label(), message.tag.words()) {
            (DONE, 2) => Some(Outcome::Done([first, second])),
            (NOT_BEGUN, 2) => Some(Outcome::NotBegun { step: first, error: second }),
            (SURVIVED, 0) => Some(Outcome::Survived),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_sent() {
        for outcome in
            [Outcome::Done([1, 2]), Outcome::not_begun(3, Error::Busy), Outcome::Survived]
        {
            assert_eq!(Outcome::from_message(&outcome.to_message()), Some(outcome));
        }
        assert_eq!(Outcome::from_message(&Message::new(GO, &[])), None);
        assert_eq!(Outcome::from_message(&Message::new(DONE, &[1])), None);
    }
}
