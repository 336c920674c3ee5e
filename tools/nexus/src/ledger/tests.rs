use super::heads::KeptHead;
use super::read::{Dropped, Record};
use super::*;
use crate::protocol::{Decision, Entry, Event};
use crate::test_os::chain;
use std::collections::BTreeMap;

type Rows = BTreeMap<String, Vec<u8>>;

fn entry(seq: u64, event: Event) -> Entry {
    Entry {
        seq,
        event,
        subject: 7,
        incarnation: 1,
        device: 3,
        base: 0x1000,
        len: 0x2000,
        rights: 7,
        registers: None,
        line: 0,
        interval: 0,
        decision: Decision::None,
        rule: 1,
        reporter: (chain::writer(event, 2), 1),
        asker: 1,
        epoch: 4,
        reason: 2,
        detail: 5,
        ticks: seq * 10,
        unix_ns: 0,
        hash: [0; 32],
    }
}

/// A record as archived puts it.
fn bytes((previous, entry): &Record) -> Vec<u8> {
    let mut bytes = previous.to_vec();
    for double in [entry.seq, entry.ticks, entry.unix_ns] {
        bytes.extend(double.to_le_bytes());
    }
    bytes.extend(entry.reporter.0.to_le_bytes());
    bytes.extend(entry.reporter.1.to_le_bytes());
    let outcome = match entry.decision {
        Decision::None => 1,
        Decision::Deny => 2,
        Decision::Allow => 3,
    };
    bytes.extend([u8::try_from(chain::code(entry.event)).unwrap(), outcome]);
    for word in [entry.device, entry.rights, entry.rule] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(entry.subject.to_le_bytes());
    bytes.extend(entry.incarnation.to_le_bytes());
    bytes.extend(entry.base.to_le_bytes());
    bytes.extend(entry.len.to_le_bytes());
    bytes.extend(entry.epoch.to_le_bytes());
    bytes.extend(entry.asker.to_le_bytes());
    bytes.extend(entry.detail.to_le_bytes());
    bytes.extend([entry.reason, u8::from(entry.registers.is_some())]);
    bytes.extend(entry.registers.unwrap_or(0).to_le_bytes());
    bytes.extend(entry.line.to_le_bytes());
    bytes.extend(entry.interval.to_le_bytes());
    bytes
}

/// Gives each record its hash, and the one before; behind a hole it hangs on what is not there.
fn linked(entries: Vec<Entry>) -> Vec<Record> {
    let (mut at, mut own) = (0_u64, [0; 32]);
    let link = |mut entry: Entry| {
        let previous = if entry.seq == at.wrapping_add(1) { own } else { [9; 32] };
        entry.hash = chain::hash(&previous, &entry);
        (at, own) = (entry.seq, entry.hash);
        (previous, entry)
    };
    entries.into_iter().map(link).collect()
}

fn anchor(boot: u32, before: (u64, [u8; 32])) -> Entry {
    let (parts, _) = before.1.as_chunks::<8>();
    let part = |at: usize| u64::from_le_bytes(parts[at]);
    Entry {
        base: part(0),
        len: part(1),
        detail: part(2),
        registers: Some(part(3)),
        epoch: boot,
        interval: u32::try_from(before.0).unwrap(),
        ..entry(3, Event::Anchor)
    }
}

fn put(rows: &mut Rows, boot: u32, nonce: u64, records: &[Record]) -> (u64, [u8; 32]) {
    let first = records.first().map_or([0; 32], |(_, entry)| entry.hash);
    let head = records.last().map_or((0, [0; 32]), |(_, entry)| (entry.seq, entry.hash));
    let mut facts = first.to_vec();
    facts.extend(nonce.to_le_bytes());
    facts.resize(72, 0);
    rows.insert(format!("boot/{boot:08}/facts"), facts);
    let mut value = head.0.to_le_bytes().to_vec();
    value.extend(head.1);
    value.resize(64, 0);
    rows.insert(format!("boot/{boot:08}/head"), value);
    for (part, records) in (1..).zip(records.chunks(64)) {
        let value = records.iter().flat_map(bytes).collect();
        rows.insert(format!("boot/{boot:08}/{part:08}"), value);
    }
    rows.insert("last".into(), boot.to_le_bytes().to_vec());
    head
}

/// The records of a boot behind one that ended so.
fn boot(number: u32, nonce: u64, before: (u64, [u8; 32])) -> Vec<Record> {
    let mut entries = vec![Entry { detail: nonce, ..entry(1, Event::Boot) }, entry(2, Event::Exit)];
    entries.push(anchor(number, before));
    entries.extend((4..=100).map(|seq| entry(seq, Event::Revoke)));
    linked(entries)
}

// attack 67 H: an image whose records have the largest numbers there are, missing and folded; it is judged, and nothing stops; broken: host-archive-sums
#[test]
fn test_the_largest_numbers_are_judged() {
    let fold = |seq, subject| Entry { seq, subject, len: u64::MAX, ..entry(7, Event::Fold) };
    let (first, last) = (entry(1, Event::Boot), u64::MAX);
    let mut entries = vec![Entry { detail: 1, ..first }];
    for seq in [last, 2, last - 1] {
        entries.extend([fold(seq, 7), fold(seq, 8)]);
    }
    let mut rows = Rows::new();
    put(&mut rows, 1, 1, &linked(entries));
    let kept = read::kept(&rows);
    assert_eq!(lines(&kept).len(), 1);
    let (findings, _) =
        check::check(&kept, &[KeptHead { boot: None, nonce: 1, records: last, hash: [0; 32] }]);
    assert!(!findings.is_empty());
}

/// Three boots, and the heads that they told.
fn good() -> (Rows, Vec<KeptHead>) {
    let (mut rows, mut heads, mut before) = (Rows::new(), Vec::new(), (0, [0; 32]));
    for number in 1..=3 {
        let nonce = u64::from(number) + 0x10;
        let records = boot(number, nonce, before);
        before = put(&mut rows, number, nonce, &records);
        for at in [20, 99] {
            let hash = records[at as usize].1.hash;
            heads.push(KeptHead { nonce, records: at + 1, hash, boot: None });
        }
    }
    (rows, heads)
}

fn findings(rows: &Rows, heads: &[KeptHead]) -> Vec<String> {
    check::check(&read::kept(rows), heads).0
}

#[track_caller]
fn assert_found(rows: &Rows, heads: &[KeptHead], expected: &str) {
    let found = findings(rows, heads);
    assert!(found.iter().any(|found| found.contains(expected)), "{found:?} / {expected}");
}

#[test]
fn test_a_good_archive_has_nothing() {
    let (rows, heads) = good();
    let kept = read::kept(&rows);
    assert_eq!(check::check(&kept, &heads), (vec![], vec![]));
    assert_eq!(kept.boots[&2].records.len(), 100);
    assert!(
        lines(&kept)[1]
            .starts_with("boot 2: run 0000000000000012, 100 records of 100, 0 missing, whole")
    );
}

/// The bytes are those of the guest, compared where both can be had.
#[test]
fn test_a_record_is_read_as_the_guest_puts_it() {
    use nexus_proto::{Asker, Registers, Subject, log};
    let (base, len, rights, rule) = (0x1000, 0x2000, 7, 50);
    let stamp =
        log::Stamp { seq: 3, ticks: 30, unix_ns: 4, reporter: Subject { id: 1, incarnation: 9 } };
    let subject = Subject { id: 7, incarnation: 8 };
    let said = log::Entry {
        device: 3,
        rights,
        rule,
        asker: Asker::new(10),
        base,
        len,
        epoch: 11,
        detail: 12,
        reason: 13,
        registers: Registers::new(Some(14)),
        line: 15,
        interval: 16,
        ..log::Entry::about(log::Event::Access, log::Outcome::Deny, subject)
    };
    let record = nexus_archive::Record { previous: [5; 32], stamp, entry: said };
    let mut put = Vec::new();
    record.put(&mut put);
    let (previous, read) = read::record(put.as_slice().try_into().unwrap()).unwrap();
    let expected = Entry {
        event: Event::Access,
        decision: Decision::Deny,
        incarnation: 8,
        base,
        len,
        rights,
        registers: Some(14),
        line: 15,
        interval: 16,
        rule,
        reporter: (1, 9),
        asker: 10,
        epoch: 11,
        reason: 13,
        detail: 12,
        ticks: 30,
        unix_ns: 4,
        hash: record.own(),
        ..entry(3, Event::Access)
    };
    assert_eq!((previous, &read), ([5; 32], &expected));
    assert_eq!(bytes(&(previous, read)), put);
    let codes = log::Event::ALL.iter().map(|event| u64::from(event.code()));
    assert!(chain::EVENTS.map(chain::code).into_iter().eq(codes), "each event there is");
}

// attack 47 H: any byte of a record in an image is changed; found; broken: host-archive-chain
#[test]
fn test_any_byte_of_a_record_counts() {
    let (good, _) = good();
    for at in 0..128 {
        let mut rows = good.clone();
        rows.get_mut("boot/00000002/00000001").unwrap()[10 * 128 + at] ^= 1;
        assert_ne!(findings(&rows, &[]), Vec::<String>::new(), "byte {at}");
    }
}

// attack 67 H: an image is put back as it was a boot ago; a head that was kept is of no boot that is there; broken: host-archive-rollback
#[test]
fn test_an_image_that_was_put_back_shows_in_the_heads() {
    let (now, heads) = good();
    let mut old = now.clone();
    old.retain(|key, _| !key.starts_with("boot/00000003"));
    old.insert("last".into(), 2_u32.to_le_bytes().to_vec());
    assert_eq!(findings(&old, &heads[..4]), Vec::<String>::new(), "it fits in itself");
    assert_found(&old, &heads, "run 0000000000000013 told is of no boot that is here");
    // The machine went on from there.
    let before = (100, boot(2, 0x12, (100, boot(1, 0x11, (0, [0; 32]))[99].1.hash))[99].1.hash);
    put(&mut old, 3, 0x14, &boot(3, 0x14, before));
    assert_eq!(findings(&old, &[]), Vec::<String>::new());
    assert_found(&old, &heads, "run 0000000000000013 told is of no boot that is here");
}

// attack 67 H: an image is put back to within a boot, or to before one whose ledger it had; told apart from a store that never came up; broken: host-archive-had
#[test]
fn test_a_store_that_never_came_up_is_no_image_that_was_put_back() {
    let (now, mut heads) = good();
    let read =
        |heads: &[KeptHead], boot| KeptHead { boot: Some(boot), ..heads[2 * boot as usize - 1] };
    let all: Vec<KeptHead> = [1, 2, 3].map(|boot| read(&heads, boot)).into();
    assert_eq!(findings(&now, &all), Vec::<String>::new());
    // It told a head, and left no boot.
    heads.push(KeptHead { nonce: 0x99, ..heads[5] });
    assert_found(
        &now,
        &heads,
        "run 0000000000000099 told is of no boot that is here: the store never",
    );
    // It left one.
    let mut old = now.clone();
    old.retain(|key, _| !key.starts_with("boot/00000003"));
    old.insert("last".into(), 2_u32.to_le_bytes().to_vec());
    let with = [heads[4], all[2]];
    let found = findings(&old, &with);
    assert_eq!(found.len(), 2, "{found:?}");
    for found in found {
        assert!(found.contains("and one was when that run had ended: the image was put back"));
    }
    // It left more of it than is there.
    let mut short = now.clone();
    let records: Vec<Record> = read::kept(&now).boots[&3].records[..50].to_vec();
    short.remove("boot/00000003/00000002");
    put(&mut short, 3, 0x13, &records);
    assert_eq!(findings(&short, &[]), Vec::<String>::new(), "it fits in itself");
    assert_found(&short, &all, "is there no more: the image was put back");
    // It left one with another number.
    let other = KeptHead { boot: Some(2), ..all[2] };
    assert_found(&now, &[other], "and one was when that run had ended");
}

// attack 67 H: a boot is written anew, with hashes that fit; the next anchor or a kept head says otherwise; broken: host-archive-anchor, host-archive-heads
#[test]
fn test_a_boot_that_was_written_anew_shows() {
    let (mut rows, heads) = good();
    let mut entries: Vec<Entry> =
        read::kept(&rows).boots[&2].records.iter().map(|(_, entry)| entry.clone()).collect();
    entries[15].subject = 9;
    put(&mut rows, 2, 0x12, &linked(entries.clone()));
    rows.insert("last".into(), 3_u32.to_le_bytes().to_vec());
    assert_found(&rows, &[], "boot 3: its anchor says that the boot before ended with record 100");
    assert_found(&rows, &heads, "run 0000000000000012 told is not what boot 2 has there");
    entries.truncate(50);
    put(&mut rows, 2, 0x12, &linked(entries));
    assert_found(&rows, &[], "which ends with record 50");
}

#[test]
fn test_what_is_missing_is_told() {
    let (good, heads) = good();
    // Records in between: a gap, which hangs on what is not there.
    let mut rows = good.clone();
    let mut entries: Vec<Entry> =
        read::kept(&rows).boots[&3].records.iter().map(|(_, entry)| entry.clone()).collect();
    entries.drain(40..50);
    put(&mut rows, 3, 0x13, &linked(entries));
    let (found, notes) = check::check(&read::kept(&rows), &[]);
    assert_eq!(found, Vec::<String>::new());
    assert!(notes[0].starts_with("boot 3: a gap of 10 before record 51"), "{notes:?}");
    assert!(notes[1].contains("10 records are missing, and folds account for 0"), "{notes:?}");
    let in_gap = KeptHead { records: 45, ..heads[4] };
    let (found, notes) = check::check(&read::kept(&rows), &[in_gap]);
    assert!(found.is_empty() && notes.iter().any(|note| note.contains("is in a gap of boot 3")));
    assert_found(&rows, &[KeptHead { records: 50, ..in_gap }], "is not what boot 3 has there");
    let behind = KeptHead { records: 101, ..in_gap };
    assert!(findings(&rows, &[behind]).is_empty(), "it was not kept in time");

    let mut rows = good.clone();
    rows.remove("boot/00000002/00000001");
    assert_found(&rows, &[], "boot 2: part 00000002 is there, and not part 1");
    let mut rows = good.clone();
    rows.retain(|key, _| !key.starts_with("boot/00000002"));
    assert_found(&rows, &[], "boot 3 stands where boot 2 should");
    let mut rows = good.clone();
    rows.remove("boot/00000003/head");
    assert_found(&rows, &[], "boot 3: its head is not that of record 100");
    let mut rows = good.clone();
    rows.insert("last".into(), 4_u32.to_le_bytes().to_vec());
    assert_found(&rows, &[], "the last boot is 3, and was 4 when it got its number");
    for odd in ["other", "boot/1/facts", "boot/00000001/x", "dropped/00000009"] {
        let mut rows = good.clone();
        rows.insert(odd.into(), vec![1]);
        assert_found(&rows, &[], &format!("{odd}: no row of an archive"));
    }
}

#[test]
fn test_boots_that_were_dropped_are_no_holes() {
    let (mut rows, heads) = good();
    let kept = read::kept(&rows);
    let (records, own) = kept.boots[&1].head.unwrap();
    let gone = Dropped { first: 1, last: 1, here: 100, records, own };
    let mut value = Vec::new();
    value.extend(gone.first.to_le_bytes());
    value.extend(gone.last.to_le_bytes());
    value.extend(gone.here.to_le_bytes());
    value.extend(gone.records.to_le_bytes());
    value.extend(gone.own);
    value.resize(64, 0);
    rows.insert("dropped/00000001".into(), value.clone());
    rows.retain(|key, _| key != "boot/00000001/head");
    let kept = read::kept(&rows);
    assert_eq!(kept.dropped, [gone]);
    let (found, notes) = check::check(&kept, &heads);
    assert_eq!(found, Vec::<String>::new(), "what is left of it is none");
    assert!(notes[0].contains("it may have been dropped"), "{notes:?}");
    // By its number, where that is known.
    let (of_gone, of_other) =
        (KeptHead { boot: Some(1), ..heads[0] }, KeptHead { boot: Some(9), ..heads[0] });
    let (found, notes) = check::check(&kept, &[of_gone]);
    assert!(found.is_empty() && notes[0].contains("it may have been dropped"), "{notes:?}");
    assert_eq!(check::check(&kept, &[of_other]).0.len(), 1);
    value[24] ^= 1;
    rows.insert("dropped/00000001".into(), value);
    assert_found(&rows, &heads, "boot 2: its anchor says that the boot before ended");
}

#[test]
fn test_what_logd_cut_is_told_by_logd() {
    let (good, _) = good();
    let mut entries: Vec<Entry> =
        read::kept(&good).boots[&3].records.iter().map(|(_, entry)| entry.clone()).collect();
    let own: Vec<Record> = linked(entries.clone());
    let resume = |cut| Entry { base: cut, incarnation: 2, subject: 3, ..entry(60, Event::Resume) };
    let mut anew = entries.split_off(59);
    anew[0] = resume(60);
    let (mut rows, mut all) = (good.clone(), own.clone());
    let mut previous = own[58].1.hash;
    for mut entry in anew.clone() {
        entry.hash = chain::hash(&previous, &entry);
        all.push((previous, entry.clone()));
        previous = entry.hash;
    }
    put(&mut rows, 3, 0x13, &all);
    assert_eq!(findings(&rows, &[]), Vec::<String>::new());
    all[100].1 = resume(61);
    let mut previous = all[100].0;
    for record in all.iter_mut().skip(100) {
        *record = (previous, Entry { hash: chain::hash(&previous, &record.1), ..record.1.clone() });
        previous = record.1.hash;
    }
    put(&mut rows, 3, 0x13, &all);
    assert_found(&rows, &[], "written anew from record 60 on, and no life of logd says so");
}

#[test]
fn test_what_a_boot_begins_with_is_told() {
    let (good, _) = good();
    let records = |rows: &Rows| read::kept(rows).boots[&1].records.clone();
    let mut rows = good.clone();
    let late: Vec<Entry> = records(&rows).into_iter().skip(1).map(|(_, entry)| entry).collect();
    put(&mut rows, 1, 0x11, &linked(late));
    assert_found(&rows, &[], "boot 1: record 2 does not follow record 0");
    assert_found(&rows, &[], "boot 1: it does not begin with a boot");
    let mut rows = good.clone();
    let mut other: Vec<Entry> = records(&rows).into_iter().map(|(_, entry)| entry).collect();
    other[0].event = Event::Clock;
    put(&mut rows, 1, 0x11, &linked(other));
    assert_found(&rows, &[], "boot 1: it does not begin with a boot");
    let mut rows = good.clone();
    put(&mut rows, 1, 0x99, &records(&good));
    assert_found(&rows, &[], "boot 1: it does not begin as its facts say");
    let mut rows = good.clone();
    let mut zero: Vec<Entry> = records(&rows).into_iter().map(|(_, entry)| entry).collect();
    zero[0].seq = 0;
    put(&mut rows, 1, 0x11, &linked(zero));
    assert_found(&rows, &[], "boot 1: record 0 does not follow record 0");
    let mut rows = good;
    rows.retain(|key, _| !key.starts_with("boot/00000001"));
    put(&mut rows, 1, 0x11, &[]);
    assert_found(&rows, &[], "boot 1: it has no record");
}

#[test]
fn test_a_boot_has_one_anchor() {
    let (good, _) = good();
    let with = |second: &dyn Fn(&Entry) -> Entry| {
        let mut rows = good.clone();
        let mut entries: Vec<Entry> =
            read::kept(&rows).boots[&3].records.iter().map(|(_, entry)| entry.clone()).collect();
        entries[49] = Entry { seq: 50, ..second(&entries[2]) };
        put(&mut rows, 3, 0x13, &linked(entries));
        findings(&rows, &[])
    };
    assert_eq!(with(&Entry::clone), Vec::<String>::new(), "told again, the same");
    let found = with(&|anchor| Entry { base: anchor.base ^ 1, ..anchor.clone() });
    assert!(found[0].starts_with("boot 3: a second anchor: "), "{found:?}");
}

#[test]
fn test_where_a_head_stands_is_told() {
    let (good, heads) = good();
    let mut rows = good.clone();
    let mut entries: Vec<Entry> =
        read::kept(&rows).boots[&3].records.iter().map(|(_, entry)| entry.clone()).collect();
    entries.drain(40..50);
    put(&mut rows, 3, 0x13, &linked(entries));
    let kept = read::kept(&rows);
    let stands = |records, hash| {
        let (found, notes) = check::check(&kept, &[KeptHead { records, hash, ..heads[4] }]);
        assert_eq!(found, Vec::<String>::new(), "{records}");
        notes.last().unwrap().clone()
    };
    // That with which the gap ends, as the record behind it has it.
    assert!(stands(50, [9; 32]).contains("50 records that run 0000000000000013 told is in a gap"));
    assert!(stands(101, [9; 32]).contains("is behind the end of boot 3: the power went"));
}

#[test]
fn test_heads_are_those_of_a_file_or_those_beside_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let (image, file) = (dir.path().join("a.disk"), dir.path().join("kept"));
    assert_eq!(heads_of(None, &image).unwrap(), []);
    let (rows, all) = good();
    let keep = |path: &Path, heads: &[KeptHead]| {
        let mut file = heads::HeadsFile::open(path.to_owned()).unwrap();
        heads.iter().for_each(|head| file.append(head).unwrap());
    };
    keep(&dir.path().join("a.heads"), &all);
    keep(&file, &all[..2]);
    assert_eq!(heads_of(None, &image).unwrap(), all);
    assert_eq!(heads_of(Some(&file), &image).unwrap(), all[..2]);
    assert!(heads_of(Some(&dir.path().join("none")), &image).is_err());
    assert_eq!(super::findings(&rows, None).unwrap(), [""; 0]);
    let strange = KeptHead { nonce: 0x99, ..all[0] };
    keep(&file, &[strange]);
    let found = super::findings(&rows, Some(&file)).unwrap();
    assert!(found.len() == 1 && found[0].contains("run 0000000000000099"), "{found:?}");
}

#[test]
fn test_the_disk_of_a_system_is_the_image_when_none_is_named() {
    let standard = Path::new("standard");
    let image = disk::own_of(standard).unwrap();
    match own(standard) {
        Ok(own) => assert!(own == image && image.exists()),
        Err(none) => {
            assert!(!image.exists());
            assert!(none.to_string().contains("`cargo nexus run` makes it"), "{none}");
        }
    }
}

#[test]
fn test_what_is_no_part_and_no_row_is_told() {
    let (good, _) = good();
    let of = |key: &str, value: Vec<u8>| {
        let mut rows = good.clone();
        rows.insert(key.into(), value);
        rows
    };
    let part = good["boot/00000003/00000001"].clone();
    for len in [0, 127, 129, 65 * 128] {
        let value = part.iter().copied().cycle().take(len).collect();
        let rows = of("boot/00000003/00000002", value);
        assert_found(&rows, &[], &format!("boot 3: part 00000002 has {len} bytes"));
    }
    // Each would be one of an archive with another name.
    for boot in ["1", "000000001", "+0000001", " 0000001"] {
        for (what, value) in [("head", vec![0; 64]), ("facts", vec![0; 72])] {
            let key = format!("boot/{boot}/{what}");
            assert_found(&of(&key, value), &[], &format!("{key}: no row of an archive"));
        }
    }
    let gone = |first: u32, last: u32| {
        let mut value = [first, last].map(u32::to_le_bytes).as_flattened().to_vec();
        value.resize(64, 0);
        value
    };
    let odd = |key: &str, value| !read::kept(&of(key, value)).odd.is_empty();
    assert!(!odd("dropped/00000001", gone(1, 1)));
    assert!(odd("dropped/00000002", gone(1, 1)), "by another number");
    assert!(odd("dropped/00000001", gone(2, 1)), "from behind its end");
}

#[test]
fn test_each_outcome_of_a_record_is_read() {
    for decision in [Decision::None, Decision::Deny, Decision::Allow] {
        let record = linked(vec![Entry { decision, ..entry(1, Event::Decision) }]).remove(0);
        let put: [u8; 128] = bytes(&record).try_into().unwrap();
        assert_eq!(read::record(&put), Some(record));
        for (at, odd) in [(64, 0), (65, 0), (65, 4), (113, 2), (114, 1)] {
            let mut put = put;
            put[at] = odd;
            assert_eq!(read::record(&put), None, "byte {at} is {odd}");
        }
    }
}
