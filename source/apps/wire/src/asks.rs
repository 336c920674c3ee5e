//! What the peer asks for, a line at a time, each answered by a line.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_net::{Error, Family, Listener, RingLink, System, address};
use nexus_proto::init::{Init, Lives};
use nexus_proto::log::{Counts, Head, Log, Stats as LogStats};
use nexus_proto::socket::{Address, Info, Socket, Stats};
use nexus_proto::{Operation, Protocol, ids};
use nexus_rt::{Client, Deadline, ns_of_ticks, startup, ticks, ticks_of_ns};
use nexus_state::{Expect, State};
use nexus_test::{Check, Facts, SAFETY_MS};

use crate::echo::{Stream, accepted};

/// Most bytes of a line.
const LINE: usize = 512;
/// Most rounds of work.
const MOST_ROUNDS: u32 = 10_000;
/// Most milliseconds of a share of the time.
const MOST_MS: u64 = 10_000;

/// The state of the disk.
type Disk = State<nexus_state::RingLink, SharedMemory<ReadWrite>>;

/// Who asks.
pub(crate) struct Asks<'n> {
    net: &'n System,
    listener: Listener<'n, RingLink, SharedMemory<ReadWrite>>,
    stream: Option<Stream<'n>>,
    line: Vec<u8>,
    disk: Option<Disk>,
    answered: u32,
    mark: Option<Counts>,
    over: bool,
}

impl<'n> Asks<'n> {
    pub(crate) fn new(
        net: &'n System,
        listener: Listener<'n, RingLink, SharedMemory<ReadWrite>>,
    ) -> Self {
        let (stream, line, disk, mark) = (None, Vec::new(), None, None);
        Asks { net, listener, stream, line, disk, answered: 0, mark, over: false }
    }

    /// True when the end was asked for.
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    /// Answers a line. True when something was done.
    pub(crate) fn turn(&mut self, facts: &mut Facts) -> Result<bool, Error> {
        if let Some(stream) = accepted(self.listener.try_accept())? {
            (self.stream, self.line) = (Some(stream), Vec::new());
        }
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut bytes = vec![0; LINE];
        let came = match stream.try_read(&mut bytes) {
            Ok(None) => return Ok(false),
            Ok(Some(0)) | Err(Error::Reset | Error::Closed | Error::NoAnswer) => {
                self.stream = None;
                return Ok(true);
            }
            other => other?.unwrap_or(0),
        };
        self.line.extend(bytes.get(..came).unwrap_or_default());
        let Some(end) = self.line.iter().position(|byte| *byte == b'\n') else {
            return Ok(true);
        };
        let rest = self.line.split_off(end + 1);
        let line = core::mem::replace(&mut self.line, rest);
        let line = String::from_utf8_lossy(&line).trim().to_string();
        let answer = self.answer(&line, facts).unwrap_or_else(|why| format!("error {why}"));
        self.say(&answer)?;
        self.answered += 1;
        Ok(true)
    }

    fn say(&mut self, answer: &str) -> Result<(), Error> {
        let line = format!("{answer}\n");
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.write_all(line.as_bytes(), Deadline::after_ms(SAFETY_MS))
    }

    fn answer(&mut self, line: &str, facts: &mut Facts) -> Result<String, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "network" => network(),
            "counts" => counts(),
            "lives" => lives(),
            "resolve4" => self.resolve(rest, Family::V4),
            "resolve6" => self.resolve(rest, Family::V6),
            "work" => self.work(rest),
            "share" => self.share(rest),
            "mark" => self.mark(),
            "end" => self.end(facts),
            _ => Err(format!("`{word}` is nothing that is done here")),
        }
    }

    fn resolve(&self, name: &str, family: Family) -> Result<String, String> {
        let found = self.net.resolve(name, family, Deadline::after_ms(SAFETY_MS));
        let addresses: Vec<String> = match found {
            Ok(found) => found.iter().map(|one| one.to_string()).collect(),
            Err(why) => return Err(format!("{why:?}")),
        };
        Ok(addresses.join(" "))
    }

    /// So many rounds of what others wait for: a call of the ledger, and a value on the disk. The longest of each, and
    /// all of them, in nanoseconds of the guest's clock. It says before that it begins.
    fn work(&mut self, rounds: &str) -> Result<String, String> {
        let rounds: u32 = rounds.parse().map_err(|_| "no number".to_string())?;
        let log: Client<Log> = client(ids::LOGD)?;
        if self.disk.is_none() {
            self.disk = Some(nexus_state::open().map_err(|why| format!("{why:?}"))?);
        }
        self.say("begins").map_err(|why| format!("{why:?}"))?;
        let Some(disk) = &mut self.disk else { return Err("no disk".to_string()) };
        let [mut ledger, mut stored] = [0; 2];
        let began = ticks();
        for round in 0..rounds.min(MOST_ROUNDS) {
            let before = ticks();
            call(&log, &Head {})?;
            let between = ticks();
            let put = disk.put_sync("work", &round.to_le_bytes(), Expect::Any);
            put.map_err(|why| format!("{why:?}"))?;
            ledger = ledger.max(between - before);
            stored = stored.max(ticks() - between);
        }
        let [all, ledger, stored] = [ticks() - began, ledger, stored].map(ns_of_ticks);
        Ok(format!("all={all} ledger={ledger} disk={stored}"))
    }

    /// How often this process looks at the clock within so many milliseconds of the guest's: its share of the time. It
    /// says before that it begins.
    fn share(&mut self, ms: &str) -> Result<String, String> {
        let ms: u64 = ms.parse().map_err(|_| "no number".to_string())?;
        self.say("begins").map_err(|why| format!("{why:?}"))?;
        let began = ticks();
        let until = began + ticks_of_ns(ms.min(MOST_MS) * 1_000_000);
        let (mut looks, mut now, mut away) = (0_u64, began, 0);
        while now < until {
            let before = now;
            now = ticks();
            (looks, away) = (looks + 1, away.max(now - before));
        }
        Ok(format!("looks={looks} away={}", ns_of_ticks(away)))
    }

    /// From now on nothing is to be told to logd.
    fn mark(&mut self) -> Result<String, String> {
        let now = call(&client::<Log>(ids::LOGD)?, &LogStats {})?;
        let said = format!("records={} lines={}", now.records, now.lines);
        self.mark = Some(now);
        Ok(said)
    }

    fn end(&mut self, facts: &mut Facts) -> Result<String, String> {
        self.over = true;
        let told = self.nothing_told();
        let failed = |why| format!("{why:?}");
        facts.tell("wire-nothing-told", &told).map_err(failed)?;
        facts.tell("wire-served", &Ok(self.answered)).map_err(failed)?;
        facts.host.witness(Deadline::NEVER).map_err(failed)?;
        Ok("ends".to_string())
    }

    /// No record, no line and no refusal since the mark.
    fn nothing_told(&self) -> Check {
        let before = self.mark.as_ref().ok_or("nothing was marked")?;
        let now = call(&client::<Log>(ids::LOGD)?, &LogStats {})?;
        let pairs = [
            ("records", before.records, now.records),
            ("lines", before.lines + before.limited, now.lines + now.limited),
            ("refusals", before.refused, now.refused),
        ];
        for (what, before, now) in pairs {
            if before != now {
                return Err(format!("{what}: {before} before packets of others, {now} after"));
            }
        }
        Ok(pairs.len() as u32)
    }
}

fn client<P: Protocol>(service: u32) -> Result<Client<P>, String> {
    startup().client(service).map_err(|why| format!("{why:?}"))
}

fn call<O: Operation>(to: &Client<O::Protocol>, ask: &O) -> Result<O::Reply, String> {
    to.call(ask, Deadline::after_ms(SAFETY_MS)).map_err(|why| format!("{why:?}"))
}

/// How the network stands, and every address.
fn network() -> Result<String, String> {
    let stack: Client<Socket> = client(ids::NETSTACKD)?;
    let info = call(&stack, &Info {})?;
    let own = |index| call(&stack, &Address { index });
    let mut addresses = Vec::new();
    for index in 0..u64::from(info.addresses) {
        let one = own(index)?;
        addresses.push(format!("{}/{}", address(one.address), one.prefix));
    }
    let (four, six) = (IpAddr::from(info.gateway4), address(info.gateway6));
    let (lease, sockets, all) = (info.lease, info.sockets, addresses.join(","));
    Ok(format!("lease={lease} sockets={sockets} gateway4={four} gateway6={six} addresses={all}"))
}

/// What the stack has done.
fn counts() -> Result<String, String> {
    let stats = call(&client::<Socket>(ids::NETSTACKD)?, &Stats {})?;
    Ok(format!(
        "in={} out={} dropped={} connections={} denied={} turns={}",
        stats.frames_in,
        stats.frames_out,
        stats.dropped,
        stats.connections,
        stats.denied,
        stats.turns
    ))
}

/// How many lives all services have had, and how many services there are.
fn lives() -> Result<String, String> {
    let init: Client<Init> = client(ids::INIT)?;
    let (mut services, mut lives, mut cursor) = (0, 0, 0);
    loop {
        let life = call(&init, &Lives { cursor })?;
        services += 1;
        lives += life.lives;
        cursor = life.next.into();
        if cursor == 0 {
            break;
        }
    }
    Ok(format!("services={services} lives={lives}"))
}
