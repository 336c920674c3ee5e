//! Questions to the ordinary services, each with its right answer and the longest that it may take.

use alloc::format;
use alloc::string::String;

use nexus_proto::disk::{Disk, Info};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::ids;
use nexus_proto::init::{Init, Ready, Try};
use nexus_proto::log::{Log, Stats};
use nexus_proto::policy::Verdict;
use nexus_proto::rtc::{Now, Rtc};
use nexus_rt::{CallError, Client, Deadline, StartError, ns_of_ticks, startup, ticks};

/// Random bytes that are asked for.
const RANDOM: u64 = 32;
/// Milliseconds after which a service counts as dead.
const DEAD_MS: u64 = 1000;

/// Whom the keeper asks.
#[derive(Debug)]
pub(crate) struct Servers {
    own: u32,
    logd: Client<Log>,
    init: Client<Init>,
    rtcd: Client<Rtc>,
    rngd: Client<Entropy>,
    virtioblkd: Client<Disk>,
}

impl Servers {
    /// From the startup block.
    pub(crate) fn new() -> Result<Servers, StartError> {
        let start = startup();
        Ok(Servers {
            own: start.block().service_id,
            logd: start.client(ids::LOGD)?,
            init: start.client(ids::INIT)?,
            rtcd: start.client(ids::RTCD)?,
            rngd: start.client(ids::RNGD)?,
            virtioblkd: start.client(ids::VIRTIOBLKD)?,
        })
    }
}

/// A question.
struct Probe {
    /// What it is about.
    name: &'static str,
    /// Most that the answer may take, in nanoseconds of guest time: instructions.
    ///
    /// Services are more important than the wild processes and wait for none of them, so that it
    /// takes what it takes in a quiet system; the bound is several times that.
    at_most: u64,
    /// It is asked once in so many rounds: whoever asks policyd for too much gets no answer.
    once_in: u64,
    /// Asks; false when the answer is wrong.
    ask: fn(&Servers) -> Result<bool, CallError>,
}

const PROBES: &[Probe] = &[
    Probe {
        name: "logd counts",
        at_most: 20_000,
        once_in: 1,
        ask: |to| to.logd.call(&Stats {}, Deadline::after_ms(DEAD_MS)).map(|_| true),
    },
    Probe {
        name: "rtcd tells the time",
        at_most: 20_000,
        once_in: 1,
        ask: |to| Ok(to.rtcd.call(&Now {}, Deadline::after_ms(DEAD_MS))?.unix_ns > 1 << 60),
    },
    Probe {
        name: "rngd gives random bytes",
        at_most: 40_000,
        once_in: 1,
        ask: |to| {
            let bytes = to.rngd.call(&Random { len: RANDOM }, Deadline::after_ms(DEAD_MS))?;
            Ok(bytes.as_bytes().len() as u64 == RANDOM)
        },
    },
    Probe {
        name: "virtioblkd knows its disk",
        at_most: 20_000,
        once_in: 1,
        ask: |to| {
            let disk = to.virtioblkd.call(&Info {}, Deadline::after_ms(DEAD_MS))?;
            Ok(disk.sectors > 0 && disk.block >= 512)
        },
    },
    Probe {
        name: "init counts the owners",
        at_most: 20_000,
        once_in: 1,
        ask: |to| {
            let ready = to.init.call(&Ready {}, Deadline::after_ms(DEAD_MS))?;
            Ok(ready.owners_ready == ready.owners)
        },
    },
    Probe {
        name: "policyd denies, recorded",
        at_most: 100_000,
        once_in: 20,
        ask: |to| {
            let ask = Try { service: to.own, device: 0, rights: 3 };
            let answer = to.init.call(&ask, Deadline::after_ms(DEAD_MS))?;
            Ok(answer.verdict == Verdict::Deny && answer.record > 0)
        },
    },
];

/// Most that the keeper may wake up after its time, in nanoseconds. The kernel lets nobody in during
/// a call, so it waits for a call of a wild process and a look at everything, which takes 2.6 to 3.13
/// million instructions here (as many nanoseconds): 13,000 for each mapping, and 5,300 for a memory object
/// with its capabilities.
const WAKES_WITHIN: u64 = 3_300_000;

/// What was seen of the services.
#[derive(Debug)]
pub(crate) struct Probes {
    servers: Servers,
    /// Rounds so far.
    pub(crate) rounds: u64,
    /// Right answers, in time.
    pub(crate) answers: u32,
    /// The longest that each answer took, in nanoseconds.
    worst: [u64; PROBES.len()],
    /// The latest that the keeper woke up, in nanoseconds.
    late: u64,
    /// The first thing that was wrong.
    pub(crate) wrong: Option<String>,
}

impl Probes {
    /// Nothing yet.
    pub(crate) fn new() -> Result<Probes, StartError> {
        let servers = Servers::new()?;
        Ok(Probes {
            servers,
            rounds: 0,
            answers: 0,
            worst: [0; PROBES.len()],
            late: 0,
            wrong: None,
        })
    }

    /// The keeper was woken so many ticks after its time.
    pub(crate) fn woken(&mut self, late: u64) {
        let late = ns_of_ticks(late);
        self.late = self.late.max(late);
        if late > WAKES_WITHIN {
            self.wrong.get_or_insert(format!("woken {late} ns late"));
        }
    }

    /// Asks everything once.
    pub(crate) fn round(&mut self) {
        self.rounds += 1;
        for (probe, worst) in PROBES.iter().zip(&mut self.worst) {
            if !self.rounds.is_multiple_of(probe.once_in) {
                continue;
            }
            let begun = ticks();
            let answer = (probe.ask)(&self.servers);
            let took = ns_of_ticks(ticks() - begun);
            *worst = took.max(*worst);
            let fault = match answer {
                Ok(true) if took <= probe.at_most => {
                    self.answers += 1;
                    continue;
                }
                Ok(true) => format!("{}: after {took} of {} ns", probe.name, probe.at_most),
                Ok(false) => format!("{}: a wrong answer", probe.name),
                Err(error) => format!("{}: {error:?} after {took} ns", probe.name),
            };
            self.wrong.get_or_insert(fault);
        }
    }

    /// The longest that each took, for people.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let answers = PROBES.iter().zip(self.worst);
        let answers = answers.map(|(probe, worst)| (probe.name, worst, probe.at_most));
        answers
            .chain([("the keeper wakes up", self.late, WAKES_WITHIN)])
            .map(|(name, worst, most)| format!("{name:28} {worst:8} of {most} instructions"))
    }
}
