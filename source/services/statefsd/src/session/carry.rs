//! Carries out what a client asks.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::state::ring as wire;
use nexus_store::{Asked, Error, Flaw, Key, Listing, MAX_ROWS, TreeId, Version};
use nexus_sysdesc::StateRight::{Get, List, Put};
use zerocopy::IntoBytes;

use super::ask::Ask;
use super::begun::Begun;
use super::reply::{self, Fail, Head, Rows};
use crate::keeper::Keeper;
use crate::trees::{Access, Trees};

/// What a request is carried out with.
pub(crate) struct Desk<'a, S> {
    pub(crate) store: &'a mut S,
    pub(crate) trees: &'a Trees,
    pub(crate) access: &'a Access,
    pub(crate) begun: &'a mut Begun,
    /// Bytes that the answer may have behind its head.
    pub(crate) room: usize,
    /// Where the rows of a list go.
    pub(crate) rows: &'a mut Page,
}

/// Rows of a list, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Page {
    memory: Vec<u64>,
    used: usize,
}

impl Page {
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// What was written last, and nothing of what was there before.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.memory.get(..self.used).unwrap_or_default().as_bytes()
    }
}

/// What was done: the head of the answer, and whether it waits for a sync.
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(crate) waits: bool,
}

impl From<Head> for Reply {
    fn from(head: Head) -> Reply {
        Reply { head, waits: false }
    }
}

impl<S: Keeper> Desk<'_, S> {
    /// Does it; the bytes of the answer go into `out`, or are the rows.
    pub(crate) fn carry(&mut self, ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<Reply, Fail> {
        match *ask {
            Ask::Sync => Ok(Reply { head: Head::default(), waits: true }),
            Ask::Put { .. } | Ask::Delete { .. } | Ask::Batch { .. } | Ask::Finish { .. } => {
                self.change(ask)
            }
            Ask::Begin { .. } | Ask::Piece { .. } | Ask::Abandon { .. } => {
                self.draft(ask).map(Reply::from)
            }
            _ => self.look(ask, out).map(Reply::from),
        }
    }

    fn look(&mut self, ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<Head, Fail> {
        match *ask {
            Ask::Get { owner, key, version, from } => {
                let tree = self.access.to(self.trees, owner, Get, [Some(key)])?;
                self.get(tree, key, version, from, out)
            }
            Ask::Stat { owner, key } => {
                let tree = self.access.to(self.trees, owner, Get, [Some(key)])?;
                let found = self.store.stat(tree, key)?.ok_or(Fail::Status(wire::ABSENT))?;
                Ok(reply::of_found(found))
            }
            Ask::GetPiece { owner, key, version, index, from } => {
                let tree = self.access.to(self.trees, owner, Get, [Some(key)])?;
                self.store.get_piece(tree, key, version, index, out)?;
                let size = out.len() as u64;
                let more = reply::cut(out, from, self.room);
                Ok(Head { version: version.0, size, more, ..Head::default() })
            }
            Ask::List { .. } => self.list(ask),
            Ask::Usage { owner } => {
                let tree = self.access.to(self.trees, owner, List, [None])?;
                self.usage(tree, out)
            }
            Ask::Check { first } => self.check(first, out),
            _ => Err(Fail::Status(wire::MALFORMED)),
        }
    }

    fn get(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        version: Option<Version>,
        from: u64,
        out: &mut Vec<u8>,
    ) -> Result<Head, Fail> {
        let found = self.store.get(tree, key, out)?;
        let is = found.map(|found| found.version);
        if version.is_some() && is != version {
            return Err(Error::Conflict(is).into());
        }
        let found = found.ok_or(Fail::Status(wire::ABSENT))?;
        let more = reply::cut(out, from, self.room);
        Ok(Head { more, ..reply::of_found(found) })
    }

    fn list(&mut self, ask: &Ask<'_>) -> Result<Head, Fail> {
        let Ask::List { owner, under, after, rows, values } = *ask else {
            return Err(Fail::Status(wire::MALFORMED));
        };
        let tree = self.access.to(self.trees, owner, List, [under])?;
        if values {
            self.access.to(self.trees, owner, Get, [under])?;
        }
        // No more than could have room.
        let most = self.room / size_of::<wire::Row>() + 1;
        let rows = usize::try_from(rows).unwrap_or(MAX_ROWS).min(MAX_ROWS).min(most);
        let mut page = Rows::new(&mut self.rows.memory, self.room, values);
        let listing = Listing { under, after, rows };
        let more = self.store.list(tree, &listing, &mut |row| page.take(row))?;
        let head = page.head(more).ok_or(Fail::Status(wire::MALFORMED))?;
        self.rows.used = page.used();
        Ok(head)
    }

    fn usage(&mut self, tree: TreeId, out: &mut Vec<u8>) -> Result<Head, Fail> {
        let used = self.store.usage(tree);
        let most = self.trees.quota(tree);
        let usage = wire::Usage {
            keys: used.keys,
            bytes: used.bytes,
            most_keys: most.map_or(0, |most| most.keys),
            most_bytes: most.map_or(0, |most| most.bytes),
        };
        self.give(usage.as_bytes(), out)
    }

    fn check(&mut self, first: bool, out: &mut Vec<u8>) -> Result<Head, Fail> {
        let going = self.begun.check.take().filter(|_| !first);
        let mut check = going.unwrap_or_default();
        let step = self.store.check(&mut check);
        let trees = self.store.tree_ids();
        let orphans = trees.iter().filter(|tree| self.trees.is_orphan(**tree)).count();
        let found = check.found();
        let checked = wire::Checked {
            keys: found.rows,
            bytes: found.bytes,
            pages: found.pages,
            log_pages: found.log_pages,
            objects: found.objects,
            trees: u32::try_from(found.trees).unwrap_or(u32::MAX),
            orphans: u32::try_from(orphans).unwrap_or(u32::MAX),
        };
        let head = self.give(checked.as_bytes(), out)?;
        let (more, n) = match step {
            Ok(more) => (more, 0),
            Err(flaw) => {
                out.extend_from_slice(as_may_be_told(&flaw).as_bytes());
                (true, 1)
            }
        };
        self.begun.check = Some(check).filter(|_| more);
        Ok(Head { more, n, ..head })
    }

    fn give(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Head, Fail> {
        if bytes.len() > self.room {
            return Err(Fail::Status(wire::MALFORMED));
        }
        out.clear();
        out.extend_from_slice(bytes);
        Ok(Head::default())
    }

    fn change(&mut self, ask: &Ask<'_>) -> Result<Reply, Fail> {
        let (version, waits) = match *ask {
            Ask::Put { owner, key, value, expect, sync } => {
                let tree = self.access.to(self.trees, owner, Put, [Some(key)])?;
                (self.store.put(tree, key, value, expect)?, sync)
            }
            Ask::Delete { owner, key, expect, sync } => {
                let tree = self.access.to(self.trees, owner, Put, [Some(key)])?;
                if !self.store.delete(tree, key, expect)? {
                    return Err(Fail::Status(wire::ABSENT));
                }
                (Version(0), sync)
            }
            Ask::Batch { owner, ref steps, sync } => {
                let keys = steps.iter().map(|step| Some(step.key));
                let tree = self.access.to(self.trees, owner, Put, keys)?;
                (self.store.batch(tree, steps)?, sync)
            }
            Ask::Finish { owner, key, draft, expect, sync } => {
                let tree = self.access.to(self.trees, owner, Put, [Some(key)])?;
                (self.finish(tree, key, draft, expect)?, sync)
            }
            _ => return Err(Fail::Status(wire::MALFORMED)),
        };
        Ok(Reply { head: reply::of_version(version), waits })
    }

    fn draft(&mut self, ask: &Ask<'_>) -> Result<Head, Fail> {
        let none = Fail::Status(wire::NO_DRAFT);
        match *ask {
            Ask::Begin { owner } => {
                let tree = self.access.to_some(self.trees, owner, Put)?;
                if !self.begun.has_room() {
                    return Err(none);
                }
                let draft = self.store.begin()?;
                Ok(reply::of_version(Version(self.begun.add(tree, draft))))
            }
            Ask::Piece { draft, bytes } => self.piece(draft, bytes),
            Ask::Abandon { draft } => {
                let open = self.begun.take(draft).ok_or(none)?;
                self.store.abandon(open.draft)?;
                Ok(Head::default())
            }
            _ => Err(Fail::Status(wire::MALFORMED)),
        }
    }

    /// Pieces are counted for the quota of their tree while they are there, beside what the tree has.
    fn piece(&mut self, number: u64, bytes: &[u8]) -> Result<Head, Fail> {
        let tree = self.begun.get(number).ok_or(Fail::Status(wire::NO_DRAFT))?.tree;
        let begun = self.begun.bytes(tree).saturating_add(self.store.usage(tree).bytes);
        let most = self.trees.quota(tree).map_or(0, |quota| quota.bytes);
        if begun.saturating_add(bytes.len() as u64) > most {
            return Err(Fail::Status(wire::QUOTA_BYTES));
        }
        let open = self.begun.get(number).ok_or(Fail::Status(wire::NO_DRAFT))?;
        self.store.piece(&mut open.draft, bytes)?;
        open.bytes += bytes.len() as u64;
        Ok(Head::default())
    }

    fn finish(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        number: u64,
        expect: nexus_store::Expect,
    ) -> Result<Version, Fail> {
        let mut open = self.begun.take(number).ok_or(Fail::Status(wire::NO_DRAFT))?;
        if open.tree != tree {
            self.begun.put_back(open);
            return Err(Fail::Status(wire::NO_DRAFT));
        }
        match self.store.finish(tree, key, open.draft, expect) {
            Ok(version) => Ok(version),
            Err((draft, error)) => {
                open.draft = draft;
                self.begun.put_back(open);
                Err(error.into())
            }
        }
    }
}

/// What is wrong, without keys and without what a tree uses: it is not known whose they are.
fn as_may_be_told(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Rows(Asked::Key(_)) => "a key is damaged".into(),
        Flaw::Rows(Asked::Behind(_)) => "keys cannot be read".into(),
        Flaw::Usage { .. } => "a tree has other keys or bytes than are counted for it".into(),
        flaw => flaw.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use nexus_store::Usage;

    use super::*;

    // attack 92 U: check the store while trees of others are damaged; that is told, and neither a key nor what a tree uses; broken: state-check-tells
    #[test]
    fn a_check_tells_nothing_that_is_anybodys() {
        let usage = |keys| Usage { keys, bytes: 4712 };
        let flaws = [
            Flaw::Rows(Asked::Key("4713".into())),
            Flaw::Rows(Asked::Behind("4713".into())),
            Flaw::Usage { tree: TreeId(0x4714), counted: usage(4711), found: usage(4710) },
        ];
        for flaw in flaws {
            assert!(flaw.to_string().contains("471"), "{flaw}");
            assert!(!as_may_be_told(&flaw).contains("471"), "{flaw}");
        }
        assert_eq!(as_may_be_told(&Flaw::Page(7)), "page 7 of the table is damaged");
    }
}
