//! Has services hang and end, and sees what becomes of them and of whoever calls them (test profile only).
//!
//! QEMU counts instructions as time, so that all of it is the same on every machine.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, Message};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::init::{EndKind, Init, Kill, Last, LifeInfo, Lives, Restart, ServiceState, Stop};
use nexus_proto::{Operation, Request as _, ServiceError, Zero, ids};
use nexus_rt::{Client, Deadline, startup, sys, thread};
use nexus_test::{Check, Facts, Failed, Host, Waiter};
use watched::Told;

nexus_rt::entry!(main);

const WATCHED: u32 = 81;
const ABOVE: u32 = 82;
const EQUAL: u32 = 83;
const BRIEF: u32 = 84;

/// Milliseconds within which `watched` answers, by its file.
const WITHIN: u64 = 10;
/// Milliseconds that nothing here takes.
const LONG: u64 = 20_000;
/// The code with which init ends who does not answer.
const LATE: u64 = 2;
/// The exit code of who was told to end.
const TOLD: u64 = 3;
/// Clients in a crowd, how often each calls, and for how many milliseconds: all together for longer than
/// `watched` may take.
const CROWD: u64 = 6;
const CALLS: u64 = 15;
const CALL: u64 = WITHIN / 10;
/// Pages of a stack.
const STACK: u64 = 4;

fn main() -> Result<Infallible, Failed> {
    let mut facts = Facts::new(Host::new()?);
    let host = facts.host;
    host.wait_until_ready()?;
    let keeper = Keeper { init: startup().client(ids::INIT)?, waiter: Waiter::new()? };
    let seen = [
        ("load-ends-nobody", keeper.load()),
        ("who-hangs-is-ended", keeper.hangs()),
        ("calls-wait-for-the-next-life", keeper.next_life()),
        ("ends-too-often-is-given-up", keeper.brief()),
        ("orders-are-followed", keeper.orders()),
        ("all-die-and-all-come-back", keeper.storm()),
    ];
    host.witness(Deadline::NEVER)?;
    for (name, check) in seen {
        facts.tell(name, &check)?;
    }
    facts.end()
}

struct Keeper {
    init: Client<Init>,
    waiter: Waiter,
}

impl Keeper {
    /// Somebody above, an equal and a crowd of clients, each for longer than `watched` may take.
    fn load(&self) -> Check {
        let before = self.life(WATCHED)?;
        for other in [ABOVE, EQUAL] {
            // With nothing to do, and with something to do that takes most of what it may take.
            answered(other, Told::Burn(1, 8 * WITHIN))?;
            self.waiter.pause(9 * WITHIN);
            self.same(&before, other)?;
            answered(other, Told::Burn(WITHIN / 5, 8 * WITHIN))?;
            answered(WATCHED, Told::Run(WITHIN * 4 / 5))?;
            self.same(&before, other)?;
            self.waiter.pause(9 * WITHIN);
        }
        for _ in 0..CROWD {
            let one = thread::spawn(9, STACK, || {
                for _ in 0..CALLS {
                    let _ = answered(WATCHED, Told::Run(CALL));
                }
            });
            one.and_then(sys::cap_drop).map_err(|error| format!("a crowd: {error:?}"))?;
        }
        self.waiter.pause(CALLS * CROWD * CALL);
        answered(WATCHED, Told::Answer)?;
        self.same(&before, WATCHED).map(|_| 6)
    }

    /// It is the same life as before.
    fn same(&self, before: &LifeInfo, load: u32) -> Check {
        let now = self.life(WATCHED)?;
        holds(now.service == before.service && now.lives == before.lives, || {
            format!("beside {load}: {now:?}")
        })
    }

    /// A loop, and a wait for what never comes.
    fn hangs(&self) -> Check {
        for (manner, lives) in [(Told::Loop, 2), (Told::Wait, 3)] {
            let hung = call(WATCHED, manner, LONG);
            holds(hung == Err(Error::PeerGone), || format!("{manner:?}: {hung:?}"))?;
            let life = self.life(WATCHED)?;
            holds((life.end, life.code) == (EndKind::Killed, LATE), || format!("{life:?}"))?;
            let now = answered(WATCHED, Told::Answer)?;
            holds(now == lives, || format!("life {now} of {lives}"))?;
        }
        Ok(6)
    }

    /// A call that is not received waits for the next life; one that is has an error.
    fn next_life(&self) -> Check {
        let before = answered(WATCHED, Told::Answer)?;
        for death in 1..=2 {
            let ended = call(WATCHED, Told::End, LONG);
            holds(ended == Err(Error::PeerGone), || format!("{ended:?}"))?;
            let now = answered(WATCHED, Told::Answer)?;
            holds(now == before + death, || format!("life {now}, {before} before"))?;
            let life = self.life(WATCHED)?;
            holds((life.end, life.code) == (EndKind::Exit, TOLD), || format!("{life:?}"))?;
        }
        Ok(6)
    }

    /// Whoever calls a service that ends too often waits until init says so.
    fn brief(&self) -> Check {
        let gone = call(BRIEF, Told::Answer, LONG);
        holds(is_gone(&gone), || format!("{gone:?}"))?;
        let life = self.life(BRIEF)?;
        holds((life.state, life.last) == (ServiceState::GivenUp, Last::TooOften), || {
            format!("{life:?}")
        })?;
        holds(life.lives == 8, || format!("{life:?}"))?;
        let again = call(BRIEF, Told::Answer, LONG);
        holds(is_gone(&again), || format!("{again:?}")).map(|one| 4 * one)
    }

    /// Stopped, started, and killed.
    fn orders(&self) -> Check {
        let (service, zero) = (WATCHED, Zero::ZERO);
        let before = answered(WATCHED, Told::Answer)?;
        self.order(&Stop { service, zero })?;
        let gone = call(WATCHED, Told::Answer, LONG);
        // The call may have been received before the end.
        holds(is_gone(&gone) || gone == Err(Error::PeerGone), || format!("{gone:?}"))?;
        let gone = call(WATCHED, Told::Answer, LONG);
        holds(is_gone(&gone), || format!("{gone:?}"))?;
        let life = self.life(WATCHED)?;
        holds((life.state, life.last) == (ServiceState::Stopped, Last::Stopped), || {
            format!("{life:?}")
        })?;
        self.order(&Restart { service, zero })?;
        let now = answered(WATCHED, Told::Answer)?;
        holds(now == before + 1, || format!("life {now}, {before} before"))?;
        self.order(&Kill { service, zero })?;
        let now = answered(WATCHED, Told::Answer)?;
        holds(now == before + 2, || format!("life {now}, {before} before"))?;
        let refused = self.init.call(&Kill { service: 1, zero }, Deadline::after_ms(LONG));
        holds(refused.is_err(), || "init is ended".into()).map(|one| 6 * one)
    }

    /// All end while others are being started, with clients that call meanwhile.
    fn storm(&self) -> Check {
        let mut checks = 0;
        for round in 0..10 {
            for service in [WATCHED, ABOVE, EQUAL, ids::RNGD] {
                let zero = Zero::ZERO;
                let order = Kill { service, zero };
                let ordered = self.init.call(&order, Deadline::after_ms(LONG));
                // It is being started just now.
                let began = ordered == Err(nexus_rt::CallError::Service(ServiceError::BadState));
                holds(ordered.is_ok() || began, || format!("{round}: {ordered:?}"))?;
            }
            for service in [EQUAL, WATCHED, ABOVE] {
                let first = call(service, Told::Answer, LONG);
                let is_one = first.is_ok() || first == Err(Error::PeerGone);
                holds(is_one, || format!("{service}: {first:?}"))?;
                answered(service, Told::Answer).map_err(|why| format!("{service}: {why}"))?;
                checks += 2;
            }
        }
        self.waiter.pause(100);
        let random: Client<Entropy> =
            startup().client(ids::RNGD).map_err(|_| String::from("no rngd"))?;
        let bytes = random.call(&Random { len: 8 }, Deadline::after_ms(LONG));
        holds(bytes.is_ok(), || format!("rngd: {bytes:?}"))?;
        Ok(checks + 1)
    }

    fn life(&self, id: u32) -> Result<LifeInfo, String> {
        let mut cursor = 0;
        loop {
            let ask = Lives { cursor };
            let info = self.init.call(&ask, Deadline::after_ms(LONG));
            let info = info.map_err(|error| format!("lives: {error:?}"))?;
            if info.service.id == id {
                return Ok(info);
            }
            if info.next == 0 {
                return Err(format!("no service {id}"));
            }
            cursor = u64::from(info.next);
        }
    }

    fn order<O>(&self, order: &O) -> Result<(), String>
    where
        O: Operation<Protocol = Init, Reply = ()>,
    {
        let done = self.init.call(order, Deadline::after_ms(LONG));
        done.map_err(|error| format!("order: {error:?}"))
    }
}

/// Tells a service something. What it answers.
fn call(service: u32, told: Told, ms: u64) -> Result<Message, Error> {
    let endpoint = startup().service(service).unwrap_or(Handle::NONE);
    let deadline = Deadline::after_ms(ms);
    sys::call(endpoint, &told.encode(), deadline.ticks()).map(|received| received.message)
}

/// The same of a service that answers. Its incarnation.
fn answered(service: u32, told: Told) -> Result<u64, String> {
    let answer = call(service, told, LONG).map_err(|error| format!("{told:?}: {error:?}"))?;
    let [life, ..] = answer.words;
    if answer.tag.label() == 0 { Ok(life) } else { Err(format!("{told:?}: {answer:?}")) }
}

/// init has answered that the service is gone.
fn is_gone(answer: &Result<Message, Error>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.tag.label() == ServiceError::Gone.code())
}

fn holds(fact: bool, why: impl FnOnce() -> String) -> Check {
    if fact { Ok(1) } else { Err(why()) }
}
