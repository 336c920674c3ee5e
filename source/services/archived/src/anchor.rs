//! Where the ledgers of the boots before this one end.

use nexus_archive::{Dropped, Head, Tree, key, read};
use nexus_proto::Zero;
use nexus_proto::log::Anchor;

use crate::{Failed, Ledger};

/// Has logd record it.
pub(crate) fn record<T: Tree, L: Ledger>(
    tree: &mut T,
    ledger: &mut L,
    boot: u32,
) -> Result<(), Failed> {
    let anchor = anchor(tree, boot)?;
    Ok(ledger.anchor(&anchor)?)
}

/// The anchor of a boot, by what is there of those before it.
fn anchor<T: Tree>(tree: &mut T, boot: u32) -> Result<Anchor, Failed> {
    let without = without(tree, boot)?;
    let first = Anchor { boot, records: 0, without, zero: Zero::ZERO, head: [0; 32] };
    let before = boot.saturating_sub(1);
    if before == 0 {
        return Ok(first);
    }
    let head: Option<Head> = read(tree, &key::head(before))?;
    let end = match head {
        Some(head) => Some((head.records, head.own)),
        None => {
            read::<Dropped, T>(tree, &key::dropped(before))?.map(|gone| (gone.records, gone.own))
        }
    };
    let (records, head) = end.ok_or(Failed::Tree(before))?;
    // A record that says the same for more is better than none.
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    Ok(Anchor { records, head, ..first })
}

/// How many boots just before this one are here without an anchor.
fn without<T: Tree>(tree: &mut T, boot: u32) -> Result<u16, Failed> {
    let mut without: u16 = 0;
    for before in (1..boot).rev() {
        let Some(head) = read::<Head, T>(tree, &key::head(before))? else { break };
        if head.anchor != 0 || without == u16::MAX {
            break;
        }
        without += 1;
    }
    Ok(without)
}
