//! logd as its clients see it: messages in, messages out.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use logd::Logd;
use logd::chain::{Link, replay};
use logd::fake::FakeWords;
use logd::ledger::{Ledger, counts};
use logd::store::{self, Store, Words as _};
use nexus_abi::{Message, Rights, Sender, Tag};
use nexus_mmio::ReadWrite;
use nexus_mmio::fake::FakeMemory;
use nexus_proto::log::{
    Anchor, Append, Appended, Entry, Event, FindLine, Head, Level, LineInfo, LineKind, LineText,
    NO_DEVICE, Outcome, Proof, ReadEntry, ReadHashes, ReadStamp, Refuse, Request, SetClock, Stats,
    Verify, Write,
};
use nexus_proto::{
    Asker, Operation, Registers, ReplyError, Request as _, Resume, ServiceError, Subject, Text,
    Zero, encode_error,
};
use nexus_sysdesc::testing::{service, with_ledger};
use nexus_sysdesc::{Description, Permission, Profile};
use proptest::prelude::*;

mod archive;

const HZ: u64 = 10_000_000;
const NONCE: u64 = 0x1234_5678_9abc_def0;

const INIT: Sender = Sender { service_id: 1, incarnation: 1 };
const POLICYD: Sender = Sender { service_id: 2, incarnation: 1 };
const LOGD: Sender = Sender { service_id: 3, incarnation: 1 };
const RTCD: Sender = Sender { service_id: 5, incarnation: 1 };
const NSH: Sender = Sender { service_id: 10, incarnation: 1 };
const STATEFSD: Sender = Sender { service_id: 12, incarnation: 1 };
const ARCHIVED: Sender = Sender { service_id: 13, incarnation: 1 };
const VIEWER: Sender = Sender { service_id: 14, incarnation: 1 };
const READER: Sender = Sender { service_id: 15, incarnation: 1 };
const RNGD: Sender = Sender { service_id: 7, incarnation: 4 };

fn proof(name: &[u8]) -> Proof {
    Proof { checks: 1, zero: Zero::ZERO, name: Text::piece(name) }
}

fn description() -> Description {
    with_ledger([
        service(5, "rtcd", &[Permission::Clock]),
        service(7, "rngd", &[]),
        service(10, "nsh", &[Permission::View, Permission::Log]),
        service(12, "statefsd", &[Permission::Refuse]),
        service(13, "archived", &[Permission::Archive]),
        service(14, "viewer", &[Permission::View]),
        service(15, "reader", &[Permission::Log]),
    ])
}

/// As the server loop does it.
fn answer(logd: &mut Logd, sender: Sender, message: &Message, now: u64) -> Message {
    match Request::decode(message) {
        Ok(request) => logd.handle(sender, &request, now),
        Err(_) => {
            logd.refused();
            encode_error(ServiceError::Malformed)
        }
    }
}

/// logd at a tick that the test sets.
struct Log {
    logd: Logd,
    now: u64,
}

impl Log {
    fn new() -> Log {
        let mut logd = Logd::new(&description(), HZ);
        logd.begin(LOGD, NONCE, 7);
        Log { logd, now: 100 }
    }

    fn ask<T: Operation>(&mut self, sender: Sender, ask: &T) -> Result<T::Reply, ServiceError> {
        let answer = answer(&mut self.logd, sender, &ask.encode(), self.now);
        match T::decode_reply(&answer) {
            Ok(reply) => Ok(reply),
            Err(ReplyError::Service(error)) => Err(error),
            Err(ReplyError::Malformed(why)) => panic!("malformed answer: {why:?}"),
        }
    }

    fn say(&mut self, sender: Sender, text: &[u8]) -> Result<(), ServiceError> {
        let mut result = Ok(());
        for text in Text::pieces(text) {
            result = self.ask(sender, &Write { level: Level::Info, zero: Zero::ZERO, text });
        }
        result
    }

    fn text(&mut self, info: &LineInfo) -> String {
        let mut text = Vec::new();
        while text.len() < info.len as usize {
            let ask = LineText { line: info.line, offset: text.len() as u32, zero: Zero::ZERO };
            text.extend_from_slice(self.ask(NSH, &ask).unwrap().as_bytes());
        }
        String::from_utf8(text).unwrap()
    }

    fn lines(&mut self) -> Vec<(LineInfo, String)> {
        let (mut all, mut line) = (Vec::new(), 0);
        while let Ok(info) = self.ask(NSH, &FindLine { line }) {
            let text = self.text(&info);
            line = info.line + 1;
            all.push((info, text));
        }
        all
    }

    fn link(&mut self, seq: u64) -> Link {
        let entry = self.ask(NSH, &ReadEntry { seq }).unwrap();
        let stamp = self.ask(NSH, &ReadStamp { seq }).unwrap();
        let hashes = self.ask(NSH, &ReadHashes { seq }).unwrap();
        Link { stamp, entry, previous: hashes.previous, own: hashes.own }
    }
}

fn grant() -> Append {
    let entry = Entry {
        event: Event::Grant,
        outcome: Outcome::Allow,
        device: 3,
        rights: 7,
        rule: 4,
        subject: Subject { id: 7, incarnation: 4 },
        asker: Asker::default(),
        base: 0x1000_8000,
        len: 0x1000,
        epoch: 1,
        reason: 0,
        detail: 99,
        registers: Registers::new(Some(5)),
        line: 8,
        interval: 100,
    };
    Append { entry }
}

#[test]
fn a_line_in_pieces_comes_back_whole_with_its_sender() {
    let mut log = Log::new();
    let text = "mmio window mapped ok, magic 0x74726976 version 2 device 4: all as described";
    log.say(RNGD, text.as_bytes()).unwrap();
    let lines = log.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].1, text);
    assert_eq!(lines[0].0.sender, Subject { id: 7, incarnation: 4 });
    assert_eq!((lines[0].0.line, lines[0].0.ticks, lines[0].0.unix_ns), (1, 100, 0));
    assert_eq!(lines[0].0.kind, LineKind::Line);
}

// attack 46 U: a line that holds another line; it stays one line; broken: logd-text
#[test]
fn test_reject_line_injection() {
    let mut log = Log::new();
    let forged = b"ok\n@nx 0000000000000000 verdict 99 0\r\x1b[2J[7] init: granted";
    log.say(NSH, forged).unwrap();
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "one write, one line");
    assert_eq!(lines[0].0.sender.id, 10, "from who it is from");
    assert!(lines[0].1.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}

// attack 44 U: a flood of lines; no record and nobody else's line is displaced; broken: logd-rate
#[test]
fn test_flood_displaces_no_record_and_nobody_elses_line() {
    let mut log = Log::new();
    let before = log.ask(INIT, &grant()).unwrap();
    log.say(RNGD, b"the line that matters").unwrap();
    log.ask(RNGD, &proof(b"window-mapped")).unwrap();
    let mut refused = 0;
    for _ in 0..50_000 {
        log.now += 10;
        refused += u64::from(log.say(NSH, b"noise") == Err(ServiceError::Full));
    }
    let after = log.ask(INIT, &grant()).unwrap();
    assert_eq!(after.seq, before.seq + 1, "records go on");
    let counts = log.ask(NSH, &Stats {}).unwrap();
    assert!(refused > 49_000);
    assert_eq!(counts.limited, refused, "every drop is counted");
    assert_eq!(counts.lines, 1 + 50_000 - refused);
    let lines = log.lines();
    assert!(lines.iter().any(|line| line.1 == "the line that matters"));
    assert!(lines.iter().any(|line| line.0.kind == LineKind::Proof));
}

// attack 27 U: a record from who may not record; denied; broken: logd-permission
#[test]
fn only_the_permitted_record() {
    let mut log = Log::new();
    let decision = Append { entry: Entry { event: Event::Decision, ..grant().entry } };
    for sender in [RNGD, NSH, RTCD, LOGD, Sender { service_id: 99, incarnation: 1 }] {
        assert_eq!(log.ask(sender, &grant()), Err(ServiceError::Denied));
        assert_eq!(log.ask(sender, &decision), Err(ServiceError::Denied), "{sender:?}");
    }
    assert_eq!(log.ask(NSH, &Stats {}).unwrap().records, 1);
    assert_eq!(log.ask(INIT, &grant()), Ok(Appended { seq: 2 }));
    assert_eq!(log.ask(NSH, &Stats {}).unwrap().refused, 10);
}

// attack 84 U: a record with rights that there are not; refused; broken: logd-rights
#[test]
fn a_record_has_no_rights_that_there_are_not() {
    let mut log = Log::new();
    for bit in 0..16 {
        let entry = Entry { rights: 1 << bit, ..grant().entry };
        let known = Rights::from_bits(1 << bit).is_some();
        let answer = log.ask(INIT, &Append { entry });
        assert_eq!(answer.is_ok(), known, "{bit}: {answer:?}");
        assert!(known || answer == Err(ServiceError::Malformed));
    }
    assert!(Rights::from_bits(1 << 15).is_none(), "there is a bit without a meaning");
}

// attack 84 U: a record with an interval of no interrupt line; refused; broken: logd-interval
#[test]
fn an_interval_is_of_a_line() {
    let mut log = Log::new();
    let told = |line, interval| Append { entry: Entry { line, interval, ..grant().entry } };
    for (line, interval) in [(0, 0), (8, 0), (8, u32::MAX)] {
        assert!(log.ask(INIT, &told(line, interval)).is_ok());
    }
    assert_eq!(log.ask(INIT, &told(0, 1)), Err(ServiceError::Malformed));
}

// attack 84 U: a record of an event by who may record others; refused, each event from each sender; broken: logd-writer
#[test]
fn each_event_has_one_writer() {
    let mut log = Log::new();
    for event in Event::ALL {
        let mut written = Vec::new();
        for sender in [INIT, POLICYD, LOGD, RNGD, NSH, RTCD, STATEFSD, ARCHIVED] {
            for outcome in Outcome::ALL {
                let entry = Entry { event: *event, outcome: *outcome, ..grant().entry };
                match log.ask(sender, &Append { entry }) {
                    Ok(_) => written.push((sender.service_id, *outcome)),
                    Err(ServiceError::Denied) => {}
                    Err(error) => assert_eq!(
                        (error, sender),
                        (
                            ServiceError::Malformed,
                            match event {
                                Event::Decision => POLICYD,
                                _ => INIT,
                            }
                        )
                    ),
                }
            }
        }
        let expected: &[(u32, Outcome)] = match event {
            // logd writes these itself, and takes them from nobody.
            Event::Boot | Event::Clock | Event::Fold | Event::Resume | Event::Anchor => &[],
            // It has an operation of its own.
            Event::Access => &[],
            Event::Decision => &[(2, Outcome::Deny), (2, Outcome::Allow)],
            Event::Grant | Event::Prepared | Event::Share => &[(1, Outcome::Allow)],
            Event::Refusal => &[(1, Outcome::Deny)],
            Event::Revoke
            | Event::Exit
            | Event::Start
            | Event::Order
            | Event::Drop
            | Event::Unshare => &[(1, Outcome::None)],
        };
        assert_eq!(written, expected, "{event:?}");
    }
}

// attack 84 U: the head of the chain, after each record; it is that of the last one, and for those only who keep it
#[test]
fn the_head_is_told_to_who_keeps_it() {
    let mut log = Log::new();
    log.ask(INIT, &grant()).unwrap();
    for sender in [INIT, POLICYD, NSH, VIEWER] {
        let head = log.ask(sender, &Head {}).unwrap();
        assert_eq!((head.records, head.head), (2, log.link(2).own));
    }
    for sender in [RNGD, RTCD, READER] {
        assert_eq!(
            log.ask(sender, &Head {}),
            Err(ServiceError::Denied),
            "hashes can be guessed at"
        );
    }
    log.ask(INIT, &grant()).unwrap();
    assert_eq!(log.ask(NSH, &Head {}).unwrap().head, log.link(3).own);
}

// attack 27 U: another reporter in the payload; the stamp counts
#[test]
fn test_forged_reporter_is_ignored() {
    let mut log = Log::new();
    let mut ask = grant();
    ask.entry.subject = Subject { id: 1, incarnation: 1 };
    log.ask(INIT, &ask).unwrap();
    let link = log.link(2);
    assert_eq!(link.stamp.reporter, Subject::from(INIT), "from the kernel, not the payload");
    log.ask(RNGD, &ask).unwrap_err();
}

#[test]
fn only_the_permitted_set_the_clock() {
    let mut log = Log::new();
    let set = SetClock { unix_ns: 1_700_000_000_000_000_000, ticks: 100 };
    assert_eq!(log.ask(NSH, &set), Err(ServiceError::Denied));
    assert_eq!(log.ask(INIT, &set), Err(ServiceError::Denied));
    log.ask(INIT, &grant()).unwrap();
    assert_eq!(log.link(2).stamp.unix_ns, 0, "not known yet");
    log.ask(RTCD, &set).unwrap();
    log.now = 100 + HZ;
    log.ask(INIT, &grant()).unwrap();
    assert_eq!(log.link(4).stamp.unix_ns, 1_700_000_001_000_000_000);
    log.say(RNGD, b"x").unwrap();
    assert_eq!(log.lines()[0].0.unix_ns, 1_700_000_001_000_000_000);
}

// attack 84 U: the clock is set anew, far away, back and forth; each change is a record, what goes too far is none and changes nothing; broken: logd-clock, logd-clock-record
#[test]
fn setting_the_clock_leaves_a_record_and_is_bounded() {
    const NOON: u64 = 1_700_000_000_000_000_000;
    const MINUTE: u64 = 60_000_000_000;
    let mut log = Log::new();
    let set = |log: &mut Log, unix_ns| log.ask(RTCD, &SetClock { unix_ns, ticks: 100 });
    assert_eq!(set(&mut log, NOON), Ok(()));
    let link = log.link(2);
    assert_eq!(link.stamp.reporter, LOGD.into());
    let expected = Entry {
        event: Event::Clock,
        outcome: Outcome::None,
        device: NO_DEVICE,
        subject: RTCD.into(),
        asker: RTCD.into(),
        detail: NOON,
        ..log.link(1).entry
    };
    assert_eq!(link.entry, expected);
    assert_eq!(link.stamp.unix_ns, 0, "by the clock as it was");

    assert_eq!(set(&mut log, NOON + 500_000_000), Ok(()), "no change, and no record");
    assert_eq!(log.ask(NSH, &Stats {}).unwrap().records, 2);
    assert_eq!(set(&mut log, NOON + 4 * MINUTE), Ok(()));
    assert_eq!((log.link(3).stamp.unix_ns, log.link(3).entry.detail), (NOON, NOON + 4 * MINUTE));
    assert_eq!(set(&mut log, NOON + 6 * MINUTE), Err(ServiceError::OutOfRange));
    assert_eq!(set(&mut log, 0), Err(ServiceError::OutOfRange));
    let counts = log.ask(NSH, &Stats {}).unwrap();
    assert_eq!((counts.records, counts.refused), (3, 2));
    let refused = (0..100).filter(|n| set(&mut log, NOON + n % 2 * 4 * MINUTE).is_err()).count();
    assert!(refused > 40);
    assert!(log.ask(NSH, &Stats {}).unwrap().records <= 18, "room for grants is left");
}

// attack 84 U: the ledger is full when the clock is set; it stays as it was; broken: logd-clock-record
#[test]
fn without_a_record_the_clock_is_not_set() {
    let ledger = Ledger::with_capacity(9);
    let mut log = Log { logd: Logd::with_ledger(&description(), HZ, ledger), now: 100 };
    while log.ask(INIT, &grant()).is_ok() {}
    let set = SetClock { unix_ns: 1_700_000_000_000_000_000, ticks: 100 };
    assert_eq!(log.ask(RTCD, &set), Err(ServiceError::Full));
    log.say(RNGD, b"x").unwrap();
    assert_eq!(log.lines()[0].0.unix_ns, 0);
}

#[test]
fn the_ledger_begins_with_this_run_and_replays_at_the_reader() {
    let mut log = Log::new();
    for _ in 0..100 {
        log.now += 1;
        log.ask(INIT, &grant()).unwrap();
    }
    let links: Vec<Link> = (1..=101).map(|seq| log.link(seq)).collect();
    assert_eq!(links[0].entry.event, Event::Boot);
    assert_eq!(links[0].entry.detail, NONCE);
    let end = replay(links.iter(), None).unwrap();
    let mut answer = log.ask(NSH, &Verify { from: 0 }).unwrap();
    while answer.next != 0 {
        assert_eq!(answer.first_bad, 0);
        answer = log.ask(NSH, &Verify { from: answer.next }).unwrap();
    }
    assert_eq!((answer.first_bad, answer.records, answer.head), (0, 101, end.head));
}

// attack 25 U: who may not view reads a record, its time, its hash; denied; broken: logd-permission
#[test]
fn records_are_for_those_who_may_view() {
    let mut log = Log::new();
    log.ask(INIT, &grant()).unwrap();
    assert_eq!(log.ask(RNGD, &ReadEntry { seq: 2 }), Err(ServiceError::Denied));
    assert_eq!(log.ask(RNGD, &ReadStamp { seq: 2 }), Err(ServiceError::Denied));
    assert_eq!(log.ask(RNGD, &ReadHashes { seq: 2 }), Err(ServiceError::Denied));
    assert_eq!(log.ask(RNGD, &Verify { from: 0 }), Err(ServiceError::Denied));
    assert_eq!(log.ask(NSH, &ReadEntry { seq: 2 }).unwrap().base, 0x1000_8000);
    assert_eq!(log.ask(NSH, &ReadEntry { seq: 3 }), Err(ServiceError::NotFound));
    assert_eq!(log.ask(NSH, &ReadStamp { seq: 0 }), Err(ServiceError::NotFound));
    assert_eq!(log.ask(POLICYD, &ReadEntry { seq: 2 }).unwrap().base, 0x1000_8000);
    assert!(log.ask(POLICYD, &ReadStamp { seq: 1 }).is_ok());
    assert_eq!(log.ask(POLICYD, &ReadHashes { seq: 1 }), Err(ServiceError::Denied));
    assert_eq!(log.ask(NSH, &ReadHashes { seq: u64::MAX }), Err(ServiceError::NotFound));
}

// attack 25 U: who may view reads where a window lies or a service faulted; only with the log; broken: logd-permission, logd-addresses, logd-hashes
#[test]
fn addresses_are_for_those_who_may_read_the_log() {
    let mut log = Log::new();
    let mut exit = grant();
    (exit.entry.event, exit.entry.outcome) = (Event::Exit, Outcome::None);
    (exit.entry.base, exit.entry.len) = (0x1_2345, 0x10);
    log.ask(INIT, &grant()).unwrap();
    log.ask(INIT, &exit).unwrap();
    let seen = log.ask(VIEWER, &ReadEntry { seq: 2 }).unwrap();
    assert_eq!(seen, Entry { base: 0, ..grant().entry });
    let seen = log.ask(VIEWER, &ReadEntry { seq: 3 }).unwrap();
    assert_eq!(seen, Entry { base: 0, len: 0, ..exit.entry });
    assert_eq!(log.ask(VIEWER, &ReadHashes { seq: 2 }), Err(ServiceError::Denied), "guessable");
    assert!(log.ask(VIEWER, &ReadStamp { seq: 2 }).is_ok());
    assert!(log.ask(VIEWER, &Verify { from: 0 }).is_ok());
    assert_eq!(log.ask(READER, &ReadEntry { seq: 2 }), Err(ServiceError::Denied));
}

// attack 25 U: the lines of another are read without the permission; they are not there; broken: logd-permission, logd-lines
#[test]
fn lines_of_others_are_for_those_who_may_read_the_log() {
    let mut log = Log::new();
    log.say(RNGD, b"secret").unwrap();
    log.ask(RNGD, &proof(b"window-mapped")).unwrap();
    log.say(VIEWER, b"own").unwrap();
    let mut text = |sender, line| {
        let ask = LineText { line, offset: 0, zero: Zero::ZERO };
        log.ask(sender, &ask).map(|text| text.as_bytes().to_vec())
    };
    assert_eq!(text(VIEWER, 1), Err(ServiceError::NotFound));
    assert_eq!(text(VIEWER, 2), Err(ServiceError::NotFound));
    assert_eq!(text(VIEWER, 3), Ok(b"own".to_vec()));
    assert_eq!(text(READER, 1), Ok(b"secret".to_vec()));
    assert_eq!(log.ask(VIEWER, &FindLine { line: 0 }).unwrap().line, 3);
    assert_eq!(log.ask(RNGD, &FindLine { line: 2 }).unwrap().kind, LineKind::Proof);
    assert_eq!(log.ask(RTCD, &FindLine { line: 0 }), Err(ServiceError::NotFound));
}

// attack 45 F: no room for a record; refused; broken: logd-full
#[test]
fn test_full_ledger_refuses() {
    let mut log = Log::new();
    let mut taken = 0;
    while log.ask(INIT, &grant()).is_ok() {
        taken += 1;
    }
    // A share for a service without devices, and what is open to all.
    assert_eq!(taken, 26 + 512);
    assert_eq!(log.ask(INIT, &grant()), Err(ServiceError::Full));
    assert_eq!(log.link(1).entry.event, Event::Boot, "nothing was displaced");
}

/// A life of logd over what the one before it has left.
fn life<W: store::Words>(words: W, incarnation: u32) -> (Log, Store<W>) {
    let mut store = Store::with_counts(words, counts(&description()));
    let own = Sender { incarnation, ..LOGD };
    let logd = Logd::recover(&description(), HZ, &mut store, (own, NONCE, 7));
    (Log { logd, now: 100 }, store)
}

// attack 60 U: logd ends; the next life has the ledger, the clock and the numbers of lines, and says so; broken: logd-cut-untold
#[test]
fn a_later_life_goes_on() {
    let (mut log, mut store) = life(FakeWords::new(store::SLOT * 800), 1);
    log.ask(INIT, &grant()).unwrap();
    let unix_ns = 1_700_000_000_000_000_000;
    log.ask(RTCD, &SetClock { unix_ns, ticks: 100 }).unwrap();
    log.say(RNGD, b"before").unwrap();
    log.logd.save(&mut store);
    let before = log.ask(NSH, &Head {}).unwrap();

    let (mut log, store) = life(store.into_inner(), 2);
    let resume = log.link(before.records + 1);
    assert_eq!((resume.previous, resume.stamp.reporter), (before.head, subject_of_logd(2)));
    let told = Resume { subject: subject_of_logd(2), found: 3, kept: 3, cut: 0 };
    assert_eq!(Resume::of(&resume.entry), Some(told));
    assert_eq!(log.link(2).entry, grant().entry);
    log.say(RNGD, b"after").unwrap();
    let (line, _) = log.lines().remove(0);
    assert_eq!((line.line, line.unix_ns), (2, unix_ns));

    let mut words = store.into_inner();
    words.words[store::SLOT * 3 + 9] ^= 1;
    let (mut log, store) = life(words, 3);
    let told = Resume { subject: subject_of_logd(3), found: 4, kept: 2, cut: 3 };
    assert_eq!(Resume::of(&log.link(3).entry), Some(told));
    let seen = log.ask(VIEWER, &ReadEntry { seq: 3 }).unwrap();
    assert_eq!(seen, told.entry(), "there is no address in it");
    assert_eq!(log.ask(NSH, &Verify { from: 0 }).unwrap().first_bad, 0);
    let (mut log, _) = life(store.into_inner(), 4);
    assert_eq!(Resume::of(&log.link(4).entry).map(|resume| resume.cut), Some(0), "told once");
}

/// Two lives over some memory; what they have left there.
fn two_lives<W: store::Words>(words: W) -> Vec<u64> {
    let (mut log, mut store) = life(words, 1);
    log.ask(INIT, &grant()).unwrap();
    log.say(RNGD, b"before").unwrap();
    log.logd.save(&mut store);
    let (log, store) = life(store.into_inner(), 2);
    assert_eq!(log.logd.ledger().records(), 3);
    let words = store.into_inner();
    (0..words.count()).map(|at| words.load(at)).collect()
}

#[test]
fn memory_that_is_mapped_holds_a_ledger_like_any_other() {
    let count = store::SLOT * 800;
    let mapped = |bytes| FakeMemory::new(bytes).part::<ReadWrite>(0..bytes);
    assert_eq!(two_lives(mapped(count * 8)), two_lives(FakeWords::new(count)));
    let mut small = mapped(20);
    assert_eq!(small.count(), 2, "whole words");
    small.store(1, 5);
    small.store(2, 6);
    assert_eq!([0, 1, 2].map(|at| small.load(at)), [0, 5, 0], "nothing is behind them");
}

fn subject_of_logd(incarnation: u32) -> Subject {
    Subject { id: 3, incarnation }
}

// attack 25 U: the hash in a fold, from which an address could be guessed; only with the log; broken: logd-addresses
#[test]
fn the_hash_in_a_fold_is_for_those_who_may_read_the_log() {
    let mut log = Log::new();
    for incarnation in 1..30 {
        let mut exit = grant();
        (exit.entry.event, exit.entry.outcome) = (Event::Exit, Outcome::None);
        exit.entry.subject.incarnation = incarnation;
        log.ask(INIT, &exit).unwrap();
    }
    let folds = log.logd.ledger().links().iter().filter(|link| link.entry.event == Event::Fold);
    let seq = folds.map(|link| link.stamp.seq).next().unwrap();
    let fold = log.ask(NSH, &ReadEntry { seq }).unwrap();
    assert_ne!((fold.base, fold.detail), (0, 0));
    let seen = log.ask(VIEWER, &ReadEntry { seq }).unwrap();
    assert_eq!(seen, Entry { base: 0, detail: 0, registers: Registers::UNMASKED, ..fold });
    assert_eq!(log.ask(NSH, &ReadEntry { seq: 2 }), Err(ServiceError::NotFound));
    assert!(log.ask(NSH, &ReadStamp { seq: 2 }).unwrap().seq > 2, "the next that is there");
}

#[test]
fn proofs_are_kept_as_often_as_they_are_given_and_only_well_formed() {
    let mut log = Log::new();
    log.ask(RNGD, &proof(b"window-mapped")).unwrap();
    log.ask(RNGD, &proof(b"window-mapped")).unwrap();
    log.say(RNGD, b"after").unwrap();
    assert_eq!(log.ask(RNGD, &proof(b"a b")), Err(ServiceError::Malformed));
    let nothing = Proof { checks: 0, ..proof(b"nothing") };
    assert_eq!(log.ask(RNGD, &nothing), Err(ServiceError::Malformed), "no check");
    assert_eq!(log.ask(RNGD, &proof(&[b'a'; 49])), Err(ServiceError::Malformed), "two pieces");
    let lines = log.lines();
    assert_eq!(lines.len(), 3);
    for (index, line) in [(0, 1), (1, 2)] {
        assert_eq!((lines[index].0.kind, lines[index].0.line), (LineKind::Proof, line));
        assert_eq!(lines[index].1, "window-mapped 1");
    }
    assert_eq!((lines[2].0.kind, lines[2].0.line), (LineKind::Line, 3));
}

#[test]
fn text_at_the_bounds_of_a_line() {
    let mut log = Log::new();
    log.say(RNGD, b"abc").unwrap();
    let mut text = |offset| log.ask(NSH, &LineText { line: 1, offset, zero: Zero::ZERO });
    assert_eq!(text(2).unwrap().as_bytes(), b"c");
    assert_eq!(text(3).unwrap().as_bytes(), b"");
    assert_eq!(text(4), Err(ServiceError::OutOfRange));
    assert_eq!(text(u32::MAX), Err(ServiceError::OutOfRange));
    let missing = LineText { line: 2, offset: 0, zero: Zero::ZERO };
    assert_eq!(log.ask(NSH, &missing), Err(ServiceError::NotFound));
}

proptest! {
    /// Whatever anyone sends: an answer, no panic, and a record only by what its sender may have recorded.
    // attack 31 P: any message to logd; an answer in the form of the protocol
    #[test]
    fn any_message_gets_an_answer(
        label in prop_oneof![any::<u32>(), 0x2_0000u32..0x2_0014, records()],
        words in 0u8..=8,
        payload in prop::array::uniform8(prop_oneof![any::<u64>(), 0u64..4]),
        id in 0u32..16,
    ) {
        let mut log = Log::new();
        let message = Message { tag: Tag::new(label, words, 0), words: payload };
        let sender = Sender { service_id: id, incarnation: 1 };
        let answer = answer(&mut log.logd, sender, &message, 1);
        prop_assert!(answer.tag.is_valid());
        prop_assert_eq!(answer.tag.caps(), 0);
        let may = match label {
            Append::LABEL => sender == INIT || sender == POLICYD,
            SetClock::LABEL => sender == RTCD,
            Anchor::LABEL => sender == ARCHIVED,
            Refuse::LABEL => sender == STATEFSD,
            _ => false,
        };
        let added = log.logd.ledger().records() - 1;
        prop_assert!(added == 0 || (added == 1 && may), "{added} by {id}");
    }
}

/// Labels of the requests that can leave a record.
fn records() -> impl Strategy<Value = u32> {
    prop::sample::select(&[Append::LABEL, SetClock::LABEL, Anchor::LABEL, Refuse::LABEL][..])
}

#[test]
fn a_system_for_use_keeps_no_proofs() {
    let prod = Description { profile: Profile::Prod, ..description() };
    let mut log = Log { logd: Logd::new(&prod, HZ), now: 100 };
    assert_eq!(log.ask(RNGD, &proof(b"window-mapped")), Err(ServiceError::NotSupported));
    assert!(log.lines().is_empty());
}
