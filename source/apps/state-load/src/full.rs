//! A disk that is filled through statefsd, and turned off and on. Whoever puts is told that there is no room; what was
//! acknowledged stays; grants and the ledger go on; deleting works and makes room, and then the archive goes on, too.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use nexus_archive::{Head, StoreTree, key, read};
use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::ids;
use nexus_proto::init::{Init, Ready};
use nexus_proto::log::{self, Anchor, FindLine, Level, LineText, Log};
use nexus_proto::{ServiceError, Zero};
use nexus_rt::{CallError, Client, Deadline, record, startup};
use nexus_state::{Error, Expect, OWN, RingLink, State};
use nexus_test::{Facts, Host, SAFETY_MS, Waiter};

use crate::lives::{kill, lives};

/// Bytes of the values, the largest first: when there is no room for one of a kind, the next kind is put.
const SIZES: [usize; 3] = [28_000, 3_000, 80];
/// Puts from one sync to the next.
const EACH: u64 = 8;
/// Values of a kind by which the disk must be full.
const TOO_MANY: u64 = 5000;
/// One more. Its key is as long as theirs.
const MORE: u64 = 99_999;
/// Milliseconds between two looks at how far the archive is, and looks.
const LOOK_MS: u64 = 5;
const LOOKS: u32 = 4000;
/// Milliseconds for what was recorded last to come to the archive.
const SETTLED_MS: u64 = 300;
/// What the archive says of a disk without room, as far as one message has it.
const NO_ROOM: &str = "stands still: the store: the disk is full";
/// Under which key the first boot says what the second must find.
const LEFT: &str = "left";

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Saw {
    /// There was room for everything.
    NotFull,
    /// A full disk took a value of so many bytes.
    Taken(usize),
    /// A value is not there, or another one, or was deleted and is there.
    Other(String),
    /// statefsd had so many lives.
    Lives(u32),
    /// The archive does not say that there is no room, or a service does not come back.
    NoWord,
    /// The archive is not further than this record.
    Archive(u64),
    /// What is to be left is not said.
    Left,
}

type Failed = crate::failed::Failed<Saw>;

/// What the first boot leaves: how many values of each kind it put, and how many when there was room again. Of the
/// largest each second one was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    put: [u64; 3],
    again: u64,
}

impl Left {
    fn bytes(self) -> Vec<u8> {
        let [one, two, three] = self.put;
        [one, two, three, self.again].map(u64::to_le_bytes).concat()
    }

    fn of(bytes: &[u8]) -> Option<Left> {
        let (words, []) = bytes.as_chunks::<8>() else { return None };
        let [one, two, three, again] = *<&[[u8; 8]; 4]>::try_from(words).ok()?;
        let [one, two, three, again] = [one, two, three, again].map(u64::from_le_bytes);
        Some(Left { put: [one, two, three], again })
    }
}

/// Proves in the first boot what a full disk does, and in the second that all is there.
///
/// # Errors
/// The host cannot be told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let (init, logd) = (startup().client(ids::INIT)?, startup().client(ids::LOGD)?);
    let waiter = Waiter::new()?;
    let begun = nexus_state::open().map_err(Failed::from).and_then(|store| {
        let mut full = Full { store, init, logd, waiter };
        full.wait_for_the_archive(0)?;
        let left = full.store.get(OWN, LEFT)?;
        Ok((full, left))
    });
    match begun {
        Ok((mut full, Some(left))) => {
            let found = full.second_boot(&left.bytes);
            facts.tell("acknowledged-kept", &found.map_err(|why| format!("{why:?}")))?;
            facts.host.witness(Deadline::NEVER)?;
            facts.end()
        }
        begun => {
            let full = begun.and_then(|(mut full, _)| Ok((full.fill()?, full)));
            let told = full.as_ref().map(|((_, checks), _)| *checks);
            facts.tell("full-told", &told.map_err(|why| format!("{why:?}")))?;
            let room = full.and_then(|((put, _), mut full)| full.make_room(put));
            facts.tell("room-made", &room.map_err(|why| format!("{why:?}")))?;
            facts.host.witness(Deadline::NEVER)?;
            facts.end_first_boot()
        }
    }
}

/// A client that fills the disk.
#[derive(Debug)]
struct Full {
    store: State<RingLink, SharedMemory<ReadWrite>>,
    init: Client<Init>,
    logd: Client<Log>,
    waiter: Waiter,
}

impl Full {
    /// Fills the disk: how many values of each kind were put, and how many were read and refused. All of them are read
    /// by the next life of statefsd, too, in which the disk is as full.
    fn fill(&mut self) -> Result<([u64; 3], u32), Failed> {
        let mut put = [0; 3];
        for (kind, put) in put.iter_mut().enumerate() {
            *put = self.fill_with(kind)?;
        }
        let mut checks = self.found(put, 1)? + self.refused()?;
        kill(self.init, ids::STATEFSD)?;
        checks += self.found(put, 1)? + self.refused()?;
        match lives(self.init, ids::STATEFSD)? {
            2 => self.goes_on()?,
            lives => return Err(Failed::Saw(Saw::Lives(lives))),
        }
        Ok((put, checks))
    }

    /// A service ends, and its next life has its device: that waits for no room. The archive says that it finds none,
    /// and nothing more comes to the ledger.
    fn goes_on(&mut self) -> Result<(), Failed> {
        kill(self.init, ids::RNGD)?;
        for _ in 0..LOOKS {
            self.waiter.pause(LOOK_MS);
            let ready = self.init.call(&Ready {}, Deadline::after_ms(SAFETY_MS))?;
            if ready.owners_ready == ready.owners && self.archive_found_no_room()? {
                self.waiter.pause(SETTLED_MS);
                return Ok(());
            }
        }
        Err(Failed::Saw(Saw::NoWord))
    }

    fn archive_found_no_room(&self) -> Result<bool, Failed> {
        let (mut line, until) = (0, Deadline::after_ms(SAFETY_MS));
        loop {
            let info = match self.logd.call(&FindLine { line }, until) {
                Err(CallError::Service(ServiceError::NotFound)) => return Ok(false),
                info => info?,
            };
            line = info.line + 1;
            if (info.sender.id, info.level) != (ids::ARCHIVED, Level::Warn) {
                continue;
            }
            let text = self
                .logd
                .call(&LineText { line: info.line, offset: 0, zero: Zero::ZERO }, until)?;
            if text.as_bytes().starts_with(NO_ROOM.as_bytes()) {
                return Ok(true);
            }
        }
    }

    /// Puts values of a kind until there is no room for one. All of them are durable.
    fn fill_with(&mut self, kind: usize) -> Result<u64, Failed> {
        for number in 0..TOO_MANY {
            match self.store.put(&key_of(kind, number), &value(kind, number), Expect::Absent) {
                Ok(_) if (number + 1) % EACH == 0 => self.store.sync()?,
                Ok(_) => {}
                Err(Error::NoSpace) => {
                    self.store.sync()?;
                    return Ok(number);
                }
                Err(why) => return Err(why.into()),
            }
        }
        Err(Failed::Saw(Saw::NotFull))
    }

    /// No value of any kind is taken. How many were refused.
    fn refused(&mut self) -> Result<u32, Failed> {
        for (kind, size) in SIZES.into_iter().enumerate() {
            match self.store.put(&key_of(kind, MORE), &value(kind, MORE), Expect::Any) {
                Err(Error::NoSpace) => {}
                Ok(_) => return Err(Failed::Saw(Saw::Taken(size))),
                Err(why) => return Err(why.into()),
            }
        }
        Ok(SIZES.len() as u32)
    }

    /// All values of each kind are there; of the largest each `step`th, and no other.
    fn found(&mut self, put: [u64; 3], step: u64) -> Result<u32, Failed> {
        let mut count = 0;
        for (kind, put) in put.into_iter().enumerate() {
            let step = if kind == 0 { step } else { 1 };
            for number in 0..put {
                let there = number % step == 0;
                self.is(&key_of(kind, number), there.then(|| value(kind, number)))?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn is(&mut self, key: &str, value: Option<Vec<u8>>) -> Result<(), Failed> {
        let found = self.store.get(OWN, key)?.map(|found| found.bytes);
        if found == value { Ok(()) } else { Err(Failed::Saw(Saw::Other(key.into()))) }
    }

    /// Deletes, on the full disk, and puts again; the archive goes on. How much of that was looked at.
    fn make_room(&mut self, put: [u64; 3]) -> Result<u32, Failed> {
        // What has happened meanwhile is on record, and not kept yet.
        let ends = self.logd.call(&log::Head {}, Deadline::after_ms(SAFETY_MS))?.records;
        let [large, ..] = put;
        for number in (0..large).filter(|number| number % 2 == 1) {
            let key = key_of(0, number);
            if !self.store.delete(OWN, &key, Expect::Any, false)? {
                return Err(Failed::Saw(Saw::Other(key)));
            }
        }
        self.store.sync()?;
        let again = large / 4;
        for number in 0..again {
            self.store.put(&key_again(number), &value(0, TOO_MANY + number), Expect::Absent)?;
        }
        let left = Left { put, again };
        self.store.put_sync(LEFT, &left.bytes(), Expect::Absent)?;
        self.wait_for_the_archive(ends)?;
        self.all(left)
    }

    /// What the first boot has left is there.
    fn second_boot(&mut self, left: &[u8]) -> Result<u32, Failed> {
        let left = Left::of(left).ok_or(Failed::Saw(Saw::Left))?;
        self.all(left)
    }

    fn all(&mut self, left: Left) -> Result<u32, Failed> {
        let mut count = self.found(left.put, 2)?;
        for number in 0..left.again {
            self.is(&key_again(number), Some(value(0, TOO_MANY + number)))?;
            count += 1;
        }
        Ok(count)
    }

    /// Waits until the ledger of this boot has its anchor, and is kept up to this record at least.
    fn wait_for_the_archive(&mut self, records: u64) -> Result<(), Failed> {
        for _ in 0..LOOKS {
            if let Some(boot) = self.anchored()? {
                let mut tree = StoreTree::of(&mut self.store, ids::ARCHIVED);
                let head: Option<Head> = read(&mut tree, &key::head(boot))?;
                if head.is_some_and(|head| head.anchor > 0 && head.records >= records) {
                    return Ok(());
                }
            }
            self.waiter.pause(LOOK_MS);
        }
        Err(Failed::Saw(Saw::Archive(records)))
    }

    /// The boot that the anchor of this ledger says, once there is one.
    fn anchored(&self) -> Result<Option<u32>, Failed> {
        let mut seq = 1;
        while let Some((stamp, entry)) = record(self.logd, seq, Deadline::after_ms(SAFETY_MS))? {
            if let Some(anchor) = Anchor::of(&entry) {
                return Ok(Some(anchor.boot));
            }
            seq = stamp.seq + 1;
        }
        Ok(None)
    }
}

fn key_of(kind: usize, number: u64) -> String {
    format!("fill/{kind}/{number:05}")
}

fn key_again(number: u64) -> String {
    format!("again/{number:05}")
}

/// A value of a kind that follows from its number, and that of the run.
fn value(kind: usize, number: u64) -> Vec<u8> {
    let nonce = startup().block().nonce;
    let len = SIZES.get(kind).copied().unwrap_or_default();
    let word = nonce ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len).map(|place| (word.rotate_left(place as u32) ^ place as u64 >> 6) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_read_as_it_was_said() {
        let left = Left { put: [1, 2, u64::MAX], again: 7 };
        assert_eq!(Left::of(&left.bytes()), Some(left));
        assert_eq!(Left::of(&left.bytes()[1..]), None);
    }
}
