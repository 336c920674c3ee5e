//! policyd over a small description and a ledger that can be told to fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decide;
mod explain;
mod history;
mod lines;
mod queues;
mod sequences;

use nexus_abi::{Message, Rights, Sender};
use nexus_proto::log::{Entry, Event, Outcome, Stamp};
use nexus_proto::policy::{
    Decide, Decision, Epoch, Explain, ExplainNet, ExplainPermit, ExplainRing, ExplainState,
    Explanation, NO_LINE, NO_RULE, NetLine, NetTerms, PermitLine, Reason, Request, RuleReason,
    RuleText, StateLine, StatePrefix, Verdict,
};
use nexus_proto::{Asker, Operation, Registers, ReplyError, ServiceError, Subject, Text, Zero};
use nexus_sysdesc::sealed::OWNERS_REGISTERS;
use nexus_sysdesc::{
    Address, Danger, Description, Device, MAPPED_BITS, Need, NetDirection, NetProtocol, Network,
    NetworkSays, OpenTree, Permission, Ports, Profile, Queue, Reach, Ring, Rule, Service, Shape,
    Sockets, Tree, mapped, testing,
};
use policyd::{Policyd, Recorder, Unread};

const INIT: Sender = Sender { service_id: 1, incarnation: 1 };
const NSH: Sender = Sender { service_id: 10, incarnation: 1 };
const RNGD: u32 = 7;
const GREEDY: u32 = 8;
const UART: u16 = 0;
const RNG: u16 = 1;
const EXTRA: u16 = 2;
const MAP: u16 = Rights::MAP.bits();
const READ: u16 = Rights::READ.bits();
const WRITE: u16 = Rights::WRITE.bits();
/// Pages of the memory of the entropy device: tables, rings with slots (two), used rings.
const POOL: u16 = 4;

fn device(id: u16, name: &str, base: Option<u64>, dma: bool) -> Device {
    Device {
        id,
        name: name.into(),
        compatible: if dma { "virtio,mmio" } else { name }.into(),
        virtio_id: dma.then_some(4),
        says: None,
        store: None,
        instance: 0,
        base,
        window_len: 4096,
        irq: false,
        dma,
        danger: if dma { Danger::High } else { Danger::Low },
    }
}

/// What the entropy device is made to reach.
fn queues() -> Vec<Queue> {
    let shape = Shape { heads: 4, reads: Vec::new(), writes: vec![64] };
    vec![Queue { shapes: vec![shape] }]
}

fn service(id: u32, name: &str, needs: &[u16], permissions: &[Permission]) -> Service {
    let need = |device: &u16| Need {
        device: *device,
        rights: MAP | READ | WRITE,
        irq: false,
        polls: false,
        registers: (*device == RNG).then_some(OWNERS_REGISTERS),
        queues: if *device == RNG { queues() } else { Vec::new() },
    };
    let needs = needs.iter().map(need).collect();
    Service { needs, ..testing::service(id, name, permissions) }
}

fn rule(number: u16, id: &str, subject: u32, device: u16, rights: u16) -> Rule {
    Rule {
        number,
        id: id.into(),
        subject,
        device,
        rights,
        irq: false,
        registers: (device == RNG).then_some(OWNERS_REGISTERS),
        interval: 0,
        queues: if device == RNG { queues() } else { Vec::new() },
        reason: "a test".into(),
    }
}

/// `greedy` asks for a device in its service file, and no rule allows it.
fn description() -> Description {
    let description = Description {
        name: "test".into(),
        profile: Profile::Test,
        epoch: 5,
        unlimited_restarts: false,
        init: 1,
        devices: vec![
            device(UART, "uart0", Some(0x1000_0000), false),
            device(RNG, "rng0", None, true),
            device(EXTRA, "extra0", None, false),
        ],
        services: vec![
            service(1, "init", &[], &[Permission::Distribute, Permission::Record]),
            service(4, "consoled", &[UART], &[]),
            service(RNGD, "rngd", &[RNG], &[]),
            service(GREEDY, "greedy", &[EXTRA], &[]),
            service(10, "nsh", &[], &[Permission::View]),
        ],
        rules: vec![
            rule(1, "allow-consoled-uart0", 4, UART, MAP | READ),
            rule(2, "allow-consoled-extra0", 4, EXTRA, MAP | READ | WRITE),
            rule(3, "allow-rngd-rng0", RNGD, RNG, MAP | READ | WRITE),
        ],
        network: None,
    };
    description.validate().unwrap();
    description
}

/// A ledger that can be told to fail.
#[derive(Default)]
struct Ledger {
    entries: Vec<Entry>,
    down: bool,
    /// It takes records, and cannot be read.
    unread: bool,
    /// Whichever record is asked for, it gives the first.
    stuck: bool,
}

impl Recorder for Ledger {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        if self.down {
            return None;
        }
        self.entries.push(*entry);
        Some(self.entries.len() as u64)
    }

    fn read(&mut self, from: u64) -> Result<Option<(Stamp, Entry)>, Unread> {
        if self.unread {
            return Err(Unread);
        }
        let seq = if self.stuck { 1 } else { from };
        let index = usize::try_from(seq - 1).unwrap();
        let reporter = Subject { id: 2, incarnation: 1 };
        let stamp = Stamp { seq, ticks: seq, unix_ns: 0, reporter };
        Ok(self.entries.get(index).map(|entry| (stamp, *entry)))
    }
}

/// policyd with a ledger.
struct Bench {
    policyd: Policyd,
    ledger: Ledger,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(description())
    }

    fn with(description: Description) -> Bench {
        Bench { policyd: Policyd::new(description), ledger: Ledger::default() }
    }

    /// policyd ends, and begins anew.
    fn restart(&mut self) {
        self.policyd = Policyd::new(description());
    }

    fn decide(&mut self, ask: &Decide) -> Decision {
        self.policyd.decide(INIT, ask, &mut self.ledger).unwrap()
    }

    fn deny(&mut self, ask: &Decide) -> Reason {
        let decision = self.decide(ask);
        assert_eq!(decision.verdict, Verdict::Deny);
        assert_ne!(decision.reason, Reason::Allowed);
        assert!(!decision.allows(ask));
        decision.reason
    }

    fn ask<T: Operation>(&mut self, sender: Sender, ask: T) -> Result<T::Reply, ServiceError>
    where
        Request: From<T>,
    {
        let answer: Message = self.policyd.handle(sender, &Request::from(ask), &mut self.ledger);
        T::decode_reply(&answer).map_err(|error| match error {
            ReplyError::Service(error) => error,
            ReplyError::Malformed(why) => panic!("malformed answer: {why:?}"),
        })
    }
}

fn rng(nonce: u64) -> Decide {
    Decide {
        subject: Subject { id: RNGD, incarnation: 1 },
        asker: INIT.into(),
        device: RNG,
        rights: MAP | READ | WRITE,
        base: 0x1000_6000,
        nonce,
        pages: 1,
        pool: POOL,
        line: NO_LINE,
        registers: Registers::new(Some(OWNERS_REGISTERS)),
        zero: Zero::ZERO,
    }
}
