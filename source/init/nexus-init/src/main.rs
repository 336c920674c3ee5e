//! init: joins the root task to the kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::Sender;
use nexus_init::init::Init;
use nexus_init::live::{Live, boot, serve};
use nexus_proto::init::{Init as InitProtocol, Request};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, entry};

nexus_rt::entry!(main);

/// Boots at the priority that the kernel started init with, above all services, so that none runs
/// before everything is given out, except while init waits. Then serves at its own priority.
fn main() {
    match boot() {
        Ok(booted) => serve(booted.endpoint, booted.priority, Server(booted.init)),
        Err(error) => entry::end(error.exit_code()),
    }
}

struct Server(Init<Live>);

impl Service for Server {
    type Protocol = InitProtocol;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        reply.message(self.0.handle(sender, &request))
    }

    fn deadline(&self) -> Deadline {
        self.0.next_start().map_or(Deadline::NEVER, Deadline::at)
    }

    fn tick(&mut self) {
        self.0.start_due();
    }

    fn notified(&mut self, bits: u64) {
        self.0.notified(bits);
        self.0.start_due();
    }
}
