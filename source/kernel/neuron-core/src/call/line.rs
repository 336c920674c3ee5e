//! Interrupt lines: binding, acknowledging and inspecting one, and the limit of a capability.

use nexus_abi::{Error, Handle, IrqInfo, LineState, Rights};

use crate::Result;
use crate::call::Args;
use crate::kernel::lines::MAX_SIGNALLING;
use crate::kernel::{Kernel, need};
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::line::{Line, Lines, Receiver};
use crate::object::process::Process;
use crate::object::register::Register;
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
        if bits == 0 || Handle(window) == Handle::NONE && offset != 0 {
            return Err(Error::BadArgument);
        }
        let register = match Handle(window) {
            Handle::NONE => None,
            window => {
                let (_, cap) = self.lookup(caller, window)?;
                Some(Register::of(cap, &self.registers, offset, 0)?.0)
            }
        };
        let id = lines.sole()?;
        let written = register.map(|register| self.registers.get(register.page)).transpose()?;
        let named = written.is_some_and(|registers| registers.line.is_some());
        if has_child || named || self.lines.get(id)?.receiver.is_some() {
            return Err(Error::Busy);
        }
        let list = &mut self.notifications.get_mut(notification)?.lines;
        if list.iter(&self.lines).count() >= MAX_SIGNALLING {
            return Err(Error::NoMemory);
        }
        list.push_back(&mut self.lines, id)?;
        self.processes.get_mut(caller)?.lines.push_back(&mut self.lines, id)?;
        if let Some(register) = register {
            self.registers.get_mut(register.page)?.line = Some(id.slot());
        }
        let state = LineState::Armed;
        let receiver = Receiver { by, notification, with, bits, register, state };
        self.lines.get_mut(id)?.receiver = Some(receiver);
        self.platform.open(id.slot());
        Ok(())
    }

    /// `irq_ack`.
    pub(crate) fn irq_ack(&mut self, caller: Id<Process>, handle: Handle, value: u64) -> Result {
        let (id, interval) = self.to_acknowledge(caller, handle)?.ok_or(Error::BadState)?;
        if value != NO_VALUE {
            let receiver = self.lines.get(id)?.receiver.ok_or(Error::BadState)?;
            let (register, value) = receiver.writes(value)?;
            self.platform.write_device(register.page.slot(), register.offset, value);
        }
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
        let (_, by, cap) = self.held::<Lines>(process, handle, Rights::RECV)?;
        // Where they are: a copy of all of them would go through memory.
        let CapabilityKind::Irq(lines) = &cap.kind else { return Ok(None) };
        let Some(id) = self.line_by(by, *lines) else { return Ok(None) };
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
            strays: self.strays,
        })
    }

    /// `cap_limit` of lines.
    pub(crate) fn limit_lines(&mut self, id: Id<Capability>, lines: Lines, limit: u64) -> Result {
        let cap = self.caps.get(id)?;
        need(cap, Rights::MANAGE)?;
        let slower = lines.slower(limit)?;
        if !cap.children.is_empty() || self.line_of(id, cap).is_some() {
            return Err(Error::Busy);
        }
        self.caps.get_mut(id)?.kind = CapabilityKind::Irq(slower);
        Ok(())
    }
}
