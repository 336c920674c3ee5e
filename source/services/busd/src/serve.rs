//! busd at its endpoint.

use nexus_abi::{Message, Role, Sender};
use nexus_proto::bus::{self, Request};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, StartError, run, startup};
use nexus_sysdesc::Description;

use crate::{Bus, Kernel};

/// Milliseconds between two looks at a device that is being reset.
const POLL_MS: u64 = 1;

/// Serves the endpoint of this process, by the description in its startup block, until that fails.
///
/// # Errors
/// Why it cannot, or can no longer, do so.
pub fn serve(kernel: impl Kernel<Reply = ReplyTo>) -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let memory = start.map_memory(Role::Description)?;
    let system = Description::decode(memory.bytes()).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })?;
    drop(memory);

    let mut server = Server { bus: Bus::new(system), kernel, next: Deadline::at(0) };
    Err(StartError::Kernel(run(endpoint, &mut server)))
}

struct Server<K> {
    bus: Bus<ReplyTo>,
    kernel: K,
    /// When to look again, while a device is being reset.
    next: Deadline,
}

impl<K: Kernel<Reply = ReplyTo>> Service for Server<K> {
    type Protocol = bus::Bus;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        self.bus.request(sender, &request, reply, &mut self.kernel);
        Answer::later()
    }

    fn carried(&mut self, sender: Sender, message: &Message, reply: ReplyTo) -> Answer {
        self.bus.carried(sender, message, reply, &mut self.kernel);
        Answer::later()
    }

    fn deadline(&self) -> Deadline {
        if self.bus.is_waiting() { self.next } else { Deadline::NEVER }
    }

    fn tick(&mut self) {
        self.next = Deadline::after_ms(POLL_MS);
        self.bus.tick(&mut self.kernel);
    }
}

#[cfg(test)]
mod tests {
    use nexus_proto::{Operation as _, Request as _};

    use super::*;
    use crate::fake::system::{INIT, OWNERS, machine, prepare, system, take};
    use crate::fake::{FakeKernel, INIT_WINDOW};
    use crate::{Live, POLLS};

    const BLK: u16 = 1;

    #[test]
    fn without_an_endpoint_there_is_nothing_to_serve() {
        assert_eq!(serve(Live), Err(StartError::NothingToServe));
    }
    /// It looks again until the device has done what takes it time, and only so long.
    #[test]
    fn while_a_device_resets_it_is_looked_at_and_who_asked_waits() {
        let kernel: FakeKernel<ReplyTo> = machine();
        let (bus, next) = (Bus::new(system()), Deadline::at(0));
        let mut server = Server { bus, kernel, next };
        assert_eq!(server.deadline(), Deadline::NEVER);
        let window = server.kernel.window(BLK.into(), INIT_WINDOW, Some(bus::REGISTERS));
        let _ = server.carried(INIT, &take(BLK, window), ReplyTo::nobody());
        assert_eq!(server.kernel.answers.len(), 1, "the window is taken");

        server.kernel.devices[usize::from(BLK)].resets_after = POLLS - 1;
        server.kernel.devices[usize::from(BLK)].status = 0xf;
        let ask = prepare(OWNERS[1], BLK).encode();
        let _ = server.handle(INIT, Request::decode(&ask).unwrap(), ReplyTo::nobody());
        let mut ticks = 0;
        while server.deadline() != Deadline::NEVER {
            assert_eq!(server.kernel.answers.len(), 1);
            assert!(ticks < POLLS);
            server.tick();
            ticks += 1;
        }
        assert!(ticks > 1);
        assert_eq!(server.kernel.answers.len(), 2);
    }
}
