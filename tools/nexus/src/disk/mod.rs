//! `cargo nexus disk`: images with a store, made and looked into.
//!
//! What looks opens an image for reading alone, and repairs nothing.

mod file;
#[cfg(test)]
mod tests;

use crate::exit::Exit;
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use file::ImageFile;
use nexus_store::gpt::{self, StorePartition};
use nexus_store::{
    Asked, Engine, Error, FormatOptions, Identity, Key, Listing, MAX_ROWS, OpenOptions, Store,
    TreeId,
};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use uguid::Guid;

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
        #[arg(long, value_name = "MIB", default_value = "64",
              value_parser = clap::value_parser!(u64).range(4..=1 << 20))]
        size: u64,
    },
    /// List the trees, or the keys of one
    Ls {
        /// The image.
        image: PathBuf,
        /// The tree: 32 hexadecimal digits.
        #[arg(long, value_parser = parse_tree)]
        tree: Option<TreeId>,
        /// Only keys under this one.
        #[arg(requires = "tree")]
        under: Option<String>,
    },
    /// Write the value under a key to standard output
    Get {
        /// The image.
        image: PathBuf,
        /// The tree: 32 hexadecimal digits.
        #[arg(long, value_parser = parse_tree)]
        tree: TreeId,
        /// The key.
        key: String,
    },
    /// Read everything, and say whether it is right
    Check {
        /// The image.
        image: PathBuf,
    },
}

fn parse_tree(text: &str) -> Result<TreeId, String> {
    let right = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| right);
    number.map(TreeId).ok_or_else(|| "a tree has 32 hexadecimal digits".to_owned())
}

/// Does what was asked.
///
/// # Errors
/// When an image cannot be made or opened, or is not right.
pub fn run(args: &DiskArgs) -> Result<Exit> {
    match &args.command {
        Command::New { image, size } => new(image, size << 20),
        Command::Ls { image, tree, under } => ls(image, *tree, under.as_deref()),
        Command::Get { image, tree, key } => get(image, *tree, key),
        Command::Check { image } => check(image),
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

fn new(image: &Path, bytes: u64) -> Result<Exit> {
    let file = ImageFile::create(image, bytes)?;
    let made = make(file).inspect_err(|_| {
        // It was made just now, by this command.
        let _ = fs::remove_file(image);
    })?;
    println!("{}  {made}", image.display());
    Ok(Exit::Pass)
}

fn make(mut file: ImageFile) -> Result<Guid> {
    let store = random_guid()?;
    let extent = gpt::create(&mut file, random_guid()?.to_bytes(), store.to_bytes())?;
    let key = u64::from_le_bytes(random()?);
    let identity = Identity { guid: store.to_bytes(), key };
    nexus_store::format(file, extent, identity, FormatOptions::default())?;
    Ok(store)
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

fn ls(image: &Path, tree: Option<TreeId>, under: Option<&str>) -> Result<Exit> {
    let (_, mut store) = open(image)?;
    let Some(tree) = tree else {
        for (tree, usage) in store.trees().filter(|(_, usage)| usage.keys > 0) {
            println!("{tree}  {} keys, {} bytes", usage.keys, usage.bytes);
        }
        return Ok(Exit::Pass);
    };
    let under = under.map(key).transpose()?;
    each_row(&mut store, tree, under, |_, row| {
        println!("{:>10}  {}", row.found.size, row.key);
        Ok(())
    })?;
    Ok(Exit::Pass)
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
        let page = store.list(tree, &Listing { under, after, rows: MAX_ROWS, bytes: 0 })?;
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

fn get(image: &Path, tree: TreeId, name: &str) -> Result<Exit> {
    let (_, mut store) = open(image)?;
    let mut out = std::io::stdout().lock();
    let there = value(&mut store, tree, key(name)?, |part| Ok(out.write_all(part)?))?;
    if !there {
        return Err(anyhow!("there is no {name:?} in tree {tree}").context(Exit::Failed));
    }
    out.flush()?;
    Ok(Exit::Pass)
}

fn check(image: &Path) -> Result<Exit> {
    let (guid, mut store) = open(image).context(Exit::Failed)?;
    let trees: Vec<_> = store.trees().collect();
    let mut wrong = 0;
    for (tree, usage) in &trees {
        let mut seen = nexus_store::Usage::default();
        let read = each_row(&mut store, *tree, None, |store, row| {
            let mut size = 0;
            value(store, *tree, key(&row.key)?, |part| {
                size += part.len() as u64;
                Ok(())
            })?;
            if size != row.found.size {
                return Err(Error::Damaged(Asked::Key(row.key.clone())).into());
            }
            seen.keys += 1;
            seen.bytes += row.key.len() as u64 + size;
            Ok(())
        });
        let right = match read {
            Ok(()) if seen == *usage => String::from("right"),
            Ok(()) => format!("{} keys and {} bytes are counted", usage.keys, usage.bytes),
            Err(error) => format!("{error:#}"),
        };
        wrong += usize::from(right != "right");
        println!("{tree}  {} keys, {} bytes: {right}", seen.keys, seen.bytes);
    }
    let (used, pages) = store.log_pages();
    println!(
        "store {guid}: {} trees; {used} of {pages} pages of the log to be folded",
        trees.len()
    );
    Ok(if wrong == 0 { Exit::Pass } else { Exit::Failed })
}
