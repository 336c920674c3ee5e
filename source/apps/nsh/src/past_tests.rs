use super::*;
use crate::command::{Command, parse};
use crate::fixture::{SECOND, names};
use nexus_proto::log::{Entry, Outcome, Stamp};
use nexus_proto::{Zero, log::NO_DEVICE};

fn past(line: &str) -> Past {
    match parse(line, &names()) {
        Ok(Some(Command::Past(past))) => past,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn what_is_asked_of_the_past() {
    assert_eq!(past("ledger --boots"), Past::Boots);
    assert_eq!(past("ledger --boot 7"), Past::Boot(7, 20));
    assert_eq!(past("ledger --boot 7 all"), Past::Boot(7, usize::MAX));
    assert_eq!(past("ledger 3 --boot 7"), Past::Boot(7, 3));
    let at = At::Clock(1_795_368_730_000_000_000);
    assert_eq!(past("ledger --device blk0 --at 2026-11-22T17:32:10"), Past::Held(4, at));
    let at = At::Boot(7, 12_500_000_000);
    assert_eq!(past("ledger --at 12.5 --device blk0 --boot 7"), Past::Held(4, at));
    assert_eq!(past("ledger --at 0 --device blk0 --boot 7"), Past::Held(4, At::Boot(7, 0)));
}

#[test]
fn what_cannot_be_asked_says_why() {
    let usage = "; usage: ledger [N|all] [OPTIONS]";
    for (line, what) in [
        ("ledger --boot", "what follows `--boot` is missing"),
        ("ledger --boot 0", "`0` is no number of a boot"),
        ("ledger --boot x", "`x` is no number of a boot"),
        ("ledger --boot 4294967296", "`4294967296` is no number of a boot"),
        ("ledger --bots", "`--bots` is no option of it"),
        ("ledger --boots 5", "these do not go together"),
        ("ledger --boots --boot 1", "these do not go together"),
        ("ledger --device blk0", "these do not go together"),
        ("ledger --at 5", "these do not go together"),
        ("ledger --device gpu --at 5", "no device `gpu`"),
        ("ledger --device blk0 --at 5", "`5` is no time (UTC), as in 2026-11-30T09:00:00"),
        ("ledger --device blk0 --boot 1 --at 5.", ""),
        (
            "ledger --device blk0 --boot 1 --at 1e3",
            "`1e3` is no number of seconds after a boot began, as in 12.5",
        ),
        (
            "ledger --device blk0 --boot 1 --at 99999999999",
            "`99999999999` is no number of seconds after a boot began, as in 12.5",
        ),
        (
            "ledger --device blk0 --boot 1 --at .5",
            "`.5` is no number of seconds after a boot began, as in 12.5",
        ),
    ] {
        if what.is_empty() {
            assert!(parse(line, &names()).is_ok(), "{line}");
            continue;
        }
        assert_eq!(parse(line, &names()), Err(format!("ledger: {what}{usage}")), "{line}");
    }
    assert!(parse("ledger 1 2", &names()).unwrap_err().contains("too many words"));
}

fn facts() -> Facts {
    let zero = Zero::ZERO;
    let (ticks, unix_ns) = (2 * SECOND, 1_000_000_000_000);
    Facts { first: [1; 32], nonce: 9, timebase_hz: SECOND, ticks, unix_ns, life: 1, zero }
}

#[test]
fn a_boot_began_before_its_clock_was_known() {
    assert_eq!(began(&facts()), Some(998_000_000_000));
    assert_eq!(began(&Facts { unix_ns: 0, ..facts() }), None);
    assert_eq!(since_boot(&facts(), 25_000_000), 2_500_000_000);
    assert_eq!(since_boot(&Facts { timebase_hz: 0, ..facts() }, u64::MAX), u64::MAX);
}

const NS: u64 = 1_000_000_000;

/// A record of this second about blk0, which is device 4.
fn record(second: u64, event: Event, id: u32, incarnation: u32) -> Record {
    let subject = Subject { id, incarnation };
    let reporter = Subject { id: 1, incarnation: 1 };
    let stamp = Stamp { seq: second, ticks: second * SECOND, unix_ns: 0, reporter };
    let device = if event == Event::Exit { NO_DEVICE } else { 4 };
    let entry =
        Entry { device, rule: 5, detail: second, ..Entry::about(event, Outcome::None, subject) };
    Record { previous: [0; 32], stamp, entry }
}

fn held(at: u64, records: &[Record]) -> Held {
    let mut held = Held::new(4, at, facts());
    records.iter().for_each(|record| held.take(record, Place::Follows));
    held
}

#[test]
fn a_device_is_held_from_its_grant_to_the_end_of_the_life() {
    let other = Record {
        entry: Entry { device: 3, ..record(11, Event::Grant, 7, 1).entry },
        ..record(11, Event::Grant, 7, 1)
    };
    let records = [
        record(10, Event::Grant, 8, 1),
        other,
        record(12, Event::Exit, 7, 1),
        record(20, Event::Exit, 8, 1),
        record(30, Event::Grant, 8, 2),
        record(31, Event::Exit, 8, 1),
        record(40, Event::Revoke, 8, 2),
        record(50, Event::Grant, 8, 3),
    ];
    let who = |at| {
        let holder = held(at, &records).holder();
        holder.map(|holder| {
            (holder.subject.incarnation, holder.since / NS, holder.until.map(|ns| ns / NS))
        })
    };
    assert_eq!([9, 10].map(|second| who(second * NS)), [None, Some((1, 10, Some(20)))]);
    assert_eq!(who(20 * NS - 1), Some((1, 10, Some(20))));
    assert_eq!([20, 29].map(|second| who(second * NS)), [None, None]);
    assert_eq!([30, 39].map(|second| who(second * NS)), [Some((2, 30, Some(40))); 2]);
    assert_eq!(who(45 * NS), None);
    assert_eq!([50, 500].map(|second| who(second * NS)), [Some((3, 50, None)); 2]);
    assert_eq!(held(500 * NS, &records).last(), 50 * NS);
    // A grant whose record was acknowledged too late was taken back, and refused.
    let late = Record {
        entry: Entry { detail: 10, ..record(11, Event::Refusal, 8, 1).entry },
        ..record(11, Event::Refusal, 8, 1)
    };
    let records = [record(10, Event::Grant, 8, 1), late];
    assert_eq!(held(12 * NS, &records).holder(), None);
}

#[test]
fn what_is_missing_leaves_a_doubt_until_the_device_is_given_again() {
    let gap = Place::Gap(3, [1; 32]);
    let mut held = Held::new(4, 40 * NS, facts());
    held.take(&record(10, Event::Grant, 8, 1), Place::Follows);
    assert!(!held.is_unsure());
    held.take(&record(20, Event::Grant, 7, 1), gap);
    let other = Held::new(4, 15 * NS, facts());
    let mut other = other;
    other.take(&record(10, Event::Grant, 8, 1), Place::Follows);
    other.take(&record(20, Event::Start, 7, 1), gap);
    assert!(!other.is_unsure(), "that is after it");
    held.take(&record(25, Event::Start, 7, 1), gap);
    assert!(held.is_unsure());
    held.take(&record(30, Event::Grant, 8, 2), Place::Follows);
    assert!(!held.is_unsure());
}
