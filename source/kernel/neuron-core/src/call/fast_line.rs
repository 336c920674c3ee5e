//! The common case of an interrupt and of its acknowledgement, by the rules of [`crate::call::fast`]:
//! a driver waits that is more important than whoever runs, and acknowledges when its interval is over.

use nexus_abi::{Handle, regs};

use crate::call::fast::{Run, Way, wake};
use crate::call::line::NO_VALUE;
use crate::call::message::deliver_bits;
use crate::kernel::Kernel;
use crate::object::endpoint::Endpoint;
use crate::object::line::Line;
use crate::object::thread::Rest;
use crate::platform::Platform;
use crate::store::list::List;
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
        let line = self.lines.get_mut(id).ok()?;
        let receiver = line.armed()?;
        let notification = self.notifications.get_mut(receiver.notification).ok()?;
        let Some(to) = notification.waiter else {
            return Some(Way::On((id, notification.bound.as_ref()?.to)));
        };
        let (thread, waiter) = self.threads.pair_mut(me, to).ok()?;
        let priority = thread.priority;
        if !self.ready.preempts(waiter.priority, priority) {
            return None;
        }
        notification.waiter = None;
        let now = self.platform.now();
        line.deliver(now);
        // Where a thread waits there are no bits yet.
        waiter.answer(0, receiver.bits);
        let left = Rest::Left(self.hart.slice_end.saturating_sub(now));
        let run = wake(&mut self.hart, thread, left, waiter);
        // The current thread and its queue exist, so that this cannot fail.
        self.enqueue(me, priority, true).ok()?;
        self.hart.current = Some(to);
        Some(Way::Done(run))
    }

    /// The rest of [`Kernel::fast_line`] when the notification is bound to this endpoint: a server that
    /// is more important than the current thread takes the bits.
    pub fn fast_bound_line(&mut self, (line, endpoint): (Id<Line>, Id<Endpoint>)) -> Option<Run> {
        let me = self.hart.current?;
        let line = self.lines.get_mut(line).ok()?;
        let receiver = line.armed()?;
        let endpoint = self.endpoints.get_mut(endpoint).ok()?;
        let to = endpoint.sole_receiver()?;
        let (thread, server) = self.threads.pair_mut(me, to).ok()?;
        let priority = thread.priority;
        if !self.ready.preempts(server.priority, priority) {
            return None;
        }
        endpoint.queue = List::EMPTY;
        let now = self.platform.now();
        line.deliver(now);
        // Where a server receives there are no bits yet.
        deliver_bits(server, receiver.bits);
        let left = Rest::Left(self.hart.slice_end.saturating_sub(now));
        let run = wake(&mut self.hart, thread, left, server);
        self.enqueue(me, priority, true).ok()?;
        self.hart.current = Some(to);
        Some(run)
    }
}
