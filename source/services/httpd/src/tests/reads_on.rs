//! What is read on from one snapshot to the next: records, rings, lines of the policy, and what services hold.

use std::cell::RefCell;
use std::format;
use std::rc::Rc;
use std::string::String;
use std::vec;
use std::vec::Vec;

use nexus_abi::{KindCode, Message, Rights};
use nexus_proto::init::{self, ServiceState};
use nexus_proto::log::{self, Entry, Event, HeadInfo, Outcome, Stamp, Verification};
use nexus_proto::policy;
use nexus_proto::{
    Asker, Name, Operation, Registers, ReplyError, Request as _, ServiceError, Subject, Text, Zero,
    encode_error, ids,
};

use super::{Collector, DENIALS_SHOWN};
use crate::ask::{Ask, NoAnswer};
use crate::facts::Facts;
use crate::model::Snapshot;

/// A machine that a test changes between snapshots. Its services are numbered from 10 on.
#[derive(Default)]
struct Machine {
    entries: Vec<Entry>,
    epoch: u32,
    /// Names of the lines of the policy.
    lines: Vec<String>,
    /// What each service holds: rights on the endpoint with that number.
    holds: Vec<Vec<(Rights, u64)>>,
    /// Where the next piece of the chain begins, whatever is asked.
    next: u64,
    /// Services that were asked about for what they hold.
    asked: Vec<u32>,
    /// Each record says that it is the first.
    stuck: bool,
}

/// The id of the service with the first place in [`Machine::holds`].
const FIRST: u32 = 10;

impl Machine {
    fn answer(&mut self, service: u32, message: &Message) -> Message {
        match service {
            ids::INIT => self.init(init::Request::decode(message).unwrap()),
            ids::POLICYD => self.policyd(policy::Request::decode(message).unwrap()),
            ids::LOGD => self.logd(log::Request::decode(message).unwrap()),
            _ => encode_error(ServiceError::Denied),
        }
    }

    fn init(&mut self, request: init::Request) -> Message {
        match request {
            init::Request::Services(ask) if self.holds.is_empty() => {
                ask.answer(Err(ServiceError::NotFound))
            }
            init::Request::Services(ask) => {
                let (index, count) = (ask.cursor, self.holds.len() as u64);
                ask.answer(Ok(init::ServiceInfo {
                    next: if index + 1 < count { index + 1 } else { 0 },
                    service: Subject { id: FIRST + index as u32, incarnation: 1 },
                    state: ServiceState::Ready,
                    priority: 16,
                    zero: Zero::ZERO,
                    name: Name::new("service"),
                }))
            }
            init::Request::Caps(ask) => {
                if ask.cursor == 0 {
                    self.asked.push(ask.service);
                }
                let caps = &self.holds[(ask.service - FIRST) as usize];
                let held = caps.get(ask.cursor as usize).map(|(rights, object)| {
                    let next = ask.cursor + 1;
                    cap(if next < caps.len() as u64 { next } else { 0 }, *rights, *object)
                });
                ask.answer(held.ok_or(ServiceError::NotFound))
            }
            _ => encode_error(ServiceError::NotFound),
        }
    }

    fn policyd(&self, request: policy::Request) -> Message {
        let piece = |number: u16, offset: u32, text: &dyn Fn(&str) -> String| {
            let name = self.lines.get(usize::from(number).wrapping_sub(1));
            let text = text(name.ok_or(ServiceError::NotFound)?);
            Ok(Text::piece(&text.as_bytes()[offset as usize..]))
        };
        match request {
            policy::Request::Epoch(ask) => {
                let rules = self.lines.len() as u32;
                ask.answer(Ok(policy::EpochInfo { epoch: self.epoch, rules, nonce: ask.nonce }))
            }
            policy::Request::RuleText(ask) => {
                ask.answer(piece(ask.rule, ask.offset, &|name| name.into()))
            }
            policy::Request::RuleReason(ask) => {
                ask.answer(piece(ask.rule, ask.offset, &|name| format!("why {name}")))
            }
            policy::Request::ExplainRing(ask) => {
                ask.answer(Ok(policy::PermitLine { epoch: 8, line: 3, zero: Zero::ZERO }))
            }
            other => panic!("{other:?} is nothing to ask"),
        }
    }

    fn logd(&self, request: log::Request) -> Message {
        let (records, head) = (self.entries.len() as u64, [1; 32]);
        match request {
            log::Request::Head(ask) => ask.answer(Ok(HeadInfo { records, head })),
            log::Request::ReadStamp(ask) => ask.answer(Ok(Stamp {
                seq: if self.stuck { 1 } else { ask.seq },
                ticks: ask.seq,
                unix_ns: 0,
                reporter: Subject { id: ids::POLICYD, incarnation: 1 },
            })),
            log::Request::ReadEntry(ask) => ask.answer(Ok(self.entries[ask.seq as usize - 1])),
            log::Request::ReadCount(ask) => ask.answer(Ok(log::Count { times: 1 })),
            log::Request::Verify(ask) => {
                ask.answer(Ok(Verification { records, first_bad: 0, next: self.next, head }))
            }
            _ => encode_error(ServiceError::NotFound),
        }
    }
}

fn cap(next: u64, rights: Rights, object: u64) -> init::CapEntry {
    init::CapEntry {
        next,
        kind: KindCode::Endpoint.code() as u16,
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

fn of(event: Event, outcome: Outcome, subject: u32) -> Entry {
    Entry::about(event, outcome, Subject { id: subject, incarnation: 1 })
}

fn shares(event: Event, consumer: u32, driver: u32) -> Entry {
    let asker = Asker { id: driver };
    Entry { asker, len: 4096, ..of(event, Outcome::None, consumer) }
}

type Shared = Rc<RefCell<Machine>>;

impl Ask for Shared {
    fn ask<O: Operation>(&mut self, service: u32, op: &O) -> Result<O::Reply, NoAnswer> {
        let answer = self.borrow_mut().answer(service, &op.encode());
        O::decode_reply(&answer).map_err(|error| match error {
            ReplyError::Service(ServiceError::NotFound) => NoAnswer::NotFound,
            ReplyError::Service(_) => NoAnswer::Refused,
            ReplyError::Malformed(_) => NoAnswer::Silent,
        })
    }

    fn ticks(&self) -> u64 {
        5
    }

    fn ms(&self, ticks: u64) -> u64 {
        1000 * ticks
    }
}

fn collector(machine: Machine) -> (Collector<Shared>, Shared) {
    let shared = Rc::new(RefCell::new(machine));
    (Collector::new(Rc::clone(&shared)), shared)
}

fn rings(snapshot: &Snapshot) -> Vec<(u32, u32)> {
    snapshot.rings.iter().map(|ring| (ring.consumer, ring.driver)).collect()
}

#[test]
fn the_time_is_that_of_the_machine() {
    assert_eq!(collector(Machine::default()).0.now_ms(), 5000);
}

/// Two share memory from the record that says so until the one that says that they do no more.
#[test]
fn memory_is_shared_until_it_is_said_that_it_is_not() {
    use Event::{Share, Unshare};
    let entries = vec![shares(Share, 10, 11), shares(Share, 10, 11), shares(Share, 11, 10)];
    let (mut collector, machine) = collector(Machine { entries, ..Machine::default() });
    assert_eq!(rings(&collector.snapshot()), [(10, 11), (11, 10)]);
    machine.borrow_mut().entries.push(shares(Unshare, 10, 11));
    assert_eq!(rings(&collector.snapshot()), [(11, 10)]);
    let many = (0..100).map(|driver| shares(Share, 20, 100 + driver));
    machine.borrow_mut().entries.extend(many);
    assert_eq!(rings(&collector.snapshot()).len(), 64, "as many as are shown, and no more");
}

#[test]
fn the_last_denials_are_kept_and_all_are_counted() {
    let one = |number| Entry { device: 7, ..of(Event::Decision, Outcome::Deny, number) };
    let entries: Vec<Entry> = (1..=DENIALS_SHOWN as u32 + 5).map(one).collect();
    let (mut collector, machine) = collector(Machine { entries, ..Machine::default() });
    let all = collector.snapshot().ledger;
    let seqs: Vec<u64> = all.denials.iter().map(|one| one.seq).collect();
    assert_eq!(seqs, (6..=DENIALS_SHOWN as u64 + 5).collect::<Vec<_>>());
    assert_eq!(all.denied, DENIALS_SHOWN as u64 + 5);
    // Of a device, or a service, that nobody knows there is its number; of none there is nothing.
    assert_eq!((all.last[0].device.as_str(), all.last[0].asker.as_str()), ("device 7", ""));
    assert_eq!(all.last[0].service, "service 1");
    machine.borrow_mut().entries.push(of(Event::Decision, Outcome::Allow, 0));
    let allowed = collector.snapshot().ledger.last.pop().unwrap();
    assert_eq!((allowed.device.as_str(), allowed.service.as_str()), ("", ""));
    assert_eq!(allowed.why, "no rule");
    let by = Entry { rule: 9, ..of(Event::Decision, Outcome::Allow, 0) };
    machine.borrow_mut().entries.push(by);
    assert_eq!(collector.snapshot().ledger.last.pop().unwrap().why, "rule 9");
    // By the name of that line, and of no other.
    machine.borrow_mut().lines = vec!["first".into(), "second".into()];
    machine.borrow_mut().epoch = 3;
    machine.borrow_mut().entries.push(Entry { rule: 2, ..by });
    assert_eq!(collector.snapshot().ledger.last.pop().unwrap().why, "second");
}

#[test]
fn a_ledger_that_is_read_whole_lacks_nothing() {
    for (count, lacks) in [(127, false), (128, false), (129, true)] {
        let entries = vec![of(Event::Decision, Outcome::Allow, 0); count];
        let (mut collector, _) = collector(Machine { entries, ..Machine::default() });
        let all = collector.snapshot();
        assert_eq!(all.behind.iter().any(|what| what == "ledger"), lacks, "{count}");
    }
}

// attack 107 U: each record says that it is the first; each is read once
#[test]
fn records_that_do_not_go_on_are_read_once() {
    let entries = vec![of(Event::Decision, Outcome::Allow, 0); 10];
    let (mut collector, _) = collector(Machine { entries, stuck: true, ..Machine::default() });
    assert_eq!(collector.snapshot().ledger.read, 10);
}

// attack 107 U: policyd and logd tell as much as they like; questions are left to others
#[test]
fn the_ledger_leaves_questions_to_others() {
    let asked = [0, 1].map(|shared| {
        let mut entries = vec![of(Event::Decision, Outcome::Allow, 0); 200];
        entries[..shared].fill(shares(Event::Share, 10, 11));
        let lines = (0..150).map(|number| format!("line-{number}")).collect();
        let (mut collector, _) =
            collector(Machine { entries, lines, epoch: 1, ..Machine::default() });
        collector.snapshot().page.asked
    });
    // Of 512, 96: a record is two questions.
    assert_eq!((asked[0].min(asked[1]), asked[0].max(asked[1])), (417, 418));
}

// attack 107 U: a piece of the chain ends where it begins; it is the last, and the next begins anew
#[test]
fn a_piece_of_the_chain_that_does_not_go_on_is_the_last() {
    let (mut collector, machine) = collector(Machine { next: 65, ..Machine::default() });
    // The first goes on, the second does not.
    let chain = collector.snapshot().ledger.chain;
    assert_eq!((chain.state, chain.at_ms), ("whole", Some(5000)));
    machine.borrow_mut().next = 0;
    assert_eq!(collector.snapshot().ledger.chain.state, "whole");
}

/// Lines come in pieces, each from where the last ended.
#[test]
fn lines_are_read_once_and_anew_when_the_policy_is_another() {
    let long = "a".repeat(30) + &"b".repeat(30) + &"c".repeat(60);
    let lines = vec![String::from("first"), long.clone()];
    let (mut collector, machine) = collector(Machine { epoch: 4, lines, ..Machine::default() });
    let names = |all: Snapshot| -> Vec<(u32, String, String)> {
        all.rules.into_iter().map(|rule| (rule.number, rule.id, rule.reason)).collect()
    };
    let told =
        vec![(1, "first".into(), "why first".into()), (2, long.clone(), format!("why {long}"))];
    assert_eq!(names(collector.snapshot()), told);
    machine.borrow_mut().lines = vec!["other".into()];
    assert_eq!(names(collector.snapshot()), told, "the policy is the same by its number");
    machine.borrow_mut().epoch = 5;
    assert_eq!(names(collector.snapshot()), [(1, "other".into(), "why other".into())]);
}

// attack 107 U: policyd tells lines without end; so many are known, and no more
#[test]
fn so_many_lines_are_known() {
    let lines = (0..400).map(|number| format!("line-{number}")).collect();
    let (mut collector, _) = collector(Machine { epoch: 1, lines, ..Machine::default() });
    (0..4).for_each(|_| drop(collector.snapshot()));
    let rules = collector.snapshot().rules;
    assert_eq!((rules.len(), rules[255].number), (256, 256));
}

/// Who calls whom is seen by the endpoints that one sends to, and another receives on.
#[test]
fn whoever_sends_to_an_endpoint_calls_who_receives_on_it() {
    let (send, receive) = (Rights::SEND, Rights::RECV);
    let holds = vec![
        vec![(send, 50), (send, 51), (receive, 52)],
        vec![(receive, 50), (send, 52)],
        vec![(receive | send, 51)],
        vec![],
    ];
    let (mut collector, _) = collector(Machine { holds, ..Machine::default() });
    let calls: Vec<_> = collector.snapshot().services.into_iter().map(|one| one.calls).collect();
    assert_eq!(calls, [vec![11, 12], vec![10], vec![], vec![]]);
}

#[test]
fn who_is_gone_is_called_by_nobody() {
    let holds = vec![vec![(Rights::SEND, 7)], vec![(Rights::RECV, 7)]];
    let (mut collector, machine) = collector(Machine { holds, ..Machine::default() });
    let calls = |all: Snapshot| all.services[0].calls.clone();
    assert_eq!(calls(collector.snapshot()), [11]);
    machine.borrow_mut().holds.truncate(1);
    assert!(calls(collector.snapshot()).is_empty());
}

#[test]
fn each_service_is_asked_about_in_turn() {
    let holds = vec![vec![(Rights::SEND, 1)]; 5];
    let (mut collector, machine) = collector(Machine { holds, ..Machine::default() });
    let asked = || core::mem::take(&mut machine.borrow_mut().asked);
    collector.snapshot();
    assert_eq!(asked(), [10, 11, 12, 13, 14]);
    for turn in [[10, 11], [12, 13], [14, 10], [11, 12], [13, 14], [10, 11]] {
        collector.snapshot();
        assert_eq!(asked(), turn);
    }
    // What has changed is seen when its turn has come; one more is asked about at once.
    machine.borrow_mut().holds.iter_mut().for_each(|held| held.push((Rights::SEND, 2)));
    machine.borrow_mut().holds.push(vec![]);
    let counts = |all: Snapshot| -> Vec<u32> {
        all.services.iter().map(|one| one.holds.iter().map(|held| held.count).sum()).collect()
    };
    assert_eq!(counts(collector.snapshot()), [1, 1, 1, 1, 1, 0]);
    assert_eq!(counts(collector.snapshot()), [1, 1, 2, 2, 1, 0]);
    assert_eq!(asked(), [15, 12, 13]);
    // Whoever is no service any more is forgotten, and so is what it held.
    machine.borrow_mut().holds.truncate(1);
    machine.borrow_mut().holds.push(vec![]);
    collector.snapshot();
    assert_eq!(counts(collector.snapshot()), [2, 0]);
}
