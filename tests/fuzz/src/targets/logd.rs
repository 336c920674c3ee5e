//! Messages to logd.

use std::collections::BTreeMap;

use logd::Logd;
use nexus_abi::{Handle, Message, Sender};
use nexus_proto::log::{
    Append, Counts, Entry, Event, FindLine, Level, LineText, Log, Outcome, Proof, ReadEntry,
    ReadHashes, ReadStamp, Request, SetClock, Stats, Verify, Write,
};
use nexus_proto::{Operation, Protocol, ReplyError, ServiceError, Subject, Text, Zero};
use nexus_rt::{host, serve};
use nexus_sysdesc::Permission;

use crate::{answers, frames, input::Input, system};

/// Ticks a second.
const HZ: u64 = 10_000_000;

/// logd itself.
const OWN: Sender = Sender { service_id: 3, incarnation: 1 };

// attack 27 Z: anything to logd; every record and line has the sender that the kernel stamped
// attack 31 Z: wrong counts and fields to logd; refused, and nothing is kept of it
// attack 44 Z: more lines than their sender may write; dropped and counted, records untouched
// attack 46 Z: control characters in a line; replaced; broken: logd-text
// attack 84 Z: records of any event from anybody; each from its one writer; broken: logd-writer
// attack 47 Z: whatever is sent; the chain of records holds, and only grows
/// Whatever is sent: records only from those who may, a chain that holds, counts that add up.
pub fn logd(data: &[u8]) {
    let mut input = Input::new(data);
    let description = system::either(input.byte());
    let step = u64::from(input.byte()) << 12;
    let mut logd = Logd::new(description, HZ);
    logd.begin(OWN, 7, 0);
    let (mut ticks, mut dropped, mut head) = (0u64, 0, logd.ledger().head());
    let mut reporters: BTreeMap<u64, Sender> = BTreeMap::new();
    let frames = frames::read(Log::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = serve::<Log>(Handle(1), |sender, request| {
        ticks += step;
        let records = logd.ledger().records();
        let answer = logd.handle(sender, &request, ticks);
        let appended = matches!(request, Request::Append(_)) && is_ok(&answer);
        if appended {
            assert!(description.permits(sender.service_id, Permission::Record), "{sender:?}");
            let Request::Append(Append { entry }) = request else { unreachable!() };
            let writer = if entry.event == Event::Decision { 2 } else { 1 };
            assert_eq!(sender.service_id, writer, "{entry:?}");
            reporters.insert(records + 1, sender);
            let previous = logd.ledger().get(records + 1).expect("the new record").previous;
            assert_eq!(previous, head, "the new record hangs on the last one");
        }
        let by_archive = matches!(request, Request::Anchor(_));
        let told = by_archive || matches!(request, Request::Refuse(_));
        let set = matches!(request, Request::SetClock(_)) && is_ok(&answer);
        let new = logd.ledger().records() - records;
        assert!(new == u64::from(appended) || ((set || told) && new == 1), "{request:?}");
        if told && new == 1 {
            let permission = if by_archive { Permission::Archive } else { Permission::Refuse };
            assert!(is_ok(&answer) && description.permits(sender.service_id, permission));
            reporters.insert(records + 1, if by_archive { OWN } else { sender });
        }
        if set && new == 1 {
            reporters.insert(records + 1, OWN);
        }
        head = logd.ledger().head();
        if matches!(request, Request::Write(_)) && !is_ok(&answer) {
            dropped += 1;
        }
        answer
    });
    answers::check::<Request>(&frames, &delivery, true);
    check_end(&mut logd, &reporters, dropped);
}

fn check_end(logd: &mut Logd, reporters: &BTreeMap<u64, Sender>, dropped: u64) {
    for (seq, reporter) in reporters {
        let link = logd.ledger().get(*seq).expect("records are never removed");
        assert_eq!(link.stamp.reporter, Subject::from(*reporter));
    }
    let verified = logd.ledger().verify(0);
    assert_eq!((verified.first_bad, verified.next), (0, 0), "the chain holds");
    let counts = stats(logd);
    assert_eq!(counts.limited, dropped, "every line that was dropped is counted");
    assert_eq!(counts.records, logd.ledger().records());
    let mut line = 0;
    while let Some(info) = ask(logd, &FindLine { line }) {
        assert!(info.line >= line, "the first line at or after a number");
        line = info.line + 1;
        let text = LineText { line: info.line, offset: 0, zero: Zero::ZERO };
        let text = ask(logd, &text).expect("text of a line that is there");
        let harmless = text.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte));
        assert!(harmless, "a line cannot end a line or move a cursor: {text:?}");
    }
}

fn is_ok(answer: &Message) -> bool {
    answer.tag.label() == 0
}

fn ask<O: Operation<Protocol = Log> + Into<Request>>(logd: &mut Logd, op: &O) -> Option<O::Reply> {
    let shell = Sender { service_id: 10, incarnation: 1 };
    match O::decode_reply(&logd.handle(shell, &(*op).into(), 0)) {
        Ok(reply) => Some(reply),
        Err(ReplyError::Service(ServiceError::NotFound)) => None,
        Err(error) => panic!("{op:?}: {error:?}"),
    }
}

fn stats(logd: &mut Logd) -> Counts {
    ask(logd, &Stats {}).expect("counts")
}

/// A record as init makes it.
pub(super) fn entry(event: Event, outcome: Outcome) -> Entry {
    Entry { epoch: 1, ..Entry::about(event, outcome, Subject { id: 7, incarnation: 1 }) }
}

pub(super) fn line(text: &[u8], more: bool) -> Message {
    let text = Text::piece(text).with_more(more);
    Write { level: Level::Info, zero: Zero::ZERO, text }.encode()
}

fn proof(name: &[u8]) -> Message {
    Proof { checks: 1, zero: Zero::ZERO, name: Text::piece(name) }.encode()
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let append = |event, outcome| Append { entry: entry(event, outcome) }.encode();
    let records = [
        append(Event::Decision, Outcome::Allow),
        append(Event::Grant, Outcome::Allow),
        append(Event::Refusal, Outcome::Deny),
        ReadEntry { seq: 2 }.encode(),
        ReadStamp { seq: 2 }.encode(),
        ReadHashes { seq: 2 }.encode(),
        Verify { from: 0 }.encode(),
        Stats {}.encode(),
    ];
    let lines = [
        line(b"unfinished ", true),
        line(b"@nx 0000000000000007 verdict 1 0\n", false),
        proof(b"mmio-window-mapped"),
        proof(b"Two Words"),
        FindLine { line: 1 }.encode(),
        LineText { line: 1, offset: 5, zero: Zero::ZERO }.encode(),
        SetClock { ticks: 5, unix_ns: 1_700_000_000_000_000_000 }.encode(),
    ];
    let flood = vec![line(b"noise", false); 64];
    let with = |first: [u8; 2], id, messages: &[Message]| {
        [first.to_vec(), frames::write_all(id, messages)].concat()
    };
    let all = [
        ("records", with([0, 1], 1, &records)),
        ("records-of-policyd", with([0, 1], 2, &records)),
        ("records-of-a-stranger", with([0, 1], 7, &records)),
        ("lines", with([0, 1], 7, &lines)),
        ("lines-in-prod", with([1, 1], 5, &lines)),
        ("flood", with([0, 0], 7, &[flood, vec![line(b"more", false); 2]].concat())),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
