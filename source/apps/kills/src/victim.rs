//! Services that are killed, and how they come back.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use nexus_abi::Handle;
use nexus_proto::init::{Init, Kill, LifeInfo, Lives, ServiceState};
use nexus_proto::{Zero, ids};
use nexus_rt::{Client, Deadline, ns_of_ticks, startup, sys, ticks};
use nexus_test::{Failed, Waiter};

use crate::random::Random;
use crate::report::Reports;
use crate::tally::soon;

/// Most ticks between that a service is back and its next death: 4 ms.
const LATEST: u64 = 40_000;
/// Of one life in so many, the death comes before it has said that it is ready.
const EARLY: u64 = 4;
/// Most ticks from its start until then: 2 ms.
const EARLIEST: u64 = 20_000;
/// Looks, a millisecond apart, until a service is back: not time, of which it may have had none.
const LOOKS: u32 = 60_000;

/// A service that is killed.
#[derive(Debug)]
pub(crate) struct Victim {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    /// It owns a device, and says when it is ready.
    pub(crate) owns: bool,
    /// The loads that ask it, or that it is: it is back when each of them has an answer.
    pub(crate) loads: Vec<usize>,
    /// The driver that goes on when it dies, where it is a client.
    driver: Option<u32>,
    /// How often it has died.
    pub(crate) deaths: u32,
    /// Ticks from the order until it said that it is ready, of each death that it was given time after.
    pub(crate) times: Vec<u64>,
}

/// Whoever may kill.
#[derive(Debug)]
pub(crate) struct Killer {
    init: Client<Init>,
    waiter: Waiter,
    /// Nobody signals it.
    never: Handle,
    random: Random,
    reports: Arc<Reports>,
}

impl Killer {
    pub(crate) fn new(seed: u64, reports: Arc<Reports>) -> Result<Killer, Failed> {
        let never = sys::notification_create()?;
        let init = startup().client(ids::INIT)?;
        Ok(Killer { init, waiter: Waiter::new()?, never, random: Random::new(seed), reports })
    }

    /// Kills it once, or twice in a row, at some moment of its life, and waits until it is back. How often.
    ///
    /// # Errors
    /// It does not come back, or as another one than it must.
    pub(crate) fn kill(&mut self, victim: &mut Victim) -> Result<u32, String> {
        let before = self.life(victim.id)?;
        let driver = victim.driver.map(|driver| self.life(driver)).transpose()?;
        self.pause(LATEST);
        let mut done = self.done(victim);
        let mut began = self.order(victim)?;
        let mut deaths = 1;
        if self.random.below(EARLY) == 0 {
            self.until(victim.id, |life| {
                life.lives > before.lives && life.state != ServiceState::Restarting
            })?;
            self.pause(EARLIEST);
            done = self.done(victim);
            began = self.order(victim)?;
            deaths = 2;
        }
        let back = |life: &LifeInfo| {
            let ready = match life.state {
                ServiceState::Ready => true,
                ServiceState::Started => !victim.owns,
                _ => false,
            };
            ready && life.lives == before.lives.saturating_add(deaths)
        };
        let life = self.until(victim.id, back)?;
        self.answered(victim, &done)?;
        if let Some(before) = driver {
            let now = self.life(before.service.id)?;
            if now.lives != before.lives {
                return Err(format!("with {} died its driver: {now:?}", victim.name));
            }
        }
        victim.deaths = victim.deaths.saturating_add(deaths);
        victim.times.push(life.since.saturating_sub(began));
        Ok(deaths)
    }

    /// Every load has an answer again.
    fn answered(&self, victim: &Victim, done: &[u64]) -> Result<(), String> {
        for _ in 0..LOOKS {
            if self.done(victim).iter().zip(done).all(|(now, before)| now > before) {
                return Ok(());
            }
            if victim.loads.iter().any(|load| self.reports.last(*load).wrong > 0) {
                break;
            }
            self.waiter.pause(1);
        }
        Err(format!("nobody has an answer of {}", victim.name))
    }

    fn done(&self, victim: &Victim) -> Vec<u64> {
        victim.loads.iter().map(|load| self.reports.last(*load).done).collect()
    }

    /// The tick of the order.
    fn order(&self, victim: &Victim) -> Result<u64, String> {
        let now = ticks();
        let kill = Kill { service: victim.id, zero: Zero::ZERO };
        let killed = self.init.call(&kill, soon());
        killed.map(|()| now).map_err(|error| format!("{} is not killed: {error:?}", victim.name))
    }

    /// Looks at its life until that is as it must be.
    fn until(&self, id: u32, what: impl Fn(&LifeInfo) -> bool) -> Result<LifeInfo, String> {
        let mut last = self.life(id)?;
        for _ in 0..LOOKS {
            if what(&last) {
                return Ok(last);
            }
            self.waiter.pause(1);
            last = self.life(id)?;
        }
        Err(format!("it does not come back: {last:?}"))
    }

    fn life(&self, id: u32) -> Result<LifeInfo, String> {
        let mut cursor = 0;
        loop {
            let life = self.init.call(&Lives { cursor }, soon());
            let life = life.map_err(|error| format!("the lives: {error:?}"))?;
            if life.service.id == id {
                return Ok(life);
            }
            cursor = u64::from(life.next);
            if cursor == 0 {
                return Err(format!("there is no service {id}"));
            }
        }
    }

    /// For less than so many ticks.
    fn pause(&mut self, most: u64) {
        let until = ticks().saturating_add(self.random.below(most));
        // It ends by its deadline, and by nothing else.
        let _ = sys::wait(self.never, Deadline::at(until).ticks(), Handle::NONE);
    }
}

impl Victim {
    pub(crate) const fn new(id: u32, name: &'static str, owns: bool) -> Victim {
        Victim { id, name, owns, loads: Vec::new(), driver: None, deaths: 0, times: Vec::new() }
    }

    /// A client at the ring of `driver`, which is this load.
    pub(crate) fn client(id: u32, name: &'static str, driver: u32, load: usize) -> Victim {
        let driver = Some(driver);
        Victim { driver, ..Victim::new(id, name, false).with(&[load]) }
    }

    /// The same, which these loads ask.
    pub(crate) fn with(self, loads: &[usize]) -> Victim {
        Victim { loads: loads.into(), ..self }
    }

    /// Microseconds from the order until it was ready again: the median, that of 99 in 100, and the most.
    pub(crate) fn microseconds(&self) -> [u64; 3] {
        let mut times = self.times.clone();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        [last / 2, last * 99 / 100, last]
            .map(|at| ns_of_ticks(times.get(at).copied().unwrap_or(0)) / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_order() {
        let mut victim = Victim::new(7, "rngd", true);
        assert_eq!(victim.microseconds(), [0; 3]);
        victim.times = (1..=201).rev().map(|time| time * 10).collect();
        let [median, late, most] = victim.microseconds();
        assert!(median < late && late < most);
    }
}
