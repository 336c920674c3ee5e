//! Which store is opened, and what is said when there is none.
//!
//! A store that is not opened is told of, and that is all: this process goes on, and answers why. It tries no second
//! time in this life. Nothing is written to a disk that is refused, and no disk is ever formatted in a system for use.
//!
//! redb stops the process at what it takes for impossible. No page gets to it in an opened store that it was not
//! given in the pass at the opening, or has written itself; so a page that is odd is refused by the next life's pass,
//! and that life goes on without a store. An end that comes back all the same is one of the lives that init counts:
//! after the eighth in a minute there is none any more, and whoever asks is told so at once.

use core::fmt;

use nexus_store::gpt::{self, NoStore, TableCopy, TableFault};
use nexus_store::{
    BlockDevice, Engine, Extent, FormatOptions, Identity, OpenOptions, Refused, format,
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
