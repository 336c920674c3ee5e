//! Writes and flushes for ever, and asks the host, after so many writes as follow from the number of the run, to cut
//! the power. What was acknowledged by then is in each sector that is written later.

use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

use nexus_proto::disk::ring as wire;
use nexus_ring::{Completion, DONE};
use nexus_rt::startup;
use nexus_test::{Host, records};

use crate::disk::{Disk, ENTRIES, MOST};
use crate::failed::Failed;
use crate::sector::Sector;

/// Places of writes, each of [`MOST`] sectors. Writes go round them, so that none has two under way.
const PLACES: u64 = 64;
/// Writes that are under way at one time.
const DEPTH: u16 = 16;
/// Writes from one flush to the next.
const EACH: u64 = 12;
/// Writes before the power is to be cut: from so many on, and up to so many more.
const BEFORE: [u64; 2] = [150, 250];
/// Writes after which nobody has cut it. A safety net.
const TOO_MANY: u64 = 1 << 20;

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The write of this number.
    Write(u64),
    /// A flush, given when all writes up to this one were done.
    Flush(u64),
}

struct Load {
    disk: Disk,
    nonce: u64,
    asked: [Option<Asked>; ENTRIES],
    /// Writes that were given.
    given: u64,
    /// All up to this one were acknowledged by a flush.
    flushed: u64,
}

/// Until the power is cut.
///
/// # Errors
/// Why it cannot go on, once the host was told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let failed = match write(host) {
        Ok(never) => match never {},
        Err(failed) => failed,
    };
    host.console.line(&format!("sectors-cut: {failed:?}"))?;
    Ok(host.end(0, 1)?)
}

fn write(host: Host) -> Result<Infallible, Failed> {
    let nonce = startup().block().nonce;
    let [least, more] = BEFORE;
    let cut_at = least + nonce % more;
    let mut load = Load { disk: Disk::new()?, nonce, asked: [None; ENTRIES], given: 0, flushed: 0 };
    while load.given < TOO_MANY {
        load.give()?;
        if load.given == cut_at {
            // It is cut at some later time: this goes on.
            host.record(records::CUT)?;
        }
        while load.disk.in_flight() >= DEPTH {
            let done = load.disk.completed()?;
            load.done(done)?;
        }
    }
    Err(Failed::NotCut(load.flushed))
}

impl Load {
    /// Gives the next write, and a flush after some.
    fn give(&mut self) -> Result<(), Failed> {
        self.given += 1;
        let (write, count) = (self.given, sectors_of(self.given));
        let first = write % PLACES * u64::from(MOST);
        let Load { nonce, flushed, .. } = *self;
        let sector = |index: u32| {
            let sector = first + u64::from(index);
            Sector { nonce, write, sector, index, count, flushed }
        };
        let sectors: Vec<Sector> = (0..count).map(sector).collect();
        let id = self.disk.write(&sectors)?;
        self.ask(id, Asked::Write(write));
        if write.is_multiple_of(EACH) {
            let covers = self.all_done();
            let id = self.disk.flush()?;
            self.ask(id, Asked::Flush(covers));
        }
        Ok(())
    }

    fn ask(&mut self, id: u16, asked: Asked) {
        if let Some(place) = self.asked.get_mut(usize::from(id)) {
            *place = Some(asked);
        }
    }

    /// All writes up to this one are done.
    fn all_done(&self) -> u64 {
        let under_way = self.asked.iter().flatten().filter_map(|asked| match asked {
            Asked::Write(write) => Some(*write),
            Asked::Flush(_) => None,
        });
        under_way.min().map_or(self.given, |first| first - 1)
    }

    fn done(&mut self, done: Completion) -> Result<(), Failed> {
        let asked = self.asked.get_mut(usize::from(done.id)).and_then(Option::take);
        match (asked, done.status) {
            (Some(Asked::Write(_)), DONE) => {}
            (Some(Asked::Flush(covers)), DONE) => self.flushed = self.flushed.max(covers),
            (Some(Asked::Write(_)) | None, status) => {
                return Err(Failed::Request(wire::WRITE, status));
            }
            (Some(Asked::Flush(_)), status) => return Err(Failed::Request(wire::FLUSH, status)),
        }
        Ok(())
    }
}

/// How many sectors a write has: from 1 to [`MOST`].
const fn sectors_of(write: u64) -> u32 {
    1 + (write * 5 % MOST as u64) as u32
}
