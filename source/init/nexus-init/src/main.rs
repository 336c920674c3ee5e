//! init: joins the root task to the kernel.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::Sender;
use nexus_init::init::Init;
use nexus_init::live::{Live, boot};
use nexus_proto::init::{Init as InitProtocol, Request};
use nexus_rt::{Answer, ReplyTo, Service, entry, run, sys, thread};

nexus_rt::entry!(main);

/// Pages of the stack of the thread that serves.
const STACK_PAGES: u64 = 16;
/// Exit code when init can no longer serve.
const NOT_SERVING: u64 = 20;

/// Boots at the priority that the kernel started init with, above all services, so that none runs
/// before everything is given out, except while init waits. Then serves at its own priority.
fn main() {
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    let endpoint = booted.endpoint;
    let mut server = Server(booted.init);
    let served = thread::spawn(booted.priority, STACK_PAGES, move || {
        run(endpoint, &mut server);
        entry::end(NOT_SERVING);
    });
    // Nobody needs to name the thread.
    if served.and_then(sys::cap_drop).is_err() {
        entry::end(NOT_SERVING);
    }
    loop {
        // The last act of this thread; it returns only if the kernel refuses, which it has no
        // reason to.
        let _ = sys::thread_exit();
    }
}

struct Server(Init<Live>);

impl Service for Server {
    type Protocol = InitProtocol;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        reply.message(self.0.handle(sender, &request))
    }

    fn notified(&mut self, bits: u64) {
        self.0.notified(bits);
    }
}
