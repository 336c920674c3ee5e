//! Starts the driver again when the keeper asks for it, as every init does when its time has come.

use mortal::ask::{ATTEMPTS, DRIVER, Fate, KEEPER, KILLED, Next, Rest};
use nexus_abi::{Error, Handle, PAGE_SIZE, Rights};
use nexus_init::grant::{Piece, Question, World, check};
use nexus_init::init::Init;
use nexus_init::live::{Booted, Live};
use nexus_proto::init::ServiceState;
use nexus_proto::policy::{NO_LINE, Reason, Verdict};
use nexus_proto::{Asker, ids};
use nexus_rt::{peek, sys};

/// Starts the driver.
pub(crate) struct Restart {
    /// Service id of the driver.
    driver: u32,
    device: u16,
    /// The life that was asked for last.
    next: Next,
}

impl Restart {
    /// After the boot; `None` when the system is another one.
    pub(crate) fn new(booted: &Booted) -> Option<Restart> {
        let description = booted.init.registry.description();
        let service = description.service(DRIVER).or_else(|| description.service(ids::RTCD))?;
        let device = service.needs.first()?.device;
        let next = Next { fate: Fate::NONE, followed: false };
        Some(Restart { driver: service.id, device, next })
    }

    /// Service id of the driver.
    pub(crate) const fn driver(&self) -> u32 {
        self.driver
    }

    /// The fate of this life.
    pub(crate) const fn fate(&self) -> Fate {
        self.next.fate
    }

    /// When the life that was asked for has ended, and another one is to follow it: starts that.
    pub(crate) fn follow(&mut self, init: &mut Init<Live>) {
        if self.next.followed {
            let next = Next { fate: Fate::NONE, followed: false };
            // It has not ended yet, or waits for its deadline: then the keeper notices.
            let _ = self.start(init, next);
        }
    }

    /// Starts the driver, which must have ended.
    pub(crate) fn start(&mut self, init: &mut Init<Live>, next: Next) -> Option<u64> {
        let record = init.registry.service_mut(self.driver)?;
        if record.state != ServiceState::Restarting {
            return None;
        }
        record.again = Some(0);
        self.next = next;
        init.start_due();
        let driver = init.registry.service(self.driver)?;
        (driver.state != ServiceState::Restarting).then_some(0)
    }

    /// The window that init gives the driver's from, in each of its lives.
    fn root(&self, init: &Init<Live>) -> Option<Handle> {
        let window = init.registry.device(self.device)?.window?;
        init.roots.iter().find(|root| root.range == window).map(|root| root.handle)
    }

    /// Tries to make a second owner of the driver's window while it lives: from the root, from what
    /// init keeps of the window, and as the owner itself. A bit for each attempt that was refused
    /// as it must be.
    pub(crate) fn second_owner(&self, init: &Init<Live>) -> Option<u64> {
        let root = self.root(init)?;
        let kept = init.registry.device(self.device)?.pieces.kept(Piece::Window)?;
        let keeper = init.registry.service(KEEPER)?.process?;
        let owner = Rights::MAP | Rights::READ | Rights::WRITE;
        let map = |window| peek(window, [0]).map(|_| window);
        let attempts: [_; ATTEMPTS] = [
            (sys::cap_derive(root, owner, 0, PAGE_SIZE), Error::Busy),
            (sys::cap_derive(kept, owner, 0, PAGE_SIZE), Error::Busy),
            (sys::cap_install(keeper, root, owner), Error::Busy),
            (sys::cap_install(keeper, kept, owner), Error::Busy),
            // What can be derived from cannot be mapped.
            (map(root), Error::Denied),
            (map(kept), Error::Denied),
        ];
        let refused = attempts.iter().map(|(came, must)| u64::from(*came == Err(*must)));
        Some(refused.rev().fold(0, |bits, bit| bits << 1 | bit))
    }

    /// Asks policyd to give the device of the life that has it to the life before. A number when that is
    /// denied because it is over.
    pub(crate) fn old_life(&self, init: &mut Init<Live>) -> Option<u64> {
        let description = init.registry.description();
        let need = description.service(self.driver)?.needs.first()?;
        let (own, rights, registers) = (description.init, need.rights, need.registers);
        let record = init.registry.device(self.device)?;
        let window = record.window?;
        let ask = Question {
            asker: Asker::new(own),
            service: self.driver,
            incarnation: record.owner.incarnation.checked_sub(1)?,
            device: self.device,
            rights,
            base: window.base,
            len: window.len,
            registers,
            line: record.given_line.unwrap_or(NO_LINE),
            pool: 0,
            // No other question follows.
            nonce: u64::MAX,
        };
        let ask = ask.to_decide();
        let policyd = init.registry.sender(ids::POLICYD);
        let decision = check(&ask, policyd, init.machine.decide(&ask)).ok()?;
        let stale = (Verdict::Deny, Reason::StaleIncarnation);
        ((decision.verdict, decision.reason) == stale).then_some(0)
    }

    /// What is left of the driver's device. Of its line, the authority that init gives it from.
    pub(crate) fn rest(&self, init: &Init<Live>) -> Option<Rest> {
        let record = init.registry.device(self.device)?;
        let number = record.given_line.map(u64::from);
        let all = init.lines.iter().find(|all| Some(all.first) == number);
        let line = all.and_then(|all| sys::irq_stat(all.handle).ok());
        let pieces = [Piece::Window, Piece::Pool, Piece::Used];
        let has = pieces.iter().filter(|piece| record.pieces.get(**piece).is_some());
        Some(Rest {
            line: line.map_or(0, |line| line.state as u8),
            memory: record.dma as u8,
            pieces: u8::try_from(has.count()).unwrap_or(u8::MAX),
        })
    }

    /// Kills the driver for good: nothing follows by itself.
    pub(crate) fn end(&mut self, init: &Init<Live>) -> Option<u64> {
        self.next.followed = false;
        self.kill(init)
    }

    /// Kills the driver.
    pub(crate) fn kill(&self, init: &Init<Live>) -> Option<u64> {
        let process = init.registry.service(self.driver)?.process?;
        sys::process_end(process, KILLED).ok().map(|()| 0)
    }
}
