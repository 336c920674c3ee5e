//! The keeper of a driver whose device reaches memory by itself: has it start, die and start again, and sees what
//! becomes of its line, its memory and its window, and that the system goes on.

use alloc::format;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, LineState, Message};
use nexus_proto::console::{Console, Write};
use nexus_proto::disk::{self, Disk};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::init::{DmaState, EndKind, MemInfo, ServiceStat};
use nexus_proto::log::{Log, Stats};
use nexus_proto::net::{self, Net};
use nexus_proto::policy::{Epoch, Policy};
use nexus_proto::rtc::{Now, Rtc};
use nexus_proto::{Text, Zero, ids};
use nexus_rt::{CallError, Client, Deadline, startup, sys};
use nexus_test::{Budgets, Check, Facts, Failed, Host};

use crate::ask::{self, DRIVER, END, Fate, KILLED, LOOK, Manner, Next, Rest, START};
use crate::keeper::{are_of, holds, note};

/// Milliseconds that a service has to answer; a dead one fails at once.
const ANSWER_MS: u64 = 10_000;
/// Steps after which a life counts as endless.
const MOST_STEPS: u64 = 100;
/// Sectors that lives write, one each.
const SECTORS: u64 = 4096;
/// Random bytes that a life is asked for.
const BYTES: u64 = 32;

/// What each life of a driver is asked. True when the answers are as they must be.
pub type Question = fn(&mut Asked) -> Result<bool, CallError>;

/// What a life is asked, and by what.
#[derive(Debug)]
pub struct Asked {
    endpoint: Handle,
    by: Deadline,
    lives: u64,
    /// What the life before has answered.
    before: Text,
}

impl Asked {
    /// Nobody yet, of this endpoint.
    #[must_use]
    pub const fn of(endpoint: Handle) -> Asked {
        Asked { endpoint, by: Deadline::NEVER, lives: 0, before: Text::EMPTY }
    }

    /// The life with this number is asked next, which has until `by` for its answers.
    pub const fn next(&mut self, number: u64, by: Deadline) {
        (self.lives, self.by) = (number, by);
    }
}

/// Of rngd: random bytes, others than those before.
///
/// # Errors
/// As a call.
pub fn random(asked: &mut Asked) -> Result<bool, CallError> {
    let bytes = Client::<Entropy>::new(asked.endpoint).call(&Random { len: BYTES }, asked.by)?;
    let new = bytes.as_bytes().len() as u64 == BYTES;
    let new = new && bytes.as_bytes() != asked.before.as_bytes();
    asked.before = bytes;
    Ok(new)
}

/// Of virtioblkd: to write, to make that last, and to read it back.
///
/// # Errors
/// As a call.
pub fn sector(asked: &mut Asked) -> Result<bool, CallError> {
    let disk = Client::<Disk>::new(asked.endpoint);
    let data = Text::piece(&asked.lives.to_le_bytes()).with_more(false);
    let offset = asked.lives % SECTORS * disk::SECTOR;
    disk.call(&disk::Write { offset, data }, asked.by)?;
    disk.call(&disk::Flush {}, asked.by)?;
    let len = data.as_bytes().len() as u32;
    let back = disk.call(&disk::Read { offset, len, zero: Zero::ZERO }, asked.by)?;
    Ok(back.as_bytes() == data.as_bytes())
}
/// A load from a page that is not mapped (RISC-V Privileged 1.12, table 4.2).
const LOAD_PAGE_FAULT: u64 = 13;
/// What a process ends with whose store to a register is refused: its window is gone.
const PANIC: u64 = nexus_rt::entry::exit::PANIC;
/// What is left of a device whose driver has ended: a line that nobody receives, memory that is clear and that
/// its device does not reach, and no piece of it with anybody.
const AT_REST: Rest =
    Rest { line: LineState::Free as u8, memory: DmaState::Quiet as u8, pieces: 0 };

/// Of virtionetd: who has the address of QEMU's gateway (RFC 826). It attaches first: a life that it is not attached
/// to refuses the rest, so that no frame goes out with what another life said, and no answer to one is waited for.
///
/// # Errors
/// As a call.
pub fn arp(asked: &mut Asked) -> Result<bool, CallError> {
    const FROM: [u8; 4] = [10, 0, 2, 15];
    const TO: [u8; 4] = [10, 0, 2, 2];
    /// Ethernet and IPv4, with the lengths of their addresses.
    const KINDS: [u8; 6] = [0, 1, 8, 0, 6, 4];
    const ARP: [u8; 2] = [8, 6];
    let card = Client::<Net>::new(asked.endpoint);
    card.call(&net::Attach {}, asked.by)?;
    let mac = card.call(&net::Info {}, asked.by)?.mac;
    let header = [[0xff; 6].as_slice(), &mac, &ARP, &KINDS, &[0, 1]].concat();
    let frame = [header.as_slice(), &mac, &FROM, &[0; 6], &TO].concat();
    let data = Text::piece(&frame).with_more(false);
    card.call(&net::Send { data }, asked.by)?;
    let back = card.call(&net::Receive { deadline: asked.by.ticks() }, asked.by)?;
    let answer = [ARP.as_slice(), &KINDS, &[0, 2]].concat();
    Ok(back.as_bytes().get(12..22) == Some(answer.as_slice()))
}

/// Of virtionetd: its own address, without receiving anything.
///
/// # Errors
/// As a call.
pub fn address(asked: &mut Asked) -> Result<bool, CallError> {
    let mac = Client::<Net>::new(asked.endpoint).call(&net::Info {}, asked.by)?.mac;
    Ok(mac != [0; 6])
}

/// How much was checked, or what went wrong first, in each respect.
#[derive(Debug)]
struct Seen {
    deaths: Check,
    at_rest: Check,
    next_life: Check,
    waited: Check,
    others: Check,
    comes_back: Check,
    recorded: Check,
}

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    facts: Facts,
    budgets: Budgets,
    init: Handle,
    policyd: Client<Policy>,
    logd: Client<Log>,
    consoled: Client<Console>,
    rtcd: Client<Rtc>,
    question: Question,
    asked: Asked,
    /// How memory was divided after the first death.
    divided: Option<MemInfo>,
    /// Records before the first life.
    records: u64,
    /// Incarnation of the life that the boot began with.
    first: u32,
    /// How many there were after that.
    lives: u64,
    seen: Seen,
}

impl Keeper {
    /// From the startup block. Each life is asked this.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new(question: Question) -> Result<Keeper, Failed> {
        let start = startup();
        let none = || Ok(0);
        let seen = Seen {
            deaths: none(),
            at_rest: none(),
            next_life: none(),
            waited: none(),
            others: none(),
            comes_back: none(),
            recorded: none(),
        };
        Ok(Keeper {
            facts: Facts::new(Host::new()?),
            budgets: Budgets::new()?,
            init: start.service(ids::INIT)?,
            policyd: start.client(ids::POLICYD)?,
            logd: start.client(ids::LOGD)?,
            consoled: start.client(ids::CONSOLED)?,
            rtcd: start.client(ids::RTCD)?,
            question,
            asked: Asked::of(start.service(DRIVER)?),
            divided: None,
            records: 0,
            first: 0,
            lives: 0,
            seen,
        })
    }

    /// Goes through all deaths and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let host = self.facts.host;
        host.wait_until_ready()?;
        // The life that every boot begins with.
        self.first = self.kill()?.service.incarnation;
        self.look_at_rest(Fate::NONE)?;
        self.records = self.stats()?;
        for manner in [Manner::Fault, Manner::Killed] {
            match self.every_step(manner) {
                Ok(deaths) => {
                    host.console.line(&format!("mortal: {manner:?}: {deaths} deaths"))?;
                }
                Err(why) => note(&mut self.seen.next_life, Err(format!("{why:?}"))),
            }
        }
        host.console.line(&format!("mortal: {} lives", self.lives))?;
        // The one that the host sees.
        self.start(Next { fate: Fate::NONE, followed: false })?;
        let answered = (self.question)(&mut self.asked);
        let last = || format!("the last life answers {answered:?}");
        note(&mut self.seen.next_life, holds(answered == Ok(true), last));
        let Keeper { mut facts, seen, .. } = self;
        facts.tell("driver-dies-at-every-step", &seen.deaths)?;
        facts.tell("device-comes-to-rest", &seen.at_rest)?;
        facts.tell("next-life-works", &seen.next_life)?;
        facts.tell("calls-wait-for-the-next-life", &seen.waited)?;
        facts.tell("others-go-on", &seen.others)?;
        facts.tell("everything-comes-back", &seen.comes_back)?;
        facts.tell("every-life-recorded", &seen.recorded)?;
        host.witness(Deadline::NEVER)?;
        facts.end()
    }

    /// Has the driver die in this manner at its first step, its second, and so on, until a life is over before
    /// its death comes. Returns how often it died.
    fn every_step(&mut self, manner: Manner) -> Result<u64, Failed> {
        for step in 1..=MOST_STEPS {
            let fate = Fate { step, manner };
            if !self.live(fate)? {
                return Ok(step - 1);
            }
            self.outlive(fate)?;
        }
        note(&mut self.seen.deaths, Err(format!("a life of more than {MOST_STEPS} steps")));
        Ok(MOST_STEPS)
    }

    /// One life of the driver. True when it died of its fate; else it is killed.
    fn live(&mut self, fate: Fate) -> Result<bool, Failed> {
        self.start(Next { fate, followed: false })?;
        let died = match (self.question)(&mut self.asked) {
            Ok(good) => {
                note(&mut self.seen.next_life, holds(good, || format!("{fate:?}: another answer")));
                false
            }
            // The question was received, or was not and waits for a life that does not come.
            Err(CallError::Kernel(Error::PeerGone | Error::TimedOut)) => true,
            Err(error) => {
                note(
                    &mut self.seen.others,
                    Err(format!("{fate:?}: its client was told {error:?}")),
                );
                false
            }
        };
        let ended = if died { self.budgets.ended(DRIVER)? } else { self.kill()? };
        let expected = if died { fate } else { Fate { step: 0, manner: Manner::Killed } };
        note(&mut self.seen.deaths, ends_as(expected, &ended));
        self.count(&ended);
        self.look_around(fate)?;
        Ok(died)
    }

    /// A life that dies of its fate, and one that follows it, with the same question: if the first has not
    /// received it, it waits for the second. Who was told that the first is gone, or what only the first knew,
    /// asks again.
    fn outlive(&mut self, fate: Fate) -> Result<(), Failed> {
        self.start(Next { fate, followed: true })?;
        let answered = match (self.question)(&mut self.asked) {
            Err(CallError::Kernel(Error::PeerGone) | CallError::Service(_)) => {
                self.asked.by = Deadline::after_ms(ANSWER_MS);
                (self.question)(&mut self.asked)
            }
            first => first.inspect(|_| note(&mut self.seen.waited, Ok(1))),
        };
        let why = || format!("after {fate:?}: {answered:?}");
        note(&mut self.seen.next_life, holds(answered == Ok(true), why));
        let ended = self.kill()?;
        let killed = Fate { step: 0, manner: Manner::Killed };
        note(&mut self.seen.deaths, ends_as(killed, &ended));
        self.count(&ended);
        self.look_around(fate)
    }

    /// Lives, after one has ended. What a device does takes its time: a life may have answered before its
    /// death came, and then none followed it.
    fn count(&mut self, ended: &ServiceStat) {
        self.lives = ended.service.incarnation.saturating_sub(self.first).into();
    }

    fn start(&mut self, next: Next) -> Result<(), Failed> {
        self.ask(&Message::new(START, &next.words()))?.ok_or(Error::BadState)?;
        self.asked.next(self.lives, Deadline::after_ms(ANSWER_MS));
        Ok(())
    }

    fn kill(&self) -> Result<ServiceStat, Failed> {
        self.ask(&Message::new(END, &[]))?;
        Ok(self.budgets.ended(DRIVER)?)
    }

    fn ask(&self, message: &Message) -> Result<Option<u64>, Failed> {
        let answer = sys::call(self.init, message, Deadline::after_ms(ANSWER_MS).ticks())?;
        Ok(ask::word(&answer.message))
    }

    /// After a death: the device is at rest, all is back, it is recorded, and the others answer.
    fn look_around(&mut self, fate: Fate) -> Result<(), Failed> {
        self.look_at_rest(fate)?;
        let mem = self.budgets.mem()?;
        let divided = *self.divided.get_or_insert(mem);
        let why = || format!("after {fate:?} {mem:?}, after the first {divided:?}");
        note(&mut self.seen.comes_back, holds(mem == divided, why));
        let records = self.stats()? - self.records;
        let why = || format!("{records} records of {} lives", self.lives);
        // What was set up is what was set up for the life before, and no record.
        note(&mut self.seen.recorded, holds(are_of(records, self.lives), why));
        let soon = Deadline::after_ms(ANSWER_MS);
        let policyd = self.policyd.call(&Epoch { nonce: self.lives }, soon).map(drop);
        let consoled = self.consoled.call(&Write { text: Text::EMPTY }, soon);
        let rtcd = self.rtcd.call(&Now {}, soon).map(drop);
        for (who, answer) in [("policyd", policyd), ("consoled", consoled), ("rtcd", rtcd)] {
            let why = |error| format!("{who} after {fate:?}: {error:?}");
            note(&mut self.seen.others, answer.map(|()| 1).map_err(why));
        }
        Ok(())
    }

    /// After a death: nobody has the device, and it reaches nothing.
    fn look_at_rest(&mut self, fate: Fate) -> Result<(), Failed> {
        let rest = self.ask(&Message::new(LOOK, &[]))?.map(Rest::of);
        let at_rest = holds(rest == Some(AT_REST), || format!("{fate:?}: {rest:?}"));
        note(&mut self.seen.at_rest, at_rest);
        Ok(())
    }

    fn stats(&self) -> Result<u64, Failed> {
        Ok(self.logd.call(&Stats {}, Deadline::after_ms(ANSWER_MS))?.records)
    }
}

/// A life has ended as it had to: killed, or by a load of a register that it no longer has, or by a store that
/// the kernel refused.
fn ends_as(fate: Fate, ended: &ServiceStat) -> Check {
    let fits = match fate.manner {
        Manner::Killed => (ended.end, ended.code) == (EndKind::Killed, KILLED),
        Manner::Exit => (ended.end, ended.code) == (EndKind::Exit, KILLED),
        Manner::Fault => {
            let ends = [(EndKind::Fault, LOAD_PAGE_FAULT), (EndKind::Exit, PANIC)];
            ends.contains(&(ended.end, ended.code))
        }
    };
    let ServiceStat { end, code, address, .. } = ended;
    holds(fits, || format!("{fate:?}: {end:?} {code} at {address:#x}"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use nexus_proto::Request as _;
    use nexus_proto::net::{Card, Request};
    use nexus_proto::{Operation, ServiceError};
    use nexus_rt::host::answer_calls;

    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    /// What two lives of a card answer: the first has another address than the network knows, and ends before call
    /// `ends`. True when a frame was waited for that nobody sends.
    fn waits(ends: u32) -> bool {
        let waited = Rc::new(Cell::new(false));
        let (its, mut calls, mut attached, mut sent) = (Rc::clone(&waited), 0, None, None);
        let _answering = answer_calls(move |_, message| {
            let life = u32::from(calls >= ends);
            calls += 1;
            let may = if attached == Some(life) { Ok(()) } else { Err(ServiceError::BadState) };
            Ok(match Request::decode(message).unwrap() {
                Request::Attach(op) => {
                    attached = Some(life);
                    op.answer(Ok(()))
                }
                Request::Info(op) => {
                    let mac = if life == 0 { [9; 6] } else { MAC };
                    let zero = Zero::ZERO;
                    op.answer(Ok(Card { mac, mtu: 1500, consumer: 0, link: true, zero }))
                }
                Request::Send(op) => {
                    sent = may.is_ok().then(|| op.data.as_bytes().to_vec());
                    op.answer(may)
                }
                Request::Receive(op) => {
                    let comes = sent.as_ref().is_some_and(|frame| frame.get(6..12) == Some(&MAC));
                    its.set(its.get() || life == 1 && may.is_ok() && !comes);
                    op.answer(may.and(Err(ServiceError::TimedOut)))
                }
                other => panic!("{other:?}"),
            })
        });
        let mut asked = Asked::of(Handle(1));
        assert!(arp(&mut asked).is_err());
        waited.get()
    }

    #[test]
    fn no_life_is_waited_for_by_what_another_one_said() {
        assert!((0..5).all(|ends| !waits(ends)));
    }
}
