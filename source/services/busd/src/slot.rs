//! One device, and where it is in its life.

use alloc::vec::Vec;

use nexus_abi::{Error, Handle, Message, Rights};
use nexus_proto::bus::Prepared;
use nexus_proto::{ServiceError, encode_error, encode_payload, encode_with_caps};
use nexus_sysdesc::layout::Layout;

use crate::memory::{Memory, POOL, USED};
use crate::setup::{Agreed, Setup};
use crate::{Failure, Kernel};

/// How often a device that was reset is looked at, a millisecond apart, before it has failed.
pub const POLLS: u32 = 100;

/// What busd has of a window while it works on the device: it derives nothing from that.
const WORKING: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::PLACE);
/// What init needs of an owner's window beside what the owner gets: to compare, pass on, and take back.
const PASSED: Rights = Rights::GRANT.union(Rights::REVOKE).union(Rights::MANAGE);
/// What busd needs of a window that it is given.
pub(crate) const TAKEN: Rights = WORKING.union(PASSED).union(Rights::DERIVE);

/// Where a device is, between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// In reset, its memory is clear, and nobody has it.
    Reset,
    /// Passed on, until it is released.
    Prepared,
    /// It is of no use, for good.
    Failed,
}

/// What a reset is the beginning of.
pub(crate) enum Job {
    /// It was given to busd.
    Take,
    /// An owner is to have it.
    Prepare(Plan),
    /// Its owner has ended.
    Release,
}

/// How a device is set up, as the description says it.
pub(crate) struct Plan {
    /// The number of the question.
    pub(crate) nonce: u64,
    /// Its DeviceID.
    pub(crate) id: u32,
    /// Rights of its owner.
    pub(crate) rights: Rights,
    /// Registers that its owner may write.
    pub(crate) registers: u64,
    /// Its queues.
    pub(crate) layout: Layout,
}

/// A reset that is not over, and who waits for it.
struct Pending<R> {
    job: Job,
    polls: u32,
    reply: R,
}

/// Who is answered, and with what. What the message carries is given up afterwards.
pub(crate) type Answer<R> = Option<(R, Message)>;

type Done = Result<Message, Failure>;

/// A device.
pub(crate) struct Slot<R> {
    /// Its number in the description.
    pub(crate) number: u16,
    window: Handle,
    len: u64,
    state: State,
    memory: Memory,
    /// The window that busd works by, while it does.
    working: Option<Handle>,
    /// Copies that are about to be passed on.
    copies: Vec<Handle>,
    pending: Option<Pending<R>>,
}

impl<R> Slot<R> {
    /// A device that was just given to busd, with a window of `len` bytes.
    pub(crate) fn new(number: u16, window: Handle, len: u64) -> Slot<R> {
        let (state, memory) = (State::Reset, Memory::default());
        Slot {
            number,
            window,
            len,
            state,
            memory,
            working: None,
            copies: Vec::new(),
            pending: None,
        }
    }

    /// True while the device is being reset.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether memory that was made before is what these queues need.
    pub(crate) fn fits(&self, layout: &Layout) -> Result<(), ServiceError> {
        if self.memory.fits(layout) { Ok(()) } else { Err(ServiceError::BadState) }
    }

    /// Whether it is in this state.
    pub(crate) fn is_in(&self, state: State) -> Result<(), ServiceError> {
        match self.state {
            _ if self.is_waiting() => Err(ServiceError::Busy),
            State::Failed => Err(ServiceError::DeviceFailed),
            found if found == state => Ok(()),
            _ => Err(ServiceError::BadState),
        }
    }

    /// Resets the device; `job` goes on when that is over.
    pub(crate) fn begin<K: Kernel>(&mut self, job: Job, reply: R, kernel: &mut K) -> Answer<R> {
        match kernel.derive(self.window, WORKING, self.len) {
            Ok(window) => self.working = Some(window),
            // Somebody still has it.
            Err(Error::Busy) => return Some((reply, encode_error(ServiceError::Busy))),
            Err(error) => return Some((reply, self.fail(error.into(), kernel))),
        }
        self.pending = Some(Pending { job, polls: 0, reply });
        self.poll(kernel)
    }

    /// Looks whether the reset is over, if there is one, and goes on when it is.
    pub(crate) fn poll<K: Kernel>(&mut self, kernel: &mut K) -> Answer<R> {
        let Pending { job, polls, reply } = self.pending.take()?;
        let window = self.working.unwrap_or(Handle::NONE);
        let message = match (Setup { kernel, window }).reset(polls, POLLS) {
            Ok(false) => {
                self.pending = Some(Pending { job, polls: polls.saturating_add(1), reply });
                return None;
            }
            Ok(true) => match job {
                Job::Take => Ok(self.leave(kernel)),
                Job::Prepare(plan) => self.prepare(&plan, window, kernel),
                Job::Release => self.release(kernel),
            },
            Err(why) => Err(why),
        };
        let message = message.unwrap_or_else(|why| self.fail(why, kernel));
        self.copies.clear();
        Some((reply, message))
    }

    /// Busd works on it no more.
    fn leave<K: Kernel>(&mut self, kernel: &mut K) -> Message {
        self.working.take().into_iter().for_each(|window| kernel.give_up(window));
        encode_payload(0, &())
    }

    /// Sets the device up and passes it on. Without queues it stays in reset.
    fn prepare<K: Kernel>(&mut self, plan: &Plan, window: Handle, kernel: &mut K) -> Done {
        let Plan { nonce, id, layout, .. } = plan;
        Setup { kernel, window }.identify(*id)?;
        if layout.queues.is_empty() {
            self.leave(kernel);
            let prepared = Prepared { nonce: *nonce, features: 0, digest: layout.digest() };
            return Ok(encode_with_caps(0, &prepared, [self.owners(plan, kernel)?]));
        }
        let made = self.memory.make(kernel, window, layout)?;
        let Agreed { features, digest } = Setup { kernel, window }.run(*id, layout, made)?;
        self.leave(kernel);
        let prepared = Prepared { nonce: *nonce, features, digest };
        let window = self.owners(plan, kernel)?;
        let pool = self.copy(made.pool, POOL, 0, kernel)?;
        let used = self.copy(made.used, USED, 0, kernel)?;
        Ok(encode_with_caps(0, &prepared, [window, pool, used]))
    }

    /// The window that the owner is to have.
    fn owners<K: Kernel>(&mut self, plan: &Plan, kernel: &mut K) -> Result<Handle, Failure> {
        let window = self.copy(self.window, plan.rights | PASSED, self.len, kernel)?;
        kernel.limit(window, plan.registers)?;
        self.state = State::Prepared;
        Ok(window)
    }

    fn copy<K: Kernel>(
        &mut self,
        cap: Handle,
        rights: Rights,
        len: u64,
        kernel: &mut K,
    ) -> Result<Handle, Failure> {
        let copy = kernel.derive(cap, rights, len)?;
        self.copies.push(copy);
        Ok(copy)
    }

    /// Clears the memory of a device that is in reset and that nobody has.
    fn release<K: Kernel>(&mut self, kernel: &mut K) -> Done {
        let done = self.leave(kernel);
        match kernel.quiet(self.window) {
            Ok(()) => {
                self.state = State::Reset;
                Ok(done)
            }
            Err(Error::Busy) => Ok(encode_error(ServiceError::Busy)),
            Err(error) => Err(error.into()),
        }
    }

    /// Nobody gets the device any more. It is told to reset, whatever comes of that.
    fn fail<K: Kernel>(&mut self, why: Failure, kernel: &mut K) -> Message {
        self.copies.drain(..).for_each(|cap| kernel.give_up(cap));
        let derived = || kernel.derive(self.window, WORKING, self.len).ok();
        self.working = self.working.or_else(derived);
        if let Some(window) = self.working {
            let _ = Setup { kernel, window }.reset(0, POLLS);
        }
        self.leave(kernel);
        self.state = State::Failed;
        kernel.failed(self.number, &why);
        encode_error(ServiceError::DeviceFailed)
    }
}
