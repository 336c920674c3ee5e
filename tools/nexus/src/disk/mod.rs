//! `cargo nexus disk`: images with a store, made and looked into.
//!
//! What looks opens an image for reading alone, and repairs nothing. While a machine runs on it, nobody looks.

mod file;
mod lock;
mod own;
#[cfg(test)]
mod released;
#[cfg(test)]
mod tests;
mod trees;

use crate::exit::Exit;
use crate::{output, visible};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use file::ImageFile;
use nexus_store::gpt::{self, StorePartition};
use nexus_store::{
    Check, Engine, Error, FormatOptions, Identity, Key, Listing, MAX_ROWS, OpenOptions, Store,
    TreeId,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use trees::Trees;
use uguid::Guid;

pub use own::OwnDisk;
pub(crate) use own::own_of;

/// Mebibytes of an image when nobody says how many.
const DEFAULT_MIB: u64 = 64;

/// Arguments of `cargo nexus disk`.
#[derive(Args, Debug)]
pub struct DiskArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an image with an empty store, never over something that exists, and print the GUID of its partition
    New {
        /// The file to make.
        image: PathBuf,
        /// Its size in MiB.
        #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MIB,
              value_parser = clap::value_parser!(u64).range(4..=1 << 20))]
        size: u64,
        /// The GUID of the partition; a random one when absent.
        #[arg(long)]
        guid: Option<Guid>,
    },
    /// List the trees, or the keys of one
    Ls {
        /// The image.
        image: PathBuf,
        /// The tree: 32 hexadecimal digits, or with --system the service whose it is.
        #[arg(long)]
        tree: Option<String>,
        /// Only keys under this one.
        #[arg(requires = "tree")]
        under: Option<String>,
        /// The system whose services are named: its directory, or `standard`.
        #[arg(long, value_name = "DIR")]
        system: Option<PathBuf>,
    },
    /// Write the value under a key to standard output
    Get {
        /// The image.
        image: PathBuf,
        /// The tree: 32 hexadecimal digits, or with --system the service whose it is.
        #[arg(long)]
        tree: String,
        /// The key.
        key: String,
        /// The system whose services are named: its directory, or `standard`.
        #[arg(long, value_name = "DIR")]
        system: Option<PathBuf>,
    },
    /// Read everything, and say whether it is right
    Check {
        /// The image.
        image: PathBuf,
    },
}

/// Does what was asked.
///
/// # Errors
/// When an image cannot be made or opened, or is not right.
pub fn run(args: &DiskArgs) -> Result<Exit> {
    let mut out = output::Stdout;
    let exit = told(&args.command, &mut out)?;
    out.flush()?;
    Ok(exit)
}

/// Does what was asked, and tells it.
fn told(command: &Command, out: &mut impl Write) -> Result<Exit> {
    match command {
        Command::New { image, size, guid } => new(out, image, size << 20, *guid),
        Command::Ls { image, tree, under, system } => {
            let trees = Trees::of(system.as_deref())?;
            let tree = tree.as_ref().map(|tree| trees.find(tree)).transpose()?;
            ls(out, image, &trees, tree, under.as_deref())
        }
        Command::Get { image, tree, key, system } => {
            get(out, image, Trees::of(system.as_deref())?.find(tree)?, key)
        }
        Command::Check { image } => check(out, image),
    }
}

/// Bytes that nobody can know before.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes).context("reading random bytes")?;
    Ok(bytes)
}

/// A GUID of random bits, with version and variant as such a one has them.
fn random_guid() -> Result<Guid> {
    Ok(Guid::from_random_bytes(random()?))
}

fn new(out: &mut impl Write, image: &Path, bytes: u64, guid: Option<Guid>) -> Result<Exit> {
    let store = guid.map_or_else(random_guid, Ok)?;
    if store == Guid::ZERO {
        bail!("{store} is the GUID of nothing; leave --guid out for a random one");
    }
    ImageFile::create(image, bytes, |file| make(file, store))?;
    writeln!(out, "{}  {store}", image.display())?;
    Ok(Exit::Pass)
}

/// Writes a partition table and an empty store to a blank image.
fn make(mut file: ImageFile, store: Guid) -> Result<()> {
    let extent = gpt::create(&mut file, random_guid()?.to_bytes(), store.to_bytes())?;
    let key = u64::from_le_bytes(random()?);
    let identity = Identity { guid: store.to_bytes(), key };
    nexus_store::format(file, extent, identity, FormatOptions::default())?;
    Ok(())
}

/// The one store of an image, for reading.
fn open(image: &Path) -> Result<(Guid, Engine<ImageFile>)> {
    let mut file = ImageFile::open(image)?;
    let shown = image.display();
    let stores = gpt::stores(&mut file).with_context(|| format!("in {shown}"))?;
    let StorePartition { guid, .. } = match stores.as_slice() {
        [one] => *one,
        [] => bail!("{shown} has no store"),
        more => bail!("{shown} has {} stores", more.len()),
    };
    let extent = gpt::find(&mut file, guid).with_context(|| format!("in {shown}"))?;
    let seed = u64::from_le_bytes(random()?);
    let options = OpenOptions { write: false, cache: 64 << 20, ..OpenOptions::new(guid, seed) };
    let store = Engine::open(file, extent, &options).with_context(|| format!("in {shown}"))?;
    Ok((Guid::from_bytes(guid), store))
}

fn key(text: &str) -> Result<Key<'_>> {
    Key::new(text).map_err(|error| anyhow!("{text:?}: {error}"))
}

fn ls(
    out: &mut impl Write,
    image: &Path,
    trees: &Trees,
    tree: Option<TreeId>,
    under: Option<&str>,
) -> Result<Exit> {
    let (guid, mut store) = open(image)?;
    let Some(tree) = tree else {
        let used: Vec<_> = store.trees().filter(|(_, usage)| usage.keys > 0).collect();
        for (tree, usage) in &used {
            let (whose, keys, bytes) = (trees.whose(*tree), usage.keys, usage.bytes);
            writeln!(out, "{tree}  {whose}{keys} keys, {bytes} bytes")?;
        }
        if used.is_empty() {
            writeln!(out, "store {guid} is empty")?;
        }
        return Ok(Exit::Pass);
    };
    let under = under.map(key).transpose()?;
    let mut rows = 0_u64;
    each_row(&mut store, tree, under, |_, row| {
        rows += 1;
        Ok(writeln!(out, "{:>10}  {}", row.found.size, visible::shown(&row.key))?)
    })?;
    if rows == 0 {
        writeln!(out, "no keys there")?;
    }
    Ok(Exit::Pass)
}

/// All rows of a tree of an image: keys, and values. A system names the tree by its service.
///
/// # Errors
/// As the image; there is no such tree.
pub(crate) fn rows(image: &Path, system: &Path, tree: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    rows_of(image, Trees::of(Some(system))?.find(tree)?)
}

/// The same, of the tree with this id.
///
/// # Errors
/// As the image.
pub(crate) fn rows_of(image: &Path, tree: TreeId) -> Result<BTreeMap<String, Vec<u8>>> {
    let (_, mut store) = open(image)?;
    let mut rows = BTreeMap::new();
    each_row(&mut store, tree, None, |store, row| {
        let mut bytes = Vec::new();
        value(store, tree, key(&row.key)?, |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        rows.insert(row.key.clone(), bytes);
        Ok(())
    })?;
    Ok(rows)
}

fn each_row(
    store: &mut Engine<ImageFile>,
    tree: TreeId,
    under: Option<Key<'_>>,
    mut visit: impl FnMut(&mut Engine<ImageFile>, &nexus_store::Row) -> Result<()>,
) -> Result<()> {
    let mut last: Option<String> = None;
    loop {
        let after = last.as_deref().map(key).transpose()?;
        let page = store.page(tree, &Listing { under, after, rows: MAX_ROWS }, false)?;
        for row in &page.rows {
            visit(store, row)?;
        }
        last = page.rows.last().map(|row| row.key.clone());
        if !page.more {
            return Ok(());
        }
    }
}

/// Hands out a value in the parts in which it is kept; whether there is one.
fn value(
    store: &mut Engine<ImageFile>,
    tree: TreeId,
    key: Key<'_>,
    mut part: impl FnMut(&[u8]) -> Result<()>,
) -> Result<bool> {
    let mut bytes = Vec::new();
    let found = match store.get(tree, key, &mut bytes) {
        Ok(None) => return Ok(false),
        Ok(Some(_)) => return part(&bytes).map(|()| true),
        Err(Error::InPieces(found)) => found,
        Err(error) => return Err(error.into()),
    };
    for index in 0..found.pieces {
        store.get_piece(tree, key, found.version, index, &mut bytes)?;
        part(&bytes)?;
    }
    Ok(true)
}

fn get(out: &mut impl Write, image: &Path, tree: TreeId, name: &str) -> Result<Exit> {
    let (_, mut store) = open(image)?;
    let there = value(&mut store, tree, key(name)?, |part| Ok(out.write_all(part)?))?;
    if !there {
        return Err(anyhow!("there is no {name:?} in tree {tree}").context(Exit::Failed));
    }
    Ok(Exit::Pass)
}

fn check(out: &mut impl Write, image: &Path) -> Result<Exit> {
    let (guid, mut store) = open(image).context(Exit::Failed)?;
    let mut check = Check::default();
    let mut wrong = 0_u64;
    loop {
        match store.check(&mut check) {
            Ok(true) => {}
            Ok(false) => break,
            Err(flaw) => {
                wrong += 1;
                writeln!(out, "{}", visible::shown(&flaw.to_string()))?;
            }
        }
    }
    for (tree, usage) in store.trees() {
        writeln!(out, "{tree}  {} keys, {} bytes", usage.keys, usage.bytes)?;
    }
    let found = check.found();
    let read = format!(
        "trees {}, keys {}, bytes {}; pages read of the table {}, of the log {}",
        found.trees, found.rows, found.bytes, found.pages, found.log_pages
    );
    let result = match wrong {
        0 => "all is right".to_owned(),
        wrong => format!("wrong: {wrong}; nothing was repaired"),
    };
    writeln!(out, "store {guid}: {read}: {result}")?;
    Ok(if wrong == 0 { Exit::Pass } else { Exit::Failed })
}
