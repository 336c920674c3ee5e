//! The meter: gives out the tasks, and measures what it notices of them.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, Message};
use nexus_proto::Zero;
use nexus_proto::ids as services;
use nexus_proto::init::{Init, Mem, MemInfo, Ready, ServiceState, Stat};
use nexus_proto::log::{Log, Stats};
use nexus_rt::{CallError, Client, Deadline, StartError, ns_of_ticks, startup, sys, ticks};
use nexus_test::{Host, Waiter};

use crate::task::{Ask, TASKS, Task, Work, ids};

/// Milliseconds that the owners have to become ready: instructions pass slowly here.
const READY_MS: u64 = 60_000;
/// Milliseconds after which a service counts as dead.
const DEAD_MS: u64 = 1_000;
/// Ticks between two looks: 137 µs, so that they fall everywhere.
const LOOK: u64 = 1_373;

/// Why it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Something is missing in the startup block.
    Start(StartError),
    /// The kernel refused.
    Kernel(Error),
    /// A service did not answer.
    Call(CallError),
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Failed {
        Failed::Start(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Kernel(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Failed {
        Failed::Call(error)
    }
}

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
    host: Host,
    waiter: Waiter,
    endpoint: Handle,
    init: Client<Init>,
    logd: Client<Log>,
    slow: Handle,
    /// The call that the load waits in, and the hog.
    load: Handle,
    hog: Handle,
    failed: u32,
}

impl Meter {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Meter, Failed> {
        let start = startup();
        Ok(Meter {
            host: Host::new()?,
            waiter: Waiter::new()?,
            endpoint: start.serve()?,
            init: start.client(services::INIT)?,
            logd: start.client(services::LOGD)?,
            slow: start.service(ids::SLOW)?,
            load: Handle::NONE,
            hog: Handle::NONE,
            failed: 0,
        })
    }

    /// Runs every task and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        self.host.wait_until_ready(Deadline::after_ms(READY_MS))?;
        let before = self.mem()?;
        self.until_they_ask()?;
        for task in TASKS {
            let measure = self.one(task)?;
            let check = judge(task, &measure);
            let Measure { wake, answer, looks, done } = measure;
            self.host.console.line(&format!(
                "pressure: {:24} wakes {wake:6} of {:6}, answers {answer:6} of {:6}, {looks} looks, {done} done",
                task.name, task.wake, task.answer
            ))?;
            self.prove(task.name, check)?;
        }
        let after = self.mem()?;
        self.prove("everything-comes-back", comes_back(&before, &after))?;
        let passed = u32::try_from(TASKS.len() + 1).unwrap_or(0) - self.failed;
        Ok(self.host.end(passed, self.failed)?)
    }

    fn prove(&mut self, name: &str, check: Result<(), String>) -> Result<(), Failed> {
        let words = name.replace('-', " ");
        match check {
            Ok(()) => {
                self.host.console.line(&format!("SELFTEST: {words} ok"))?;
                nexus_rt::proof(name)?;
            }
            Err(why) => {
                self.host.console.line(&format!("SELFTEST: {words} FAILED: {why}"))?;
                self.failed += 1;
            }
        }
        Ok(())
    }

    /// Waits until load and hog have asked for the first time.
    fn until_they_ask(&mut self) -> Result<(), Failed> {
        while self.load == Handle::NONE || self.hog == Handle::NONE {
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
            _ => return Ok(None),
        }
        Ok(Some([error, count]))
    }

    /// Lets the load do a task, and measures until it has.
    fn one(&mut self, task: &Task) -> Result<Measure, Failed> {
        let mut measure = Measure::default();
        sys::reply(self.load, &Message::new(0, &[task.work.number()]))?;
        if task.work == Work::Inversion {
            sys::reply(self.hog, &Message::default())?;
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
        let ask = Stat { service: ids::LOAD, zero: Zero::ZERO };
        let stat = self.init.call(&ask, Deadline::after_ms(DEAD_MS))?;
        if stat.state == ServiceState::Ended {
            // init gives back what is left when it has seen the end.
            self.waiter.pause(1);
        }
        Ok(stat.state == ServiceState::Ended)
    }

    fn mem(&self) -> Result<MemInfo, Failed> {
        Ok(self.init.call(&Mem {}, Deadline::after_ms(DEAD_MS))?)
    }
}

/// Holds what was measured against the bounds of the task.
fn judge(task: &Task, measure: &Measure) -> Result<(), String> {
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
    Ok(())
}

/// The budget of the load, which has ended, is free again.
fn comes_back(before: &MemInfo, after: &MemInfo) -> Result<(), String> {
    let frames = before.frames_given.saturating_sub(after.frames_given);
    let objects = before.objects_given.saturating_sub(after.objects_given);
    let free = (
        after.frames_free.saturating_sub(before.frames_free),
        after.objects_free.saturating_sub(before.objects_free),
    );
    if frames == 0 || objects == 0 || free.0 < frames || free.1 < objects {
        return Err(format!("{free:?} free again of {frames} frames and {objects} objects"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_held_to_each_of_its_bounds() {
        let task = &TASKS[3];
        let good = Measure { wake: task.wake, answer: task.answer, looks: 1, done: task.at_least };
        assert_eq!(judge(task, &good), Ok(()));
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
