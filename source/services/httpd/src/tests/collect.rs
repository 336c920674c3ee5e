use std::collections::BTreeMap;
use std::string::ToString;
use std::vec::Vec;

use nexus_abi::{KindCode, Message, Rights};
use nexus_proto::init::{self, CapEntry, EndKind, Last, OwnerState, ServiceState};
use nexus_proto::log::{self, Entry, Event, HeadInfo, Outcome, Stamp, Verification};
use nexus_proto::policy::{self, NO_LINE, NO_RULE, Reason};
use nexus_proto::{
    Asker, Name, Operation, Registers, ReplyError, Request as _, ServiceError, Subject, Text, Zero,
    encode_error, ids,
};

use super::{Collector, MOST_ITEMS, PATIENCE_MS, QUESTIONS, RECORDS_A_SNAPSHOT, RECORDS_SHOWN};
use crate::ask::{Ask, NoAnswer};
use crate::facts::Facts;
use crate::model::{Holding, Snapshot};

/// Milliseconds that a silent service takes.
const SILENCE_MS: u64 = 100;

/// Services that are made up, and what they were asked.
struct Made {
    now_ms: u64,
    /// Of whom nothing comes.
    silent: Vec<u32>,
    /// Lists, texts and the chain have no end.
    endless: bool,
    records: u64,
    head: u8,
    first_bad: u64,
    /// Questions by service and name.
    asked: BTreeMap<(u32, &'static str), u32>,
}

impl Made {
    fn new() -> Made {
        let (now_ms, records, head, first_bad) = (1000, 300, 1, 0);
        let (silent, asked) = (Vec::new(), BTreeMap::new());
        Made { now_ms, silent, endless: false, records, head, first_bad, asked }
    }

    fn asked(&self) -> u32 {
        self.asked.values().sum()
    }

    fn answer(&self, service: u32, message: &Message) -> Message {
        match service {
            ids::INIT => self.init(init::Request::decode(message).unwrap()),
            ids::POLICYD => self.policyd(policy::Request::decode(message).unwrap()),
            ids::LOGD => self.logd(log::Request::decode(message).unwrap()),
            _ => encode_error(ServiceError::Denied),
        }
    }

    /// The cursor after `cursor` in a list of so many.
    fn next(&self, cursor: u64, count: u64) -> u64 {
        if self.endless || cursor + 1 < count { cursor + 1 } else { 0 }
    }

    fn init(&self, request: init::Request) -> Message {
        match request {
            init::Request::Services(ask) => ask.answer(Ok(init::ServiceInfo {
                next: self.next(ask.cursor, 3),
                service: service(ask.cursor),
                state: ServiceState::Ready,
                priority: 16,
                zero: Zero::ZERO,
                name: name(ask.cursor),
            })),
            init::Request::Lives(ask) => ask.answer(Ok(life(ask.cursor, self.next(ask.cursor, 3)))),
            init::Request::Owners(ask) => {
                ask.answer(Ok(owner(ask.cursor, self.next(ask.cursor, 2))))
            }
            init::Request::Caps(ask) if ask.service == ids::LOGD => {
                ask.answer(Err(ServiceError::BadState))
            }
            init::Request::Caps(ask) => {
                ask.answer(Ok(cap(ask.service, ask.cursor, self.next(ask.cursor, 3))))
            }
            // As many as there are, and without end the same ones.
            init::Request::Times(ask) => {
                let priority = [8, 20, init::IDLE].get(ask.cursor as usize).copied().unwrap_or(0);
                let (next, ticks) = (self.next(ask.cursor, 3) as u32, [100, 150, 750]);
                let ticks = ticks.get(ask.cursor as usize).copied().unwrap_or(u64::MAX);
                ask.answer(Ok(init::TimeInfo { next, priority, zero: Zero::ZERO, ticks }))
            }
            init::Request::Irqs(ask) => ask.answer(Err(ServiceError::NotFound)),
            init::Request::Dma(ask) => ask.answer(Err(ServiceError::NotFound)),
            init::Request::Stat(ask) => ask.answer(Err(ServiceError::Unavailable)),
            init::Request::Mem(ask) => ask.answer(Err(ServiceError::Unavailable)),
            init::Request::Ready(ask) => ask.answer(Err(ServiceError::Unavailable)),
            other => panic!("{other:?} is nothing to ask"),
        }
    }

    fn policyd(&self, request: policy::Request) -> Message {
        match request {
            policy::Request::Epoch(ask) => {
                ask.answer(Ok(policy::EpochInfo { epoch: 8, rules: 2, nonce: ask.nonce }))
            }
            policy::Request::RuleText(ask) if ask.rule > 3 && !self.endless => {
                ask.answer(Err(ServiceError::NotFound))
            }
            policy::Request::RuleText(ask) => ask.answer(Ok(self.text("rule"))),
            policy::Request::RuleReason(ask) => ask.answer(Ok(self.text("reason"))),
            policy::Request::ExplainRing(ask) => {
                ask.answer(Ok(policy::PermitLine { epoch: 8, line: 3, zero: Zero::ZERO }))
            }
            other => panic!("{other:?} is nothing to ask"),
        }
    }

    fn text(&self, text: &str) -> Text {
        Text::piece(text.as_bytes()).with_more(self.endless)
    }

    fn logd(&self, request: log::Request) -> Message {
        let head = [self.head; 32];
        match request {
            log::Request::Head(ask) => ask.answer(Ok(HeadInfo { records: self.records, head })),
            log::Request::ReadStamp(ask) if ask.seq > self.records => {
                ask.answer(Err(ServiceError::NotFound))
            }
            log::Request::ReadStamp(ask) => ask.answer(Ok(Stamp {
                // Whose ledger has no end, its records do not even go on.
                seq: if self.endless { 1 } else { ask.seq },
                ticks: ask.seq,
                unix_ns: 0,
                reporter: Subject { id: ids::POLICYD, incarnation: 1 },
            })),
            log::Request::ReadEntry(ask) => ask.answer(Ok(entry(ask.seq))),
            log::Request::ReadCount(ask) => ask.answer(Ok(log::Count { times: 7 })),
            log::Request::Verify(ask) => ask.answer(Ok(Verification {
                records: self.records,
                first_bad: self.first_bad,
                next: match ask.from {
                    0 if self.endless => 64,
                    from if self.endless => from,
                    0 => 65,
                    from if from + 64 <= self.records => from + 64,
                    _ => 0,
                },
                head,
            })),
            log::Request::Stats(ask) => ask.answer(Err(ServiceError::Unavailable)),
            other => panic!("{other:?} is nothing to ask"),
        }
    }
}

impl Ask for &mut Made {
    fn ask<O: Operation>(&mut self, service: u32, op: &O) -> Result<O::Reply, NoAnswer> {
        // Whoever may view changes nothing by asking.
        assert!(O::AGAIN, "{} changes something", O::NAME);
        *self.asked.entry((service, O::NAME)).or_default() += 1;
        if self.silent.contains(&service) {
            self.now_ms += SILENCE_MS;
            return Err(NoAnswer::Silent);
        }
        O::decode_reply(&self.answer(service, &op.encode())).map_err(|error| match error {
            ReplyError::Service(ServiceError::NotFound) => NoAnswer::NotFound,
            ReplyError::Service(_) => NoAnswer::Refused,
            ReplyError::Malformed(_) => NoAnswer::Silent,
        })
    }

    fn ticks(&self) -> u64 {
        self.now_ms
    }

    fn ms(&self, ticks: u64) -> u64 {
        ticks
    }
}

fn service(index: u64) -> Subject {
    let id = u32::try_from(index + 1).unwrap();
    Subject { id, incarnation: 1 }
}

fn name<const N: usize>(index: u64) -> Name<N> {
    Name::new(["init", "policyd", "logd"].get(index as usize).unwrap_or(&"other"))
}

fn life(index: u64, next: u64) -> init::LifeInfo {
    let ended = index == 2;
    init::LifeInfo {
        next: next as u32,
        lives: 2,
        service: service(index),
        state: if ended { ServiceState::Restarting } else { ServiceState::Ready },
        end: if ended { EndKind::Exit } else { EndKind::None },
        last: Last::None,
        zero: Zero::ZERO,
        deaths: 1,
        code: 5,
        since: 400,
        // Two seconds after the third snapshot asks.
        again: 1000 + 25_000_000,
    }
}

fn owner(index: u64, next: u64) -> init::OwnerInfo {
    let held = index == 0;
    init::OwnerInfo {
        next: next as u32,
        device: index as u16,
        rights: (Rights::MAP | Rights::READ).bits(),
        owner: if held { service(1) } else { Subject::default() },
        base: 0,
        len: 4096,
        rule: if held { 1 } else { NO_RULE },
        state: if held { OwnerState::Held } else { OwnerState::Denied },
        dma: false,
        line: NO_LINE,
        registers: Registers::new(Some(3)),
        zero: Zero::ZERO,
        name: Name::new("device"),
    }
}

/// init receives on all endpoints; policyd on its own, and sends to logd's.
fn cap(service: u32, index: u64, next: u64) -> CapEntry {
    let of = |rights: Rights, object| (KindCode::Endpoint, rights, object);
    let (kind, rights, object) = match (service, index) {
        (ids::INIT, 0) => of(Rights::RECV, 2),
        (ids::INIT, _) => of(Rights::SEND, 2),
        (_, 0) => of(Rights::RECV, 2),
        (_, 1) => of(Rights::SEND, 9),
        _ => (KindCode::Vmo, Rights::READ, 1),
    };
    CapEntry {
        next,
        kind: kind.code() as u16,
        rights: rights.bits(),
        children: 0,
        base: 0,
        len: 0,
        object,
        mapped_pages: 0,
        registers: Registers::UNMASKED,
        zero: Zero::ZERO,
    }
}

/// One in ten is a denial, one in a hundred a refusal that is counted; the second shares memory.
fn entry(seq: u64) -> Entry {
    let subject = service(1);
    match seq {
        2 => Entry {
            asker: Asker { id: ids::LOGD },
            len: 8192,
            ..Entry::about(Event::Share, Outcome::None, subject)
        },
        _ if seq % 100 == 5 => {
            Entry { reason: 3, rule: 3, ..Entry::about(Event::Access, Outcome::Deny, subject) }
        }
        _ if seq.is_multiple_of(10) => Entry {
            reason: Reason::NoRule.code(),
            device: 1,
            ..Entry::about(Event::Decision, Outcome::Deny, subject)
        },
        _ => Entry { device: 0, rule: 1, ..Entry::about(Event::Decision, Outcome::Allow, subject) },
    }
}

/// What comes of so many snapshots, the last.
fn snapshots(made: &mut Made, count: u32) -> Snapshot {
    let mut collector = Collector::new(made);
    let mut last = Snapshot::default();
    for _ in 0..count {
        last = collector.snapshot();
    }
    last
}

#[test]
fn what_is_told_is_in_the_snapshot() {
    let mut made = Made::new();
    let all = snapshots(&mut made, 3);
    let names: Vec<&str> = all.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["init", "policyd", "logd"]);
    let logd = &all.services[2];
    assert_eq!((logd.state.as_str(), logd.well, logd.for_ms), ("restarting", false, 600));
    assert_eq!(logd.last_end.as_deref(), Some("exit 5"));
    assert_eq!(logd.next.as_deref(), Some("in 2 s"));
    assert_eq!(all.services[1].holds[0], Holding { kind: "endpoint".into(), count: 2 });
    // init receives on policyd's too, and counts only where nobody else does.
    assert_eq!((all.services[0].calls.as_slice(), all.services[1].calls.len()), (&[2][..], 0));
    let device = &all.devices[0];
    assert_eq!((device.owner, device.rule, device.registers), (Some(2), Some(1), Some(2)));
    assert_eq!((all.devices[1].state.as_str(), all.devices[1].owner), ("denied", None));
    assert_eq!((all.rules.len(), all.rules[2].number), (3, 3));
    assert_eq!((all.rings[0].consumer, all.rings[0].driver, all.rings[0].rule), (2, 3, Some(3)));
    let times: Vec<_> = all.times.iter().map(|one| (one.priority, one.ms, one.permille)).collect();
    assert_eq!(times, [(Some(8), 100, 100), (Some(20), 150, 150), (None, 750, 750)]);
    assert_eq!(all.page.snapshots, 3);
}

#[test]
fn the_ledger_is_read_on() {
    let mut made = Made::new();
    let mut collector = Collector::new(&mut made);
    let first = collector.snapshot().ledger;
    assert_eq!(first.read, RECORDS_A_SNAPSHOT as u64);
    assert_eq!((first.chain.state, first.chain.checked), ("checking", 128));
    let all = collector.snapshot();
    assert!(all.behind.contains(&"ledger".to_string()));
    let all = collector.snapshot();
    assert!(!all.behind.contains(&"ledger".to_string()));
    let ledger = all.ledger;
    assert_eq!((ledger.read, ledger.records, ledger.denied), (300, 300, 33));
    let seqs: Vec<u64> = ledger.last.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, (301 - RECORDS_SHOWN as u64..=300).collect::<Vec<_>>());
    let last = ledger.last.last().unwrap();
    assert_eq!(
        (last.what, last.service.as_str(), last.device.as_str()),
        ("denied", "policyd", "device")
    );
    assert_eq!(
        (last.why.as_str(), last.remedy),
        (Reason::NoRule.text(), Some(Reason::NoRule.remedy()))
    );
    assert_eq!((ledger.chain.state, ledger.chain.checked), ("whole", 300));
    // What is counted is counted anew.
    let times = collector.snapshot().ledger.denials;
    let times: Vec<u64> =
        times.iter().filter(|one| one.what == "no access").map(|one| one.times).collect();
    assert_eq!(times, [7]);
}

// attack 107 U: services tell lists, texts and chains without end, and records that do not go on; so many questions a snapshot and no more, and bounded lists; broken: page-quota, page-list-endless
#[test]
fn no_list_has_no_end() {
    let mut made = Made { endless: true, records: u64::MAX, ..Made::new() };
    for count in 1..=20 {
        let before = made.asked();
        let all = snapshots(&mut made, 1);
        let asked = made.asked() - before;
        assert!(asked <= QUESTIONS && all.page.asked == asked, "{count}: {asked}");
        assert_eq!(all.services.len(), MOST_ITEMS);
        assert_eq!(all.devices.len(), MOST_ITEMS);
        assert_eq!(all.times.len(), MOST_ITEMS);
        assert!(all.times.iter().all(|one| one.permille <= 1000));
        assert!(all.behind.contains(&"ledger".to_string()));
    }
    let mut collector = Collector::new(&mut made);
    for _ in 0..20 {
        let all = collector.snapshot();
        assert!(all.rules.iter().all(|rule| rule.id.len() <= 1024 && rule.reason.len() <= 1024));
        assert!(all.ledger.last.len() <= RECORDS_SHOWN);
    }
}

// attack 107 U: a service that is asked does not answer; it is asked once a snapshot, and a snapshot waits for all together a third of a second and no more; broken: page-silent-again, page-patience
#[test]
fn nobody_keeps_a_snapshot() {
    let all = [ids::INIT, ids::POLICYD, ids::LOGD, ids::RTCD, ids::VIRTIOBLKD, ids::STATEFSD];
    for silent in all {
        let mut made = Made { silent: [silent].into(), ..Made::new() };
        snapshots(&mut made, 1);
        let asked: u32 =
            made.asked.iter().filter(|((id, _), _)| *id == silent).map(|(_, n)| n).sum();
        assert_eq!((asked, made.now_ms), (1, 1000 + SILENCE_MS));
    }
    let mut made = Made { silent: all.into(), ..Made::new() };
    let snapshot = snapshots(&mut made, 1);
    assert_eq!(made.now_ms, 1000 + PATIENCE_MS);
    assert!(snapshot.services.is_empty() && snapshot.behind.len() > 5);
}

/// What cannot be asked for now is shown as it was, and said to be old.
#[test]
fn what_lacks_is_said() {
    let mut made = Made::new();
    let mut collector = Collector::new(&mut made);
    let before = collector.snapshot();
    collector.ask.silent.push(ids::INIT);
    let after = collector.snapshot();
    assert_eq!(before.services.len(), after.services.len());
    assert!(after.behind.contains(&"ready".to_string()), "{:?}", after.behind);
    assert!(after.behind.contains(&"services".to_string()));
}

// attack 107 U: the ledger is cut, replaced, or a record of it changed; the page says so from then on; broken: page-chain-replaced, page-chain-broken
#[test]
fn a_chain_that_does_not_hold_is_told() {
    let state = |change: fn(&mut Made)| {
        let mut made = Made::new();
        let mut collector = Collector::new(&mut made);
        (0..4).for_each(|_| drop(collector.snapshot()));
        change(collector.ask);
        let chain = collector.snapshot().ledger.chain;
        (0..4).for_each(|_| drop(collector.snapshot()));
        let later = collector.snapshot().ledger.chain;
        assert_eq!(chain.state, later.state);
        (chain.state, chain.broken_at)
    };
    assert_eq!(state(|_| {}), ("whole", None));
    assert_eq!(state(|made| made.records += 5), ("whole", None));
    assert_eq!(state(|made| (made.records, made.head) = (301, 2)), ("whole", None));
    assert_eq!(state(|made| made.records -= 1), ("replaced", None));
    assert_eq!(state(|made| made.head = 2), ("replaced", None));
    assert_eq!(state(|made| made.first_bad = 17), ("broken", Some(17)));
}

/// What httpd asks is for who may view. Its number of steady questions is small: a second costs init and logd
/// little.
#[test]
fn a_later_snapshot_asks_little() {
    let mut made = Made::new();
    let last = snapshots(&mut made, 8);
    assert!(last.page.asked < 60, "{}", last.page.asked);
    for refused in ["ReadHashes", "FindLine", "LineText", "Try", "Board", "Decide"] {
        assert!(!made.asked.keys().any(|(_, name)| *name == refused), "{refused}");
    }
}

/// All that is made of what services tell here, word for word. `NEXUS_UPDATE=1` writes it anew, to be looked at.
#[test]
fn a_snapshot_is_as_before() {
    let all = snapshots(&mut Made::new(), 3);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/snapshot.json");
    let told = serde_json::to_string_pretty(&all).unwrap() + "\n";
    if std::env::var_os("NEXUS_UPDATE").is_some() {
        std::fs::write(path, &told).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), told, "run this test with NEXUS_UPDATE=1");
}
