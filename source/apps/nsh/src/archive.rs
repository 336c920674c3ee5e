//! What the archive says: read record by record, and shown only as far as it fits.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

use nexus_archive::{
    Boot, Facts, Head, Kept, Last, Standing, StoreTree, Tree, boots, key, read, walk,
};
use nexus_proto::ids;
use nexus_proto::log::HeadInfo;
use nexus_state::Error;

use crate::names::Names;
use crate::past::{At, Held, Past, began};
use crate::show::past as show;
use crate::store::Store;

/// The answer to a question about the past.
pub fn answer(past: Past, store: &mut Store, names: &Names) -> String {
    let said = store
        .open()
        .and_then(|state| answer_from(past, &mut StoreTree::of(state, ids::ARCHIVED), names));
    said.unwrap_or_else(|error| format!("the archive cannot be read: {error}\n"))
}

/// Whether the archive has all of the ledger, which ends so; none where it cannot be asked.
pub fn has_all(ends: &HeadInfo, store: &mut Store) -> Option<bool> {
    let state = store.open().ok()?;
    tree_has_all(ends, &mut StoreTree::of(state, ids::ARCHIVED)).ok()
}

/// The same by what is in a tree: the last boot ends with that record, and has its anchor.
///
/// # Errors
/// As the tree.
pub fn tree_has_all<T: Tree>(ends: &HeadInfo, tree: &mut T) -> Result<bool, Error> {
    let Some(last) = read::<Last, T>(tree, key::LAST)? else { return Ok(false) };
    let head: Option<Head> = read(tree, &key::head(last.boot))?;
    Ok(head.is_some_and(|head| head.own == ends.head && head.anchor > 0))
}

/// The answer by what is in a tree.
///
/// # Errors
/// As the tree.
pub fn answer_from<T: Tree>(past: Past, tree: &mut T, names: &Names) -> Result<String, Error> {
    let kept = boots(tree)?;
    Ok(match past {
        Past::Boots => show::boots(&kept),
        Past::Boot(boot, count) => match facts(&kept, boot) {
            None => show::no_boot(boot, &kept),
            Some(facts) => ledger(tree, boot, &facts, count, names)?,
        },
        Past::Held(device, At::Boot(boot, at)) => match facts(&kept, boot) {
            None => show::no_boot(boot, &kept),
            Some(facts) => held(tree, boot, &facts, (device, at), names)?,
        },
        Past::Held(device, At::Clock(unix_ns)) => match at(&kept, unix_ns) {
            None => show::no_time(),
            Some((boot, facts, since)) => held(tree, boot, &facts, (device, since), names)?,
        },
    })
}

fn facts(kept: &Kept, boot: u32) -> Option<Facts> {
    kept.boots.iter().find(|one| one.boot == boot)?.facts
}

/// The last boot that is known to have begun by then, and how long it had run.
fn at(kept: &Kept, unix_ns: u64) -> Option<(u32, Facts, u64)> {
    kept.boots.iter().rev().find_map(|Boot { boot, facts, .. }| {
        let facts = (*facts)?;
        let since = unix_ns.checked_sub(began(&facts)?)?;
        Some((*boot, facts, since))
    })
}

fn ledger<T: Tree>(
    tree: &mut T,
    boot: u32,
    facts: &Facts,
    count: usize,
    names: &Names,
) -> Result<String, Error> {
    let mut last = VecDeque::new();
    let walked = walk(tree, boot, |record, place| {
        last.push_back((*record, place));
        if last.len() > count {
            last.pop_front();
        }
    })?;
    Ok(show::boot(boot, facts, last.iter(), &walked, names))
}

fn held<T: Tree>(
    tree: &mut T,
    boot: u32,
    facts: &Facts,
    (device, at): (u16, u64),
    names: &Names,
) -> Result<String, Error> {
    let mut held = Held::new(device, at, *facts);
    let walked = walk(tree, boot, |record, place| held.take(record, place))?;
    if walked.standing != Standing::Whole {
        return Ok(show::not_held(boot, &walked));
    }
    Ok(show::held(boot, facts, (device, at), &held, names))
}
