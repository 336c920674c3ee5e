//! The common case of an interrupt and of its acknowledgement, by the rules of [`crate::call::fast`]:
//! a driver waits that is more important than whoever runs, and acknowledges when its interval is over.

use nexus_abi::{Handle, LineState};

use crate::call::fast::{Run, Way, preempted, wake};
use crate::call::line::NO_VALUE;
use crate::call::message::deliver_bits;
use crate::kernel::Kernel;
use crate::object::endpoint::Endpoint;
use crate::object::line::Line;
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// `irq_ack`. `None` when it is refused, or held back.
    #[inline(always)]
    pub fn fast_irq_ack(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let [handle, value, ..] = thread.frame.arguments();
        let (id, interval) = self.to_acknowledge(thread.process, Handle(handle)).ok()??;
        let line = self.lines.get_mut(id).ok()?;
        let due = line.due(interval);
        let receiver = line.receiver.as_mut()?;
        let write = match value {
            NO_VALUE => None,
            value => Some(receiver.writes(value).ok()?),
        };
        if due > self.platform.now() {
            return None;
        }
        receiver.state = LineState::Armed;
        if let Some((register, value)) = write {
            self.platform.write_device(register.page.slot(), register.offset, value);
        }
        self.platform.rearm(id.slot());
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
        let (thread, waiter) = preempted(&mut self.threads, &self.ready, me, to)?;
        notification.waiter = None;
        let now = self.platform.now();
        line.deliver(now);
        // Where a thread waits there are no bits yet.
        waiter.answer(0, receiver.bits);
        let rest = self.hart.rest_at(now);
        let run = wake(&mut self.hart, thread, rest, (to, waiter));
        // The current thread and its queue exist, so that this cannot fail.
        self.enqueue(me, true).ok()?;
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
        let (thread, server) = preempted(&mut self.threads, &self.ready, me, to)?;
        endpoint.queue = List::EMPTY;
        let now = self.platform.now();
        line.deliver(now);
        // Where a server receives there are no bits yet.
        deliver_bits(server, receiver.bits);
        let rest = self.hart.rest_at(now);
        let run = wake(&mut self.hart, thread, rest, (to, server));
        self.enqueue(me, true).ok()?;
        Some(run)
    }
}
