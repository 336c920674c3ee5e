//! What a client has begun, and has not finished: values in pieces, and a check of all that is stored. It ends with
//! the attachment.

use alloc::vec::Vec;

use nexus_store::{Check, Draft, Store, TreeId};

/// Most values in pieces that one attachment has at one time.
pub(crate) const MAX_DRAFTS: usize = 4;

/// A value in pieces.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) number: u64,
    /// Whose quota it is counted for.
    pub(crate) tree: TreeId,
    pub(crate) bytes: u64,
    pub(crate) draft: Draft,
}

/// What a client has begun.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    drafts: Vec<Open>,
    /// The number that was given last: none is given twice.
    last: u64,
    pub(crate) check: Option<Check>,
}

impl Begun {
    /// True when there is nothing to end.
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.check.is_none()
    }

    /// True when it may begin one more.
    pub(crate) const fn has_room(&self) -> bool {
        self.drafts.len() < MAX_DRAFTS
    }

    /// Keeps one; its number.
    pub(crate) fn add(&mut self, tree: TreeId, draft: Draft) -> u64 {
        self.last += 1;
        self.drafts.push(Open { number: self.last, tree, bytes: 0, draft });
        self.last
    }

    pub(crate) fn get(&mut self, number: u64) -> Option<&mut Open> {
        self.drafts.iter_mut().find(|open| open.number == number)
    }

    /// Takes it out.
    pub(crate) fn take(&mut self, number: u64) -> Option<Open> {
        let at = self.drafts.iter().position(|open| open.number == number)?;
        Some(self.drafts.swap_remove(at))
    }

    /// Puts back what was taken out.
    pub(crate) fn put_back(&mut self, open: Open) {
        self.drafts.push(open);
    }

    /// Bytes of pieces for this tree.
    pub(crate) fn bytes(&self, tree: TreeId) -> u64 {
        let of_it = self.drafts.iter().filter(|open| open.tree == tree);
        of_it.map(|open| open.bytes).sum()
    }

    /// The attachment is over: nobody finishes any of it.
    pub(crate) fn end(&mut self, store: &mut impl Store) {
        self.check = None;
        for open in self.drafts.drain(..) {
            // What cannot be dropped now is gone at the next opening.
            let _ = store.abandon(open.draft);
        }
    }
}
