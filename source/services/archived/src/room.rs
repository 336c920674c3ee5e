//! Room in the tree: the oldest boots are dropped for it, whole.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_archive::{Dropped, Head, OwnTree, Tree, key, keys, next, read};
use nexus_state::{Change, Error, Expect, Version};
use zerocopy::IntoBytes;

/// Records of dropped boots that are kept; beyond them the two oldest become one.
pub const MOST_DROPPED: usize = 1024;

/// Keys that are removed at a time, beside the other changes of a batch.
const REMOVED: u32 = 48;

/// Makes the changes; when there is no room, after dropping boots before `boot`, as many as it takes.
pub(crate) fn change<T: OwnTree>(
    tree: &mut T,
    boot: u32,
    changes: &[Change<'_>],
) -> Result<Version, Error> {
    loop {
        match tree.change(changes) {
            Err(error @ (Error::QuotaKeys | Error::QuotaBytes | Error::NoSpace)) => {
                if !drop_oldest(tree, boot)? {
                    return Err(error);
                }
            }
            made => return made,
        }
    }
}

/// Drops the oldest boot, or what is left of it; whether there is one before `boot`.
fn drop_oldest<T: OwnTree>(tree: &mut T, boot: u32) -> Result<bool, Error> {
    let Some(oldest) = next(tree, None)?.filter(|oldest| *oldest < boot) else { return Ok(false) };
    let (dropped_key, dropped) = (key::dropped(oldest), dropped(tree, oldest)?);
    let merged = if tree.get(&dropped_key)?.is_some() { None } else { merged(tree)? };
    let mut is_told = false;
    loop {
        let page = tree.list(&key::boot(oldest), None, REMOVED)?;
        let removed = |key| Change { key, value: None, expect: Expect::Any };
        let mut changes: Vec<Change<'_>> = page.rows.iter().map(|row| removed(&row.key)).collect();
        if !is_told && tree.get(&dropped_key)?.is_none() {
            let value = Some(dropped.as_bytes());
            changes.push(Change { key: &dropped_key, value, expect: Expect::Absent });
            if let Some((old, into, both)) = &merged {
                changes.push(removed(old));
                changes.push(Change {
                    key: into,
                    value: Some(both.as_bytes()),
                    expect: Expect::Any,
                });
            }
        }
        if !changes.is_empty() {
            tree.change(&changes)?;
        }
        is_told = true;
        if !page.more {
            return Ok(true);
        }
    }
}

/// What is to be kept of a boot that is dropped.
fn dropped<T: Tree>(tree: &mut T, boot: u32) -> Result<Dropped, Error> {
    let none = Dropped { first: boot, last: boot, here: 0, records: 0, own: [0; 32], anchor: 0 };
    let head: Option<Head> = read(tree, &key::head(boot))?;
    Ok(head.map_or(none, |head| {
        let Head { records, own, here, anchor, .. } = head;
        Dropped { here, records, own, anchor, ..none }
    }))
}

/// The oldest record of dropped boots, and what the one behind it becomes, when there are as many as may be.
fn merged<T: Tree>(tree: &mut T) -> Result<Option<(String, String, Dropped)>, Error> {
    let keys = keys(tree, key::DROPPED)?;
    let [old, into, ..] = keys.as_slice() else { return Ok(None) };
    if keys.len() < MOST_DROPPED {
        return Ok(None);
    }
    let (Some(one), Some(other)) =
        (read::<Dropped, T>(tree, old)?, read::<Dropped, T>(tree, into)?)
    else {
        return Ok(None);
    };
    let both = Dropped { first: one.first, here: one.here.saturating_add(other.here), ..other };
    Ok(Some((old.clone(), into.clone(), both)))
}
