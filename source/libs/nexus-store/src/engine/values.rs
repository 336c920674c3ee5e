//! Single values and batches.

use super::admit::Growth;
use super::{Engine, Seen, asked, data_key};
use crate::check::{Check, Flaw};
use crate::device::BlockDevice;
use crate::key::{Key, TreeId};
use crate::log::frame::{Change, Old};
use crate::row::{Content, Data, RowKey};
use crate::store::{
    Draft, Error, Expect, Found, Listed, Listing, MAX_BATCH, MAX_VALUE, Quota, Step, Store, Ticket,
    Usage, Version,
};
use crate::table::TableError;
use alloc::vec::Vec;

impl<'a> Data<'a> {
    pub(crate) fn found(&self) -> Found {
        let pieces = match self.content {
            Content::Whole(_) => 0,
            Content::Pieces { pieces, .. } => pieces,
        };
        Found { version: self.version, size: self.size(), pieces }
    }

    pub(super) fn whole(&self) -> Option<&'a [u8]> {
        match self.content {
            Content::Whole(value) => Some(value),
            Content::Pieces { .. } => None,
        }
    }
}

/// What was under a key before a change.
#[derive(Clone, Copy)]
pub(super) struct Before {
    version: Version,
    old: Old,
    /// Its pieces: object and how many.
    pieces: Option<(u64, u32)>,
}

impl Before {
    fn of(seen: &Seen<'_>) -> Result<Self, TableError> {
        let data = seen.data()?;
        let pieces = match data.content {
            Content::Whole(_) => None,
            Content::Pieces { object, pieces, .. } => Some((object, pieces)),
        };
        let row = u32::try_from(seen.row().len()).map_err(|_| TableError::Inconsistent)?;
        Ok(Self { version: data.version, old: Old { row, size: data.size() }, pieces })
    }
}

/// A row that will be, with memory of its own.
pub(super) struct Planned {
    pub(super) key: RowKey,
    pub(super) row: Option<Vec<u8>>,
    pub(super) old: Option<Old>,
}

impl Planned {
    fn change(&self) -> Change<'_> {
        Change { key: self.key.as_bytes(), row: self.row.as_deref(), old: self.old }
    }
}

impl<D: BlockDevice> Engine<D> {
    /// What is under a key, when it is what is expected.
    pub(super) fn expected(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        expect: Expect,
    ) -> Result<Option<Before>, Error> {
        let row_key = data_key(tree, key);
        let seen = self.find(row_key.as_bytes());
        let before = seen.and_then(|seen| seen.as_ref().map(Before::of).transpose());
        let before = before.map_err(|error| self.hurt(error, asked(key)))?;
        let version = before.map(|before| before.version);
        match expect {
            Expect::Absent if version.is_some() => Err(Error::Conflict(version)),
            Expect::Version(wanted) if version != Some(wanted) => Err(Error::Conflict(version)),
            _ => Ok(before),
        }
    }

    /// The changes that put `row` under a key: the pieces of what was there go with it.
    pub(super) fn plan(
        &mut self,
        plan: &mut Vec<Planned>,
        key: RowKey,
        row: Option<Vec<u8>>,
        before: Option<Before>,
    ) -> Result<(), Error> {
        plan.push(Planned { key, row, old: before.map(|before| before.old) });
        match before.and_then(|before| before.pieces) {
            Some((object, pieces)) => self.plan_without(plan, object, pieces),
            None => Ok(()),
        }
    }

    pub(super) fn carry_out(
        &mut self,
        tree: Option<TreeId>,
        plan: &[Planned],
    ) -> Result<(), Error> {
        let changes: Vec<Change<'_>> = plan.iter().map(Planned::change).collect();
        let mut growth = Growth::default();
        changes.iter().for_each(|change| growth.add(change));
        self.has_room(tree, growth)?;
        self.make(&changes)
    }
}

fn all_different(steps: &[Step<'_>]) -> bool {
    let mut keys: Vec<&str> = steps.iter().map(|step| step.key.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair.first() != pair.last())
}

impl<D: BlockDevice> Store for Engine<D> {
    fn get(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Found>, Error> {
        out.clear();
        self.look_again();
        let row_key = data_key(tree, key);
        let looked = self.find(row_key.as_bytes()).and_then(|seen| {
            let Some(seen) = seen else { return Ok(None) };
            let data = seen.data()?;
            out.extend_from_slice(data.whole().unwrap_or_default());
            Ok(Some(data.found()))
        });
        match looked.map_err(|error| self.hurt(error, asked(key)))? {
            Some(found) if found.pieces > 0 => Err(Error::InPieces(found)),
            found => Ok(found),
        }
    }

    fn ahead(&mut self, keys: &[(TreeId, Key<'_>)]) {
        self.read_ahead(keys);
    }

    fn stat(&mut self, tree: TreeId, key: Key<'_>) -> Result<Option<Found>, Error> {
        self.look_again();
        let row_key = data_key(tree, key);
        let looked = self
            .find(row_key.as_bytes())
            .and_then(|seen| seen.map(|seen| seen.data().map(|data| data.found())).transpose());
        looked.map_err(|error| self.hurt(error, asked(key)))
    }

    fn get_piece(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        version: Version,
        index: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        out.clear();
        self.look_again();
        let looked = self.copy_piece(tree, key, version, index, out);
        let found = looked.map_err(|error| self.hurt(error, asked(key)))?;
        if found { Ok(()) } else { Err(Error::NoPiece) }
    }

    fn put(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        value: &[u8],
        expect: Expect,
    ) -> Result<Version, Error> {
        self.batch(tree, &[Step { key, value: Some(value), expect }])
    }

    fn delete(&mut self, tree: TreeId, key: Key<'_>, expect: Expect) -> Result<bool, Error> {
        self.writable()?;
        let before = self.expected(tree, key, expect)?;
        if before.is_none() {
            return Ok(false);
        }
        let mut plan = Vec::new();
        self.plan(&mut plan, data_key(tree, key), None, before)?;
        self.carry_out(Some(tree), &plan)?;
        Ok(true)
    }

    fn batch(&mut self, tree: TreeId, steps: &[Step<'_>]) -> Result<Version, Error> {
        self.writable()?;
        let large = |step: &Step<'_>| step.value.is_some_and(|value| value.len() > MAX_VALUE);
        if steps.len() > MAX_BATCH || steps.iter().any(large) || !all_different(steps) {
            return Err(Error::TooLarge);
        }
        let version = self.next_version();
        let mut plan = Vec::with_capacity(steps.len());
        for step in steps {
            let before = self.expected(tree, step.key, step.expect)?;
            let row =
                step.value.map(|value| Data { version, content: Content::Whole(value) }.encode());
            if row.is_some() || before.is_some() {
                self.plan(&mut plan, data_key(tree, step.key), row, before)?;
            }
        }
        self.carry_out(Some(tree), &plan)?;
        Ok(version)
    }

    fn list(
        &mut self,
        tree: TreeId,
        listing: &Listing<'_>,
        take: &mut dyn FnMut(&Listed<'_>) -> bool,
    ) -> Result<bool, Error> {
        self.look_again();
        self.list_rows(tree, listing, take)
    }

    fn begin(&mut self) -> Result<Draft, Error> {
        self.begin_draft()
    }

    fn piece(&mut self, draft: &mut Draft, bytes: &[u8]) -> Result<(), Error> {
        self.add_piece(draft, bytes)
    }

    fn finish(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        draft: Draft,
        expect: Expect,
    ) -> Result<Version, (Draft, Error)> {
        self.finish_draft(tree, key, &draft, expect).map_err(|error| (draft, error))
    }

    fn abandon(&mut self, draft: Draft) -> Result<(), Error> {
        self.drop_object(draft.object)
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.accepted)
    }

    fn settled(&self, ticket: Ticket) -> Option<Result<(), Error>> {
        self.settled_at(ticket)
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.sync_all()
    }

    fn turn(&mut self) -> Result<bool, Error> {
        self.background()
    }

    fn pressing(&self) -> bool {
        self.is_pressing()
    }

    fn check(&mut self, check: &mut Check) -> Result<bool, Flaw> {
        self.check_step(check)
    }

    fn usage(&self, tree: TreeId) -> Usage {
        self.used(tree)
    }

    fn set_quota(&mut self, tree: TreeId, quota: Quota) {
        self.quotas.insert(tree, quota);
    }
}
