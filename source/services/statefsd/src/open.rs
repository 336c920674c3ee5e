//! Which store is opened, and what is said when there is none.
//!
//! A store that is not opened is told of, and that is all: this process goes on, and answers why. It tries no second
//! time in this life. Nothing is written to a disk that is refused, and no disk is ever formatted in a system for use.
//!
//! redb stops the process at what it takes for impossible. No page gets to it in an opened store that it was not
//! given in the pass at the opening, or has written itself; so a page that is odd is refused by the next life's pass,
//! and that life goes on without a store. An end that comes back all the same is one of the lives that init counts:
//! after the eighth in a minute there is none any more, and whoever asks is told so at once.

use alloc::boxed::Box;
use core::fmt;

use nexus_store::gpt::{self, NoStore, TableCopy, TableFault};
use nexus_store::{
    BlockDevice, Engine, Extent, FormatOptions, Identity, OpenOptions, ReadOnly, Refused, format,
};

use crate::disk::NoDisk;

/// Which store is to be opened, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The GUID of its partition, as the description of the system names it.
    pub guid: [u8; 16],
    /// The disk can be written, and flushed.
    pub write: bool,
    /// A disk of zeros is given a table and a store: in a test profile alone.
    pub format: bool,
    /// Numbers that nobody knows, others in each life.
    pub random: [u64; 4],
}

/// Why there is no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The description of the system names none.
    Unnamed,
    /// There is no disk.
    Disk(NoDisk),
    /// The disk has not the one store that it must have.
    Table(NoStore),
    /// The store is not opened.
    Store(Refused),
}

/// What there is of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet: it is being verified.
    Opening,
    /// All of it.
    Ready,
    /// What is not damaged, for reading.
    ReadOnly(ReadOnly),
    /// Nothing, until this process begins anew.
    Failed(Why),
}

/// The store of this process.
#[derive(Debug)]
pub enum Opened<D: BlockDevice> {
    /// It was not opened yet.
    Opening,
    /// It is open.
    Open(Box<Engine<D>>),
    /// It was not opened, and is not any more.
    Failed(Why),
}

impl<D: BlockDevice> Opened<D> {
    /// Opens the store on a disk: once.
    #[must_use]
    pub fn of(disk: Result<D, NoDisk>, wanted: Option<&Wanted>) -> Opened<D> {
        let opened = disk.map_err(Why::Disk).and_then(|disk| {
            let wanted = wanted.ok_or(Why::Unnamed)?;
            open(disk, wanted)
        });
        match opened {
            Ok(engine) => Opened::Open(Box::new(engine)),
            Err(why) => Opened::Failed(why),
        }
    }

    /// What there is of it now.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Opened::Opening => State::Opening,
            Opened::Open(engine) => engine.read_only().map_or(State::Ready, State::ReadOnly),
            Opened::Failed(why) => State::Failed(*why),
        }
    }

    /// The store, when it is open.
    ///
    /// # Errors
    /// What there is instead.
    pub fn store(&mut self) -> Result<&mut Engine<D>, State> {
        match self {
            Opened::Open(engine) => Ok(engine),
            Opened::Opening => Err(State::Opening),
            Opened::Failed(why) => Err(State::Failed(*why)),
        }
    }
}

/// Finds the store, makes one where that is allowed, and opens it.
///
/// # Errors
/// [`Why`]. Nothing was written, but to a disk of zeros that may be formatted.
pub fn open<D: BlockDevice>(mut disk: D, wanted: &Wanted) -> Result<Engine<D>, Why> {
    let [seed, ..] = wanted.random;
    let mut options = OpenOptions::new(wanted.guid, seed);
    options.write = wanted.write;
    let extent = match gpt::find(&mut disk, wanted.guid) {
        Ok(extent) => extent,
        Err(seen) => {
            let extent = created(&mut disk, wanted, seen)?;
            disk = formatted(disk, extent, wanted)?;
            extent
        }
    };
    Engine::open(disk, extent, &options).map_err(Why::Store)
}

/// Where a store may be made, on a disk that has nothing.
fn created<D: BlockDevice>(disk: &mut D, wanted: &Wanted, seen: NoStore) -> Result<Extent, Why> {
    let none = NoStore::Table(TableCopy::First, TableFault::Missing);
    if !(wanted.format && wanted.write && seen == none) {
        return Err(Why::Table(seen));
    }
    let [_, _, low, high] = wanted.random;
    let mut name = [0; 16];
    name.iter_mut().zip([low, high].map(u64::to_le_bytes).as_flattened()).for_each(|(to, from)| {
        *to = *from;
    });
    gpt::create(disk, name, wanted.guid).map_err(|why| match why {
        // What was seen first says more.
        NoStore::NotBlank => Why::Table(seen),
        why => Why::Table(why),
    })
}

fn formatted<D: BlockDevice>(disk: D, extent: Extent, wanted: &Wanted) -> Result<D, Why> {
    let [_, key, ..] = wanted.random;
    let identity = Identity { guid: wanted.guid, key };
    format(disk, extent, identity, FormatOptions::default()).map_err(Why::Store)
}

impl State {
    /// Which it is, as the protocol says it: opening, ready, read-only, failed.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            State::Opening => 0,
            State::Ready => 1,
            State::ReadOnly(_) => 2,
            State::Failed(_) => 3,
        }
    }

    /// Why it is not ready; 0 when it is, or is not known yet.
    #[must_use]
    pub const fn reason(self) -> u32 {
        match self {
            State::Opening | State::Ready => 0,
            State::ReadOnly(why) => read_only(why),
            State::Failed(why) => why.code(),
        }
    }
}

const fn read_only(why: ReadOnly) -> u32 {
    match why {
        ReadOnly::Asked => 1,
        ReadOnly::LogWrite(_) => 2,
        ReadOnly::TableWrite(_) => 3,
        ReadOnly::DamagedPage(_) => 4,
        ReadOnly::TableRead(_) => 5,
        ReadOnly::Inconsistent => 6,
        ReadOnly::TableFull => 7,
    }
}

impl Why {
    /// A number for it.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Why::Unnamed => 16,
            Why::Disk(NoDisk::Start(_)) => 17,
            Why::Disk(NoDisk::Room) => 18,
            Why::Disk(NoDisk::Driver(_)) => 19,
            Why::Table(why) => table(why),
            Why::Store(why) => store(why),
        }
    }
}

const fn table(why: NoStore) -> u32 {
    match why {
        NoStore::Device(_) => 32,
        NoStore::Table(TableCopy::First, _) => 33,
        NoStore::Table(TableCopy::Second, _) => 34,
        NoStore::Differ => 35,
        NoStore::Absent => 36,
        NoStore::Twice => 37,
        NoStore::Other(_) => 38,
        NoStore::WrongType => 39,
        NoStore::Misaligned => 40,
        NoStore::NotBlank => 41,
        NoStore::TooSmall => 42,
    }
}

const fn store(why: Refused) -> u32 {
    match why {
        Refused::Device(_) => 48,
        Refused::Superblock(_) => 49,
        Refused::Log(_) => 50,
        Refused::TableHeader => 51,
        Refused::TablePage(_) => 52,
        Refused::Record => 53,
        Refused::Fold => 54,
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unnamed => out.write_str("no disk of this board is said to have a store"),
            Why::Disk(why) => why.fmt(out),
            Why::Table(why) => why.fmt(out),
            Why::Store(why) => why.fmt(out),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Opening => out.write_str("opening"),
            State::Ready => out.write_str("ready"),
            State::ReadOnly(why) => write!(out, "read-only: {why}"),
            State::Failed(why) => write!(out, "failed: {why}"),
        }
    }
}
