//! One device, and where it is in its life.

use nexus_abi::{Error, Handle, Message, Rights};
use nexus_proto::bus::{Prepare, Prepared};
use nexus_proto::{ServiceError, encode_error, encode_payload, encode_with_caps};
use nexus_sysdesc::layout::{Layout, Seal};
use nexus_sysdesc::{Description, Rule};

use crate::memory::Memory;
use crate::setup::{Agreed, Setup};
use crate::{Failure, Kernel};

/// How often a device that was reset is looked at, a millisecond apart, before it has failed.
pub const POLLS: u32 = 100;

/// What busd has of a window while it works on the device: it derives nothing from that.
const WORKING: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::PLACE);
/// What init needs of an owner's window beside what the owner gets: to compare, pass on, and take back.
const PASSED: Rights = Rights::GRANT.union(Rights::REVOKE).union(Rights::MANAGE);

/// Where a device is, between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In reset, its memory is clear, and nobody has it.
    Reset,
    /// Passed on, until it is released.
    Prepared,
    /// It is of no use, for good.
    Failed,
}

/// What a reset is the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// It was given to busd.
    Take,
    /// An owner is to have it.
    Prepare(Prepare),
    /// Its owner has ended.
    Release,
}

/// A device that is being reset, and who waits for that.
struct Pending<R> {
    job: Job,
    working: Handle,
    polls: u32,
    reply: R,
}

/// A device.
pub(crate) struct Slot<R> {
    /// Its number in the description.
    pub(crate) number: u16,
    window: Handle,
    len: u64,
    state: State,
    memory: Memory,
    pending: Option<Pending<R>>,
}

impl<R> Slot<R> {
    /// A device that was just given to busd, with a window of `len` bytes.
    pub(crate) fn new(number: u16, window: Handle, len: u64) -> Slot<R> {
        let (state, memory) = (State::Reset, Memory::default());
        Slot { number, window, len, state, memory, pending: None }
    }

    /// True while the device is being reset.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether the device can be prepared with queues like these.
    pub(crate) fn is_free_for(&self, layout: &Layout) -> Result<(), ServiceError> {
        self.is_in(State::Reset)?;
        if self.memory.fits(layout) { Ok(()) } else { Err(ServiceError::BadState) }
    }

    /// Whether the device can be released.
    pub(crate) fn is_passed_on(&self) -> Result<(), ServiceError> {
        self.is_in(State::Prepared)
    }

    fn is_in(&self, state: State) -> Result<(), ServiceError> {
        match self.state {
            _ if self.is_waiting() => Err(ServiceError::Busy),
            State::Failed => Err(ServiceError::DeviceFailed),
            found if found == state => Ok(()),
            _ => Err(ServiceError::BadState),
        }
    }

    /// Resets the device; `job` goes on when that is over.
    pub(crate) fn begin<K: Kernel<Reply = R>>(
        &mut self,
        job: Job,
        reply: R,
        system: &Description,
        kernel: &mut K,
    ) {
        let window = match kernel.derive(self.window, WORKING, self.len) {
            Ok(window) => window,
            // Somebody still has it.
            Err(Error::Busy) => {
                return kernel.answer(reply, &encode_error(ServiceError::Busy));
            }
            Err(error) => return self.fail(None, reply, error.into(), kernel),
        };
        match (Setup { kernel, window }).reset() {
            Ok(()) => {
                self.pending = Some(Pending { job, working: window, polls: 0, reply });
                self.poll(system, kernel);
            }
            Err(why) => self.fail(Some(window), reply, why, kernel),
        }
    }

    /// Looks whether the reset is over, if there is one, and goes on when it is.
    pub(crate) fn poll<K: Kernel<Reply = R>>(&mut self, system: &Description, kernel: &mut K) {
        let Some(pending) = self.pending.take() else { return };
        let Pending { job, working: window, polls, reply } = pending;
        match (Setup { kernel, window }).is_reset(polls >= POLLS) {
            Ok(true) => self.go_on(job, window, reply, system, kernel),
            Ok(false) => {
                let polls = polls.saturating_add(1);
                self.pending = Some(Pending { job, working: window, polls, reply });
            }
            Err(why) => self.fail(Some(window), reply, why, kernel),
        }
    }

    fn go_on<K: Kernel<Reply = R>>(
        &mut self,
        job: Job,
        window: Handle,
        reply: R,
        system: &Description,
        kernel: &mut K,
    ) {
        let mut prepared = None;
        if let Job::Prepare(ask) = job {
            match self.prepare(&ask, window, system, kernel) {
                Ok(done) => prepared = Some(done),
                Err(why) => return self.fail(Some(window), reply, why, kernel),
            }
        }
        kernel.give_up(window);
        let answer = match prepared {
            Some((prepared, rule, memory)) => self.pass_on(prepared, rule, memory, kernel),
            None => self.settle(job, kernel),
        };
        match answer {
            Ok(message) => {
                kernel.answer(reply, &message);
                message.caps().for_each(|cap| kernel.give_up(cap));
            }
            Err(why) => self.fail(None, reply, why, kernel),
        }
    }

    /// Sets the device up, by the rule for both. Where that has no queues it stays in reset.
    fn prepare<'a, K: Kernel>(
        &mut self,
        ask: &Prepare,
        window: Handle,
        system: &'a Description,
        kernel: &mut K,
    ) -> Result<(Prepared, &'a Rule, Option<[Handle; 2]>), Failure> {
        let rule = system.rule_for(ask.service, self.number).ok_or(Failure::NoRule)?;
        let layout = Layout::of(&rule.queues).ok_or(Failure::NoRule)?;
        let id = system.device(self.number).and_then(|device| device.virtio_id);
        let id = id.ok_or(Failure::NoRule)?;
        Setup { kernel, window }.identify(id)?;
        let mut done = (Agreed { features: 0, digest: Seal::default().finish() }, None);
        if !layout.queues.is_empty() {
            let made = self.memory.make(kernel, window, &layout)?;
            let agreed = Setup { kernel, window }.run(id, &layout, made)?;
            done = (agreed, Some(made.copies(kernel)?));
        }
        let (Agreed { features, digest }, memory) = done;
        Ok((Prepared { nonce: ask.nonce, features, digest }, rule, memory))
    }

    /// The answer that carries what the owner is to have.
    fn pass_on<K: Kernel>(
        &mut self,
        prepared: Prepared,
        rule: &Rule,
        memory: Option<[Handle; 2]>,
        kernel: &mut K,
    ) -> Result<Message, Failure> {
        match self.owners_window(rule, kernel) {
            Ok(window) => {
                self.state = State::Prepared;
                Ok(match memory {
                    Some([pool, used]) => encode_with_caps(0, &prepared, [window, pool, used]),
                    None => encode_with_caps(0, &prepared, [window]),
                })
            }
            Err(error) => {
                memory.into_iter().flatten().for_each(|cap| kernel.give_up(cap));
                Err(error.into())
            }
        }
    }

    /// A window with the rights and registers of the rule.
    fn owners_window<K: Kernel>(&self, rule: &Rule, kernel: &mut K) -> Result<Handle, Error> {
        let window = kernel.derive(self.window, rule.rights() | PASSED, self.len)?;
        let limited = kernel.limit(window, rule.registers.unwrap_or(0));
        limited.inspect_err(|_| kernel.give_up(window))?;
        Ok(window)
    }

    /// A device that nobody has: its memory is cleared, if anybody had it.
    fn settle<K: Kernel>(&mut self, job: Job, kernel: &mut K) -> Result<Message, Failure> {
        if job == Job::Release {
            match kernel.quiet(self.window) {
                Ok(()) => self.state = State::Reset,
                Err(Error::Busy) => return Ok(encode_error(ServiceError::Busy)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(encode_payload(0, &()))
    }

    /// Nobody gets the device any more. It is told to reset, whatever comes of that.
    fn fail<K: Kernel<Reply = R>>(
        &mut self,
        window: Option<Handle>,
        reply: R,
        why: Failure,
        kernel: &mut K,
    ) {
        let window = window.or_else(|| kernel.derive(self.window, WORKING, self.len).ok());
        if let Some(window) = window {
            let _ = Setup { kernel, window }.reset();
            kernel.give_up(window);
        }
        self.state = State::Failed;
        kernel.failed(self.number, &why);
        kernel.answer(reply, &encode_error(ServiceError::DeviceFailed));
    }
}
