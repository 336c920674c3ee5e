//! Interrupt lines: binding, acknowledging and inspecting one, and the limit of a capability.

use nexus_abi::{Error, Handle, IrqInfo, LineState, Rights};

use crate::Result;
use crate::call::Args;
use crate::kernel::lines::MAX_SIGNALLING;
use crate::kernel::{Kernel, need};
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::line::{Line, Lines, Receiver};
use crate::object::process::Process;
use crate::platform::Platform;
use crate::store::pool::Id;

/// The value of `irq_ack` that writes no register.
pub(super) const NO_VALUE: u64 = u64::MAX;

impl<P: Platform> Kernel<'_, P> {
    /// `irq_bind`.
    pub(crate) fn irq_bind(&mut self, caller: Id<Process>, args: Args) -> Result {
        let [irq, signals, bits, window, offset, _] = args;
        let (lines, by, cap) = self.held::<Lines>(caller, Handle(irq), Rights::RECV)?;
        if cap.rights.contains(Rights::DERIVE) {
            return Err(Error::Denied);
        }
        let has_child = !cap.children.is_empty();
        let (notification, with, _) = self.held(caller, Handle(signals), Rights::SEND)?;
        // No register can be named yet.
        if bits == 0 || Handle(window) != Handle::NONE || offset != 0 {
            return Err(Error::BadArgument);
        }
        let id = lines.sole()?;
        if has_child || self.lines.get(id)?.receiver.is_some() {
            return Err(Error::Busy);
        }
        let list = &mut self.notifications.get_mut(notification)?.lines;
        if list.iter(&self.lines).count() >= MAX_SIGNALLING {
            return Err(Error::NoMemory);
        }
        list.push_back(&mut self.lines, id)?;
        self.processes.get_mut(caller)?.lines.push_back(&mut self.lines, id)?;
        let receiver = Receiver { by, notification, with, bits, state: LineState::Armed };
        self.lines.get_mut(id)?.receiver = Some(receiver);
        self.platform.open(id.slot());
        Ok(())
    }

    /// `irq_ack`.
    pub(crate) fn irq_ack(&mut self, caller: Id<Process>, handle: Handle, value: u64) -> Result {
        let line = self.to_acknowledge(caller, handle)?;
        if value != NO_VALUE {
            return Err(Error::BadArgument);
        }
        let (id, interval) = line.ok_or(Error::BadState)?;
        self.acknowledge(id, interval)
    }

    /// The line that `process` acknowledges by this handle (RECV), and the interval of the
    /// capability; `None` when no interrupt of it was delivered, or it was bound by another.
    #[inline(always)]
    pub(crate) fn to_acknowledge(
        &self,
        process: Id<Process>,
        handle: Handle,
    ) -> Result<Option<(Id<Line>, u64)>> {
        let (lines, by, cap) = self.held::<Lines>(process, handle, Rights::RECV)?;
        let Some(id) = self.line_of(by, cap.kind) else { return Ok(None) };
        let delivered = self.lines.get(id)?.state() == LineState::Delivered;
        Ok(delivered.then_some((id, lines.interval())))
    }

    /// `irq_stat`.
    pub(crate) fn irq_stat(&self, caller: Id<Process>, handle: Handle) -> Result<IrqInfo> {
        let (lines, ..) = self.held::<Lines>(caller, handle, Rights::MANAGE)?;
        let id = lines.sole()?;
        let line = self.lines.get(id)?;
        Ok(IrqInfo {
            line: u64::from(id.slot()),
            state: line.state(),
            interval: lines.interval(),
            delivered: line.delivered,
            held_back: line.held_back,
            last: line.last,
        })
    }

    /// `cap_limit` of lines.
    pub(crate) fn limit_lines(&mut self, id: Id<Capability>, lines: Lines, limit: u64) -> Result {
        let cap = self.caps.get(id)?;
        need(cap, Rights::MANAGE)?;
        let slower = lines.slower(limit)?;
        if !cap.children.is_empty() || self.line_of(id, cap.kind).is_some() {
            return Err(Error::Busy);
        }
        self.caps.get_mut(id)?.kind = CapabilityKind::Irq(slower);
        Ok(())
    }
}
