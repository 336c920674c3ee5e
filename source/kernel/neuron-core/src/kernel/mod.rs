//! The state of the kernel and what works on all of it: the derivation tree, address spaces, the
//! scheduler, deadlines, and how it all begins.

pub mod alarm;
pub mod boot;
mod device;
pub(crate) mod lines;
mod release;
pub(crate) mod sched;
pub(crate) mod space;
mod tree;

use nexus_abi::{EndReason, Error, Handle, NO_DEADLINE, ProcessState, Rights};

use crate::Result;
use crate::kernel::alarm::{Alarm, Alarms};
use crate::kernel::sched::ReadyQueues;
use crate::object::capability::{CapState, Capability, Named};
use crate::object::dma::{DeviceMemory, Reserve};
use crate::object::endpoint::{Endpoint, Notification, Vmo};
use crate::object::line::Line;
use crate::object::mapping::Mapping;
use crate::object::process::{Ending, Process};
use crate::object::register::Registers;
use crate::object::thread::{Thread, TrapFrame};
use crate::platform::Platform;
use crate::store::banks::Banks;
use crate::store::frames::{FrameInfo, Frames};
use crate::store::list::List;
use crate::store::pool::{Id, Pool, Slot};

/// Service ids are from 1 to 1023.
pub const MAX_SERVICE_ID: u32 = 1023;

/// Slots that a reply handle can name.
const MAX_THREAD_SLOTS: usize = 1 << 16;

/// The memory that the kernel's tables live in. Their sizes are the limits of the system; see
/// [`crate::kernel::boot`] for how they relate.
#[derive(Debug)]
pub struct Tables<'a> {
    /// Capabilities and anchors.
    pub caps: &'a mut [Slot<Capability>],
    /// Endpoints.
    pub endpoints: &'a mut [Slot<Endpoint>],
    /// Notifications.
    pub notifications: &'a mut [Slot<Notification>],
    /// Memory objects.
    pub vmos: &'a mut [Slot<Vmo>],
    /// Mappings.
    pub mappings: &'a mut [Slot<Mapping>],
    /// Processes; at most 65,535, for the numbers of address spaces.
    pub processes: &'a mut [Slot<Process>],
    /// Threads; no more than 65,536 are used, for reply handles.
    pub threads: &'a mut [Slot<Thread>],
    /// Masks of windows, each with a device page in the kernel half:
    /// [`crate::object::register::DEVICE_PAGES`], or less.
    pub registers: &'a mut [Slot<Registers>],
    /// Memory of devices: [`crate::object::dma::DEVICE_MEMORIES`].
    pub memories: &'a mut [Slot<DeviceMemory>],
    /// Deadlines: as many as threads.
    pub alarms: &'a mut [Alarm<Thread>],
    /// Interrupt lines: one more than the number of the last, which is at most 1,023.
    pub lines: &'a mut [Slot<Line>],
    /// Alarms of lines that are held back: as many as lines.
    pub held: &'a mut [Alarm<Line>],
    /// One entry for each frame of RAM.
    pub frames: Banks<'a, FrameInfo>,
}

/// What one hart is doing. There is one of it for each hart; all are behind the kernel's lock.
#[derive(Debug)]
pub struct Hart {
    /// The thread it runs.
    pub current: Option<Id<Thread>>,
    /// When its turn is over, and others of its priority run; [`NO_DEADLINE`] when there are none.
    pub slice_end: u64,
    /// Number of the turn, while there is such an end; 0 else.
    pub turn: u64,
    /// The tick its timer is set to.
    pub programmed: u64,
}

/// The kernel.
///
/// `repr(C)` because the order counts: what every call reads comes first, where one load reaches it
/// (2 KiB), and the large tables come last.
#[derive(Debug)]
#[repr(C)]
pub struct Kernel<'a, P> {
    pub(crate) hart: Hart,
    pub(crate) threads: Pool<'a, Thread>,
    pub(crate) caps: Pool<'a, Capability>,
    pub(crate) endpoints: Pool<'a, Endpoint>,
    pub(crate) notifications: Pool<'a, Notification>,
    pub(crate) processes: Pool<'a, Process>,
    pub(crate) mappings: Pool<'a, Mapping>,
    pub(crate) vmos: Pool<'a, Vmo>,
    pub(crate) registers: Pool<'a, Registers>,
    pub(crate) memories: Pool<'a, DeviceMemory>,
    pub(crate) reserve: Reserve,
    pub(crate) frames: Frames<'a>,
    pub(crate) ending: List<Process, Ending>,
    /// Number of the last call.
    pub(crate) calls: u64,
    /// Number of the last turn.
    pub(crate) turns: u64,
    pub(crate) init: Option<Id<Process>>,
    pub(crate) alarms: Alarms<'a, Thread>,
    pub(crate) lines: Pool<'a, Line>,
    pub(crate) held: Alarms<'a, Line>,
    /// Claims that delivered nothing.
    pub(crate) strays: u64,
    pub(crate) ready: ReadyQueues,
    /// The machine.
    pub platform: P,
    /// Lives of each service so far.
    pub(crate) lives: [u32; 1024],
    /// Tick of the last look at what runs.
    pub(crate) looked: u64,
    /// Ticks of each priority, 0 to 31, and at the end those in which nothing ran.
    pub(crate) times: [u64; 33],
}

impl<'a, P: Platform> Kernel<'a, P> {
    /// A kernel with nothing in it, over these tables and frames.
    pub fn new(platform: P, tables: Tables<'a>) -> Kernel<'a, P> {
        let count = tables.threads.len().min(MAX_THREAD_SLOTS);
        let (threads, _) = tables.threads.split_at_mut(count);
        Kernel {
            looked: platform.now(),
            times: [0; 33],
            platform,
            caps: Pool::new(tables.caps),
            endpoints: Pool::new(tables.endpoints),
            notifications: Pool::new(tables.notifications),
            vmos: Pool::new(tables.vmos),
            registers: Pool::new(tables.registers),
            memories: Pool::new(tables.memories),
            reserve: Reserve::EMPTY,
            mappings: Pool::new(tables.mappings),
            processes: Pool::new(tables.processes),
            threads: Pool::new(threads),
            frames: Frames::new(tables.frames),
            hart: Hart { current: None, slice_end: NO_DEADLINE, turn: 0, programmed: NO_DEADLINE },
            ready: ReadyQueues::EMPTY,
            alarms: Alarms::new(tables.alarms),
            lines: Pool::new(tables.lines),
            held: Alarms::new(tables.held),
            strays: 0,
            ending: List::EMPTY,
            calls: 0,
            turns: 0,
            lives: [0; 1024],
            init: None,
        }
    }

    /// The frames of RAM.
    pub fn frames_mut(&mut self) -> &mut Frames<'a> {
        &mut self.frames
    }

    /// Why init ended, once it has: the system is over.
    pub fn init_ended(&self) -> Option<EndReason> {
        self.init.and_then(|id| self.processes.get(id).ok()).and_then(|process| process.end)
    }

    /// The thread that this hart runs: its registers, and `satp` for its address space.
    pub fn current(&mut self) -> Option<(&mut TrapFrame, u64)> {
        let thread = self.threads.get_mut(self.hart.current?).ok()?;
        Some((&mut thread.frame, thread.satp))
    }

    /// The capability that a handle of `process` names.
    #[inline(always)]
    pub(crate) fn lookup(
        &self,
        process: Id<Process>,
        handle: Handle,
    ) -> Result<(Id<Capability>, &Capability)> {
        let (id, cap) = self.caps.by_handle(handle)?;
        let held = cap.owner == process && cap.state == CapState::Held;
        if held { Ok((id, cap)) } else { Err(Error::BadHandle) }
    }

    /// What a handle of `process` names, with these rights, and the capability.
    ///
    /// # Errors
    /// `BadHandle`, `WrongKind`, `Denied`, in this order.
    #[inline(always)]
    pub(crate) fn held<T: Named>(
        &self,
        process: Id<Process>,
        handle: Handle,
        rights: Rights,
    ) -> Result<(T, Id<Capability>, &Capability)> {
        let (id, cap) = self.lookup(process, handle)?;
        let what = T::of(cap.kind)?;
        need(cap, rights)?;
        Ok((what, id, cap))
    }

    /// The process that a handle names (MANAGE), or the caller for NONE.
    pub(crate) fn target(&self, caller: Id<Process>, handle: Handle) -> Result<Id<Process>> {
        if handle == Handle::NONE {
            return Ok(caller);
        }
        self.held(caller, handle, Rights::MANAGE).map(|(id, ..)| id)
    }

    /// Refuses a process that has ended.
    pub(crate) fn check_live(&self, id: Id<Process>) -> Result {
        let live = self.processes.get(id)?.state == ProcessState::Live;
        if live { Ok(()) } else { Err(Error::BadState) }
    }

    /// Gives kernel objects back.
    pub(crate) fn refund_objects(&mut self, process: Id<Process>, count: u32) {
        if let Ok(process) = self.processes.get_mut(process) {
            process.objects.refund(count);
        }
    }
}

/// Finds the rights in a capability, or refuses.
pub(crate) fn need(cap: &Capability, rights: Rights) -> Result {
    if cap.rights.contains(rights) { Ok(()) } else { Err(Error::Denied) }
}

/// Units of work in one step. A unit is about what it takes to take one capability out of the tree,
/// 170 instructions; a piece of work that is dearer says so by what stands in [`cost`].
const STEP: u32 = 256;

/// What pieces of work cost, in units. From these and [`STEP`] follows what one entry into the kernel
/// does at most (RFC-0001, S6).
pub(crate) mod cost {
    /// A fence: the translations of an address space have to be found again.
    pub(crate) const FENCE: u32 = 4;
    /// Leaves written or cleared for one unit.
    pub(crate) const LEAVES: u32 = 4;
    /// Clearing a frame.
    pub(crate) const CLEAR: u32 = 8;
    /// Frames taken or given back for one unit.
    pub(crate) const FRAMES: u32 = 2;
    /// A message that fails, with up to three capabilities made and dropped again.
    pub(crate) const FAILURE: u32 = 32;

    /// Ending the binding of an interrupt line: registers of its controller are written.
    pub(crate) const LINE: u32 = 2;

    /// Ending a mapping of so many pages.
    pub(crate) const fn unmap(pages: u32) -> u32 {
        match pages {
            0..=super::space::FENCE_EACH => pages.wrapping_mul(FENCE.wrapping_add(1)),
            _ => FENCE.wrapping_add(pages.div_ceil(LEAVES)),
        }
    }
}

/// How much a call may still do before it lets interrupts in.
#[derive(Debug)]
pub(crate) struct Work(u32);

impl Work {
    /// Enough to go all the way down the tree, and do something there.
    #[cfg(not(feature = "testing"))]
    pub(crate) const fn step() -> Work {
        Work(STEP)
    }

    /// As much as a test says.
    #[cfg(feature = "testing")]
    pub(crate) fn step() -> Work {
        Work(crate::sim::pace::step(STEP))
    }

    /// Uses some up.
    pub(crate) fn spend(&mut self, units: u32) {
        self.0 = self.0.saturating_sub(units);
    }

    /// Stops when there is none left, and uses some up.
    pub(crate) fn ask(&mut self, units: u32) -> Step {
        if self.0 == 0 {
            return Err(Stop::More);
        }
        self.spend(units);
        Ok(())
    }
}

/// Why work that goes in steps has not come to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It goes on at the next step.
    More,
    /// It has failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

/// One step of such work: an error when it has not come to its end.
pub(crate) type Step<T = ()> = core::result::Result<T, Stop>;

/// True when there is more to do at the next step.
pub(crate) fn goes_on(step: Step) -> Result<bool> {
    match step {
        Ok(()) => Ok(false),
        Err(Stop::More) => Ok(true),
        Err(Stop::Failed(error)) => Err(error),
    }
}
