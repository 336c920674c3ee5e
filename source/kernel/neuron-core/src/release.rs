//! What rests on a capability to an endpoint or a notification, and ends with it: waits and
//! bindings.
//!
//! A right is looked at when a thread begins to wait, and when a binding is made; nothing looks
//! again when a message or a bit arrives. So whoever takes the capability away ends what was begun
//! with it, and the way of a message stays short.

use nexus_abi::{Error, ProcessState, regs};

use crate::capability::{Capability, CapabilityKind};
use crate::kernel::{Kernel, Work};
use crate::list::List;
use crate::platform::Platform;
use crate::pool::Id;
use crate::thread::{Team, Thread};

impl<P: Platform> Kernel<'_, P> {
    /// Ends the waits of the threads that named this capability when they began to send, to
    /// receive or to wait; `last` when its object goes with it. The first argument of a thread
    /// stays in its registers for as long as it waits, and no two capabilities ever share a handle.
    ///
    /// A process has at most [`crate::lifecycle::MAX_THREADS`] threads: this does not stop half-way,
    /// but what it does counts.
    pub(crate) fn end_waits(
        &mut self,
        cap: Id<Capability>,
        last: bool,
        work: &mut Work,
    ) -> Result<(), Error> {
        let &Capability { kind, owner, .. } = self.caps.get(cap)?;
        let Some(anchor) = self.anchor_of_waits(kind)? else { return Ok(()) };
        // Of a process that has ended no thread waits.
        if self.processes.get(owner)?.state != ProcessState::Live {
            return Ok(());
        }
        let ends = last || self.caps.get(anchor)?.revoking;
        if !ends && cfg!(broken = "revoke-keeps-waiters") {
            return Ok(());
        }
        let error = if ends { Error::PeerGone } else { Error::BadHandle };
        let handle = self.caps.handle(cap).0;
        let mut next = self.processes.get(owner)?.threads.first();
        while let Some(id) = next {
            // All of them, even when this was the last of the step.
            let _ = work.spend(1);
            let thread = self.threads.get(id)?;
            if thread.state.rests_on_capability() && thread.frame.get(regs::A0) == handle {
                self.stop_waiting(id)?;
                self.wake_with(id, error)?;
            }
            next = List::<Thread, Team>::next(&self.threads, id);
        }
        Ok(())
    }

    /// The anchor of an object that threads wait at. It is being revoked when the object ends.
    fn anchor_of_waits(&self, kind: CapabilityKind) -> Result<Option<Id<Capability>>, Error> {
        Ok(match kind {
            CapabilityKind::Endpoint(id) => Some(self.endpoints.get(id)?.anchor),
            CapabilityKind::Notification(id) => Some(self.notifications.get(id)?.anchor),
            _ => None,
        })
    }

    /// Ends the binding that was made with this capability. Bits that nobody has taken stay.
    pub(crate) fn end_binding(&mut self, cap: Id<Capability>) -> Result<(), Error> {
        let ends = match self.caps.get(cap)?.kind {
            CapabilityKind::Endpoint(id) => {
                let made = self.endpoints.get(id)?.bound.filter(|bound| bound.by == cap);
                made.map(|bound| (id, bound.to))
            }
            CapabilityKind::Notification(id) => {
                let made = self.notifications.get(id)?.bound.filter(|bound| bound.by == cap);
                made.map(|bound| (bound.to, id))
            }
            _ => None,
        };
        if let Some((endpoint, notification)) = ends
            && !cfg!(broken = "revoke-keeps-binding")
        {
            self.endpoints.get_mut(endpoint)?.bound = None;
            self.notifications.get_mut(notification)?.bound = None;
        }
        Ok(())
    }
}
