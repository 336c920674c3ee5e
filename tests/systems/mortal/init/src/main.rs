//! An init that boots as every init does, and then also starts one driver again when the keeper asks for
//! it, and kills it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

mod request;
mod restart;

use mortal::ask::{KEEPER, Rest, answer};
use nexus_abi::{Message, Sender};
use nexus_init::init::Init;
use nexus_init::live::{Live, boot, serve};
use nexus_rt::{Answer, ReplyTo, Service, entry};

use request::{Again, Request};
use restart::Restart;

nexus_rt::entry!(main);

/// Exit code when this init cannot start the driver again.
const NOT_AGAIN: u64 = 21;

fn main() {
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    let Some(restart) = Restart::new(&booted) else { entry::end(NOT_AGAIN) };
    serve(booted.endpoint, booted.priority, Server { init: booted.init, restart })
}

struct Server {
    init: Init<Live>,
    restart: Restart,
}

impl Service for Server {
    type Protocol = Again;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let Server { init, restart } = self;
        let (keeper, driver) = (sender.service_id == KEEPER, sender.service_id == restart.driver());
        reply.message(match request {
            Request::Ordinary(request) => init.handle(sender, &request),
            Request::Fate if driver => Message::new(0, &restart.fate().words()),
            Request::Kill if driver => answer(restart.kill(init)),
            Request::Start(next) if keeper => answer(restart.start(init, next)),
            Request::End if keeper => answer(restart.end(init)),
            Request::Second if keeper => answer(restart.second_owner(init)),
            Request::Old if keeper => answer(restart.old_life(init)),
            Request::Look if keeper => answer(restart.rest(init).map(Rest::word)),
            _ => answer(None),
        })
    }

    fn notified(&mut self, bits: u64) {
        self.init.notified(bits);
        self.restart.follow(&mut self.init);
    }
}
