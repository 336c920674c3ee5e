//! The init of the benchmark: boots as every init does, and then also takes back and gives again
//! the window of whoever asks, by the ordinary grant, and tells what that took.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

mod regrant;
mod request;

use nexus_abi::Sender;
use nexus_init::init::Init;
use nexus_init::live::{Live, boot, serve};
use nexus_rt::{Answer, ReplyTo, Service, entry};

use regrant::Regrant;
use request::{Measured, Request};

nexus_rt::entry!(main);

fn main() {
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    let server = Server { init: booted.init, regrant: Regrant::default() };
    serve(booted.endpoint, booted.priority, server)
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
