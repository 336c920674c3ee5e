//! Everything that is measured, in order.

use alloc::format;
use core::convert::Infallible;
use core::ops::RangeInclusive;

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_proto::{Subject, ids};
use nexus_rt::{CallError, StartError, startup, sys};
use nexus_test::{Host, records};

use crate::lines::{self, Clock};
use crate::population::Population;
use crate::samples::{COUNT, Samples};
use crate::{calls, grants, objects, restarts, services};

/// Service id of the partner.
const PARTNER: u32 = 13;
/// Service id of the disk.
const DISK: u32 = 14;
/// Service ids of those whose threads wait by deadlines.
const SLEEPERS: RangeInclusive<u32> = 20..=35;
/// Priority of this process, in its description.
const PRIORITY: u8 = 8;
/// Objects that live beside those that are measured.
const LEVELS: [u64; 3] = [10, 100, 1000];

/// The levels at which a window is given and taken back, by their suffix: the ledger has room for so many records
/// of one life.
const GRANTED: [&str; 2] = ["", "_at_1000"];

/// Why there is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Something is missing in the startup block.
    Start(StartError),
    /// The kernel refused, during this measurement.
    Kernel(&'static str, Error),
    /// A service did not answer.
    Call(CallError),
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Failed {
        Failed::Start(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Failed {
        Failed::Call(error)
    }
}

/// Names the measurement in an error.
fn at<T>(what: &'static str, result: Result<T, Error>) -> Result<T, Failed> {
    result.map_err(|error| Failed::Kernel(what, error))
}

/// Measures everything, tells the host, and ends the machine.
///
/// # Errors
/// Why the machine goes on.
pub fn run() -> Result<Infallible, Failed> {
    let host = Host::new()?;
    host.wait_until_ready()?;
    let mut suite = Suite::new(host)?;
    let (passed, failed) = match suite.run() {
        Ok(()) => (suite.measured, 0),
        Err(failed) => {
            host.console.line(&format!("bench: {failed:?}"))?;
            (suite.measured, 1)
        }
    };
    Ok(host.end(passed, failed)?)
}

/// What is measured on.
struct Suite {
    host: Host,
    partner: Handle,
    init: Handle,
    logd: Handle,
    own: Subject,
    window: Handle,
    clock: Clock,
    /// What is derived from, sent, and signalled.
    notification: Handle,
    population: Population,
    /// Measurements so far.
    measured: u32,
}

impl Suite {
    fn new(host: Host) -> Result<Suite, Failed> {
        let start = startup();
        let block = start.block();
        let sleepers: Result<_, _> = SLEEPERS.map(|id| start.service(id)).collect();
        let line = at("line", start.line().ok_or(Error::BadHandle))?;
        // Of the two devices one has the line.
        let window_where = |of_line: bool| {
            let window = start.windows().find(|window| (window.index == line.index) == of_line);
            window.map(|window| Handle(window.handle)).ok_or(StartError::NoWindow)
        };
        Ok(Suite {
            host,
            partner: start.service(PARTNER)?,
            init: start.service(ids::INIT)?,
            logd: start.service(ids::LOGD)?,
            own: Subject { id: block.service_id, incarnation: block.incarnation },
            window: window_where(false)?,
            clock: at("clock", Clock::new(window_where(true)?, Handle(line.handle)))?,
            notification: at("notification", sys::notification_create())?,
            population: at("population", Population::new(sleepers?))?,
            measured: 0,
        })
    }

    fn run(&mut self) -> Result<(), Failed> {
        self.level(1, "")?;
        let record = at("audit_record", grants::record(self.logd, self.own))?;
        self.tell("audit_record", "", &record)?;
        let asked = services::ask_init(self.init)?;
        self.tell("exchange_nsh_init", "", &asked)?;
        let recorded = services::record(self.logd, self.own)?;
        self.tell("exchange_policyd_logd", "", &recorded)?;
        self.disk()?;
        for count in LEVELS {
            self.level(count, &format!("_at_{count}"))?;
        }
        self.restarts()
    }

    /// What a driver does for a request to a disk: for one that it spins for, for one that interrupts it, and
    /// for each of a batch of eight.
    fn disk(&mut self) -> Result<(), Failed> {
        let disk = startup().service(DISK)?;
        for (suffix, depth, spins) in [("", 1, 1), ("_irq", 1, 0), ("_of_8", 8, 0)] {
            let ask = Message::new(0, &[depth, spins]);
            let answer = at("disk", sys::call(disk, &ask, NO_DEADLINE))?;
            let [submit, same, complete, alike, ..] = answer.message.words;
            for (name, median, equal) in
                [("disk_submit_4k", submit, same), ("disk_complete_4k", complete, alike)]
            {
                self.told(&format!("{name}{suffix}"), median.div_ceil(depth), equal as usize)?;
            }
            let (both, equal) = ((submit + complete).div_ceil(depth), same.min(alike));
            self.told(&format!("disk_4k{suffix}"), both, equal as usize)?;
        }
        Ok(())
    }

    /// What a death of each driver costs, and one of which there were a thousand before.
    fn restarts(&mut self) -> Result<(), Failed> {
        for (name, service) in restarts::DRIVERS {
            self.restart(name, "", service)?;
        }
        let [(name, service), ..] = restarts::DRIVERS;
        restarts::die(self.init, service, restarts::MANY)?;
        self.restart(name, "_at_1000", service)
    }

    fn restart(&mut self, name: &str, suffix: &str, service: u32) -> Result<(), Failed> {
        let [all, quiet] = restarts::restart(self.init, service)?;
        self.tell(&format!("restart_{name}"), suffix, &all)?;
        self.tell(&format!("restart_{name}_quiet"), suffix, &quiet)
    }

    /// Everything, while `count` other objects of each kind live.
    fn level(&mut self, count: u64, suffix: &str) -> Result<(), Failed> {
        at("population", self.population.grow(count, self.notification, self.window))?;
        let null = at("null_syscall", calls::null_call())?;
        self.tell("null_syscall", suffix, &null)?;
        for (words, name) in
            [(0, "ipc_call_reply_0w"), (4, "ipc_call_reply_4w"), (8, "ipc_call_reply_8w")]
        {
            let echo = at(name, calls::echo(self.partner, words))?;
            self.tell(name, suffix, &echo)?;
        }
        for (words, name) in [
            (0, "ipc_call_reply_0w_deadline"),
            (4, "ipc_call_reply_4w_deadline"),
            (8, "ipc_call_reply_8w_deadline"),
        ] {
            let echo = at(name, calls::echo_by(self.partner, words))?;
            self.tell(name, suffix, &echo)?;
        }
        let gift = at("ipc_call_reply_cap", calls::gift(self.partner, self.notification))?;
        self.tell("ipc_call_reply_cap", suffix, &gift)?;
        let wake = at("notify_wake", calls::wake(self.partner, self.notification))?;
        self.tell("notify_wake", suffix, &wake)?;
        let bound = at("notify_wake_bound", calls::wake_bound(self.partner))?;
        self.tell("notify_wake_bound", suffix, &bound)?;
        self.interrupts(suffix)?;
        let next = at("ipc_reply_next", calls::next(self.partner, PRIORITY))?;
        self.tell("ipc_reply_next", suffix, &next)?;
        let [map, unmap] = at("mmio_map", objects::map(self.window))?;
        self.tell("mmio_map", suffix, &map)?;
        self.tell("mmio_unmap", suffix, &unmap)?;
        let [derive, drop] = at("cap_derive", objects::derive(self.notification))?;
        self.tell("cap_derive", suffix, &derive)?;
        self.tell("cap_drop", suffix, &drop)?;
        if !GRANTED.contains(&suffix) {
            return Ok(());
        }
        let ([grant, revoke], window) = at("grant", grants::grant(self.init))?;
        self.window = window;
        self.population.window_is_gone();
        self.tell("grant", suffix, &grant)?;
        self.tell("revoke_unmapped", suffix, &revoke)
    }

    /// A register that the kernel writes, and the interrupts of a device.
    fn interrupts(&mut self, suffix: &str) -> Result<(), Failed> {
        let write = at("mmio_write", lines::write(self.clock))?;
        self.tell("mmio_write", suffix, &write)?;
        let [wake, ack] = at("irq_wake", lines::wake(self.clock, self.partner))?;
        self.tell("irq_wake", suffix, &wake.without(write.median()))?;
        let wake = at("irq_wake_serve", lines::wake_driver(self.clock, self.partner))?;
        self.tell("irq_wake_serve", suffix, &wake.without(write.median()))?;
        self.tell("irq_ack", suffix, &ack)?;
        let ack = at("irq_ack_value", lines::ack_value(self.clock, self.partner))?;
        self.tell("irq_ack_value", suffix, &ack)?;
        let [plain, ack] = at("irq_reply_recv", lines::receive(self.clock, PRIORITY))?;
        self.tell("irq_reply_recv", suffix, &plain)?;
        self.tell("irq_ack_reply_recv", suffix, &ack.without(plain.median()))
    }

    fn tell(&mut self, name: &str, suffix: &str, samples: &Samples) -> Result<(), Failed> {
        self.told(&format!("{name}{suffix}"), samples.median(), samples.equal())
    }

    fn told(&mut self, name: &str, median: u64, equal: usize) -> Result<(), Failed> {
        let record = records::bench(name, median, COUNT, equal);
        self.host.record(&record)?;
        self.measured += 1;
        Ok(())
    }
}
