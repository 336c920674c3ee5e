//! One device, and where it is in its life.

use alloc::vec::Vec;
use core::ops::ControlFlow::{self, Break, Continue};

use nexus_abi::{Error, Handle, Message, Rights};
use nexus_proto::bus::{Prepared, Taken};
use nexus_proto::{ServiceError, Zero, encode_error, encode_payload, encode_with_caps};
use nexus_sysdesc::ask::Ask;
use nexus_sysdesc::layout::Layout;
use nexus_sysdesc::{Device, SERIAL_LEN, Serial};

use crate::features::BLOCK;
use crate::memory::{Made, Memory, POOL, USED};
use crate::setup::{Agreed, Setup};
use crate::{Failure, Kernel};

/// How often a device that was reset is looked at, a millisecond apart, before it has failed.
pub const POLLS: u32 = 100;
/// The same for a disk that was asked for its serial number, which may take what other disks take.
pub const ASKS: u32 = 1000;

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
    /// It was given to busd, and is to be asked for its serial number if it is a disk.
    Ask(Layout),
    /// It was asked: its answer is waited for, and then it is taken.
    Hear(Ask, Made),
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
type SetUp = Result<(Made, Agreed), Failure>;
type Looked = Result<ControlFlow<Message, (Job, u32)>, Failure>;

/// A device.
pub(crate) struct Slot<R> {
    /// Its number in the description.
    pub(crate) number: u16,
    window: Handle,
    len: u64,
    state: State,
    pub(crate) memory: Memory,
    /// What was placed last, and its digest: the next life of an owner has the same.
    placed: Option<(Layout, u64)>,
    /// What it told when it was asked.
    serial: Option<Serial>,
    /// The window that busd works by, while it does.
    working: Option<Handle>,
    /// Copies that are about to be passed on.
    copies: Vec<Handle>,
    pending: Option<Pending<R>>,
}

impl<R> Slot<R> {
    /// A device that was just given to busd, with a window of `len` bytes.
    pub(crate) fn new(number: u16, window: Handle, len: u64) -> Slot<R> {
        let (memory, copies) = (Memory::default(), Vec::new());
        let (state, serial, working, pending) = (State::Reset, None, None, None);
        let placed = None;
        Slot { number, window, len, state, memory, placed, serial, working, copies, pending }
    }

    /// True for this device of the description: by the serial number that it told, or else by number.
    pub(crate) fn is(&self, device: &Device) -> bool {
        device.serial().map_or(self.number == device.id, |serial| self.serial == Some(serial))
    }

    /// True while the device is being reset.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
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

    /// Looks at the device, if it is waited for, and goes on when there is no more to wait for.
    pub(crate) fn poll<K: Kernel>(&mut self, kernel: &mut K) -> Answer<R> {
        let Pending { job, polls, reply } = self.pending.take()?;
        let message = match self.look(job, polls, kernel) {
            Ok(Continue((job, polls))) => {
                self.pending = Some(Pending { job, polls, reply });
                return None;
            }
            Ok(Break(message)) => message,
            Err(why) => self.fail(why, kernel),
        };
        self.copies.clear();
        Some((reply, message))
    }

    /// A look at the device: what is to be done at the next one, or the answer.
    fn look<K: Kernel>(&mut self, job: Job, polls: u32, kernel: &mut K) -> Looked {
        let window = self.working.unwrap_or(Handle::NONE);
        let mut setup = Setup { kernel, window };
        let again = polls.saturating_add(1);
        if let Job::Hear(ask, made) = &job {
            self.serial = setup.hear(ask, *made, again > ASKS)?;
            let next = if self.serial.is_some() { (Job::Take, 0) } else { (job, again) };
            return Ok(Continue(next));
        }
        if !setup.reset(polls, POLLS)? {
            return Ok(Continue((job, again)));
        }
        Ok(Break(match job {
            Job::Ask(layout) if setup.identify(BLOCK).is_ok() => {
                let ask = Ask::of(&layout).ok_or(Error::BadArgument)?;
                let (made, _) = self.set_up(BLOCK, &layout, &mut setup)?;
                setup.ask(&ask, made)?;
                return Ok(Continue((Job::Hear(ask, made), 0)));
            }
            Job::Prepare(plan) => self.prepare(&plan, setup)?,
            Job::Release => self.release(kernel)?,
            Job::Take | Job::Ask(_) | Job::Hear(..) => {
                self.leave(kernel);
                let serial = self.serial.map_or([0; SERIAL_LEN], Into::into);
                encode_payload(0, &Taken { serial, zero: Zero::ZERO })
            }
        }))
    }

    /// Sets the device up in memory of its own. Once it was asked that is cleared first.
    fn set_up<K: Kernel>(&mut self, id: u32, layout: &Layout, by: &mut Setup<K>) -> SetUp {
        if self.serial.is_some() {
            by.kernel.quiet(self.window)?;
        }
        let made = self.memory.make(by, layout)?;
        let known = self.placed.as_ref().filter(|(before, _)| before == layout);
        let (features, digest) = by.run(id, layout, made, known.map(|(_, digest)| *digest))?;
        if known.is_none() {
            self.placed = Some((layout.clone(), digest));
        }
        Ok((made, (features, digest)))
    }

    /// Busd works on it no more.
    fn leave<K: Kernel>(&mut self, kernel: &mut K) -> Message {
        self.working.take().into_iter().for_each(|window| kernel.give_up(window));
        encode_payload(0, &())
    }

    /// Sets the device up and passes it on. Without queues it stays in reset.
    fn prepare<K: Kernel>(&mut self, plan: &Plan, mut by: Setup<K>) -> Done {
        let Plan { nonce, id, layout, .. } = plan;
        by.identify(*id)?;
        let queues = !layout.queues.is_empty();
        let set_up = queues.then(|| self.set_up(*id, layout, &mut by)).transpose()?;
        let kernel = by.kernel;
        self.leave(kernel);
        let mut copy = |cap, rights, len| -> Result<Handle, Failure> {
            let copy = kernel.derive(cap, rights, len)?;
            self.copies.push(copy);
            Ok(copy)
        };
        let window = copy(self.window, plan.rights | PASSED, self.len)?;
        let prepared = |(features, digest)| Prepared { nonce: *nonce, features, digest };
        let message = match set_up {
            None => encode_with_caps(0, &prepared((0, layout.digest())), [window]),
            Some((Made { pool, used, .. }, agreed)) => {
                let (pool, used) = (copy(pool, POOL, 0)?, copy(used, USED, 0)?);
                encode_with_caps(0, &prepared(agreed), [window, pool, used])
            }
        };
        kernel.limit(window, plan.registers)?;
        self.state = State::Prepared;
        Ok(message)
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
