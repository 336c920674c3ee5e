//! One life of the driver: counts its steps, and ends it where it must end.

use core::cell::Cell;

use nexus_abi::{Handle, Message, NO_DEADLINE, Sender};
use nexus_mmio::Bus;
use nexus_proto::{Protocol, ids};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, StartError, entry, startup, sys};

use crate::ask::{FATE, Fate, KILL, KILLED, Manner};

/// A life.
#[derive(Debug)]
pub struct Life {
    fate: Fate,
    steps: Cell<u64>,
    init: Handle,
    window: Handle,
}

impl Life {
    /// Asks init how this one ends.
    ///
    /// # Errors
    /// Something is missing in the startup block, or init does not answer.
    pub fn begin() -> Result<Life, StartError> {
        let start = startup();
        let init = start.service(ids::INIT)?;
        let answer = sys::call(init, &Message::new(FATE, &[]), NO_DEADLINE)?;
        let fate = Fate::of(&answer.message).unwrap_or(Fate::NONE);
        Ok(Life { fate, steps: Cell::new(0), init, window: Handle(start.window()?.handle) })
    }

    /// Between two things that the driver does: it ends here, unless it is one of those that fault.
    pub fn step(&self) {
        if self.fate.manner != Manner::Fault && self.is_due() {
            self.end();
        }
    }

    /// Before a register access, which is a step too.
    fn access(&self) {
        self.step();
        if self.fate.manner == Manner::Fault && self.is_due() {
            // Its mappings end with it, so that the access that follows faults.
            let _ = sys::cap_drop(self.window);
        }
    }

    fn is_due(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        self.steps.get() == self.fate.step
    }

    fn end(&self) {
        if self.fate.manner == Manner::Killed {
            // Init does not answer.
            let _ = sys::call(self.init, &Message::new(KILL, &[]), NO_DEADLINE);
        }
        entry::end(KILLED);
    }
}

/// The device of a driver that dies.
#[derive(Debug)]
pub struct MortalBus<'a, B> {
    bus: B,
    life: &'a Life,
}

impl<'a, B: Bus> MortalBus<'a, B> {
    /// The device behind `bus`.
    pub const fn new(bus: B, life: &'a Life) -> MortalBus<'a, B> {
        MortalBus { bus, life }
    }
}

impl<B: Bus> Bus for MortalBus<'_, B> {
    fn len(&self) -> usize {
        self.bus.len()
    }
    fn read8(&self, offset: usize) -> u8 {
        self.life.access();
        self.bus.read8(offset)
    }
    fn read16(&self, offset: usize) -> u16 {
        self.life.access();
        self.bus.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.life.access();
        self.bus.read32(offset)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.life.access();
        self.bus.write8(offset, value);
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.life.access();
        self.bus.write16(offset, value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.life.access();
        self.bus.write32(offset, value);
    }
}

/// The server of a driver that dies: a step before and after each thing that it does.
#[derive(Debug)]
pub struct MortalServer<'a, S> {
    server: S,
    life: &'a Life,
}

impl<'a, S: Service> MortalServer<'a, S> {
    /// This server.
    pub const fn new(server: S, life: &'a Life) -> MortalServer<'a, S> {
        MortalServer { server, life }
    }
}

impl<S: Service> Service for MortalServer<'_, S> {
    type Protocol = S::Protocol;

    fn handle(
        &mut self,
        sender: Sender,
        request: <S::Protocol as Protocol>::Request,
        reply: ReplyTo,
    ) -> Answer {
        self.life.step();
        let answer = self.server.handle(sender, request, reply);
        self.life.step();
        answer
    }

    fn deadline(&self) -> Deadline {
        self.server.deadline()
    }

    fn tick(&mut self) {
        self.life.step();
        self.server.tick();
        self.life.step();
    }

    fn interrupt(&mut self) {
        self.life.step();
        self.server.interrupt();
        self.life.step();
    }

    fn listens(&self) -> bool {
        self.server.listens()
    }
}
