//! A small store in memory, and what is known of its content.

use std::prelude::rust_2024::*;

use crate::fake::FakeDisk;
use crate::{
    BlockDevice, Engine, Error, Extent, FoldLimits, FormatOptions, Identity, Key, Listing,
    OpenOptions, Refused, Store, TreeId, format,
};
use std::collections::BTreeMap;

/// The GUID of its partition.
pub const GUID: [u8; 16] = *b"the store's guid";
/// The tree that programs use.
pub const TREE: TreeId = TreeId(7);
/// With what its sectors are summed.
pub const KEY: u64 = 0x1234_5678_9abc_def1;

/// What a tree holds.
pub type Content = BTreeMap<String, Vec<u8>>;

/// All of a disk of so many pages.
#[must_use]
pub fn extent(pages: u64) -> Extent {
    Extent { first: 0, sectors: pages * 8 }
}

/// An empty store with a log of `log_pages` and a table of `table_pages`.
///
/// # Panics
/// It cannot be made.
#[must_use]
pub fn formatted(log_pages: u32, table_pages: u64) -> FakeDisk {
    let pages = 2 + u64::from(log_pages) + table_pages;
    let identity = Identity { guid: GUID, key: KEY };
    let options = FormatOptions { log_pages: Some(log_pages) };
    format(FakeDisk::new(pages * 8), extent(pages), identity, options).unwrap()
}

/// How it is opened: with turns of two keys.
#[must_use]
pub fn options() -> OpenOptions {
    let options = OpenOptions::new(GUID, 99);
    let fold = FoldLimits { keys: 2, ..options.fold };
    OpenOptions { cache: 256 << 10, fold, ..options }
}

/// Opens the store that all of a disk is.
///
/// # Errors
/// [`Refused`].
pub fn open_with<D: BlockDevice + Clone>(
    disk: &D,
    options: &OpenOptions,
) -> Result<Engine<D>, Refused> {
    let sectors = disk.sectors();
    Engine::open(disk.clone(), Extent { first: 0, sectors }, options)
}

/// The same, which must succeed.
///
/// # Panics
/// It does not.
#[must_use]
pub fn open(disk: &FakeDisk) -> Engine<FakeDisk> {
    open_with(disk, &options()).unwrap()
}

/// A key.
///
/// # Panics
/// It is none.
#[must_use]
pub fn key(text: &str) -> Key<'_> {
    Key::new(text).unwrap()
}

/// The whole value under a key, put together if it is in pieces.
///
/// # Errors
/// As a get.
///
/// # Panics
/// It has another size than is said.
pub fn value<D: BlockDevice>(
    store: &mut Engine<D>,
    tree: TreeId,
    name: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let mut out = Vec::new();
    let found = match store.get(tree, key(name), &mut out) {
        Err(Error::InPieces(found)) => found,
        other => return Ok(other?.map(|_| out)),
    };
    let mut whole = Vec::new();
    for index in 0..found.pieces {
        store.get_piece(tree, key(name), found.version, index, &mut out)?;
        whole.extend_from_slice(&out);
    }
    assert_eq!(whole.len() as u64, found.size);
    Ok(Some(whole))
}

/// All of a tree, by pages of `rows`, each value as a list and as a get show it.
///
/// # Errors
/// As a list.
///
/// # Panics
/// List and get do not agree.
pub fn content<D: BlockDevice>(
    store: &mut Engine<D>,
    tree: TreeId,
    rows: usize,
) -> Result<Content, Error> {
    let mut content = Content::new();
    let mut after: Option<String> = None;
    loop {
        let cursor = after.as_deref().map(key);
        let page = store.page(tree, &Listing { under: None, after: cursor, rows }, true)?;
        for row in &page.rows {
            let value = value(store, tree, &row.key)?.expect("what is listed is there");
            if row.found.pieces == 0 {
                assert_eq!(value, row.value, "{}", row.key);
            }
            assert!(after.as_ref().is_none_or(|after| *after < row.key), "in order");
            content.insert(row.key.clone(), value);
            after = Some(row.key.clone());
        }
        if !page.more {
            return Ok(content);
        }
        assert!(!page.rows.is_empty(), "a page with more behind it has rows");
    }
}

/// Numbers that are the same in each run.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins where `just assure` says, so that it takes others each time.
    #[must_use]
    pub fn new(salt: u64) -> Self {
        let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|text| text.parse().ok());
        Self((seed.unwrap_or(1_u64) ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One below `end`.
    ///
    /// # Panics
    /// Never: it fits.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() >> 16).unwrap() % end.max(1)
    }
}

/// How many times more than in `make test` is tried: `NEXUS_STORE_SCALE`.
#[must_use]
pub fn scale() -> usize {
    let scale = std::env::var("NEXUS_STORE_SCALE").ok().and_then(|text| text.parse().ok());
    scale.unwrap_or(1)
}
