//! Values in pieces: put one after the other, seen together when the last one is there.

use super::values::Planned;
use super::{Engine, data_key};
use crate::device::BlockDevice;
use crate::key::{Key, TreeId};
use crate::log::frame::Old;
use crate::row::{self, Content, Data, RowKey};
use crate::store::{Asked, Draft, Error, Expect, MAX_PIECES, MAX_VALUE, Version};
use crate::table::TableError;
use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

/// That a piece of so many bytes is removed.
fn without(object: u64, index: u32, len: usize) -> Planned {
    let row = u32::try_from(len).unwrap_or(u32::MAX);
    Planned { key: RowKey::piece(object, index), row: None, old: Some(Old { row, size: 0 }) }
}

impl<D: BlockDevice> Engine<D> {
    pub(super) fn begin_draft(&mut self) -> Result<Draft, Error> {
        self.writable()?;
        let object = self.next_version().0;
        let row = Some(Vec::new());
        self.carry_out(None, &[Planned { key: RowKey::object(object), row, old: None }])?;
        Ok(Draft { object, size: 0, pieces: 0 })
    }

    pub(super) fn add_piece(&mut self, draft: &mut Draft, bytes: &[u8]) -> Result<(), Error> {
        self.writable()?;
        if bytes.is_empty() || bytes.len() > MAX_VALUE || draft.pieces >= MAX_PIECES {
            return Err(Error::TooLarge);
        }
        let key = RowKey::piece(draft.object, draft.pieces);
        self.carry_out(None, &[Planned { key, row: Some(bytes.to_vec()), old: None }])?;
        draft.pieces += 1;
        draft.size += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn finish_draft(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        draft: &Draft,
        expect: Expect,
    ) -> Result<Version, Error> {
        self.writable()?;
        let before = self.expected(tree, key, expect)?;
        let version = self.next_version();
        let Draft { object, size, pieces } = *draft;
        let row = Data { version, content: Content::Pieces { object, size, pieces } }.encode();
        let mut plan = Vec::new();
        self.plan(&mut plan, data_key(tree, key), Some(row), before)?;
        let old = Some(Old { row: 0, size: 0 });
        plan.push(Planned { key: RowKey::object(object), row: None, old });
        self.carry_out(Some(tree), &plan)?;
        Ok(version)
    }

    /// Plans that the pieces of an object are removed.
    pub(super) fn plan_without(
        &mut self,
        plan: &mut Vec<Planned>,
        object: u64,
        pieces: u32,
    ) -> Result<(), Error> {
        for index in 0..pieces {
            let key = RowKey::piece(object, index);
            let len = self.find(key.as_bytes()).map(|seen| seen.map(|seen| seen.row().len()));
            let len = len.map_err(|error| self.hurt(error, Asked::Store))?;
            plan.push(without(object, index, len.unwrap_or(0)));
        }
        Ok(())
    }

    /// Removes an object that was not finished, and its pieces.
    pub(super) fn drop_object(&mut self, object: u64) -> Result<(), Error> {
        self.writable()?;
        let mut plan = Vec::new();
        let (from, end) = (RowKey::piece(object, 0), RowKey::piece(object, MAX_PIECES));
        // Each piece is read once: it tells its length, and its key follows from how many were before it.
        let walked = self.walk(Bound::Included(from.as_bytes()), end.as_bytes(), |_, row| {
            let index = u32::try_from(plan.len()).unwrap_or(MAX_PIECES);
            plan.push(without(object, index, row.len()));
            Ok(ControlFlow::Continue(()))
        });
        walked.map_err(|error| self.hurt(error, Asked::Store))?;
        let old = Some(Old { row: 0, size: 0 });
        plan.push(Planned { key: RowKey::object(object), row: None, old });
        self.carry_out(None, &plan)
    }

    /// Removes all objects that the last opening began and did not finish.
    pub(super) fn drop_unfinished(&mut self) -> Result<(), Error> {
        let mut objects = Vec::new();
        let walked = self.walk(Bound::Included(row::OBJECTS), row::OBJECTS_END, |key, _| {
            objects.push(row::object_of(key.bytes()).ok_or(TableError::Inconsistent)?);
            Ok(ControlFlow::Continue(()))
        });
        walked.map_err(|error| self.hurt(error, Asked::Store))?;
        objects.into_iter().try_for_each(|object| self.drop_object(object))
    }

    pub(super) fn copy_piece(
        &self,
        tree: TreeId,
        key: Key<'_>,
        version: Version,
        index: u32,
        out: &mut Vec<u8>,
    ) -> Result<bool, TableError> {
        let Some(seen) = self.find(data_key(tree, key).as_bytes())? else { return Ok(false) };
        let data = seen.data()?;
        let Content::Pieces { object, pieces, .. } = data.content else { return Ok(false) };
        if data.version != version || index >= pieces {
            return Ok(false);
        }
        // A piece that is not there was promised by the row above it.
        let piece = self.find(RowKey::piece(object, index).as_bytes())?;
        out.extend_from_slice(piece.ok_or(TableError::Inconsistent)?.row());
        Ok(true)
    }
}
