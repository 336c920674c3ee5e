//! What rests on a capability to an endpoint, a notification, an interrupt line or a window, and ends with
//! it: waits and bindings.
//!
//! A right is looked at when a thread begins to wait, and when a binding is made; nothing looks
//! again when a message or a bit arrives. So whoever takes the capability away ends what was begun
//! with it, and the way of a message stays short.

use nexus_abi::{Error, ProcessState, regs};

use crate::Result;
use crate::kernel::{Kernel, Work, cost};
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::thread::{Team, Thread};
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// Ends what rests on this capability; `last` when its object goes with it.
    #[inline(always)]
    pub(crate) fn end_uses(&mut self, cap: Id<Capability>, last: bool, work: &mut Work) -> Result {
        let one = self.caps.get(cap)?;
        let (waits, anchor, bound) = match one.kind {
            CapabilityKind::Endpoint(id) => {
                let one = self.endpoints.get(id)?;
                let bound = one.bound.as_ref().filter(|bound| bound.by == cap);
                (!one.queue.is_empty(), one.anchor, bound.map(|bound| (id, bound.to)))
            }
            CapabilityKind::Notification(id) => {
                if !self.notifications.get(id)?.lines.is_empty() {
                    self.end_lines_with(cap, id, work)?;
                }
                let one = self.notifications.get(id)?;
                let bound = one.bound.as_ref().filter(|bound| bound.by == cap);
                (one.waiter.is_some(), one.anchor, bound.map(|bound| (bound.to, id)))
            }
            CapabilityKind::Irq(_) | CapabilityKind::DeviceMmio(_) => {
                let Some(line) = self.line_of(cap, one) else { return Ok(()) };
                work.spend(cost::LINE);
                return self.end_line(line);
            }
            _ => return Ok(()),
        };
        if waits {
            // When the object ends, its anchor is being revoked.
            let ends = last || self.caps.get(anchor)?.revoking;
            self.end_waits(cap, ends, work)?;
        }
        if let Some((endpoint, notification)) = bound {
            // Bits that nobody has taken stay.
            self.endpoints.get_mut(endpoint)?.bound = None;
            self.notifications.get_mut(notification)?.bound = None;
        }
        Ok(())
    }

    /// Ends the waits of the threads that named this capability when they began to send, to
    /// receive or to wait: with `PeerGone` when the object `ends`. The first argument of a thread
    /// stays in its registers for as long as it waits, and no two capabilities ever share a handle.
    ///
    /// A process has at most [`crate::object::process::MAX_THREADS`] threads: this does not stop half-way,
    /// but what it does counts.
    #[inline(never)]
    fn end_waits(&mut self, cap: Id<Capability>, ends: bool, work: &mut Work) -> Result {
        let owner = self.caps.get(cap)?.owner;
        let process = self.processes.get(owner)?;
        // Of a process that has ended no thread waits.
        if process.state != ProcessState::Live {
            return Ok(());
        }
        let error = if ends { Error::PeerGone } else { Error::BadHandle };
        let handle = self.caps.handle(cap).0;
        let mut next = process.threads.first();
        while let Some(id) = next {
            // All of them, even when this was the last of the step.
            work.spend(1);
            let thread = self.threads.get(id)?;
            if thread.state.rests_on_capability() && thread.frame.get(regs::A0) == handle {
                self.stop_waiting(id)?;
                self.wake_with(id, error)?;
            }
            next = List::<Thread, Team>::next(&self.threads, id);
        }
        Ok(())
    }
}
