//! The boots of an archive.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_state::Error;

use crate::{Dropped, Facts, Head, Stored, Tree, key};

/// Most rows that are asked for at a time.
const ROWS: u32 = 64;

/// A boot of which something is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Its number.
    pub boot: u32,
    /// What it was; `None` when that says nothing.
    pub facts: Option<Facts>,
    /// Where its ledger ends; `None` when that says nothing.
    pub head: Option<Head>,
}

/// What an archive has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Those that were dropped.
    pub dropped: Vec<Dropped>,
    /// Those that are here, in order.
    pub boots: Vec<Boot>,
}

/// All boots of an archive.
///
/// # Errors
/// As the tree.
pub fn boots<T: Tree>(tree: &mut T) -> Result<Kept, Error> {
    let mut kept = Kept::default();
    for key in keys(tree, key::DROPPED)? {
        kept.dropped.extend(read::<Dropped, T>(tree, &key)?);
    }
    let gone = kept.dropped.last().map_or(0, |dropped| dropped.last);
    let mut after: Option<String> = None;
    while let Some(boot) = next(tree, after.as_deref())? {
        after = Some(key::head(boot));
        // What is left of one that was dropped is removed when there is time.
        if boot > gone {
            let facts = read(tree, &key::facts(boot))?;
            kept.boots.push(Boot { boot, facts, head: read(tree, &key::head(boot))? });
        }
    }
    Ok(kept)
}

/// The first boot of which something is here, behind this key.
///
/// # Errors
/// As the tree.
pub fn next<T: Tree>(tree: &mut T, after: Option<&str>) -> Result<Option<u32>, Error> {
    let mut after = after.map(String::from);
    loop {
        let page = tree.list(key::BOOTS, after.as_deref(), 1)?;
        let Some(row) = page.rows.first() else { return Ok(None) };
        if let Some(boot) = key::boot_of(&row.key) {
            return Ok(Some(boot));
        }
        after = Some(row.key.clone());
    }
}

/// The numbers of the parts of a boot that are here, in order.
///
/// # Errors
/// As the tree.
pub fn parts<T: Tree>(tree: &mut T, boot: u32) -> Result<Vec<u32>, Error> {
    let keys = keys(tree, &key::boot(boot))?;
    let number = |key: &String| key.rsplit('/').next().and_then(|last| last.parse::<u32>().ok());
    Ok(keys.iter().filter_map(number).collect())
}

/// All keys under this one, in order.
///
/// # Errors
/// As the tree.
pub fn keys<T: Tree>(tree: &mut T, under: &str) -> Result<Vec<String>, Error> {
    let mut keys = Vec::<String>::new();
    loop {
        let page = tree.list(under, keys.last().map(String::as_str), ROWS)?;
        keys.extend(page.rows.into_iter().map(|row| row.key));
        if !page.more {
            return Ok(keys);
        }
    }
}

/// The value under a key, where it is one.
///
/// # Errors
/// As the tree.
pub fn read<V: Stored, T: Tree>(tree: &mut T, key: &str) -> Result<Option<V>, Error> {
    Ok(tree.get(key)?.and_then(|value| V::read(&value.bytes)))
}
