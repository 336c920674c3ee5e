//! The disk by messages: numbered writes, and reads of what they left.

use nexus_proto::disk::{Disk, Read, SECTOR, Write};
use nexus_proto::{Text, Zero, ids};
use nexus_rt::{Client, startup};
use nexus_test::Failed;

use crate::book::{self, Book};
use crate::load::Load;
use crate::random::Random;
use crate::tally::{Tally, soon};

/// Places, each in a sector of its own, from the first sector on.
const PLACES: u64 = 48;
/// Bytes of each.
const BYTES: usize = 40;
/// Where each begins in its sector.
const BEGIN: u64 = 3;

/// Asks virtioblkd.
pub(crate) struct Messages {
    disk: Client<Disk>,
    book: Book,
    random: Random,
}

impl Messages {
    pub(crate) fn new(seed: u64) -> Result<Messages, Failed> {
        let disk = startup().client(ids::VIRTIOBLKD)?;
        // It has one life.
        Ok(Messages { disk, book: Book::new(PLACES as usize, 1), random: Random::new(seed) })
    }

    fn write(&mut self, number: u64, tally: &Tally) {
        let (place, version) = (number as usize, self.book.next());
        let mut bytes = [0; BYTES];
        book::write(&mut bytes, number, version);
        self.book.begin(place, version);
        let write = Write { offset: offset(number), data: Text::piece(&bytes) };
        if tally.ended(self.disk.call(&write, soon())).is_some() {
            self.book.acknowledged(place, version);
        }
    }

    fn read(&mut self, number: u64, tally: &Tally) {
        let read = Read { offset: offset(number), len: BYTES as u32, zero: Zero::ZERO };
        let Some(text) = tally.ended(self.disk.call(&read, soon())) else { return };
        let version = book::version(text.as_bytes(), number);
        tally.check(self.book.read(number as usize, version));
    }
}

const fn offset(number: u64) -> u64 {
    number * SECTOR + BEGIN
}

impl Load for Messages {
    fn turn(&mut self, tally: &Tally) {
        let number = self.random.below(PLACES);
        if self.random.below(2) == 0 {
            self.write(number, tally);
        } else {
            self.read(number, tally);
        }
    }
}
