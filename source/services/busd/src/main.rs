//! busd: joins the devices to their endpoint and to the kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use busd::{Bus, Failure, Kernel, Role};
use nexus_abi::{CapInfo, Error, Handle, Message, Rights, Sender};
use nexus_proto::bus::{self, Request};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, StartError, peek, run, startup, sys};
use nexus_sysdesc::Description;
use nexus_sysdesc::layout::Descriptor;

nexus_rt::entry!(main);

/// Milliseconds between two looks at a device that is being reset.
const POLL_MS: u64 = 1;

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let memory = start.map_memory(nexus_abi::Role::Description)?;
    let description = decode(memory.bytes())?;
    drop(memory);

    let mut server = Server { bus: Bus::new(description), next: Deadline::at(0) };
    Err(StartError::Kernel(run(endpoint, &mut server)))
}

fn decode(bytes: &[u8]) -> Result<Description, StartError> {
    Description::decode(bytes).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })
}

struct Server {
    bus: Bus<ReplyTo>,
    /// When to look again, while a device is being reset.
    next: Deadline,
}

impl Service for Server {
    type Protocol = bus::Bus;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        self.bus.request(sender, &request, reply, &mut Live);
        Answer::later()
    }

    fn carried(&mut self, sender: Sender, message: &Message, reply: ReplyTo) -> Answer {
        self.bus.carried(sender, message, reply, &mut Live);
        Answer::later()
    }

    fn deadline(&self) -> Deadline {
        if self.bus.is_waiting() { self.next } else { Deadline::NEVER }
    }

    fn tick(&mut self) {
        self.next = Deadline::after_ms(POLL_MS);
        self.bus.tick(&mut Live);
    }
}

/// The kernel.
struct Live;

impl Kernel for Live {
    type Reply = ReplyTo;

    fn query(&mut self, cap: Handle) -> Result<CapInfo, Error> {
        sys::cap_query(cap)
    }

    fn derive(&mut self, cap: Handle, rights: Rights, len: u64) -> Result<Handle, Error> {
        sys::cap_derive(cap, rights, 0, len)
    }

    fn limit(&mut self, window: Handle, mask: u64) -> Result<(), Error> {
        sys::cap_limit(window, mask)
    }

    fn give_up(&mut self, cap: Handle) {
        // Nothing to do when it fails: then it is gone already.
        let _ = sys::cap_drop(cap);
    }

    fn read(&mut self, window: Handle, offset: usize) -> Result<u32, Error> {
        let [value] = peek(window, [offset])?;
        Ok(value)
    }

    fn write(&mut self, window: Handle, offset: usize, value: u32) -> Result<(), Error> {
        sys::mmio_write(window, offset as u64, value.into())
    }

    fn create(&mut self, window: Handle, pages: u64, role: Role) -> Result<Handle, Error> {
        sys::dma_create(window, pages, role.code())
    }

    fn place(&mut self, tables: Handle, object: Handle, one: &Descriptor) -> Result<(), Error> {
        let flags = u64::from(one.flags) | u64::from(one.next) << 16;
        sys::dma_place(tables, one.index, object, one.offset, one.len.into(), flags)
    }

    fn point(&mut self, window: Handle, offset: u64, object: Handle, at: u64) -> Result<(), Error> {
        sys::mmio_write_dma(window, offset, object, at)
    }

    fn quiet(&mut self, window: Handle) -> Result<(), Error> {
        sys::dma_quiet(window)
    }

    fn answer(&mut self, reply: ReplyTo, message: &Message) {
        // Who asked may have stopped waiting, or be gone.
        let _ = reply.send(message);
    }

    fn failed(&mut self, device: u16, why: &Failure) {
        nexus_rt::error!("device {device} failed: {why}");
    }
}
