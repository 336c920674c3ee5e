//! The keeper: has the hostile owner live as often as it is to, and sees that nothing else is another.

use alloc::format;
use core::convert::Infallible;

use mortal::ask::{self, DRIVER, END, Fate, Manner, Next, START};
use mortal::keeper::{holds, note};
use nexus_abi::{Error, Handle, Message};
use nexus_proto::console::{Console, Write};
use nexus_proto::device::{Device, Identify};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::init::{EndKind, MemInfo};
use nexus_proto::policy::{Epoch, Policy};
use nexus_proto::{Text, ids};
use nexus_rt::{Client, Deadline, startup, sys};
use nexus_test::{Budgets, Check, Facts, Failed, Host, SAFETY_MS};

use crate::canary::Canary;
use crate::disk::must_prove;
use crate::life::{HEADS, LIVES, Went, heads_of};

/// Lives of ten in which the device must have given up, at least: the others end before it does.
const GIVES_UP: u32 = 8;

/// How much was checked, or what went wrong first, in each respect.
#[derive(Debug)]
struct Seen {
    canary: Check,
    heads: Check,
    clear: Check,
    others: Check,
    comes_back: Check,
    gave_up: u32,
}

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    facts: Facts,
    budgets: Budgets,
    init: Handle,
    policyd: Client<Policy>,
    consoled: Client<Console>,
    rngd: Client<Entropy>,
    owner: Client<Device>,
    canary: Canary,
    lives: u32,
    heads: u32,
    /// How memory was divided after the first life.
    before: Option<MemInfo>,
    seen: Seen,
}

impl Keeper {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Keeper, Failed> {
        let start = startup();
        let own = start.block().service_id;
        let nothing = || Ok(0);
        let seen = Seen {
            canary: nothing(),
            heads: nothing(),
            clear: nothing(),
            others: nothing(),
            comes_back: nothing(),
            gave_up: 0,
        };
        Ok(Keeper {
            facts: Facts::new(Host::new()?),
            budgets: Budgets::new()?,
            init: start.service(ids::INIT)?,
            policyd: start.client(ids::POLICYD)?,
            consoled: start.client(ids::CONSOLED)?,
            rngd: start.client(ids::RNGD)?,
            owner: start.client(DRIVER)?,
            canary: Canary::new()?,
            lives: must_prove(own, LIVES)?,
            heads: must_prove(own, HEADS)?,
            before: None,
            seen,
        })
    }

    /// Goes through all lives and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let host = self.facts.host;
        host.wait_until_ready()?;
        // The life that every boot begins with.
        self.ask(&Message::new(END, &[]))?;
        self.budgets.ended(DRIVER)?;
        if let Err(why) = self.all_lives() {
            note(&mut self.seen.heads, Err(format!("no next life: {why:?}")));
        }
        let Seen { gave_up, .. } = self.seen;
        let line = format!("rogue: the device gave up in {gave_up} of {} lives", self.lives);
        host.console.line(&line)?;
        let Keeper { mut facts, seen, lives, .. } = self;
        facts.tell(LIVES, &seen.canary)?;
        facts.tell(HEADS, &seen.heads)?;
        let most = 10 * u64::from(gave_up) >= u64::from(GIVES_UP) * u64::from(lives);
        let why = || format!("{gave_up} of {lives} lives");
        facts.tell("lives-end-the-queue", &holds(most, why).map(|_| gave_up))?;
        facts.tell("lives-begin-clear", &seen.clear)?;
        facts.tell("others-go-on", &seen.others)?;
        facts.tell("everything-comes-back", &seen.comes_back)?;
        host.witness(Deadline::NEVER)?;
        facts.end()
    }

    /// As many as there are to be, and one more, which the host sees once it is there.
    fn all_lives(&mut self) -> Result<(), Failed> {
        for number in 1..=self.lives {
            self.live(number)?;
        }
        self.start(Fate::NONE)?;
        self.owner.call(&Identify {}, Deadline::after_ms(SAFETY_MS))?;
        Ok(())
    }

    /// One life, and a look around after it.
    fn live(&mut self, number: u32) -> Result<(), Failed> {
        self.start(Fate { step: number.into(), manner: Manner::Exit })?;
        let ended = self.budgets.ended(DRIVER)?;
        let went = Went::of(ended.code).filter(|_| ended.end == EndKind::Exit);
        let why = || format!("life {number} ended: {:?} {:#x}", ended.end, ended.code);
        note(&mut self.seen.heads, went.map(|went| went.heads).ok_or_else(why));
        let went = went.unwrap_or_default();
        let (least, heads) = (heads_of(self.heads, self.lives), went.heads);
        note(
            &mut self.seen.heads,
            holds(heads >= least, || format!("life {number}: {heads}")).map(|_| 0),
        );
        note(&mut self.seen.clear, holds(went.clear, || format!("life {number} found something")));
        self.seen.gave_up += u32::from(went.gave_up);
        let whole = || format!("another byte after life {number}");
        note(&mut self.seen.canary, holds(self.canary.is_whole(), whole));
        self.look_around(number)
    }

    /// All is back, and the others answer: one of them is the driver of another device.
    fn look_around(&mut self, number: u32) -> Result<(), Failed> {
        let mem = self.budgets.mem()?;
        let before = *self.before.get_or_insert(mem);
        let why = || format!("after life {number} {mem:?}, after the first {before:?}");
        note(&mut self.seen.comes_back, holds(mem == before, why));
        let soon = Deadline::after_ms(SAFETY_MS);
        let policyd = self.policyd.call(&Epoch { nonce: number.into() }, soon).map(drop);
        let consoled = self.consoled.call(&Write { text: Text::EMPTY }, soon);
        let rngd = self.rngd.call(&Random { len: 32 }, soon).map(drop);
        for (who, answer) in [("policyd", policyd), ("consoled", consoled), ("rngd", rngd)] {
            let why = |error| format!("{who} after life {number}: {error:?}");
            note(&mut self.seen.others, answer.map(|()| 1).map_err(why));
        }
        Ok(())
    }

    /// The next life.
    fn start(&self, fate: Fate) -> Result<(), Failed> {
        let next = Next { fate, followed: false };
        let message = self.ask(&Message::new(START, &next.words()))?;
        Ok(ask::word(&message).map(drop).ok_or(Error::BadState)?)
    }

    fn ask(&self, message: &Message) -> Result<Message, Failed> {
        Ok(sys::call(self.init, message, Deadline::after_ms(SAFETY_MS).ticks())?.message)
    }
}
