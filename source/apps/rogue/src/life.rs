//! One life of many.

use nexus_abi::{Message, NO_DEADLINE};
use nexus_proto::ids;
use nexus_rt::{StartError, entry, startup, sys};

use mortal::ask::{FATE, Fate, KEEPER};

use crate::disk::{Disk, must_prove};
use crate::random::Random;
use crate::spoil;

/// The proof of the keeper by whose number a life knows how many heads it gives.
pub const HEADS: &str = "lives-heads";
/// And by whose number there are so many lives.
pub const LIVES: &str = "lives-change-nothing";

/// How a life went, as the exit code of its process says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Went {
    /// Heads that the device was done with.
    pub heads: u32,
    /// It found nothing in its memory.
    pub clear: bool,
    /// In the end the device gave up.
    pub gave_up: bool,
}

/// No exit code of a process that fails has it.
const WENT: u64 = 1 << 63;

impl Went {
    /// As an exit code.
    #[must_use]
    pub fn code(self) -> u64 {
        let bit = |bit: bool, place: u32| u64::from(bit) << place;
        WENT | bit(self.clear, 33) | bit(self.gave_up, 32) | u64::from(self.heads)
    }

    /// From an exit code; `None` when the life did not go that far.
    #[must_use]
    pub fn of(code: u64) -> Option<Went> {
        let bit = |place: u32| code >> place & 1 == 1;
        let heads = u32::try_from(code & 0xffff_ffff).unwrap_or(0);
        (code & WENT != 0).then_some(Went { heads, clear: bit(33), gave_up: bit(32) })
    }
}

/// Heads of each life: all of them, and the next more, by the number of lives.
#[must_use]
pub fn heads_of(all: u32, lives: u32) -> u32 {
    all.div_ceil(lives.max(1))
}

/// Lives, as often as init says: never in the life of the boot, and in the last one, which go on.
///
/// # Errors
/// What is missing in the startup block.
pub fn live() -> Result<(), StartError> {
    let start = startup();
    let init = start.service(ids::INIT)?;
    let answer = sys::call(init, &Message::new(FATE, &[]), NO_DEADLINE)?;
    let Some(Fate { step: number @ 1.., .. }) = Fate::of(&answer.message) else { return Ok(()) };
    let heads = heads_of(must_prove(KEEPER, HEADS)?, must_prove(KEEPER, LIVES)?);
    let mut disk = Disk::take()?;
    let clear = disk.is_clear();
    let mut random = Random::new(start.block().nonce ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let done = disk.requests(&mut random, heads, &spoil::ALL).unwrap_or(0);
    let gave_up = spoil::any(&mut disk, &mut random);
    entry::end(Went { heads: done, clear, gave_up }.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_life_says_is_read_back() {
        for went in [
            Went::default(),
            Went { heads: u32::MAX, clear: true, gave_up: false },
            Went { heads: 7, clear: false, gave_up: true },
        ] {
            assert_eq!(Went::of(went.code()), Some(went));
        }
        for failed in [0, 1, 57, 101] {
            assert_eq!(Went::of(failed), None);
        }
        assert_eq!([heads_of(100, 7), heads_of(100, 10), heads_of(5, 0)], [15, 10, 5]);
    }
}
