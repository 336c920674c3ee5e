//! What a client asks, out of bytes that it may have made up.
//!
//! The bytes are a copy: a client changes them no more.

use alloc::vec::Vec;

use nexus_proto::read_payload;
use nexus_proto::state::{BadKey, ring as wire};
use nexus_store::{Expect, Key, MAX_BATCH, MAX_KEY, Step, Version};
use nexus_sysdesc::StateRight::{self, Get, Put};

use crate::reason;

/// Bytes of the head of a request.
pub(crate) const HEAD: usize = size_of::<wire::Head>();

/// A request, as it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask<'a> {
    /// Bytes of a value from `from` on; of this version, if it is said.
    Get { owner: u32, key: Key<'a>, version: Option<Version>, from: u64 },
    /// What is under a key.
    Stat { owner: u32, key: Key<'a> },
    /// Bytes of a piece from `from` on.
    GetPiece { owner: u32, key: Key<'a>, version: Version, index: u32, from: u64 },
    /// Put a value.
    Put { owner: u32, key: Key<'a>, value: &'a [u8], expect: Expect, sync: bool },
    /// Remove a key.
    Delete { owner: u32, key: Key<'a>, expect: Expect, sync: bool },
    /// Make all changes or none.
    Batch { owner: u32, steps: Vec<Step<'a>>, sync: bool },
    /// Rows under a prefix, behind a key.
    List { owner: u32, under: Option<Key<'a>>, after: Option<Key<'a>>, rows: u32, values: bool },
    /// Make all durable.
    Sync,
    /// Begin a value in pieces, for this tree.
    Begin { owner: u32 },
    /// The next piece.
    Piece { draft: u64, bytes: &'a [u8] },
    /// Put the value that the pieces are.
    Finish { owner: u32, key: Key<'a>, draft: u64, expect: Expect, sync: bool },
    /// Drop the pieces.
    Abandon { draft: u64 },
    /// What a tree uses.
    Usage { owner: u32 },
    /// Verify the next part, or the first.
    Check { first: bool },
}

/// Why a request is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Its lengths do not fit, or a field says what cannot be.
    Malformed,
    /// What is no key stands where one belongs.
    Key(BadKey),
    /// A batch of too many changes.
    TooLarge,
}

/// Bytes of key and value that follow a head, when there are so many of `len`.
///
/// # Errors
/// [`Bad::Malformed`], or the key is too long.
pub(crate) fn body(head: &[u8], len: usize) -> Result<usize, Bad> {
    let (head, _) = read_payload::<wire::Head>(head).ok_or(Bad::Malformed)?;
    let (key, value) = (usize::from(head.key), head.value as usize);
    if key > MAX_KEY {
        return Err(Bad::Key(BadKey::Length));
    }
    let room = len.checked_sub(HEAD).ok_or(Bad::Malformed)?;
    key.checked_add(value).filter(|body| *body <= room).ok_or(Bad::Malformed)
}

impl<'a> Ask<'a> {
    /// The request `op` with `arg` that these bytes are, from the head on.
    ///
    /// # Errors
    /// [`Bad`].
    pub(crate) fn parse(op: u8, arg: u64, bytes: &'a [u8]) -> Result<Ask<'a>, Bad> {
        let (head, rest) = read_payload::<wire::Head>(bytes).ok_or(Bad::Malformed)?;
        let (key, rest) = rest.split_at_checked(head.key.into()).ok_or(Bad::Malformed)?;
        let value = rest.get(..head.value as usize).ok_or(Bad::Malformed)?;
        Parts { op, arg, head, key, value }.ask()
    }

    /// True when it changes what others see.
    #[must_use]
    pub(crate) const fn is_change(&self) -> bool {
        matches!(
            self,
            Ask::Put { .. } | Ask::Delete { .. } | Ask::Batch { .. } | Ask::Finish { .. }
        )
    }

    /// Shows `show` each key that it looks at: in the tree of whom, and what for. Of a piece that is read there is one
    /// page for many.
    pub(crate) fn keys(&self, mut show: impl FnMut(u32, StateRight, Key<'a>)) {
        match self {
            Ask::Get { owner, key, .. } | Ask::Stat { owner, key } => show(*owner, Get, *key),
            Ask::Put { owner, key, .. }
            | Ask::Delete { owner, key, .. }
            | Ask::Finish { owner, key, .. } => show(*owner, Put, *key),
            Ask::Batch { owner, steps, .. } => {
                steps.iter().for_each(|step| show(*owner, Put, step.key));
            }
            _ => {}
        }
    }

    /// Rows that it changes, but those of pieces that go with a value, or are dropped.
    pub(crate) const fn rows(&self) -> usize {
        match self {
            Ask::Batch { steps, .. } => steps.len(),
            Ask::Begin { .. } | Ask::Piece { .. } | Ask::Abandon { .. } => 1,
            ask => ask.is_change() as usize,
        }
    }
}

struct Parts<'a> {
    op: u8,
    arg: u64,
    head: wire::Head,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Parts<'a> {
    fn ask(&self) -> Result<Ask<'a>, Bad> {
        let Parts { op, arg, head, value, .. } = *self;
        let wire::Head { owner, n, expect: wanted, .. } = head;
        let (sync, values) = self.flags()?;
        self.has_only_its_parts()?;
        let expect = expect(wanted);
        Ok(match op {
            wire::GET => {
                let version = (wanted != wire::ANY).then_some(Version(wanted));
                Ask::Get { owner, key: self.key()?, version, from: arg }
            }
            wire::STAT => Ask::Stat { owner, key: self.key()? },
            wire::GET_PIECE => {
                let version = Version(wanted);
                Ask::GetPiece { owner, key: self.key()?, version, index: n, from: arg }
            }
            wire::PUT => Ask::Put { owner, key: self.key()?, value, expect, sync },
            wire::DELETE => Ask::Delete { owner, key: self.key()?, expect, sync },
            wire::BATCH => Ask::Batch { owner, steps: steps(n, value)?, sync },
            wire::LIST => {
                let (under, after) = (optional(self.key)?, optional(value)?);
                Ask::List { owner, under, after, rows: n, values }
            }
            wire::SYNC => Ask::Sync,
            wire::BEGIN => Ask::Begin { owner },
            wire::PIECE => Ask::Piece { draft: arg, bytes: value },
            wire::FINISH => Ask::Finish { owner, key: self.key()?, draft: arg, expect, sync },
            wire::ABANDON => Ask::Abandon { draft: arg },
            wire::USAGE => Ask::Usage { owner },
            wire::CHECK => Ask::Check { first: n == 0 },
            _ => return Err(Bad::Malformed),
        })
    }

    fn key(&self) -> Result<Key<'a>, Bad> {
        key(self.key)
    }

    /// Whether it waits for a sync, and whether it wants values.
    fn flags(&self) -> Result<(bool, bool), Bad> {
        let may = match self.op {
            wire::PUT | wire::DELETE | wire::BATCH | wire::FINISH => wire::FLAG_SYNC,
            wire::LIST => wire::FLAG_VALUES,
            _ => 0,
        };
        let flags = self.head.flags;
        let has = |flag| flags & flag != 0;
        if has(!may) {
            return Err(Bad::Malformed);
        }
        Ok((has(wire::FLAG_SYNC), has(wire::FLAG_VALUES)))
    }

    /// No key and no value where none belongs: nobody takes for done what was not looked at.
    fn has_only_its_parts(&self) -> Result<(), Bad> {
        let keyless = matches!(
            self.op,
            wire::BATCH
                | wire::SYNC
                | wire::BEGIN
                | wire::PIECE
                | wire::ABANDON
                | wire::USAGE
                | wire::CHECK
        );
        let valued = matches!(self.op, wire::PUT | wire::BATCH | wire::LIST | wire::PIECE);
        let fits = (!keyless || self.key.is_empty()) && (valued || self.value.is_empty());
        if fits { Ok(()) } else { Err(Bad::Malformed) }
    }
}

const fn expect(wanted: u64) -> Expect {
    match wanted {
        wire::ANY => Expect::Any,
        wire::ABSENT_WANTED => Expect::Absent,
        version => Expect::Version(Version(version)),
    }
}

fn key(bytes: &[u8]) -> Result<Key<'_>, Bad> {
    Key::from_bytes(bytes).map_err(|why| Bad::Key(reason::bad_key(why)))
}

fn optional(bytes: &[u8]) -> Result<Option<Key<'_>>, Bad> {
    if bytes.is_empty() { Ok(None) } else { key(bytes).map(Some) }
}

/// The changes of a batch: exactly so many, of different keys, and nothing behind them.
fn steps(n: u32, mut rest: &[u8]) -> Result<Vec<Step<'_>>, Bad> {
    let n = usize::try_from(n).map_err(|_| Bad::TooLarge)?;
    if n > MAX_BATCH {
        return Err(Bad::TooLarge);
    }
    let mut steps = Vec::with_capacity(n);
    for _ in 0..n {
        let (one, behind) = step(rest)?;
        steps.push(one);
        rest = behind;
    }
    if steps.is_empty() || !rest.is_empty() {
        return Err(Bad::Malformed);
    }
    let mut keys: Vec<Key<'_>> = steps.iter().map(|step| step.key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Bad::Key(BadKey::Twice));
    }
    Ok(steps)
}

fn step(bytes: &[u8]) -> Result<(Step<'_>, &[u8]), Bad> {
    let (step, rest) = read_payload::<wire::Step>(bytes).ok_or(Bad::Malformed)?;
    let (name, rest) = rest.split_at_checked(step.key.into()).ok_or(Bad::Malformed)?;
    let (value, rest) = rest.split_at_checked(step.value as usize).ok_or(Bad::Malformed)?;
    if step.remove && !value.is_empty() {
        return Err(Bad::Malformed);
    }
    let value = (!step.remove).then_some(value);
    Ok((Step { key: key(name)?, value, expect: expect(step.expect) }, rest))
}
