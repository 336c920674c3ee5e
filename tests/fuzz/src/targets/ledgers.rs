//! The archive of the ledgers, as the guest reads it and as the host does.

use std::collections::BTreeMap;
use std::io::Write;

use nexus_archive::fake::FakeTree;
use nexus_archive::{
    Chain, Dropped, Facts, Head, Last, Place, Record, Standing, Stored, boots, key, next, records,
    walk,
};
use nexus_proto::log::{Anchor, Entry, Event, Outcome, Stamp};
use nexus_proto::{Resume, Subject, Zero};
use zerocopy::IntoBytes;

use crate::input::Input;

type Rows = BTreeMap<String, Vec<u8>>;

// attack 67 Z: rows of an archive of any keys and values, and heads of any lines; both read it to the end, and what the guest calls whole has for the host no record that does not follow
/// Whatever the rows of an archive are: guest and host judge it, and do not contradict each other.
pub fn ledgers(data: &[u8]) {
    let mut input = Input::new(data);
    let len = usize::from(input.half());
    let heads = input.bytes(len);
    let rows = rows(input);
    rows.values().for_each(|value| read_back(value));
    let tree = rows.iter().map(|(key, value)| (key.clone(), (1, value.clone()))).collect();
    let mut tree = FakeTree { rows: tree, ..FakeTree::default() };
    let kept = boots(&mut tree).expect("a tree in memory");
    let findings = nexus::ledger::findings(&rows, None).expect("without heads");
    assert_eq!(next(&mut tree, None).expect("a tree in memory").is_none(), numbers(&rows) == 0);
    for boot in kept.boots {
        let mut seen = 0_u64;
        let walked = walk(&mut tree, boot.boot, |_, place| {
            assert_ne!(place, Place::Wrong, "what is wrong is not shown");
            seen += 1;
        });
        let walked = walked.expect("a tree in memory");
        assert!(seen <= walked.head.here, "{seen} of {}", walked.head.here);
        if walked.standing == Standing::Whole {
            assert_eq!(boot.head, Some(walked.head));
            let of_it = format!("boot {}: ", boot.boot);
            let against = ["does not follow", "is not that of", "written anew", "no record"];
            let found = findings.iter().find(|finding| {
                finding.starts_with(&of_it) && against.iter().any(|what| finding.contains(what))
            });
            assert_eq!(found, None, "{walked:?}");
        }
    }
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(heads).expect("a file");
    // Lines that are no heads are refused.
    let _ = nexus::ledger::findings(&rows, Some(file.path()));
}

/// Rows out of an input: which key, its numbers, how many bytes, and these.
fn rows(mut input: Input<'_>) -> Rows {
    let mut rows = Rows::new();
    while !input.is_empty() && rows.len() < 64 {
        let (what, boot, part) = (input.byte(), u32::from(input.byte()), u32::from(input.byte()));
        let len = usize::from(input.half());
        let value = input.bytes(len);
        let key = match what % 6 {
            0 => key::LAST.to_owned(),
            1 => key::facts(boot),
            2 => key::head(boot),
            3 => key::part(boot, part),
            4 => key::dropped(boot),
            _ => String::from_utf8_lossy(input.bytes(part as usize)).into_owned(),
        };
        rows.insert(key, value.to_vec());
    }
    rows
}

/// Boots of which there is a row.
fn numbers(rows: &Rows) -> usize {
    let under = |key: &&String| key.starts_with("boot/") && key::boot_of(key).is_some();
    rows.keys().filter(under).count()
}

/// What is read says all that there was.
fn read_back(value: &[u8]) {
    fn same<T: Stored>(value: &[u8]) {
        assert!(T::read(value).is_none_or(|read| read.as_bytes() == value));
    }
    same::<Last>(value);
    same::<Facts>(value);
    same::<Head>(value);
    same::<Dropped>(value);
    if let Some(all) = records(value) {
        let mut again = Vec::new();
        all.iter().for_each(|record| record.put(&mut again));
        assert_eq!(again, value);
    }
}

const LOGD: Subject = Subject { id: 3, incarnation: 1 };

fn record(seq: u64, before: [u8; 32], entry: Entry) -> Record {
    let stamp = Stamp { seq, ticks: 10 * seq, unix_ns: 0, reporter: LOGD };
    Record { previous: before, stamp, entry }
}

/// A boot of so many records, with its anchor, which follows one that ended so.
fn ledger(boot: u32, before: (u64, [u8; 32]), count: u64) -> Vec<Record> {
    let about = |event| Entry::about(event, Outcome::None, LOGD);
    let (records, head) = (before.0 as u32, before.1);
    let anchor = Anchor { boot, records, without: 0, zero: Zero::ZERO, head };
    let entries = (1..=count).map(|seq| match seq {
        1 => Entry { detail: u64::from(boot), ..about(Event::Boot) },
        2 => anchor.entry(Subject { id: 13, incarnation: 1 }),
        _ => about(Event::Resume),
    });
    let mut all: Vec<Record> = Vec::new();
    for (seq, entry) in (1..).zip(entries) {
        all.push(record(seq, all.last().map_or([0; 32], Record::own), entry));
    }
    all
}

/// The rows of a boot, as an input has them, in parts of so many records; and where it ends.
fn boot(number: u32, all: &[Record], part: usize) -> (Vec<u8>, (u64, [u8; 32])) {
    let mut chain = Chain::default();
    let mut bytes = Vec::new();
    for (index, some) in (1..).zip(all.chunks(part)) {
        let mut value = Vec::new();
        chain.next_part();
        for record in some {
            chain.take(record);
            record.put(&mut value);
        }
        bytes.extend(row(3, number, index, &value));
    }
    let facts = Facts {
        first: all[0].own(),
        nonce: all[0].entry.detail,
        timebase_hz: 10_000_000,
        ticks: 0,
        unix_ns: 0,
        life: 1,
        zero: Zero::ZERO,
    };
    bytes.extend(row(1, number, 0, facts.as_bytes()));
    bytes.extend(row(2, number, 0, chain.head().as_bytes()));
    (bytes, (chain.head().records, chain.head().own))
}

fn row(what: u8, boot: u32, part: u8, value: &[u8]) -> Vec<u8> {
    let head = [what, boot as u8, part];
    [&head[..], &(value.len() as u16).to_le_bytes(), value].concat()
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let with_heads = |heads: &str, rows: &[Vec<u8>]| {
        let len = (heads.len() as u16).to_le_bytes();
        [&len[..], heads.as_bytes(), &rows.concat()].concat()
    };
    let last = |number: u32| row(0, 0, 0, &number.to_le_bytes());
    let (one, end) = boot(1, &ledger(1, (0, [0; 32]), 5), 2);
    let (two, _) = boot(2, &ledger(2, end, 4), 64);
    let mut cut = ledger(1, (0, [0; 32]), 5);
    cut.push(record(4, [7; 32], Entry::about(Event::Exit, Outcome::None, LOGD)));
    let (untold, _) = boot(1, &cut, 64);
    let subject = Subject { incarnation: 2, ..LOGD };
    let resume = Resume { subject, found: 5, kept: 3, cut: 4 }.entry();
    cut.push(record(5, cut[5].own(), resume));
    let (told, _) = boot(1, &cut, 64);
    let mut gap = ledger(1, (0, [0; 32]), 3);
    gap.push(record(7, [7; 32], Entry::about(Event::Exit, Outcome::None, LOGD)));
    let (gap, _) = boot(1, &gap, 64);
    let gone = Dropped { first: 1, last: 1, here: 5, records: end.0, own: end.1, anchor: 2 };
    let dropped = row(4, 1, 0, gone.as_bytes());
    let heads = format!("{:016x} 5 {}\n", 1, "a5".repeat(32));
    let all = [
        ("two-boots", with_heads(&heads, &[last(2), one.clone(), two.clone()])),
        ("dropped", with_heads("", &[last(2), dropped, two])),
        ("untold", with_heads("", &[last(1), untold])),
        ("told", with_heads("", &[last(1), told])),
        ("gap", with_heads("no head\n", &[last(1), gap])),
        ("other-key", with_heads("", &[last(1), one, row(5, 1, 3, b""), b"a/b".to_vec()])),
        ("nothing", with_heads("", &[])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
