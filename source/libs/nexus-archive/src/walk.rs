//! A boot, read from its first record to its last.

use alloc::collections::BTreeMap;

use nexus_proto::Fold;
use nexus_state::Error;

use crate::{Chain, Head, Place, Record, Tree, key, parts, read, records};

/// How what is here of a boot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Each record follows the one before it, or a gap that is told; the last one is the head.
    Whole,
    /// The first number that is not what it was: a record was changed, moved or taken out, or the head is of
    /// another one.
    Broken(u64),
    /// From this number on the records were written anew, and no life of logd says that it has cut there.
    Untold(u64),
}

/// A boot that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// How it stands.
    pub standing: Standing,
    /// Where the records that were read end.
    pub head: Head,
    /// Records that are missing in between.
    pub missing: u64,
    /// Records that were folded away, by the folds that are here: what is missing is among them.
    pub folded: u64,
}

impl Walked {
    /// True when more records are missing than folds that are here account for. The last ones may not have come to
    /// be here, when power was cut.
    #[must_use]
    pub const fn lacks_folds(&self) -> bool {
        self.missing > self.folded
    }
}

/// Reads a boot, and hands out each record, with how it stands to the one before it, up to the first that is wrong.
///
/// # Errors
/// As the tree.
pub fn walk<T: Tree>(
    tree: &mut T,
    boot: u32,
    mut visit: impl FnMut(&Record, Place),
) -> Result<Walked, Error> {
    let (mut chain, mut folds) = (Chain::default(), BTreeMap::new());
    let mut broken = None;
    'parts: for part in parts(tree, boot)? {
        chain.next_part();
        let next = chain.head().records.saturating_add(1);
        let value = tree.get(&key::part(boot, part))?;
        let all =
            value.filter(|_| chain.head().part == part).and_then(|value| records(&value.bytes));
        let Some(all) = all else {
            broken = Some(next);
            break;
        };
        for record in &all {
            let place = chain.take(record);
            if place == Place::Wrong {
                broken = Some(record.stamp.seq);
                break 'parts;
            }
            if let Some(fold) = Fold::of(&record.entry) {
                folds.insert(fold.subject.id, fold.records);
            }
            visit(record, place);
        }
    }
    let head = chain.head();
    let told: Option<Head> = read(tree, &key::head(boot))?;
    let standing = match (broken, chain.untold()) {
        (Some(seq), _) => Standing::Broken(seq),
        (None, _) if told != Some(head) => Standing::Broken(head.records),
        (None, Some(seq)) => Standing::Untold(seq),
        (None, None) => Standing::Whole,
    };
    let folded = folds.values().fold(0, |sum: u64, records| sum.saturating_add(*records));
    Ok(Walked { standing, head, missing: chain.missing(), folded })
}
