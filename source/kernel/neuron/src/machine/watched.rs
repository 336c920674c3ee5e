//! The kernel of test builds (feature `checker`): after each trap of a process that is watched, it
//! looks at all it has, and panics when a rule is broken.
//!
//! Which processes these are, the boot arguments say; it gives them nothing.

use neuron::range::{Range, RangeSet};
use neuron::watch::Watched;
use neuron_core::Kernel;
use neuron_core::check::{Event, FrameMark, Ledger, ProcessSum, Scratch, Violation};
use neuron_core::store::addr::Frame;
use nexus_abi::regs;

use super::lock::Lock;
use super::phys::{FreeRam, Machine};

/// The machine under the kernel logic.
pub(super) type Base = Ledger<'static, Machine>;
/// The kernel.
pub(super) type TheKernel = Kernel<'static, Base>;

/// Page-table writes and fences of one trap: a call clears 512 frames at most, and writes no more
/// than two words for each of 512 pages.
const EVENTS: u32 = 2048;

/// The checker: who is watched, and the room it works in.
struct Checker {
    watched: Watched,
    scratch: Scratch<'static>,
    /// Traps since the last look.
    passed: u32,
}

/// Taken while the kernel's own lock is held.
static CHECKER: Lock<Checker> = Lock::empty();

/// Memory of the checker, set aside at boot.
pub(super) struct Room {
    scratch: Scratch<'static>,
    events: &'static mut [Event],
}

impl Room {
    /// For the frames of these banks, and slots for processes. `None` when there is no room.
    pub(super) fn new(free: &mut FreeRam, banks: &RangeSet, processes: u32) -> Option<Room> {
        let first = Frame::at(banks.iter().next()?.start)?;
        let marks = free.frames(banks, FrameMark::default)?;
        let sums = free.array(processes, ProcessSum::default)?;
        let events = free.array(EVENTS, || Event::Zero(first))?;
        Some(Room { scratch: Scratch::new(marks, sums), events })
    }

    /// The machine with a ledger, once; `tree` says who is watched.
    pub(super) fn over(self, machine: Machine, tree: Range) -> Base {
        let watched = machine.bytes(tree).map_or(Watched::NOBODY, Watched::of_tree);
        drop(CHECKER.fill(Checker { watched, scratch: self.scratch, passed: 0 }));
        Ledger::new(machine, self.events)
    }
}

/// The machine itself.
pub(super) fn machine(base: &Base) -> &Machine {
    &base.machine
}

/// The machine itself.
pub(super) fn machine_mut(base: &mut Base) -> &mut Machine {
    &mut base.machine
}

/// In place of `a7`, when a process is being taken apart while nobody runs.
const NOBODY_RUNS: u64 = u64::MAX;

/// Whose trap is handled, when he is watched: service id, and `a7`, the number of the call.
pub(super) struct Turn(Option<(u32, u64)>);

/// Before a trap is handled: what others did until now is looked at apart from its fences, which
/// may lie calls apart.
pub(super) fn before(kernel: &mut TheKernel) -> Turn {
    let mut checker = CHECKER.lock();
    let Some(service) = kernel.concerned().filter(|id| checker.watched.has(*id)) else {
        return Turn(None);
    };
    let number = kernel.current().map_or(NOBODY_RUNS, |(frame, _)| frame.get(regs::NUMBER));
    if !kernel.platform.is_clear() {
        hold(kernel.check(&mut checker.scratch), "Before", service, number);
        kernel.platform.clear();
    }
    Turn(Some((service, number)))
}

/// After it.
pub(super) fn after(kernel: &mut TheKernel, turn: Turn) {
    let Turn(Some((service, number))) = turn else { return };
    let mut checker = CHECKER.lock();
    checker.passed += 1;
    if kernel.platform.is_clear() && checker.passed < checker.watched.every {
        return;
    }
    checker.passed = 0;
    hold(kernel.check(&mut checker.scratch), "After", service, number);
    hold(kernel.check_fences(&mut checker.scratch), "After", service, number);
}

/// Ends the run when a rule is broken.
fn hold(checked: Result<(), Violation>, when: &str, service: u32, number: u64) {
    if let Err(violation) = checked {
        match number {
            NOBODY_RUNS => panic!("checker: {violation} {when} a step of ending service {service}"),
            _ => panic!("checker: {violation} {when} a trap of service {service}, a7 {number}"),
        }
    }
}
