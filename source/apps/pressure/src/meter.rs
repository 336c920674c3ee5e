//! The meter: gives out the tasks, and measures what it notices of them.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, Message};
use nexus_proto::ids as services;
use nexus_proto::init::{Init, Ready, ServiceState};
use nexus_proto::log::{Log, Stats};
use nexus_rt::{Client, Deadline, ns_of_ticks, startup, sys, ticks};
use nexus_test::{Budgets, Check, Facts, Failed, Host, Waiter, comes_back};

use crate::task::{Ask, SHARED, TASKS, Task, Work, ids};

/// Milliseconds after which a service counts as dead.
const DEAD_MS: u64 = 1_000;
/// Ticks between two looks: 137 µs, so that they fall everywhere.
const LOOK: u64 = 1_373;

/// What was measured while a task was done. One nanosecond is one instruction.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    /// The latest that the meter woke up.
    wake: u64,
    /// The longest that an answer took.
    answer: u64,
    looks: u64,
    /// How much the load did.
    done: u64,
}

/// The meter at work.
#[derive(Debug)]
pub struct Meter {
    facts: Facts,
    budgets: Budgets,
    waiter: Waiter,
    endpoint: Handle,
    init: Client<Init>,
    logd: Client<Log>,
    slow: Handle,
    /// The call that the load waits in, the hog, and the rival.
    load: Handle,
    hog: Handle,
    rival: Handle,
}

impl Meter {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Meter, Failed> {
        let start = startup();
        Ok(Meter {
            facts: Facts::new(Host::new()?),
            budgets: Budgets::new()?,
            waiter: Waiter::new()?,
            endpoint: start.serve()?,
            init: start.client(services::INIT)?,
            logd: start.client(services::LOGD)?,
            slow: start.service(ids::SLOW)?,
            load: Handle::NONE,
            hog: Handle::NONE,
            rival: Handle::NONE,
        })
    }

    /// Runs every task and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let host = self.facts.host;
        host.wait_until_ready()?;
        let before = self.budgets.mem()?;
        let held = self.budgets.held([ids::LOAD])?;
        self.until_they_ask()?;
        for task in TASKS {
            if task.work == Work::End {
                // Whoever ends has no page tables to be seen.
                host.witness(Deadline::NEVER)?;
            }
            let measure = self.one(task)?;
            let check = judge(task, &measure);
            let Measure { wake, answer, looks, done } = measure;
            host.console.line(&format!(
                "pressure: {:24} wakes {wake:6} of {:6}, answers {answer:6} of {:6}, {looks} looks, {done} done",
                task.name, task.wake, task.answer
            ))?;
            self.facts.tell(task.name, &check)?;
        }
        let back = comes_back(&before, &self.budgets.mem()?, held);
        self.facts.tell("everything-comes-back", &back)?;
        self.facts.end()
    }

    /// Waits until load, hog and rival have asked for the first time.
    fn until_they_ask(&mut self) -> Result<(), Failed> {
        while [self.load, self.hog, self.rival].contains(&Handle::NONE) {
            self.receive(Deadline::NEVER.ticks())?;
        }
        Ok(())
    }

    /// Takes a message, and keeps the right to answer it. Returns what the load says.
    fn receive(&mut self, until: u64) -> Result<Option<[u64; 2]>, Error> {
        let received = sys::reply_recv(self.endpoint, Handle::NONE, &Message::default(), until)?;
        let [error, count, ..] = received.message.words;
        match received.sender.service_id {
            ids::LOAD => self.load = received.reply,
            ids::HOG => {
                self.hog = received.reply;
                return Ok(None);
            }
            ids::RIVAL => {
                self.rival = received.reply;
                return Ok(None);
            }
            _ => return Ok(None),
        }
        Ok(Some([error, count]))
    }

    /// Lets the load do a task, and measures until it has.
    fn one(&mut self, task: &Task) -> Result<Measure, Failed> {
        let mut measure = Measure::default();
        sys::reply(self.load, &Message::new(0, &[task.work.number()]))?;
        match task.work {
            Work::Inversion => sys::reply(self.hog, &Message::default())?,
            // Its last call is over before the load has counted.
            Work::Share => {
                sys::reply(self.rival, &Message::new(0, &[ticks() + SHARED - SHARED / 100]))?
            }
            _ => {}
        }
        loop {
            let due = ticks() + LOOK;
            match self.receive(due) {
                Err(Error::TimedOut) => {}
                Ok(Some([0, done])) => return Ok(Measure { done, ..measure }),
                Ok(Some([error, _])) => {
                    let what = Error::from_code(error).unwrap_or(Error::BadState);
                    return Err(Failed::Kernel(what));
                }
                Ok(None) => continue,
                Err(error) => return Err(error.into()),
            }
            measure.wake = measure.wake.max(ns_of_ticks(ticks() - due));
            let begun = ticks();
            self.ask(task.ask)?;
            measure.answer = measure.answer.max(ns_of_ticks(ticks() - begun));
            measure.looks += 1;
            if task.work == Work::End && self.is_over()? {
                return Ok(Measure { done: task.at_least, ..measure });
            }
        }
    }

    fn ask(&self, whom: Ask) -> Result<(), Failed> {
        let dead = Deadline::after_ms(DEAD_MS);
        match whom {
            Ask::Logd => drop(self.logd.call(&Stats {}, dead)?),
            Ask::Init => drop(self.init.call(&Ready {}, dead)?),
            Ask::Slow => drop(sys::call(self.slow, &Message::new(0, &[0]), dead.ticks())?),
        }
        Ok(())
    }

    /// True when the load has ended and all of it is taken apart.
    fn is_over(&self) -> Result<bool, Failed> {
        let stat = self.budgets.stat(ids::LOAD)?;
        if stat.state == ServiceState::Ended {
            // init gives back what is left when it has seen the end.
            self.waiter.pause(1);
        }
        Ok(stat.state == ServiceState::Ended)
    }
}

/// Holds what was measured against the bounds of the task.
fn judge(task: &Task, measure: &Measure) -> Check {
    for (what, seen, most) in
        [("wakes", measure.wake, task.wake), ("answers", measure.answer, task.answer)]
    {
        if seen > most {
            return Err(format!("{what} after {seen} of {most} instructions"));
        }
    }
    if measure.looks == 0 {
        return Err(String::from("nothing was measured"));
    }
    if measure.done < task.at_least {
        return Err(format!("{} done of {}", measure.done, task.at_least));
    }
    Ok(u32::try_from(measure.looks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_held_to_each_of_its_bounds() {
        let task = &TASKS[3];
        let good = Measure { wake: task.wake, answer: task.answer, looks: 1, done: task.at_least };
        assert_eq!(judge(task, &good), Ok(1));
        for bad in [
            Measure { wake: task.wake + 1, ..good },
            Measure { answer: task.answer + 1, ..good },
            Measure { looks: 0, ..good },
            Measure { done: task.at_least - 1, ..good },
        ] {
            assert!(judge(task, &bad).is_err(), "{bad:?}");
        }
    }
}
