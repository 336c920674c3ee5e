//! What a client has asked, and what was not carried out yet: requests out of its ring, each with a copy of its bytes.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;

use nexus_mmio::SharedMut;
use nexus_proto::read_payload;
use nexus_proto::state::ring as wire;
use nexus_ring::{Ended, Request, Submission};
use nexus_store::MAX_BATCH;

use super::ask::{self, Ask, Bad, HEAD};
use super::reply::ANSWER;
use super::{ROW_BYTES, SHARE, SHARE_BYTES, Side};

/// A request, and where its bytes are.
#[derive(Debug)]
pub(super) struct One {
    pub(super) request: Request,
    pub(super) bytes: Result<Range<usize>, Bad>,
}

/// Requests in their order, as many as one turn may have.
#[derive(Debug, Default)]
pub(super) struct Asked {
    requests: VecDeque<One>,
    /// Their copies, one behind the other, in memory that is used again.
    bytes: Vec<u8>,
    /// Keys that they look at, at most, as far as that is known from their heads; once that is asked, none.
    keys: usize,
}

/// What is known of a request from its head.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Rows that it changes, and keys that it looks at.
    rows: usize,
    keys: usize,
}

impl Asked {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// What is left is for nobody.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
        self.keys = 0;
    }

    /// Takes requests out of the ring once all that were here are carried out: a share of them, as far as it is known
    /// what they cost.
    ///
    /// # Errors
    /// Why the attachment is over: then nobody waits for any of them.
    pub(super) fn fill<M: SharedMut>(&mut self, side: &mut Side<M>) -> Result<(), Ended> {
        if !self.is_empty() {
            return Ok(());
        }
        self.bytes.clear();
        let mut cost = 0;
        for _ in 0..SHARE {
            if cost >= SHARE_BYTES {
                return Ok(());
            }
            let Some(request) = side.take()? else { return Ok(()) };
            if (request.submission().len as usize) < ANSWER {
                // There is no room for an answer, and nobody to tell when it is over.
                let _ = side.complete(request, wire::MALFORMED, 0);
                continue;
            }
            let bytes = copy(&mut self.bytes, side, &request);
            let head = bytes.as_ref().ok().and_then(|bytes| self.bytes.get(bytes.clone()));
            let head = head.unwrap_or_default();
            let Size { rows, keys } = Size::of(request.submission().op, head);
            cost = cost.saturating_add(head.len().max(rows * ROW_BYTES));
            self.keys += keys;
            self.requests.push_back(One { request, bytes });
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Option<One> {
        self.requests.pop_front()
    }

    /// Lends the memory that the bytes of all are in, and takes it back.
    pub(super) fn swap(&mut self, bytes: &mut Vec<u8>) {
        core::mem::swap(&mut self.bytes, bytes);
    }

    /// What they ask, as far as that is something.
    pub(super) fn asks(&self) -> impl Iterator<Item = Ask<'_>> {
        self.requests.iter().filter_map(|one| {
            let Submission { op, arg, .. } = one.request.submission();
            Ask::parse(op, arg, one.of(&self.bytes)).ok()
        })
    }

    /// Keys that they look at, at most: of those that were here before the last time that this was [taken](Self::take_keys)
    /// none.
    pub(super) const fn keys(&self) -> usize {
        self.keys
    }

    /// The same; from now on it is known of them what they look at.
    pub(super) fn take_keys(&mut self) -> usize {
        core::mem::take(&mut self.keys)
    }
}

impl One {
    /// Its bytes; none when it is no request.
    fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let range = self.bytes.as_ref().ok().cloned();
        range.and_then(|range| bytes.get(range)).unwrap_or_default()
    }
}

impl Size {
    fn of(op: u8, bytes: &[u8]) -> Size {
        match op {
            wire::BATCH => {
                let head = read_payload::<wire::Head>(bytes);
                let n = head.map_or(0, |(head, _)| usize::try_from(head.n).unwrap_or(MAX_BATCH));
                Size { rows: n.min(MAX_BATCH), keys: n.min(MAX_BATCH) }
            }
            wire::PUT | wire::DELETE | wire::FINISH => Size { rows: 1, keys: 1 },
            wire::GET | wire::STAT => Size { rows: 0, keys: 1 },
            wire::BEGIN | wire::PIECE | wire::ABANDON => Size { rows: 1, keys: 0 },
            _ => Size::default(),
        }
    }
}

/// Copies a request out of the ring, behind what is in `to`: each byte is loaded once, and what it says is looked at in
/// the copy.
fn copy<M: SharedMut>(
    to: &mut Vec<u8>,
    side: &Side<M>,
    request: &Request,
) -> Result<Range<usize>, Bad> {
    let start = to.len();
    to.resize(start + HEAD, 0);
    let head = to.get_mut(start..).ok_or(Bad::Malformed)?;
    side.read(request, 0, head).map_err(|_| Bad::Malformed)?;
    let body = ask::body(head, request.submission().len as usize)?;
    to.resize(start + HEAD + body, 0);
    let rest = to.get_mut(start + HEAD..).ok_or(Bad::Malformed)?;
    side.read(request, HEAD, rest).map_err(|_| Bad::Malformed)?;
    Ok(start..to.len())
}
