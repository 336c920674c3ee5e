//! Interrupt lines: delivery, acknowledgement, and the end of a binding (RFC-0003).
//!
//! A line is enabled at the controller from the call that binds it to the end of the binding, and
//! at no other time. From its delivery to its acknowledgement it is claimed there, so that it
//! delivers nothing more: there is no other mask.

use nexus_abi::{Error, LineState, NO_DEADLINE};

use crate::Result;
use crate::kernel::{Kernel, Step, Work, cost};
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::endpoint::Notification;
use crate::object::line::{Line, Lines, Receiver, Signalling};
use crate::object::process::Process;
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::Id;

/// Most lines that signal one notification: bounds the time that ending a capability to it takes at
/// once.
pub(crate) const MAX_SIGNALLING: usize = 64;

impl<P: Platform> Kernel<'_, P> {
    /// An external interrupt: one line is claimed and delivered. With more that wait, the next
    /// interrupt comes at once.
    pub fn external(&mut self) {
        let number = self.platform.claim();
        self.claimed(number);
    }

    /// Delivers the line that was claimed.
    pub fn claimed(&mut self, number: u32) {
        let now = self.platform.now();
        if self.deliver(number, now).is_err() {
            self.strays = self.strays.wrapping_add(1);
        }
        let _ = self.preempt_with(self.hart.rest_at(now));
    }

    /// A line was claimed. An error when nothing came of it: there is no such line, nobody receives it,
    /// and it is closed, or it was claimed already.
    fn deliver(&mut self, number: u32, now: u64) -> Result {
        let line = self.lines.get_mut(Id::from_slot(u64::from(number))?)?;
        if let Some(Receiver { notification, bits, .. }) = line.armed() {
            line.deliver(now);
            return self.set_bits(notification, bits).map(|_| ());
        }
        if line.receiver.is_none() {
            self.platform.close(number, true);
        }
        Err(Error::BadState)
    }

    /// The line whose binding rests on this capability, to it or to the window of its register.
    #[inline(always)]
    pub(crate) fn line_of(&self, id: Id<Capability>, cap: &Capability) -> Option<Id<Line>> {
        match cap.kind {
            CapabilityKind::Irq(lines) => self.line_by(id, lines),
            _ => Id::from_slot(self.registers.get(cap.registers()?).ok()?.line?.into()).ok(),
        }
    }

    /// The line that was bound by this capability to lines, if one was.
    #[inline(always)]
    pub(crate) fn line_by(&self, by: Id<Capability>, lines: Lines) -> Option<Id<Line>> {
        let id = lines.sole().ok()?;
        let receiver = self.lines.get(id).ok()?.receiver?;
        (receiver.by == by).then_some(id)
    }

    /// Lets the next interrupt of a line come that was delivered, at once or when `interval` ticks
    /// have passed since it was.
    #[inline(always)]
    pub(crate) fn acknowledge(&mut self, id: Id<Line>, interval: u64) -> Result {
        let line = self.lines.get_mut(id)?;
        let due = line.due(interval);
        if due > self.platform.now() {
            return self.hold(id, due);
        }
        line.set(LineState::Armed);
        self.platform.rearm(id.slot());
        Ok(())
    }

    /// A line that was acknowledged is held back until tick `due`.
    #[cold]
    #[inline(never)]
    fn hold(&mut self, id: Id<Line>, due: u64) -> Result {
        let due = due.min(NO_DEADLINE.wrapping_sub(1));
        let line = self.lines.get_mut(id)?;
        line.set(LineState::Held);
        line.held_back = line.held_back.wrapping_add(1);
        self.held.advance(&mut self.lines, id, due)?;
        self.program(due);
        Ok(())
    }

    /// The interval of a line is over that was held back.
    pub(crate) fn ring_line(&mut self, id: Id<Line>) -> Result {
        self.held.drop(&mut self.lines, id)?;
        self.lines.get_mut(id)?.set(LineState::Armed);
        self.platform.rearm(id.slot());
        Ok(())
    }

    /// Ends the binding of a line: it is free, and disabled.
    pub(crate) fn end_line(&mut self, id: Id<Line>) -> Result {
        let Some(receiver) = self.lines.get_mut(id)?.receiver.take() else { return Ok(()) };
        self.held.drop(&mut self.lines, id)?;
        self.platform.close(id.slot(), receiver.state != LineState::Armed);
        let owner = self.caps.get(receiver.by)?.owner;
        self.processes.get_mut(owner)?.lines.remove(&mut self.lines, id)?;
        if let Some(register) = receiver.register {
            self.registers.get_mut(register.page)?.line = None;
        }
        self.notifications.get_mut(receiver.notification)?.lines.remove(&mut self.lines, id)
    }

    /// Ends the bindings of lines that were made with this capability to a notification. They are no
    /// more than [`MAX_SIGNALLING`]: this does not stop half-way, but what it does counts.
    #[inline(never)]
    pub(crate) fn end_lines_with(
        &mut self,
        with: Id<Capability>,
        notification: Id<Notification>,
        work: &mut Work,
    ) -> Result {
        let mut next = self.notifications.get(notification)?.lines.first();
        while let Some(id) = next {
            work.spend(cost::LINE);
            next = List::<Line, Signalling>::next(&self.lines, id);
            if self.lines.get(id)?.receiver.is_some_and(|receiver| receiver.with == with) {
                self.end_line(id)?;
            }
        }
        Ok(())
    }

    /// Ends the bindings of all lines of a process.
    pub(crate) fn end_lines_of(&mut self, process: Id<Process>, work: &mut Work) -> Step {
        while let Some(id) = self.processes.get(process)?.lines.first() {
            work.ask(cost::LINE)?;
            self.end_line(id)?;
        }
        Ok(())
    }
}
