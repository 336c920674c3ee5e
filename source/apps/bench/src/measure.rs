//! What the init of the benchmark answers beside what every init does.

use nexus_abi::{Error, Message};

use crate::count::instret;

/// Takes the window of the sender back. Answers with the instructions that this took, from the
/// call of the kernel to its return, by when nothing of the window is mapped.
pub const TAKE_BACK: u32 = 0x7fff_0001;

/// Gives the window back to the sender, the way of every grant: policyd decides and logd records
/// that; the window is derived and installed; policyd still has the same rules; the grant is
/// recorded. Answers with the instructions that this took and the new handle of the window.
pub const GIVE: u32 = 0x7fff_0002;

/// What init took for the last end of a service. Answers with the instructions until its device was at rest and
/// the end on record, and with those from then on until its next life ran.
pub const LAST_END: u32 = 0x7fff_0003;

/// It was done.
const DONE: u32 = 0;
/// It was refused.
const REFUSED: u32 = 1;

/// The instructions that were executed so far.
#[inline(always)]
#[must_use]
pub fn instructions() -> u64 {
    instret()
}

/// An answer.
#[must_use]
pub fn answer(result: Option<[u64; 2]>) -> Message {
    match result {
        Some(words) => Message::new(DONE, &words),
        None => Message::new(REFUSED, &[]),
    }
}

/// The words of an answer.
///
/// # Errors
/// `BadState` when it was refused.
pub fn words(answer: &Message) -> Result<[u64; 2], Error> {
    let [first, second, ..] = answer.words;
    if answer.tag.label() == DONE && answer.tag.words() == 2 {
        Ok([first, second])
    } else {
        Err(Error::BadState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_sent() {
        assert_eq!(words(&answer(Some([1, 2]))), Ok([1, 2]));
        assert_eq!(words(&answer(None)), Err(Error::BadState));
    }
}
