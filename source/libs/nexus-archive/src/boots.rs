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
    let mut after: Option<String> = None;
    loop {
        let page = tree.list(key::DROPPED, after.as_deref(), ROWS)?;
        for row in &page.rows {
            kept.dropped.extend(read::<Dropped, T>(tree, &row.key)?);
        }
        after = page.rows.last().map(|row| row.key.clone());
        if !page.more || after.is_none() {
            break;
        }
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
    let (under, mut after, mut parts) = (key::boot(boot), None::<String>, Vec::new());
    loop {
        let page = tree.list(&under, after.as_deref(), ROWS)?;
        let number = |key: &str| key.rsplit('/').next().and_then(|last| last.parse::<u32>().ok());
        parts.extend(page.rows.iter().filter_map(|row| number(&row.key)));
        after = page.rows.last().map(|row| row.key.clone());
        if !page.more || after.is_none() {
            return Ok(parts);
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
