//! Verifies an open store in bounded steps: what is on the disk, then what it says.

use super::Engine;
use crate::check::{At, Check, Counting, Flaw, Part, Value};
use crate::device::BlockDevice;
use crate::key::TreeId;
use crate::pager::{CHECK_PAGES, Fault};
use crate::row::{self, Content, Data, RowKey};
use crate::store::{Asked, Usage};
use crate::superblock::{COPIES, Superblock};
use alloc::string::String;
use core::mem;
use core::ops::{Bound, ControlFlow};

/// Rows of one step, and bytes of their values, about.
const STEP_ROWS: usize = 128;
const STEP_BYTES: usize = 256 << 10;
/// Behind all rows.
const END: &[u8] = &[u8::MAX];

impl<D: BlockDevice> Engine<D> {
    /// The next step; whether there are more.
    pub(super) fn check_step(&mut self, check: &mut Check) -> Result<bool, Flaw> {
        if let Some(flaw) = check.flaws.pop_front() {
            return Err(flaw);
        }
        self.look_again();
        match check.at {
            At::Begin => {
                check.at = At::Superblock(0);
                check.since = self.accepted;
                check.version = self.last_version().0;
            }
            At::Superblock(copy) => {
                let next = copy + 1;
                check.at = if next < COPIES { At::Superblock(next) } else { At::Table(0) };
                self.check_superblock(copy)?;
            }
            At::Table(page) => self.check_pages(check, page)?,
            At::Log { frame, page } => self.check_log(check, frame, page)?,
            At::Rows => self.check_rows(check)?,
            At::End => return Ok(false),
        }
        Ok(true)
    }

    fn check_superblock(&self, copy: u64) -> Result<(), Flaw> {
        let right = Superblock::read_copy(&mut self.pager.lock().volume, copy);
        match right {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Flaw::Superblock(copy)),
            Err(error) => Err(Flaw::Unread(Part::Superblock(copy), error)),
        }
    }

    fn check_pages(&self, check: &mut Check, first: u64) -> Result<(), Flaw> {
        let mut pager = self.pager.lock();
        let end = pager.table_pages();
        let checked = pager.check(first, &mut check.found.pages);
        drop(pager);
        let (next, fault) = match checked {
            Ok(()) => (first + CHECK_PAGES, None),
            Err((page, fault)) => (page + 1, Some((page, fault))),
        };
        check.at = if next < end { At::Table(next) } else { At::Log { frame: 0, page: 0 } };
        let Some((page, fault)) = fault else { return Ok(()) };
        // Whether it is needed is seen when the rows are read.
        Err(match fault {
            Fault::Device(error) => Flaw::Unread(Part::Table(page), error),
            Fault::Header => Flaw::Header,
            _ => Flaw::Page(page),
        })
    }

    fn check_log(&self, check: &mut Check, frame: u64, page: u32) -> Result<(), Flaw> {
        let mut pager = self.pager.lock();
        let Some(seen) = self.log.check(&mut pager.volume, frame, page) else {
            check.at = At::Rows;
            return Ok(());
        };
        check.at = At::Log { frame: seen.frame, page: seen.next };
        match seen.right {
            Ok(true) => {
                check.found.log_pages += 1;
                Ok(())
            }
            Ok(false) => Err(Flaw::LogPage(seen.page)),
            Err(error) => Err(Flaw::Unread(Part::Log(seen.page), error)),
        }
    }

    fn check_rows(&mut self, check: &mut Check) -> Result<(), Flaw> {
        if let Some(value) = check.value.take() {
            return self.check_pieces(check, value);
        }
        let last = mem::take(&mut check.last);
        let (mut rows, mut bytes, mut enough) = (0, 0, false);
        let walked = self.walk(Bound::Excluded(&last), END, |key, row| {
            let (key, row) = (key.bytes(), row.bytes());
            check.last.clear();
            check.last.extend_from_slice(key);
            rows += 1;
            bytes += key.len() + row.len();
            self.check_row(check, key, row);
            enough = rows == STEP_ROWS || bytes >= STEP_BYTES || check.value.is_some();
            Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        if check.last.is_empty() {
            check.last = last;
        }
        if walked.is_err() || !enough {
            check.at = At::End;
        }
        if let Err(error) = walked {
            let behind = row::tree_and_key(&check.last).map(|(_, key)| key.as_str());
            let asked = Asked::Behind(String::from(behind.unwrap_or_default()));
            let _ = self.hurt(error, asked.clone());
            return Err(Flaw::Rows(asked));
        }
        if !enough {
            self.counted(check);
            self.check_empty(check);
        }
        Ok(())
    }

    fn check_row(&self, check: &mut Check, key: &[u8], row: &[u8]) {
        if let Some((tree, name)) = row::tree_and_key(key) {
            self.count_in(check, tree);
            let name = name.as_str();
            match Data::decode(row) {
                Some(data) => count(check, key, name, &data),
                None => check.flaws.push_back(Flaw::Rows(Asked::Key(name.into()))),
            }
        } else if let Some(object) = row::object_of(key) {
            check.known(object);
        } else if let Some(object) = row::object_of_piece(key) {
            check.judge(object);
        } else if !row::is_own(key, row) {
            check.flaws.push_back(Flaw::Rows(Asked::Store));
        }
    }

    /// Goes on counting in this tree.
    fn count_in(&self, check: &mut Check, tree: TreeId) {
        if check.counting.as_ref().is_some_and(|counting| counting.tree == tree) {
            return;
        }
        self.counted(check);
        check.trees.insert(tree);
        check.found.trees += 1;
        let since = self.accepted;
        check.counting = Some(Counting { tree, found: Usage::default(), since });
    }

    /// All keys of a tree were counted.
    fn counted(&self, check: &mut Check) {
        if let Some(Counting { tree, found, since }) = check.counting.take() {
            self.compare(check, tree, found, since);
        }
    }

    /// Trees of which no key was found.
    fn check_empty(&self, check: &mut Check) {
        let since = check.since;
        for tree in self.usage.keys() {
            if !check.trees.contains(tree) {
                self.compare(check, *tree, Usage::default(), since);
            }
        }
    }

    fn compare(&self, check: &mut Check, tree: TreeId, found: Usage, since: u64) {
        let used = self.usage.get(&tree).copied().unwrap_or_default();
        let counted = used.usage;
        if used.changed > since {
            check.found.moved += 1;
        } else if counted != found {
            check.flaws.push_back(Flaw::Usage { tree, counted, found });
        }
    }

    /// Reads pieces of a value.
    fn check_pieces(&mut self, check: &mut Check, mut value: Value) -> Result<(), Flaw> {
        let mut bytes = 0;
        while value.next < value.pieces && bytes < STEP_BYTES {
            let piece = RowKey::piece(value.object, value.next);
            let found = self.find(piece.as_bytes());
            let len = match found.map(|seen| seen.map(|seen| seen.row().len())) {
                Ok(Some(len)) => len,
                Ok(None) => return self.without_piece(&value),
                Err(error) => {
                    let _ = self.hurt(error, Asked::Key(value.key.clone()));
                    return Err(Flaw::Rows(Asked::Key(value.key)));
                }
            };
            bytes += len;
            value.read += len as u64;
            value.next += 1;
        }
        if value.next < value.pieces {
            check.value = Some(value);
            return Ok(());
        }
        check.found.objects += 1;
        if value.read == value.size { Ok(()) } else { Err(Flaw::Rows(Asked::Key(value.key))) }
    }

    /// A piece is not there: the key has another value by now, or it is a flaw.
    fn without_piece(&self, value: &Value) -> Result<(), Flaw> {
        let same = self.find(&value.row).ok().flatten().is_some_and(|seen| {
            let content = seen.data().map(|data| data.content);
            matches!(content, Ok(Content::Pieces { object, .. }) if object == value.object)
        });
        if same { Err(Flaw::Rows(Asked::Key(value.key.clone()))) } else { Ok(()) }
    }
}

/// Counts a key of the tree that is being counted.
fn count(check: &mut Check, row: &[u8], key: &str, data: &Data<'_>) {
    let bytes = key.len() as u64 + data.size();
    check.found.rows += 1;
    check.found.bytes += bytes;
    if let Some(Counting { found, .. }) = &mut check.counting {
        found.keys += 1;
        found.bytes += bytes;
    }
    if let Content::Pieces { object, size, pieces } = data.content {
        check.known(object);
        let (row, key) = (row.to_vec(), String::from(key));
        check.value = Some(Value { row, key, object, size, pieces, next: 0, read: 0 });
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
