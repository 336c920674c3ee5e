use super::*;
use nexus_proto::log::Access;

/// A record that nothing is said of: by who records such an event, not chained.
pub(crate) fn blank(seq: u64, event: Event) -> Entry {
    Entry {
        seq,
        event,
        subject: 7,
        incarnation: 1,
        device: 3,
        base: 0x1000,
        len: 0x1000,
        rights: 7,
        registers: None,
        line: 0,
        interval: 0,
        decision: Decision::Allow,
        rule: 1,
        reporter: (writer(event, 0), 1),
        asker: INIT,
        epoch: 1,
        reason: 0,
        detail: 5,
        ticks: seq * 10,
        unix_ns: 0,
        hash: [0; 32],
    }
}

/// Gives each record its hash.
pub(crate) fn chain(entries: &mut [Entry]) {
    let mut previous = [0; 32];
    for entry in entries {
        entry.hash = hash(&previous, entry);
        previous = entry.hash;
    }
}

/// The heads that a good run tells of these records.
pub(crate) fn heads(entries: &[Entry]) -> Vec<Head> {
    let at = |entry: &Entry| Head { records: entry.seq, hash: entry.hash };
    [entries.first(), entries.last()].into_iter().flatten().map(at).collect()
}

/// Of a ledger without holes.
fn check(entries: &[Entry], heads: &[Head], nonce: u64) -> Vec<String> {
    super::check(entries, &[], heads, nonce)
}

fn good() -> Vec<Entry> {
    let events = [Event::Boot, Event::Decision, Event::Grant, Event::Clock, Event::Exit];
    let mut entries: Vec<Entry> = (1..).zip(events).map(|(seq, event)| blank(seq, event)).collect();
    chain(&mut entries);
    entries
}

#[track_caller]
fn assert_found(entries: &[Entry], heads: &[Head], expected: &str) {
    let found = check(entries, heads, 5);
    assert!(found.iter().any(|found| found.contains(expected)), "{found:?} / {expected}");
}

/// The formula is that of the guest, compared where both can be had: the hash before, a stamp and an
/// entry, as they travel.
#[test]
fn test_the_hash_is_over_the_bytes_as_they_travel() {
    use nexus_proto::{Asker, Registers, Subject, encode_payload, log};
    let stamp = log::Stamp {
        seq: 3,
        ticks: 30,
        unix_ns: 0,
        reporter: Subject { id: INIT, incarnation: 1 },
    };
    for (registers, line, interval) in
        [(None, 0, 0), (Some(0), 0, 0), (Some(1 << 63), 10, 50), (None, 10, 0)]
    {
        let entry = Entry { registers, line, interval, ..good().remove(2) };
        let travels = log::Entry {
            device: 3,
            rights: 7,
            rule: 1,
            asker: Asker::new(INIT),
            base: 0x1000,
            len: 0x1000,
            epoch: 1,
            detail: 5,
            registers: Registers::new(registers),
            line,
            interval,
            ..log::Entry::about(
                log::Event::Grant,
                log::Outcome::Allow,
                Subject { id: 7, incarnation: 1 },
            )
        };
        let stamp = encode_payload(0, &stamp);
        let words = usize::try_from(stamp.tag.words()).unwrap();
        let stamp = stamp.words[..words].iter().flat_map(|word| word.to_le_bytes());
        let bytes: Vec<u8> =
            [9; 32].into_iter().chain(stamp).chain(travels.hashed().iter().copied()).collect();
        let expected: [u8; 32] = Sha256::digest(bytes).into();
        assert_eq!(hash(&[9; 32], &entry), expected, "{registers:?} {line} {interval}");
    }
}

#[test]
fn test_a_good_chain_has_nothing() {
    let entries = good();
    assert_eq!(check(&entries, &heads(&entries), 5), Vec::<String>::new());
}

// attack 47 H: any field of a record is changed; its hash does not fit; broken: host-chain
#[test]
fn test_every_field_is_hashed() {
    let changes: [fn(&mut Entry); 21] = [
        |entry| entry.seq += 1,
        |entry| entry.event = Event::Revoke,
        |entry| entry.subject += 1,
        |entry| entry.incarnation += 1,
        |entry| entry.device += 1,
        |entry| entry.base += 1,
        |entry| entry.len += 1,
        |entry| entry.rights += 1,
        |entry| entry.registers = Some(0),
        |entry| entry.registers = Some(1 << 63),
        |entry| entry.line += 1,
        |entry| entry.interval += 1,
        |entry| entry.decision = Decision::Deny,
        |entry| entry.rule += 1,
        |entry| entry.reporter.1 += 1,
        |entry| entry.asker += 1,
        |entry| entry.epoch += 1,
        |entry| entry.reason += 1,
        |entry| entry.detail += 1,
        |entry| entry.ticks += 1,
        |entry| entry.unix_ns += 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut entries = good();
        let heads = heads(&entries);
        change(&mut entries[2]);
        let found = check(&entries, &heads, 5);
        let text = if number == 0 { "record 4 after 2" } else { "does not have the hash" };
        assert!(found.iter().any(|found| found.contains(text)), "{number}");
    }
}

// attack 84 H: the ledger is written anew with hashes that fit, before the end or after the last head; found; broken: host-heads
#[test]
fn test_a_history_written_anew_shows_in_the_heads() {
    let mut entries = good();
    let mut told = heads(&entries);
    told.insert(1, Head { records: 3, hash: entries[2].hash });
    entries[1].decision = Decision::Deny;
    chain(&mut entries);
    assert_found(&entries, &told, "written anew: not what it was at record 3");
    told = heads(&entries);
    assert_eq!(check(&entries, &told, 5), Vec::<String>::new(), "it fits in itself");

    let entries = good();
    assert_found(&entries[..4], &heads(&entries), "written anew: not what it was at record 5");
    assert_found(&entries, &heads(&entries[..4]), "the last head is that of 4 records, of 5");
    assert_found(&entries, &heads(&entries)[..1], "1 heads");
    assert_found(&entries, &[Head { records: 0, hash: [0; 32] }], "not what it was at record 0");
}

// attack 84 H: a record of an event by who may not record it; found; broken: host-writer
#[test]
fn test_each_event_has_one_writer() {
    let events = [Event::Boot, Event::Clock, Event::Decision, Event::Grant, Event::Prepared];
    assert_eq!(events.map(|event| writer(event, 0)), [LOGD, LOGD, POLICYD, INIT, INIT]);
    assert_eq!(
        [Event::Fold, Event::Resume, Event::Anchor].map(|event| writer(event, 0)),
        [LOGD; 3]
    );
    for code in 0..=u8::MAX {
        let Some(access) = Access::from_code(code) else { continue };
        let of_state = matches!(access, Access::Get | Access::List | Access::Put);
        let who = if of_state { STATEFSD } else { NETSTACKD };
        assert_eq!(writer(Event::Access, code), who, "{access:?}");
    }
    for at in 0..5 {
        for id in [INIT, POLICYD, LOGD, 7] {
            let mut entries = good();
            let right = entries[at].reporter.0;
            entries[at].reporter.0 = id;
            chain(&mut entries);
            let found = check(&entries, &heads(&entries), 5);
            assert_eq!(found.is_empty(), id == right, "{at} {id}: {found:?}");
        }
    }
}

// attack 47 H: a ledger that begins with another run, or with another record; found
#[test]
fn test_it_begins_with_this_run() {
    let entries = good();
    let found = check(&entries, &heads(&entries), 6);
    assert_eq!(found, ["it does not begin with this run"]);
    assert_found(&[], &[], "it does not begin with this run");
}

/// Lives of service 7 up to the fourth, of which the first two are folded away, and what the guest tells of
/// the holes.
fn folded() -> (Vec<Entry>, Vec<Head>) {
    let mut entries = vec![blank(1, Event::Boot)];
    for incarnation in 1..=4 {
        for event in [Event::Decision, Event::Grant, Event::Exit] {
            let seq = entries.len() as u64 + 1;
            entries.push(Entry { incarnation, ..blank(seq, event) });
        }
    }
    chain(&mut entries);
    let last = entries[6].hash;
    let [base, detail, mask] =
        [0, 8, 16].map(|at| u64::from_le_bytes(last[at..at + 8].try_into().unwrap()));
    let fold = Entry {
        incarnation: 2,
        base,
        len: 6,
        epoch: 2,
        detail,
        registers: Some(mask),
        interval: 7,
        ..blank(14, Event::Fold)
    };
    entries.push(fold);
    entries[13].hash = hash(&entries[12].hash, &entries[13]);
    let hole = Head { records: 7, hash: last };
    entries.drain(1..7);
    (entries, vec![hole])
}

#[track_caller]
fn assert_folds(entries: &[Entry], holes: &[Head], expected: &str) {
    let found = super::check(entries, holes, &heads(entries), 5);
    assert!(found.iter().any(|found| found.contains(expected)), "{found:?} / {expected}");
}

fn chain_behind(entries: &mut [Entry], at: usize) {
    for index in at..entries.len() {
        entries[index].hash = hash(&entries[index - 1].hash.clone(), &entries[index]);
    }
}

#[test]
fn test_what_folds_account_for_is_not_missing() {
    let (entries, holes) = folded();
    assert_eq!(super::check(&entries, &holes, &heads(&entries), 5), Vec::<String>::new());
    // A head of a record that is folded away says nothing, but where the hole ends with it.
    for (records, hash, beside) in [(5, [1; 32], 0), (7, holes[0].hash, 0), (7, [1; 32], 1)] {
        let mut told = heads(&entries);
        told.insert(1, Head { records, hash });
        assert_eq!(super::check(&entries, &holes, &told, 5).len(), beside, "{records}");
    }
}

/// The guest was read, and folds what it has shown before it is read again.
#[test]
fn test_what_was_shown_before_it_was_folded_is_not_missing() {
    let mut entries = good();
    entries.pop();
    for incarnation in 1..=3 {
        let seq = entries.len() as u64 + 1;
        entries.push(Entry { incarnation, ..blank(seq, Event::Grant) });
        entries.push(Entry { incarnation, ..blank(seq + 1, Event::Exit) });
    }
    let seq = entries.len() as u64 + 1;
    // Of life 1: a grant of before, and two records.
    let fold = Entry { len: 3, registers: Some(0), ..blank(seq, Event::Fold) };
    entries.push(fold);
    chain(&mut entries);
    let last = entries[5].hash;
    let fold = entries.last_mut().unwrap();
    let part = |at: usize| u64::from_le_bytes(last[at..at + 8].try_into().unwrap());
    (fold.base, fold.detail, fold.registers) = (part(0), part(8), Some(part(16)));
    fold.interval = 6;
    chain(&mut entries);
    assert_eq!(check(&entries, &heads(&entries), 5), Vec::<String>::new());
}

// attack 47 H: records are missing that no fold accounts for, or others than it says; found; broken: host-holes
#[test]
fn test_a_hole_without_a_fold_is_found() {
    let (good, holes) = folded();
    let mut entries = good.clone();
    entries.remove(2);
    assert_folds(&entries, &holes, "7 records are missing, and the folds account for 6");
    assert_folds(&entries, &holes, "record 10 after 8");
    entries = good.clone();
    entries.pop();
    assert_folds(&entries, &holes, "6 records are missing, and the folds account for 0");
    assert_folds(&good, &[], "record 8 after 1");
    let mut entries = good.clone();
    let fold = entries.last_mut().unwrap();
    fold.len += 1;
    fold.base ^= 1;
    chain_behind(&mut entries, good.len() - 1);
    assert_folds(&entries, &holes, "6 records are missing, and the folds account for 7");
    assert_folds(&entries, &holes, "another record was folded away last");
}

// attack 47 H: a life is folded away that has not ended, or goes on; found; broken: host-folds
#[test]
fn test_a_fold_of_a_life_that_goes_on_is_found() {
    let (good, holes) = folded();
    let mut entries = good.clone();
    entries.retain(|entry| entry.event != Event::Exit);
    assert_folds(&entries, &holes, "whose end is not on record");
    let mut entries = good.clone();
    entries.push(Entry { incarnation: 2, ..blank(15, Event::Grant) });
    chain_behind(&mut entries, good.len());
    assert_folds(&entries, &holes, "goes on after it was folded away");
}

/// A good anchor, of the fourth boot.
fn anchor(seq: u64) -> Entry {
    let (asker, subject, epoch, interval, line) = (ARCHIVED, ARCHIVED, 4, 90, 1);
    let registers = Some(9);
    Entry { asker, subject, epoch, interval, line, registers, ..blank(seq, Event::Anchor) }
}

/// What is found when these follow the first record.
fn found_with(others: &[Entry]) -> Vec<String> {
    let mut entries = vec![blank(1, Event::Boot)];
    entries.extend(others.iter().cloned());
    chain(&mut entries);
    check(&entries, &heads(&entries), 5)
}

// attack 67 H: an anchor by another service than the archive, a second one, or one that cannot be; found; broken: judge-anchor
#[test]
fn test_there_is_one_anchor_and_it_is_the_archives() {
    let good = anchor(2);
    let first = Entry {
        epoch: 1,
        interval: 0,
        line: 0,
        base: 0,
        len: 0,
        detail: 0,
        registers: Some(0),
        ..good.clone()
    };
    for entry in [&good, &first] {
        assert_eq!(found_with(std::slice::from_ref(entry)), Vec::<String>::new());
    }
    for wrong in [
        Entry { asker: 7, ..good.clone() },
        Entry { subject: 7, ..good.clone() },
        Entry { reporter: (ARCHIVED, 1), ..good.clone() },
        Entry { epoch: 0, ..good.clone() },
        Entry { epoch: 1, ..good.clone() },
        Entry { line: 4, ..good.clone() },
        Entry { interval: 0, ..good.clone() },
        Entry { registers: None, ..good.clone() },
        Entry { interval: 1, ..first.clone() },
        Entry { detail: 1, ..first.clone() },
        Entry { epoch: 2, ..first.clone() },
    ] {
        assert_eq!(found_with(std::slice::from_ref(&wrong)).len(), 1, "{wrong}");
    }
    let found = found_with(&[good.clone(), anchor(3)]);
    assert!(found.iter().any(|found| found.contains("a second anchor")), "{found:?}");
}

// attack 92 H: a kind of refusal is on record twice, or told of by another than who keeps state; found; broken: judge-access
#[test]
fn test_a_kind_of_refusal_is_on_record_once() {
    let access = |seq, rule| {
        let decision = Decision::Deny;
        Entry { rule, decision, ..blank(seq, Event::Access) }
    };
    let other = Entry { reason: 3, ..access(4, 2) };
    assert_eq!(found_with(&[access(2, 1), access(3, 2), other]), Vec::<String>::new());
    let found = found_with(&[access(2, 1), access(3, 1)]);
    assert!(found.iter().any(|found| found.contains("on record twice")), "{found:?}");
    let found = found_with(&[Entry { reporter: (7, 1), ..access(2, 1) }]);
    assert!(found.iter().any(|found| found.contains("record by service 7")), "{found:?}");
}
