//! The kernel as it is: nobody is watched.

use neuron::range::{Range, RangeSet};
use neuron_core::Kernel;

use super::phys::{FreeRam, Machine};

/// The machine under the kernel logic.
pub(super) type Base = Machine;
/// The kernel.
pub(super) type TheKernel = Kernel<'static, Base>;

/// What is kept from before a trap is handled to after it.
pub(super) struct Turn;

/// Nothing is set aside.
pub(super) struct Room;

impl Room {
    /// Nothing is set aside.
    pub(super) fn new(_: &mut FreeRam, _: &RangeSet, _: u32) -> Option<Room> {
        Some(Room)
    }

    /// The machine, as it is.
    pub(super) fn over(self, machine: Machine, _: Range) -> Base {
        machine
    }
}

/// The machine itself.
#[inline(always)]
pub(super) fn machine(base: &Base) -> &Machine {
    base
}

/// The machine itself.
#[inline(always)]
pub(super) fn machine_mut(base: &mut Base) -> &mut Machine {
    base
}

/// Before a trap is handled.
#[inline(always)]
pub(super) fn before(_: &mut TheKernel) -> Turn {
    Turn
}

/// After it.
#[inline(always)]
pub(super) fn after(_: &mut TheKernel, _: Turn) {}
