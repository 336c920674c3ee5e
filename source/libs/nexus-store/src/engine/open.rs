//! Making a store, and opening one.

use super::fold::{FoldLimits, ballast, ballast_rows};
use super::memory::Rows;
use super::{Engine, Used};
use crate::device::{BlockDevice, DeviceError, Extent, PAGE, Volume};
use crate::key::TreeId;
use crate::log::frame::Head;
use crate::log::{Log, LogDamage, OpenError, Recovered};
use crate::pager::{Fault, Pager};
use crate::row::{self, RowKey, State};
use crate::store::{ReadOnly, Refused, Usage};
use crate::superblock::{Identity, Layout, Superblock};
use crate::table::{Shared, Table, TableError};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;
use spin::Mutex;

/// How a store is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormatOptions {
    /// Pages of the log, 16 and more; a sixteenth of the partition within 256 and 2,048 when not given.
    pub log_pages: Option<u32>,
}

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// The partition's own GUID.
    pub guid: [u8; 16],
    /// A number that nobody who could change the disk knows; another one each time.
    pub seed: u64,
    /// Bytes of the table's pages that are kept in memory: a third of them for what redb changes, 2 MiB at most, the
    /// others for those with rows that were read or written last.
    pub cache: usize,
    /// Bytes of pages that lead to others, kept beside these: with all of them in memory a get reads what it looks for
    /// and nothing else. About 4.5 MiB for 10^6 keys of 17 bytes with values of 100.
    pub branches: usize,
    /// Whether it may be written; if not, not a byte is.
    pub write: bool,
    /// What one turn folds at most.
    pub fold: FoldLimits,
    /// Pages of the log from which on it is folded; a quarter of it at most, which it is when not given.
    pub fold_at: Option<u32>,
}

impl OpenOptions {
    /// 18 MiB of memory for pages, 8 MiB for those that lead to others; 512 keys, 128 leaves and 128 KiB a turn.
    #[must_use]
    pub fn new(guid: [u8; 16], seed: u64) -> Self {
        let fold = FoldLimits { keys: 512, leaves: 128, bytes: 128 << 10 };
        let (cache, branches) = (18 << 20, 8 << 20);
        Self { guid, seed, cache, branches, write: true, fold, fold_at: None }
    }
}

fn refused(error: TableError) -> Refused {
    match error {
        TableError::Fault(Fault::Device(error)) => Refused::Device(error),
        TableError::Fault(Fault::Header) => Refused::TableHeader,
        TableError::Fault(Fault::Page(page)) => Refused::TablePage(Some(page)),
        _ => Refused::TablePage(None),
    }
}

fn pager<D: BlockDevice>(volume: Volume<D>, superblock: &Superblock, seed: u64) -> Pager<D> {
    let start = superblock.layout.table_start();
    let table = start..start + superblock.layout.table_pages;
    Pager::new(volume, table, superblock.identity.key, seed)
}

/// Makes an empty store. What was there before is gone.
///
/// # Errors
/// [`Refused::Device`]; [`Refused::Superblock`] when the partition is too small; then there is no store.
pub fn format<D: BlockDevice>(
    device: D,
    extent: Extent,
    identity: Identity,
    options: FormatOptions,
) -> Result<D, Refused> {
    let mut volume = Volume::new(device, extent).map_err(Refused::Device)?;
    let layout = Layout::of(volume.pages(), options.log_pages).map_err(Refused::Superblock)?;
    let superblock = Superblock::new(identity, layout);
    // Nothing is a store while this is under way.
    erase(&mut volume, layout.table_start()).map_err(Refused::Device)?;
    let pager = Arc::new(Mutex::new(pager(volume, &superblock, identity.key)));
    let state = State::default().encode();
    Table::create(&pager, |rows| {
        rows.insert(row::STATE, state.as_slice())?;
        (0..ballast_rows(layout.table_pages)).try_for_each(|index| {
            let row = ballast(layout.table_pages, index);
            rows.insert(RowKey::ballast(index).as_bytes(), row.as_slice()).map(drop)
        })
    })
    .map_err(refused)?;
    let pager = Arc::into_inner(pager).ok_or(Refused::Record)?.into_inner();
    let mut volume = pager.volume;
    superblock.write(&mut volume).map_err(Refused::Device)?;
    Ok(volume.into_device())
}

fn erase<D: BlockDevice>(volume: &mut Volume<D>, pages: u64) -> Result<(), DeviceError> {
    const AT_ONCE: u64 = 32;
    let zeros = vec![0; AT_ONCE as usize * PAGE];
    for page in (0..pages).step_by(AT_ONCE as usize) {
        let count = usize::try_from((pages - page).min(AT_ONCE)).unwrap_or(0);
        volume.write(page, zeros.get(..count * PAGE).unwrap_or_default())?;
    }
    volume.flush()
}

/// What the table's own rows say.
struct Records {
    state: State,
    trees: BTreeMap<TreeId, Used>,
    /// How many rows keep room for deleting.
    ballast: u32,
}

/// How many of these rows there are. They are given up from the first one on, and kept again from the last one on.
fn kept<D: BlockDevice>(table: &Table<D>, rows: u32) -> Result<u32, TableError> {
    let there = |index| table.get(RowKey::ballast(index).as_bytes()).map(|row| row.is_some());
    if there(0)? {
        return Ok(rows);
    }
    let mut kept = 0;
    while kept < rows && there(rows - kept - 1)? {
        kept += 1;
    }
    Ok(kept)
}

fn records<D: BlockDevice>(table: &Table<D>, ballast_rows: u32) -> Result<Records, Refused> {
    let state = table.get(row::STATE).map_err(refused)?;
    let state = state.and_then(|state| State::decode(state.value())).ok_or(Refused::Record)?;
    let mut trees = BTreeMap::new();
    let mut rows = table.range(Bound::Included(row::TREES), row::TREES_END).map_err(refused)?;
    while let Some(leaf) = rows.leaf().map_err(refused)? {
        for row in leaf.rows() {
            let (key, row) = row.map_err(|fault| refused(fault.into()))?;
            let tree = row::tree_of_usage(key.bytes()).ok_or(Refused::Record)?;
            let usage = Usage::decode(row.bytes()).ok_or(Refused::Record)?;
            trees.insert(tree, Used { usage, changed: 0 });
        }
        rows.leave().map_err(refused)?;
    }
    let ballast = kept(table, ballast_rows).map_err(refused)?;
    Ok(Records { state, trees, ballast })
}

impl<D: BlockDevice> Engine<D> {
    /// Opens a store: verifies every page of the table, reads the log, and takes in what is not folded.
    ///
    /// # Errors
    /// [`Refused`]: nothing was written, or nothing that anybody was told of.
    pub fn open(device: D, extent: Extent, options: &OpenOptions) -> Result<Self, Refused> {
        let mut volume = Volume::new(device, extent).map_err(Refused::Device)?;
        let superblock = Superblock::read(&mut volume).map_err(Refused::Device)?;
        let superblock = superblock.map_err(Refused::Superblock)?;
        if superblock.identity.guid != options.guid {
            let foreign = crate::superblock::Unreadable::Foreign(superblock.identity.guid);
            return Err(Refused::Superblock(foreign));
        }
        let mut pager = pager(volume, &superblock, options.seed);
        if !options.write {
            pager.write_nothing();
        }
        pager.load_header().map_err(|fault| refused(TableError::Fault(fault)))?;
        let pager: Shared<D> = Arc::new(Mutex::new(pager));
        let table = Table::open(&pager, options.cache, options.branches).map_err(refused)?;
        let records = records(&table, ballast_rows(superblock.layout.table_pages))?;
        let recovered = Self::read_log(&pager, &superblock, &records.state)?;
        let mut engine = Self::with(table, pager, recovered.log, records, options);
        engine.replay(&recovered.frames)?;
        engine.begin_life(options.write)?;
        Ok(engine)
    }

    fn read_log(
        pager: &Shared<D>,
        superblock: &Superblock,
        state: &State,
    ) -> Result<Recovered, Refused> {
        let layout = superblock.layout;
        let (start, key) = (layout.log_start(), superblock.identity.key);
        let volume = &mut pager.lock().volume;
        Log::open(volume, start, layout.log_pages, key, state.mark).map_err(|error| match error {
            OpenError::Device(error) => Refused::Device(error),
            OpenError::Damage(damage) => Refused::Log(damage),
        })
    }

    fn with(
        table: Table<D>,
        pager: Shared<D>,
        log: Log,
        records: Records,
        options: &OpenOptions,
    ) -> Self {
        let quarter = log.pages() / 4;
        let table_pages = pager.lock().table_pages();
        let capacity = super::fold::capacity(table_pages);
        Self {
            table,
            max_changes: Log::max_changes(log.pages()),
            log,
            pager,
            active: Rows::default(),
            frozen: None,
            pending: Vec::new(),
            usage: records.trees,
            quotas: BTreeMap::new(),
            dirty: BTreeSet::new(),
            charge: records.state.charge,
            capacity,
            ballast_rows: ballast_rows(table_pages),
            ballast: records.ballast,
            restore_at: capacity / 2,
            epoch: records.state.epoch,
            counter: 0,
            accepted: 0,
            durable: 0,
            read_only: (!options.write).then_some(ReadOnly::Asked),
            fold: options.fold.at_least_one(),
            folded: 0,
            fold_at: options.fold_at.unwrap_or(quarter).clamp(1, quarter),
        }
    }

    fn replay(&mut self, frames: &[(u64, crate::log::frame::Frame)]) -> Result<(), Refused> {
        for (number, frame) in frames {
            self.epoch = self.epoch.max(frame.head.epoch);
            for change in frame.changes() {
                let change = change.ok_or(Refused::Log(LogDamage::Meaning(*number)))?;
                self.take_in(&change);
            }
        }
        Ok(())
    }

    /// A frame without changes makes this opening's number durable, and all that was found: what is read from now on
    /// stays.
    fn begin_life(&mut self, write: bool) -> Result<(), Refused> {
        // Without a number of its own it would give versions a second time.
        self.epoch = self.epoch.checked_add(1).ok_or(Refused::Record)?;
        if !write {
            return Ok(());
        }
        // Openings that are cut before a turn must not fill the log.
        if self.log.used() >= self.log.pages() / 2 {
            self.freeze();
            self.fold_all().map_err(|_| Refused::Fold)?;
        }
        let head = Head { epoch: self.epoch };
        let mut pager = self.pager.lock();
        let appended = self.log.append(&mut pager.volume, head, &[]);
        drop(pager);
        appended.map_err(Refused::Device)?.ok_or(Refused::Record)?;
        self.drop_unfinished().map_err(|_| Refused::Record)
    }
}
