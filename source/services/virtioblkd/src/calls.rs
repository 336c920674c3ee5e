//! Requests that come as messages: one at a time, as they came.

use alloc::collections::VecDeque;

use nexus_mmio::{Exact, Outside, Shared, SharedMut};
use nexus_proto::disk::{Flush, Read, Write, Written};
use nexus_proto::{Operation, ServiceError, Text};
use nexus_rt::abi::Message;
use nexus_virtio::block::{Op, SECTOR};

use crate::disk::{Disk, Done, Failure, Refused, Request};
use crate::tag::Tag;

/// Most that wait.
pub const MOST: usize = 16;

/// What a message asks of the disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// Bytes.
    Read(Read),
    /// Bytes to it.
    Write(Write),
    /// What was written lasts.
    Flush(Flush),
}

/// Whoever asked, and what.
#[derive(Debug)]
struct Call<W> {
    who: W,
    ask: Ask,
    stage: Stage,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The device was not asked yet.
    Waits,
    /// The device was asked.
    Asked,
    /// What it has read is to be written again, with the bytes of the caller in it.
    Patched,
    /// The device was asked to write that.
    Writes,
}

/// The calls. `W` is whoever waits for an answer.
#[derive(Debug)]
pub(crate) struct Calls<W> {
    calls: VecDeque<Call<W>>,
    /// The sector of the first.
    sector: [u8; SECTOR as usize],
}

/// An answer, and who gets it.
pub type Answer<W> = (W, Message);

impl<W> Default for Calls<W> {
    fn default() -> Calls<W> {
        Calls { calls: VecDeque::new(), sector: [0; SECTOR as usize] }
    }
}

impl Ask {
    /// The first byte, and how many; none where there is no data.
    fn bytes(&self) -> Option<(u64, u64)> {
        match self {
            Ask::Read(op) => Some((op.offset, op.len.into())),
            Ask::Write(op) => Some((op.offset, op.data.as_bytes().len() as u64)),
            Ask::Flush(_) => None,
        }
    }

    /// That its bytes are some, fit a message, and are in one sector.
    fn check(&self) -> Result<(), ServiceError> {
        let Some((offset, len)) = self.bytes() else { return Ok(()) };
        let sector = u64::from(SECTOR);
        let fits = 0 < len && len <= Text::MAX as u64 && offset % sector + len <= sector;
        if fits { Ok(()) } else { Err(ServiceError::OutOfRange) }
    }

    /// The refusal as a message.
    fn refuse(&self, error: ServiceError) -> Message {
        match self {
            Ask::Read(op) => op.answer(Err(error)),
            Ask::Write(op) => op.answer(Err(error)),
            Ask::Flush(op) => op.answer(Err(error)),
        }
    }

    /// What the device is asked at this stage.
    fn request(&self, stage: Stage) -> Request {
        let op = match (self, stage) {
            (Ask::Flush(_), _) => Op::Flush,
            (Ask::Write(_), Stage::Patched) => Op::Write,
            _ => Op::Read,
        };
        let (offset, _) = self.bytes().unwrap_or((0, 0));
        Request { op, sector: offset / u64::from(SECTOR), sectors: 1, tag: Tag::Call.code() }
    }
}

impl<W> Calls<W> {
    /// Takes a call; its refusal, when it cannot be.
    pub(crate) fn push(&mut self, who: W, ask: Ask, can_write: bool) -> Result<(), Answer<W>> {
        let checked = match ask {
            Ask::Write(_) if !can_write => Err(ServiceError::NotSupported),
            _ if self.calls.len() >= MOST => Err(ServiceError::Busy),
            ask => ask.check(),
        };
        if let Err(error) = checked {
            return Err((who, ask.refuse(error)));
        }
        self.calls.push_back(Call { who, ask, stage: Stage::Waits });
        Ok(())
    }

    /// Asks the device for the first call, if it was not asked. An answer when the disk refuses.
    pub(crate) fn give<A: SharedMut, U: Shared, P: Exact, const HEADS: usize>(
        &mut self,
        disk: &mut Disk<A, U, P, HEADS>,
    ) -> Option<Answer<W>> {
        let call = self.calls.front_mut()?;
        let next = match call.stage {
            Stage::Waits => Stage::Asked,
            Stage::Patched => Stage::Writes,
            Stage::Asked | Stage::Writes => return None,
        };
        let sector = &self.sector;
        let given = disk.submit(call.ask.request(call.stage), |memory: &mut P, len| {
            memory.copy_in(0, sector.get(..len).ok_or(Outside)?)
        });
        match given {
            Ok(_) => {
                call.stage = next;
                None
            }
            Err(Refused::Later) => None,
            Err(refused) => self.answer(Err(refused.into())),
        }
    }

    /// What the device has read for the first call.
    pub(crate) fn take(&mut self, memory: &impl Shared, len: usize) {
        if let Some(sector) = self.sector.get_mut(..len) {
            // A place that is not in the memory is none that the disk tells.
            let _ = memory.copy_out(0, sector);
        }
    }

    /// The device is done with what it was asked for the first call.
    pub(crate) fn done(&mut self, done: &Done) -> Option<Answer<W>> {
        let result = done.result.map_err(ServiceError::from);
        let call = self.calls.front_mut()?;
        match (&call.ask, call.stage, result) {
            (Ask::Write(op), Stage::Asked, Ok(())) => {
                let start = (op.offset % u64::from(SECTOR)) as usize;
                let bytes = op.data.as_bytes();
                if let Some(to) = self.sector.get_mut(start..start + bytes.len()) {
                    to.copy_from_slice(bytes);
                }
                call.stage = Stage::Patched;
                None
            }
            (.., result) => self.answer(result),
        }
    }

    /// Everybody is told that the device is of no use.
    pub(crate) fn fail(&mut self) -> impl Iterator<Item = Answer<W>> {
        let calls = core::mem::take(&mut self.calls).into_iter();
        calls.map(|call| (call.who, call.ask.refuse(ServiceError::DeviceFailed)))
    }

    /// The answer of the first call, which ends it.
    fn answer(&mut self, result: Result<(), ServiceError>) -> Option<Answer<W>> {
        let Call { who, ask, .. } = self.calls.pop_front()?;
        let message = match (&ask, result) {
            (_, Err(error)) => ask.refuse(error),
            (Ask::Flush(op), Ok(())) => op.answer(Ok(())),
            (Ask::Write(op), Ok(())) => {
                op.answer(Ok(Written { len: op.data.as_bytes().len() as u64 }))
            }
            (Ask::Read(op), Ok(())) => {
                let start = (op.offset % u64::from(SECTOR)) as usize;
                let bytes = self.sector.get(start..start + op.len as usize).unwrap_or(&[]);
                op.answer(Ok(Text::piece(bytes)))
            }
        };
        Some((who, message))
    }
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> ServiceError {
        match failure {
            Failure::Device => ServiceError::DeviceFailed,
            Failure::Unsupported => ServiceError::NotSupported,
        }
    }
}

impl From<Refused> for ServiceError {
    fn from(refused: Refused) -> ServiceError {
        match refused {
            Refused::Unsupported => ServiceError::NotSupported,
            Refused::OutOfRange => ServiceError::OutOfRange,
            Refused::Later => ServiceError::Busy,
            Refused::NoData => ServiceError::Malformed,
            Refused::Gone => ServiceError::DeviceFailed,
        }
    }
}
