//! An init that boots as every init does, and then starts drivers when the keeper asks for it: with faults in
//! its copy of their code, before that is mapped, or without.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

mod lives;
mod request;

use faults::ask::{KEEPER, answer};
use nexus_abi::{Handle, Sender};
use nexus_init::init::Init;
use nexus_init::live::{Live, boot, serve};
use nexus_proto::init::Request as Ordinary;
use nexus_rt::{Answer, Deadline, ReplyTo, Service, entry, log, ticks};

use lives::Lives;
use request::{Faults, Request};

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines again.
const NOBODY: Handle = Handle(u64::MAX);

fn main() {
    let booted = match boot() {
        Ok(booted) => booted,
        Err(error) => entry::end(error.exit_code()),
    };
    log::to_logd(NOBODY);
    let lives = Lives::new(&booted.init);
    serve(booted.endpoint, booted.priority, Server { init: booted.init, lives })
}

struct Server {
    init: Init<Live>,
    lives: Lives,
}

impl Service for Server {
    type Protocol = Faults;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let Server { init, lives } = self;
        let keeper = sender.service_id == KEEPER;
        match request {
            Request::Ordinary(request) => {
                if matches!(request, Ordinary::Report(_)) {
                    lives.reported(sender.service_id);
                }
                reply.message(init.handle(sender, &request))
            }
            Request::Life(life) if keeper => {
                lives.begin(init, life, reply);
                Answer::later()
            }
            Request::Values => reply.message(answer(lives.values(sender.service_id))),
            Request::Ended if keeper => reply.message(answer(lives.ended())),
            _ => reply.message(answer::<1>(None)),
        }
    }

    fn deadline(&self) -> Deadline {
        self.lives.deadline()
    }

    fn tick(&mut self) {
        self.lives.late(&self.init);
    }

    fn notified(&mut self, bits: u64) {
        let told = ticks();
        self.init.notified(bits);
        self.lives.next(&mut self.init, told);
    }
}
