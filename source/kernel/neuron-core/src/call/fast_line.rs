//! The common case of an interrupt and of its acknowledgement, by the rules of [`crate::call::fast`]:
//! a driver waits that is more important than whoever runs, and acknowledges when its interval is over.

use nexus_abi::{Handle, regs};

use crate::call::fast::{Run, Way};
use crate::call::line::NO_VALUE;
use crate::kernel::Kernel;
use crate::object::endpoint::Endpoint;
use crate::object::line::{Line, Receiver};
use crate::platform::Platform;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// `irq_ack`. `None` when it is refused, or has a value, or is held back.
    #[inline(always)]
    pub fn fast_irq_ack(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let [handle, value] = [0, 1].map(|n: usize| thread.frame.get(n.wrapping_add(regs::A0)));
        let (line, interval) = self.to_acknowledge(thread.process, Handle(handle)).ok()??;
        let due = self.lines.get(line).ok()?.due(interval);
        if value != NO_VALUE || due > self.platform.now() {
            return None;
        }
        self.arm_line(line).ok()?;
        let thread = self.threads.get_mut(me).ok()?;
        thread.answer(0, 0);
        Some(Run::of(thread))
    }

    /// Delivers line `number`, which was claimed, when a thread waits for it that is more important
    /// than the current one. Where the notification is bound, [`Kernel::fast_bound_line`] goes on.
    /// `None` when that is not all there is to it.
    #[inline(always)]
    pub fn fast_line(&mut self, number: u32) -> Option<Way<(Id<Line>, Id<Endpoint>)>> {
        let me = self.hart.current?;
        let id = Id::from_slot(u64::from(number)).ok()?;
        let Receiver { notification, bits, .. } = self.lines.get(id).ok()?.armed()?;
        let now = self.platform.now();
        match self.fast_waiter(me, notification, bits, self.rest_at(now))? {
            Way::On(endpoint) => Some(Way::On((id, endpoint))),
            Way::Done(run) => {
                self.lines.get_mut(id).ok()?.deliver(now);
                Some(Way::Done(run))
            }
        }
    }

    /// The rest of [`Kernel::fast_line`] when the notification is bound to this endpoint: a server that
    /// is more important than the current thread takes the bits.
    pub fn fast_bound_line(&mut self, (line, endpoint): (Id<Line>, Id<Endpoint>)) -> Option<Run> {
        let me = self.hart.current?;
        let bits = self.lines.get(line).ok()?.armed()?.bits;
        let now = self.platform.now();
        let run = self.fast_server(me, endpoint, bits, self.rest_at(now))?;
        self.lines.get_mut(line).ok()?.deliver(now);
        Some(run)
    }
}
