//! An init that boots as every init does, and then also starts the driver of the clock again when
//! the keeper asks for it, and kills it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod request;
mod restart;

use mortal::ask::{KEEPER, answer};
use nexus_abi::{Message, Sender};
use nexus_init::init::Init;
use nexus_init::live::{Live, boot};
use nexus_proto::ids;
use nexus_rt::{Answer, ReplyTo, Service, entry, run, sys, thread};

use request::{Again, Request};
use restart::{Kept, Restart};

nexus_rt::entry!(main);

/// Pages of the stack of the thread that serves.
const STACK_PAGES: u64 = 16;
/// Exit code when init can no longer serve.
const NOT_SERVING: u64 = 20;

fn main() {
    let Ok(kept) = Kept::new() else { entry::end(NOT_SERVING) };
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    let Some(restart) = Restart::new(kept, &booted) else { entry::end(NOT_SERVING) };
    let endpoint = booted.endpoint;
    let mut server = Server { init: booted.init, restart };
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
    restart: Restart,
}

impl Service for Server {
    type Protocol = Again;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let Server { init, restart } = self;
        let (keeper, driver) = (sender.service_id == KEEPER, sender.service_id == ids::RTCD);
        reply.message(match request {
            Request::Ordinary(request) => init.handle(sender, &request),
            Request::Fate if driver => Message::new(0, &restart.fate().words()),
            Request::Kill if driver => answer(Restart::kill(init)),
            Request::Start(fate) if keeper => answer(restart.start(init, fate)),
            Request::End if keeper => answer(Restart::kill(init)),
            _ => answer(None),
        })
    }

    fn notified(&mut self, bits: u64) {
        self.init.notified(bits);
    }
}
