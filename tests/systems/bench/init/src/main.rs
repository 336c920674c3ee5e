//! The init of the benchmark: boots as every init does, and then also takes back and gives again
//! the window of whoever asks, by the ordinary grant, and tells what that took.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

mod regrant;
mod request;

use bench::measure::instructions;
use nexus_abi::Sender;
use nexus_init::init::Init;
use nexus_init::live::{Live, boot, serve};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, entry};

use regrant::Regrant;
use request::{Measured, Request};

nexus_rt::entry!(main);

fn main() {
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    let server = Server { init: booted.init, regrant: Regrant::default(), last_end: [0; 2] };
    serve(booted.endpoint, booted.priority, server)
}

struct Server {
    init: Init<Live>,
    regrant: Regrant,
    /// What the last end of a service took: see [`bench::measure::LAST_END`].
    last_end: [u64; 2],
}

impl Service for Server {
    type Protocol = Measured;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let Server { init, regrant, last_end } = self;
        reply.message(match request {
            Request::Ordinary(request) => init.handle(sender, &request),
            Request::TakeBack => bench::measure::answer(regrant.take_back(init, sender)),
            Request::Give => bench::measure::answer(regrant.give(init, sender)),
            Request::LastEnd => bench::measure::answer(Some(*last_end)),
        })
    }

    fn deadline(&self) -> Deadline {
        self.init.next_start().map_or(Deadline::NEVER, Deadline::at)
    }

    fn tick(&mut self) {
        self.init.start_due();
    }

    fn notified(&mut self, bits: u64) {
        let began = instructions();
        self.init.notified(bits);
        let ended = instructions();
        self.init.start_due();
        let started = instructions();
        self.last_end = [ended.wrapping_sub(began), started.wrapping_sub(ended)];
    }
}
