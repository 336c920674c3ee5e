//! What a disk may hold, by what of it was acknowledged.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Words of a pattern are told apart by this much.
const APART: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number of places, in each of which one version stands; at the beginning 0, which is all zeroes.
#[derive(Debug)]
pub(crate) struct Book {
    /// By place: the versions of which one stands there. More than one where a write ended without an answer;
    /// [`ANY`] where a life before wrote.
    possible: Vec<Vec<u64>>,
    last: u64,
    /// The first version of this life.
    first: u64,
}

/// Any version of a life before.
const ANY: u64 = u64::MAX;

impl Book {
    /// Of the life with this number of whoever writes: in the first all places hold zeroes, in a later one
    /// whatever those before have written.
    pub(crate) fn new(places: usize, life: u32) -> Book {
        let first = u64::from(life) << 32;
        let there = if life == 1 { 0 } else { ANY };
        Book { possible: vec![vec![there]; places], last: first, first }
    }

    /// A version that was never written.
    pub(crate) const fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// This version may stand there from now on: a write of it begins.
    pub(crate) fn begin(&mut self, place: usize, version: u64) {
        if let Some(possible) = self.possible.get_mut(place) {
            possible.push(version);
        }
    }

    /// This version stands there and no other: its write was acknowledged, and no other was under way.
    pub(crate) fn acknowledged(&mut self, place: usize, version: u64) {
        if let Some(possible) = self.possible.get_mut(place) {
            *possible = vec![version];
        }
    }

    /// This version was read, of which there was no doubt before, or is none any more.
    ///
    /// # Errors
    /// It cannot be there: what was acknowledged is lost, or something comes from nowhere.
    pub(crate) fn read(&mut self, place: usize, version: Option<u64>) -> Result<(), String> {
        let possible = self.possible.get_mut(place).ok_or_else(|| String::from("no such place"))?;
        let is_before = |version| possible.contains(&ANY) && version < self.first;
        match version.filter(|version| possible.contains(version) || is_before(*version)) {
            Some(version) => {
                *possible = vec![version];
                Ok(())
            }
            None => {
                Err(format!("place {place} has {version:?}, and one of {possible:?} must be there"))
            }
        }
    }
}

/// Fills `bytes` with a version of a place; any two differ in each word.
pub(crate) fn write(bytes: &mut [u8], place: u64, version: u64) {
    let (words, _) = bytes.as_chunks_mut::<8>();
    for (at, word) in (1..).zip(words) {
        *word = (place ^ version.wrapping_mul(APART).rotate_left(at)).to_le_bytes();
    }
    if let Some(first) = bytes.first_chunk_mut::<8>() {
        *first = version.to_le_bytes();
    }
}

/// Which version of a place these bytes are, whole; `None` when they are none.
pub(crate) fn version(bytes: &[u8], place: u64) -> Option<u64> {
    let version = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    let mut expected = vec![0; bytes.len()];
    if version != 0 {
        write(&mut expected, place, version);
    }
    (expected == bytes).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_must_be_there_and_nothing_else() {
        let mut book = Book::new(2, 1);
        assert_eq!(book.read(0, Some(0)), Ok(()));
        let (first, second) = (book.next(), book.next());
        book.begin(0, first);
        book.acknowledged(0, first);
        assert!(book.read(0, Some(0)).is_err(), "it is lost");
        assert!(book.read(0, Some(second)).is_err(), "it was never written");
        assert!(book.read(0, None).is_err(), "it is no version");
        assert_eq!(book.read(0, Some(first)), Ok(()));
        assert_eq!(book.read(1, Some(0)), Ok(()), "another place");
    }

    #[test]
    fn what_was_not_acknowledged_is_there_or_not_but_not_by_turns() {
        let mut book = Book::new(1, 1);
        let version = book.next();
        book.begin(0, version);
        assert_eq!(book.read(0, Some(0)), Ok(()));
        assert!(book.read(0, Some(version)).is_err(), "it comes after its life");
        book.begin(0, version);
        assert_eq!(book.read(0, Some(version)), Ok(()));
        assert!(book.read(0, Some(0)).is_err(), "it was there");
    }

    #[test]
    fn a_later_life_finds_what_those_before_wrote_and_nothing_else() {
        let first = Book::new(1, 1).next();
        let mut book = Book::new(1, 3);
        let version = book.next();
        assert!(book.read(0, Some(version)).is_err(), "it was not written");
        assert!(book.read(0, None).is_err(), "it is no version");
        assert_eq!(book.read(0, Some(first)), Ok(()));
        assert!(book.read(0, Some(0)).is_err(), "it was read, and nobody has written since");
        let mut book = Book::new(1, 3);
        book.begin(0, version);
        book.acknowledged(0, version);
        assert!(book.read(0, Some(first)).is_err(), "it was written over");
    }

    #[test]
    fn bytes_are_of_one_version_of_one_place_whole() {
        let mut bytes = [0; 64];
        assert_eq!(version(&bytes, 7), Some(0));
        write(&mut bytes, 7, 5);
        assert_eq!(version(&bytes, 7), Some(5));
        assert_eq!(version(&bytes, 8), None);
        let mut torn = bytes;
        write(&mut torn, 7, 6);
        torn[32..].copy_from_slice(&bytes[32..]);
        assert_eq!(version(&torn, 7), None);
        bytes[0] = 0;
        assert_eq!(version(&bytes, 7), None);
        assert_eq!(version(&[1; 7], 7), None);
    }
}
