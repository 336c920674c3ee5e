//! The disk by its ring: many requests under way, of numbered writes and reads of what they left.

use alloc::vec;
use alloc::vec::Vec;

use nexus_abi::Error;
use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::disk::{Attach, Disk, SECTOR, ring as wire};
use nexus_proto::ids;
use nexus_ring::{Completion, Consumer, DONE, Ended, Submission};
use nexus_rt::{Client, Ring, StartError, attach, startup};
use nexus_test::Failed;

use crate::book::{self, Book};
use crate::load::Load;
use crate::random::Random;
use crate::tally::{Tally, soon};

/// Entries of the ring.
const ENTRIES: usize = 64;
/// Requests under way.
const DEPTH: u16 = 16;
/// Places, each of [`SECTORS`] sectors; never are two requests under way for one.
const PLACES: u64 = 48;
/// The first sector of the first: behind those that are written by messages.
const FIRST: u64 = 1024;
const SECTORS: u64 = 8;
const BYTES: usize = (SECTORS * SECTOR) as usize;

/// A request that is under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    place: u64,
    /// The version that is written; none is where it is read.
    version: Option<u64>,
}

/// This side of the ring.
pub(crate) struct Side {
    ring: Ring,
    disk: Client<Disk>,
    consumer: Consumer<SharedMemory<ReadWrite>, ENTRIES>,
    book: Book,
    random: Random,
    asked: [Option<Asked>; ENTRIES],
    buffer: Vec<u8>,
}

impl Side {
    pub(crate) fn new(seed: u64) -> Result<Side, Failed> {
        let start = startup();
        let ring = start.ring(ids::VIRTIOBLKD).ok_or(StartError::NoMemory)?;
        let life = start.block().incarnation;
        let consumer = Consumer::new(ring.map()?, life);
        let mut side = Side {
            ring,
            disk: start.client(ids::VIRTIOBLKD)?,
            consumer: consumer.map_err(|_| StartError::BadMemory)?,
            book: Book::new((PLACES * SECTORS) as usize, life),
            random: Random::new(seed),
            asked: [None; ENTRIES],
            buffer: vec![0; BYTES],
        };
        side.attach()?;
        Ok(side)
    }

    fn attach(&mut self) -> Result<(), Failed> {
        Ok(attach(&self.disk, &Attach {}, [&mut self.consumer], soon())?)
    }

    /// A request for a place that has none under way.
    fn give(&mut self) {
        let place = self.random.below(PLACES);
        let busy = self.asked.iter().flatten().any(|asked| asked.place == place);
        let Some(id) = self.consumer.free_id().filter(|_| !busy) else { return };
        let version = (self.random.below(2) == 0).then(|| self.book.next());
        let offset = u32::from(id) * BYTES as u32;
        if let Some(version) = version {
            self.fill(place, version);
            // It is inside: the ring has memory for each of its entries.
            let _ = self.consumer.write(offset, &self.buffer);
        }
        let op = if version.is_some() { wire::WRITE } else { wire::READ };
        let arg = FIRST + place * SECTORS;
        let request = Submission { id, op, len: BYTES as u32, offset, arg };
        if self.consumer.submit(request).is_ok() {
            self.asked[usize::from(id)] = Some(Asked { place, version });
            version
                .into_iter()
                .for_each(|version| self.each(place, |book, at| book.begin(at, version)));
        }
    }

    fn fill(&mut self, place: u64, version: u64) {
        for (at, sector) in (0..).zip(self.buffer.chunks_mut(SECTOR as usize)) {
            book::write(sector, place * SECTORS + at, version);
        }
    }

    fn each(&mut self, place: u64, mut what: impl FnMut(&mut Book, usize)) {
        for at in place * SECTORS..(place + 1) * SECTORS {
            what(&mut self.book, at as usize);
        }
    }

    /// What the driver is done with, until there is nothing more.
    fn take(&mut self, tally: &Tally) -> Result<u64, Ended> {
        let mut count = 0;
        while let Some(done) = self.consumer.pop()? {
            count += 1;
            self.completed(done, tally);
        }
        tally.is_done(count);
        Ok(count)
    }

    fn completed(&mut self, done: Completion, tally: &Tally) {
        let Some(asked) = self.asked.get_mut(usize::from(done.id)).and_then(Option::take) else {
            return;
        };
        if (done.status, done.len) != (DONE, BYTES as u32) {
            return tally.check(Err(alloc::format!("a request ends with {done:?}")));
        }
        if let Some(version) = asked.version {
            return self.each(asked.place, |book, at| book.acknowledged(at, version));
        }
        let mut buffer = core::mem::take(&mut self.buffer);
        // It is inside, as above.
        let _ = self.consumer.read(u32::from(done.id) * BYTES as u32, &mut buffer);
        for (at, sector) in (asked.place * SECTORS..).zip(buffer.chunks(SECTOR as usize)) {
            tally.check(self.book.read(at as usize, book::version(sector, at)));
        }
        self.buffer = buffer;
    }

    /// Waits until there is something, or the driver ends.
    fn wait(&mut self, tally: &Tally) -> Result<(), Ended> {
        if self.consumer.may_wait()? {
            match self.ring.wait(soon()) {
                Ok(_) => {}
                Err(Error::TimedOut) => tally.is_late(),
                Err(error) => tally.check(Err(alloc::format!("the wait for the ring: {error:?}"))),
            }
        }
        Ok(())
    }

    /// The driver has ended: whether what was under way is done is unknown.
    fn resume(&mut self, tally: &Tally) {
        let lost = self.consumer.begin().count() as u64;
        tally.is_gone(lost);
        self.asked = [None; ENTRIES];
        if let Err(why) = self.attach() {
            tally.check(Err(alloc::format!("no attachment: {why:?}")));
        }
    }
}

impl Load for Side {
    fn turn(&mut self, tally: &Tally) {
        while self.consumer.in_flight() < DEPTH {
            let before = self.consumer.in_flight();
            self.give();
            if self.consumer.in_flight() == before {
                break;
            }
        }
        // Whoever cannot be told has ended, which the ring says.
        let _ = self.consumer.ring(|| self.ring.tell().tell());
        let taken =
            self.take(tally).and_then(|count| if count == 0 { self.wait(tally) } else { Ok(()) });
        match taken {
            Ok(()) => {}
            Err(Ended::PeerGone) => self.resume(tally),
            Err(why) => tally.check(Err(alloc::format!("the driver: {why:?}"))),
        }
    }
}
