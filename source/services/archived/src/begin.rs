//! Which boot this is.

use nexus_archive::{Facts, Last, OwnTree, Stored, Tree, key};
use nexus_proto::Zero;
use nexus_proto::log::Event;
use nexus_state::{Change, Expect, Version};
use zerocopy::IntoBytes;

use crate::{Archive, Failed, Ledger, anchor};

/// Who archives, and on which machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Which life of the archive this is, from 1.
    pub life: u32,
    /// Ticks a second.
    pub timebase_hz: u64,
}

/// Finds out which boot this is, and begins it when nothing of it is in the store.
#[derive(Clone, Debug)]
pub struct Beginning {
    machine: Machine,
    /// The boot that this life has begun, or tried to.
    tried: Option<u32>,
}

impl Beginning {
    /// In a new life of the archive.
    #[must_use]
    pub const fn new(machine: Machine) -> Beginning {
        Beginning { machine, tried: None }
    }

    /// The archive of this boot; and whether the ledger has its anchor, without which it is kept all the same.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn open<T: OwnTree, L: Ledger>(
        &mut self,
        tree: &mut T,
        ledger: &mut L,
    ) -> Result<(Archive, Result<(), Failed>), Failed> {
        let facts = self.facts(ledger)?;
        let anchored = if self.machine.life > 1 || self.tried.is_some() {
            Archive::anchor_in(ledger)?.map(|anchor| anchor.boot)
        } else {
            None
        };
        let last = last(tree)?;
        let archive = match (last, anchored) {
            (Some((last, _)), Some(boot)) if last == boot => Archive::load(tree, boot)?,
            (_, Some(boot)) => return Err(Failed::OtherStore(boot)),
            (Some((last, _)), None) if self.is_this(tree, last, &facts)? => {
                Archive::load(tree, last)?
            }
            (last, None) => self.begin(tree, ledger, last, facts)?,
        };
        let recorded = match anchored {
            Some(_) => Ok(()),
            None => anchor::record(tree, ledger, archive.boot()),
        };
        match recorded {
            Err(failed) if failed.is_passing() => Err(failed),
            recorded => Ok((archive, recorded)),
        }
    }

    fn facts<L: Ledger>(&self, ledger: &mut L) -> Result<Facts, Failed> {
        let first = ledger.record(1)?.map(|(record, _)| record);
        let first =
            first.filter(|record| (record.stamp.seq, record.entry.event) == (1, Event::Boot));
        let first = first.ok_or(Failed::Record(1))?;
        Ok(Facts {
            first: first.own(),
            nonce: first.entry.detail,
            timebase_hz: self.machine.timebase_hz,
            ticks: 0,
            unix_ns: 0,
            life: self.machine.life,
            zero: Zero::ZERO,
        })
    }

    /// The last boot of the store is this one: it has the same first record, was begun by this life or one before
    /// it, and has no anchor, as this ledger has none.
    fn is_this<T: Tree>(&self, tree: &mut T, last: u32, facts: &Facts) -> Result<bool, Failed> {
        let kept = match Archive::load(tree, last) {
            Err(Failed::Tree(_)) => return Ok(false),
            kept => kept?,
        };
        let Facts { first, life, .. } = kept.facts();
        let begun = life < self.machine.life || self.tried == Some(last);
        Ok(first == facts.first && begun && kept.head().anchor == 0)
    }

    fn begin<T: OwnTree, L: Ledger>(
        &mut self,
        tree: &mut T,
        ledger: &mut L,
        last: Option<(u32, Version)>,
        facts: Facts,
    ) -> Result<Archive, Failed> {
        let boot = last.map_or(0, |(last, _)| last).checked_add(1).ok_or(Failed::Numbers)?;
        self.tried = Some(boot);
        let expect = last.map_or(Expect::Absent, |(_, version)| Expect::Version(version));
        let number = Last { boot };
        let number = Change { key: key::LAST, value: Some(number.as_bytes()), expect };
        Archive::empty(boot, facts).begin(tree, ledger, number)
    }
}

/// The last boot that has a number, and the version of that.
fn last<T: Tree>(tree: &mut T) -> Result<Option<(u32, Version)>, Failed> {
    let Some(value) = tree.get(key::LAST)? else { return Ok(None) };
    let last = Last::read(&value.bytes).ok_or(Failed::Tree(0))?;
    Ok(Some((last.boot, value.version)))
}
