//! What is asked.

use alloc::vec::Vec;

use nexus_proto::Zero;
use nexus_proto::state::ring as wire;
use zerocopy::IntoBytes;

use crate::Version;

/// Whose tree: the caller's own.
pub const OWN: u32 = 0;

/// What must be there for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// No such key.
    Absent,
    /// The value with this version.
    Version(Version),
}

impl Expect {
    pub(crate) const fn wire(self) -> u64 {
        match self {
            Expect::Any => wire::ANY,
            Expect::Absent => wire::ABSENT_WANTED,
            Expect::Version(Version(version)) => version,
        }
    }
}

/// A change of a batch, or one of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The key.
    pub key: &'a str,
    /// The value; none: the key is removed.
    pub value: Option<&'a [u8]>,
    /// What must be there before.
    pub expect: Expect,
}

/// A request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) op: u8,
    pub(crate) head: wire::Head,
    pub(crate) key: &'a str,
    pub(crate) value: &'a [u8],
    pub(crate) arg: u64,
    /// Bytes that the answer may have; all that there is room for, when it is the only one.
    pub(crate) room: usize,
}

/// Bytes of an answer's head.
pub(crate) const ANSWER: usize = size_of::<wire::Answer>();

impl<'a> Ask<'a> {
    pub(crate) fn new(op: u8, owner: u32, key: &'a str, value: &'a [u8]) -> Ask<'a> {
        let head = wire::Head { owner, ..wire::Head::default() };
        // What is damaged is named by its key.
        Ask { op, head, key, value, arg: 0, room: key.len() }
    }

    pub(crate) const fn expect(mut self, expect: u64) -> Ask<'a> {
        self.head.expect = expect;
        self
    }

    pub(crate) const fn n(mut self, n: u32) -> Ask<'a> {
        self.head.n = n;
        self
    }

    pub(crate) const fn flag(mut self, flag: u16, set: bool) -> Ask<'a> {
        if set {
            self.head.flags |= flag;
        }
        self
    }

    pub(crate) const fn arg(mut self, arg: u64) -> Ask<'a> {
        self.arg = arg;
        self
    }

    pub(crate) const fn room(mut self, room: usize) -> Ask<'a> {
        self.room = room;
        self
    }

    /// Bytes that the request takes.
    pub(crate) const fn len(&self) -> usize {
        size_of::<wire::Head>() + self.key.len() + self.value.len()
    }

    /// Bytes of the ring's data that it needs, with its answer.
    pub(crate) fn needs(&self) -> usize {
        self.len().max(ANSWER.saturating_add(self.room))
    }

    /// Whether it changes something.
    pub(crate) const fn is_change(&self) -> bool {
        matches!(self.op, wire::PUT | wire::DELETE | wire::BATCH | wire::FINISH)
    }

    /// Whether to ask it twice is the same as once.
    pub(crate) const fn again(&self) -> bool {
        !self.is_change() && !matches!(self.op, wire::BEGIN | wire::PIECE | wire::ABANDON)
    }

    /// Whether all that was changed before is durable when it is done.
    pub(crate) const fn is_sync(&self) -> bool {
        self.op == wire::SYNC || self.head.flags & wire::FLAG_SYNC != 0
    }

    /// The head, with the lengths in it.
    pub(crate) fn head(&self) -> wire::Head {
        let key = u16::try_from(self.key.len()).unwrap_or(u16::MAX);
        let value = u32::try_from(self.value.len()).unwrap_or(u32::MAX);
        wire::Head { key, value, ..self.head }
    }
}

/// The steps of a batch, as they stand behind the head.
pub(crate) fn steps(changes: &[Change<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Change { key, value, expect } in changes {
        let body = value.unwrap_or_default();
        let step = wire::Step {
            expect: expect.wire(),
            value: u32::try_from(body.len()).unwrap_or(u32::MAX),
            key: u16::try_from(key.len()).unwrap_or(u16::MAX),
            remove: value.is_none(),
            zero: Zero::ZERO,
        };
        bytes.extend_from_slice(step.as_bytes());
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}
