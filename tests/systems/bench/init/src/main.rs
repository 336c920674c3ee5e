//! The init of the benchmark: boots as every init does, and then also takes back and gives again
//! the window of whoever asks, by the ordinary grant, and tells what that took.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

mod regrant;
mod request;

use nexus_abi::Sender;
use nexus_init::init::Init;
use nexus_init::live::{Live, boot};
use nexus_rt::{Answer, ReplyTo, Service, entry, run, sys, thread};

use regrant::Regrant;
use request::{Measured, Request};

nexus_rt::entry!(main);

/// Pages of the stack of the thread that serves.
const STACK_PAGES: u64 = 16;
/// Exit code when init can no longer serve.
const NOT_SERVING: u64 = 20;

fn main() {
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    let endpoint = booted.endpoint;
    let mut server = Server { init: booted.init, regrant: Regrant::default() };
    let served = thread::spawn(booted.priority, STACK_PAGES, move || {
        run(endpoint, &mut server);
        entry::end(NOT_SERVING);
    });
    if served.is_err() {
        entry::end(NOT_SERVING);
    }
    loop {
        // The last act of this thread; it returns only if the kernel refuses, which it has no
        // reason to.
        let _ = sys::thread_exit();
    }
}

struct Server {
    init: Init<Live>,
    regrant: Regrant,
}

impl Service for Server {
    type Protocol = Measured;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let Server { init, regrant } = self;
        reply.message(match request {
            Request::Ordinary(request) => init.handle(sender, &request),
            Request::TakeBack => bench::measure::answer(regrant.take_back(init, sender)),
            Request::Give => bench::measure::answer(regrant.give(init, sender)),
        })
    }

    fn notified(&mut self, bits: u64) {
        self.init.notified(bits);
    }
}
