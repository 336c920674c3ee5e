//! A check of all that is stored: every row is read, and with it verified, a bounded part at a time.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_proto::state::ring as wire;
use nexus_store::{Asked, Error, Key, Listing, Store, TreeId, Version};

/// Rows of a part.
const ROWS: usize = 64;
/// Bytes of values of a part, about.
const BYTES: usize = 256 << 10;

/// How far a check is.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// The trees that are left, the next one last.
    trees: Vec<TreeId>,
    /// The last key of it that was read.
    after: Option<String>,
    /// A value in pieces that is being read: its key, version, pieces, and the next of them.
    pieces: Option<(String, Version, u32, u32)>,
    found: wire::Checked,
}

/// Where a check met damage.
#[derive(Debug)]
pub(crate) struct Met {
    /// In which tree.
    pub(crate) tree: TreeId,
    /// What.
    pub(crate) error: Error,
}

impl Check {
    /// Of these trees, of which so many are orphans.
    #[must_use]
    pub(crate) fn new(mut trees: Vec<TreeId>, orphans: u32) -> Check {
        trees.reverse();
        let count = u32::try_from(trees.len()).unwrap_or(u32::MAX);
        let found = wire::Checked { trees: count, orphans, ..wire::Checked::default() };
        Check { trees, after: None, pieces: None, found }
    }

    /// What was found so far.
    #[must_use]
    pub(crate) const fn found(&self) -> wire::Checked {
        self.found
    }

    /// True when all was read.
    #[must_use]
    pub(crate) const fn is_done(&self) -> bool {
        self.trees.is_empty()
    }

    /// Reads the next part.
    ///
    /// # Errors
    /// [`Met`]: the check is over.
    pub(crate) fn step(&mut self, store: &mut impl Store, out: &mut Vec<u8>) -> Result<(), Met> {
        let Some(tree) = self.trees.last().copied() else { return Ok(()) };
        let stepped = match self.pieces.take() {
            Some(piece) => self.pieces(store, tree, piece, out),
            None => self.rows(store, tree),
        };
        stepped.map_err(|error| Met { tree, error })
    }

    fn rows(&mut self, store: &mut impl Store, tree: TreeId) -> Result<(), Error> {
        let after = self.after.as_deref().and_then(|key| Key::new(key).ok());
        let page = store.list(tree, &Listing { under: None, after, rows: ROWS, bytes: BYTES })?;
        let mut more = page.more;
        for row in page.rows {
            self.found.keys += 1;
            self.found.bytes += row.key.len() as u64 + row.found.size;
            self.after = Some(row.key.clone());
            if row.found.pieces > 0 {
                // The rows behind it are read after its pieces.
                self.pieces = Some((row.key, row.found.version, row.found.pieces, 0));
                more = true;
                break;
            }
        }
        if !more {
            self.trees.pop();
            self.after = None;
        }
        Ok(())
    }

    fn pieces(
        &mut self,
        store: &mut impl Store,
        tree: TreeId,
        (name, version, count, next): (String, Version, u32, u32),
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let key = Key::new(&name).map_err(|_| Error::Damaged(Asked::Key(name.clone())))?;
        let until = count.min(next + (BYTES / nexus_store::MAX_VALUE) as u32);
        for index in next..until {
            match store.get_piece(tree, key, version, index, out) {
                // It was replaced meanwhile.
                Err(Error::NoPiece) => return Ok(()),
                read => read?,
            }
        }
        if until < count {
            self.pieces = Some((name, version, count, until));
        }
        Ok(())
    }
}
