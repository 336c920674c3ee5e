//! A hostile process: waits until it is told to begin, and does the worst it can.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use hostile::reply::Held;
use hostile::talk::{GO, Outcome};
use hostile::{Attack, Role, ask, faulty, flood, reply, spam};
use nexus_abi::{Error, Handle, Message, NO_DEADLINE, Received};
use nexus_proto::init::{Init, Report, ReportState};
use nexus_proto::{Zero, ids};
use nexus_rt::{Deadline, StartError, startup, sys};
use nexus_test::SAFETY_MS;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let id = start.block().service_id;
    let attack = Attack::of_service(id).ok_or(StartError::NoService(id))?;
    if attack.has_window() {
        report(start.client(ids::INIT)?);
    }
    let mut next = Next { reply: Handle::NONE, message: Message::default() };
    let mut held = Held::default();
    loop {
        let received = sys::reply_recv(endpoint, next.reply, &next.message, NO_DEADLINE)?;
        next = match attack.role {
            Role::Hold if received.message.tag.label() == GO => {
                held = reply::hold(&received);
                Next { reply: Handle::NONE, message: Message::default() }
            }
            Role::Hold => Next::answer(&received, held.report()),
            _ => Next::answer(&received, perform(attack, endpoint, &received)),
        };
    }
}

/// What is answered before the next message is taken.
struct Next {
    reply: Handle,
    message: Message,
}

impl Next {
    fn answer(received: &Received, outcome: Outcome) -> Next {
        Next { reply: received.reply, message: outcome.to_message() }
    }
}

fn perform(attack: &Attack, endpoint: Handle, received: &Received) -> Outcome {
    let [word, ..] = received.message.words;
    match &attack.role {
        Role::Faulty(attack) => faulty::run(attack),
        Role::Spam => spam::run(),
        Role::Steal => reply::steal(endpoint, Handle(word)),
        Role::Ask => ask::run(),
        Role::Flood => flood::run(),
        Role::Hold => Outcome::not_begun(1, Error::BadState),
    }
}

/// Tells init that this owner of a window is there. It maps the window when the attack begins.
fn report(init: nexus_rt::Client<Init>) {
    let report = Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 0 };
    if let Err(error) = init.call(&report, Deadline::after_ms(SAFETY_MS)) {
        nexus_rt::warn!("init did not take the report: {error:?}");
    }
}
