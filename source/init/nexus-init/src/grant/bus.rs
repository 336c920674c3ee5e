//! What may be believed of busd: of what it says, and of what it hands over (RFC-0004).

use nexus_abi::{CapInfo, Error, KindCode, Message, Received, Rights, Sender};
use nexus_proto::bus::{Prepare, Prepared, Release};
use nexus_proto::init::Refusal;
use nexus_proto::{Operation, ReplyError, decode_with_caps};
use nexus_sysdesc::Queue;
use nexus_sysdesc::layout::Layout;

use super::steps::owner_rights;
use super::{Piece, Question};

/// Rights on a window from busd beside those of its owner: to hand it on, to see what it is, and to take
/// it back. Nothing is derived from it, and no address is written through it.
const HANDED_WINDOW: Rights = Rights::GRANT.union(Rights::REVOKE).union(Rights::MANAGE);
/// Rights on memory from busd beside those of its owner.
const HANDED_MEMORY: Rights = Rights::GRANT.union(Rights::REVOKE);

/// Who sets a device up, and what it must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bus {
    /// Who busd is, as the kernel stamps it.
    pub busd: Sender,
    /// The rules that init was started with allow the queues that are asked for, and no others.
    pub as_ruled: bool,
    /// The digest of what is placed.
    pub digest: u64,
    /// The memory that the device reaches; `None` without queues.
    pub memory: Option<Memory>,
}

/// The memory that a device reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Bytes of the pool: whole pages.
    pub pool: u64,
    /// Bytes of the used rings: whole pages.
    pub used: u64,
    /// Bytes of the pool that the device can be made to read or write.
    pub reach: u32,
    /// The digest of what is placed.
    pub digest: u64,
}

/// What the queues of a device come to: the same in each life of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Laid {
    /// The digest of what is placed.
    pub digest: u64,
    /// The memory that the device reaches; `None` without queues.
    pub memory: Option<Memory>,
    /// Pages of all its memory.
    pub pages: u16,
}

impl Laid {
    /// Lays these queues out; `None` for queues that no device can have.
    #[must_use]
    pub fn of(queues: &[Queue]) -> Option<Laid> {
        let layout = Layout::of(queues)?;
        let digest = layout.digest();
        let memory = Memory {
            pool: layout.pool,
            used: layout.used,
            reach: u32::try_from(layout.reach()).unwrap_or(u32::MAX),
            digest,
        };
        let memory = Some(memory).filter(|_| !queues.is_empty());
        Some(Laid { digest, memory, pages: layout.sizes().pages() })
    }
}

impl Bus {
    /// For a device with these queues. `busd` is who busd is, as the kernel stamps it.
    ///
    /// # Errors
    /// `BusRefused` for queues that no device can have.
    pub fn new(busd: Sender, queues: &[Queue], as_ruled: bool) -> Result<Bus, Refusal> {
        Laid::of(queues).map(|laid| Bus::of(busd, laid, as_ruled)).ok_or(Refusal::BusRefused)
    }

    /// The same for queues that are laid out already.
    #[must_use]
    pub const fn of(busd: Sender, laid: Laid, as_ruled: bool) -> Bus {
        Bus { busd, as_ruled, digest: laid.digest, memory: laid.memory }
    }

    /// What busd has agreed with the device, if this is its answer to `ask`: as many capabilities as it
    /// must carry, and the digest of what the rule says.
    ///
    /// # Errors
    /// `BusGone`, `BusLate`, `BusRefused` for a busd that could not do it, and `BusGarbled` for
    /// everything else that is not exactly an answer.
    pub(super) fn prepared(
        &self,
        ask: &Prepare,
        answer: Result<Received, Error>,
    ) -> Result<Prepared, Refusal> {
        let received = match answer {
            Ok(received) if received.sender == self.busd => received,
            Ok(_) => return Err(Refusal::BusGarbled),
            Err(error) => return Err(not_answered(error)),
        };
        let prepared = self.decode(&received.message)?;
        let echoed = prepared.nonce == ask.nonce;
        let sealed = prepared.digest == self.digest;
        if echoed && sealed { Ok(prepared) } else { Err(Refusal::BusGarbled) }
    }

    fn decode(&self, message: &Message) -> Result<Prepared, Refusal> {
        if message.tag.label() != 0 {
            return Err(match Prepare::decode_reply(message) {
                Err(ReplyError::Service(_)) => Refusal::BusRefused,
                _ => Refusal::BusGarbled,
            });
        }
        let prepared = match self.memory {
            Some(_) => decode_with_caps::<Prepared, 3>(message).map(|(prepared, _)| prepared),
            None => decode_with_caps::<Prepared, 1>(message).map(|(prepared, _)| prepared),
        };
        prepared.map_err(|_| Refusal::BusGarbled)
    }

    /// True when a capability from busd is the piece that was asked for and allowed, and nothing more.
    pub(super) fn is_piece(&self, question: &Question, piece: Piece, cap: &CapInfo) -> bool {
        let memory = self.memory.unwrap_or_default();
        match piece {
            Piece::Window => {
                cap.kind == KindCode::DeviceMmio
                    && cap.rights == owner_rights(piece, question.rights) | HANDED_WINDOW
                    && cap.base == question.base
                    && cap.len == question.len
                    && cap.registers == question.registers
            }
            Piece::Pool => is_memory(cap, owner_rights(piece, 0), memory.pool),
            Piece::Used => is_memory(cap, owner_rights(piece, 0), memory.used),
            // It never comes from busd.
            Piece::Line => false,
        }
    }
}

fn is_memory(cap: &CapInfo, rights: Rights, len: u64) -> bool {
    cap.kind == KindCode::Vmo && cap.rights == rights | HANDED_MEMORY && cap.len == len
}

/// Why busd does not answer.
#[must_use]
pub(crate) fn not_answered(error: Error) -> Refusal {
    match error {
        Error::TimedOut => Refusal::BusLate,
        _ => Refusal::BusGone,
    }
}

/// What busd tells when it has done what it was asked for, where nothing comes with it.
///
/// # Errors
/// As for a device that is to be set up.
pub fn is_done<O: Operation>(
    busd: Sender,
    answer: Result<Received, Error>,
) -> Result<O::Reply, Refusal> {
    let received = answer.map_err(not_answered)?;
    if received.sender != busd {
        return Err(Refusal::BusGarbled);
    }
    O::decode_reply(&received.message).map_err(|error| match error {
        ReplyError::Service(_) => Refusal::BusRefused,
        ReplyError::Malformed(_) => Refusal::BusGarbled,
    })
}

/// The question that takes a device back.
pub(crate) const fn release(device: u16) -> Release {
    Release { device, zero: nexus_proto::Zero::ZERO }
}
