use super::*;
use crate::check::Checked;
use crate::device::{PAGE, PAGE_SECTORS, SECTOR};
use crate::fake::{FakeDisk, Faults};
use crate::log::frame::Change;
use crate::store::{Error, Expect, Store};
use crate::tests::common::{Random, TREE, formatted, key, open, open_with, options};
use crate::{DeviceError, OpenOptions};
use std::prelude::rust_2024::*;
use std::{format, vec};

const OTHER: TreeId = TreeId(TREE.0 + 1);
const LOG: u32 = 64;
const TABLE: u64 = 256;

fn put(store: &mut Engine<FakeDisk>, tree: TreeId, name: &str, size: usize) {
    store.put(tree, key(name), &vec![7; size], Expect::Any).unwrap();
}

fn pieces(store: &mut Engine<FakeDisk>, name: &str, sizes: &[usize]) {
    let mut draft = store.begin().unwrap();
    for size in sizes {
        store.piece(&mut draft, &vec![8; *size]).unwrap();
    }
    store.finish(TREE, key(name), draft, Expect::Any).unwrap();
}

/// Runs a check to its end.
fn check(store: &mut Engine<FakeDisk>) -> (Checked, Vec<Flaw>) {
    let (mut check, mut flaws) = (Check::default(), Vec::new());
    loop {
        match store.check(&mut check) {
            Ok(true) => {}
            Ok(false) => return (check.found(), flaws),
            Err(flaw) => flaws.push(flaw),
        }
        assert!(flaws.len() < 1000, "it comes to an end");
    }
}

/// Puts all that there is into the table.
fn fold(store: &mut Engine<FakeDisk>) {
    store.sync().unwrap();
    store.fold_all().unwrap();
    store.freeze();
    store.fold_all().unwrap();
}

/// A store with rows in its table and in its log: 300 keys in one tree, one value in pieces, one key in another tree.
fn subject() -> FakeDisk {
    let disk = formatted(LOG, TABLE);
    let mut store = open(&disk);
    (0..300).for_each(|at| put(&mut store, TREE, &format!("k{at:03}"), 100));
    pieces(&mut store, "pieces", &[60_000, 10]);
    fold(&mut store);
    put(&mut store, OTHER, "o", 5000);
    store.sync().unwrap();
    disk
}

#[test]
fn a_check_says_what_it_looked_at_in_bounded_steps() {
    let disk = subject();
    let mut store = open(&disk);
    let pages = store.pager.lock().sums_pages() + 1;
    let (mut check, mut before, mut most) = (Check::default(), store.counters(), 0);
    let mut rows = (0, 0);
    while store.check(&mut check).unwrap() {
        let now = store.counters();
        assert!(now.pages_read - before.pages_read <= 2 * CHECK_PAGES, "bounded");
        most = most.max(now.pages_read - before.pages_read);
        before = now;
        let found = check.found();
        assert!(found.rows - rows.0 <= STEP_ROWS as u64, "{found:?}");
        assert!(found.bytes - rows.1 <= (STEP_BYTES + 65_536) as u64, "{found:?}");
        rows = (found.rows, found.bytes);
    }
    assert!(most > 20, "it is the disk that is read: {most}");
    let found = check.found();
    assert_eq!((found.pages, found.trees, found.rows, found.objects), (pages, 2, 302, 1));
    assert_eq!(found.bytes, 300 * 104 + 6 + 60_010 + 1 + 5000);
    assert!(found.pages > 40, "{found:?}");
    // The frame with one row of 5,000 bytes, and the one with which the opening began.
    assert_eq!((found.log_pages, found.moved, found.unjudged), (3, 0, 0));
    assert_eq!(store.check(&mut check), Ok(false), "it stays at its end");
}

// attack 67 U: each page of a store flipped in turn under it; a check names it, or it has nothing; broken: store-check-pages
#[test]
fn a_check_names_each_page_that_is_not_what_was_written() {
    let disk = subject();
    let good = disk.bytes();
    let all = OpenOptions { write: false, ..options() };
    let mut named = 0;
    for page in 0..u32::try_from(good.len() / PAGE).unwrap() {
        let mut store = open_with(&disk, &all).unwrap();
        let known =
            store.pager.lock().sums_known(u64::from(page).saturating_sub(2 + u64::from(LOG)));
        disk.tamper(|bytes| bytes[page as usize * PAGE + 77] ^= 16);
        let (_, flaws) = check(&mut store);
        disk.tamper(|bytes| bytes.copy_from_slice(&good));
        let expected = match page {
            0 | 1 => Some(Flaw::Superblock(u64::from(page))),
            page if page < 2 + LOG => {
                let page = page - 2;
                let (used, _) = store.log_pages();
                let first = store.log.mark().page - used;
                (page >= first).then_some(Flaw::LogPage(page)).filter(|_| page < first + used)
            }
            page if page == 2 + LOG => Some(Flaw::Header),
            page => known.then(|| Flaw::Page(u64::from(page - 2 - LOG))),
        };
        match expected {
            Some(flaw) => {
                assert!(flaws.contains(&flaw), "{page}: {flaws:?} and not {flaw}");
                named += 1;
            }
            None => assert_eq!(flaws, [], "{page}"),
        }
    }
    assert!(named > 40, "{named}");
}

// attack 67 U: a page of the log or the table as it was before, under an open store; a check names it
#[test]
fn a_check_names_what_was_put_back() {
    let disk = subject();
    let mut store = open(&disk);
    let before = disk.bytes();
    put(&mut store, TREE, "k007", 90);
    store.sync().unwrap();
    let log = store.log.mark().page - 1;
    disk.tamper(|bytes| bytes.copy_from_slice(&before));
    assert_eq!(check(&mut store).1, [Flaw::LogPage(log)]);
    fold(&mut store);
    disk.tamper(|bytes| {
        let table = (2 + LOG as usize) * PAGE;
        bytes[table..].copy_from_slice(&before[table..]);
    });
    let (_, flaws) = check(&mut store);
    assert!(
        flaws.contains(&Flaw::Header) && flaws.iter().any(|flaw| matches!(flaw, Flaw::Page(_)))
    );
}

// attack 67 U: one sector of a store cannot be read; a check names its page, and looks at all others
#[test]
fn a_check_names_what_cannot_be_read() {
    let disk = subject();
    let mut store = open(&disk);
    let mut whole = check(&mut store).0;
    let known: Vec<u64> = (1..TABLE).filter(|page| store.pager.lock().sums_known(*page)).collect();
    let table = 2 + u64::from(LOG);
    let log = store.log.mark().page - 1;
    let mut cases = vec![
        (0, Part::Superblock(0)),
        (1, Part::Superblock(1)),
        (table, Part::Table(0)),
        (2 + u64::from(log), Part::Log(log)),
    ];
    cases.extend(known.iter().map(|page| (table + page, Part::Table(*page))));
    let mut in_memory = 0;
    for (page, part) in cases {
        // An opening that repairs leaves pages behind.
        if matches!(part, Part::Table(1..)) && !store.pager.lock().sums_known(page - table) {
            continue;
        }
        disk.set_faults(Faults { unreadable: Some(page * PAGE_SECTORS + 3), ..Faults::default() });
        let (found, flaws) = check(&mut store);
        assert_eq!(flaws.first(), Some(&Flaw::Unread(part, DeviceError::Failed)));
        if flaws.len() > 1 {
            // It was not held in memory: its rows cannot be read either.
            assert!(flaws[1..].iter().all(|flaw| matches!(flaw, Flaw::Rows(_))), "{flaws:?}");
            disk.set_faults(Faults::default());
            store = open(&disk);
            whole = check(&mut store).0;
            continue;
        }
        in_memory += 1;
        let in_table = matches!(part, Part::Table(_));
        let missed = |one: bool| u64::from(one);
        assert_eq!(found.pages, whole.pages - missed(in_table), "{part}");
        assert_eq!(found.log_pages, whole.log_pages - missed(matches!(part, Part::Log(_))));
        assert_eq!((found.rows, found.bytes), (whole.rows, whole.bytes));
        disk.set_faults(Faults::default());
    }
    assert!(in_memory > 10, "{in_memory} of {}", known.len());
}

// attack 67 U: a page of the log as an older frame left it, which is right by itself; a check names it; broken: store-check-log
#[test]
fn a_check_tells_frames_apart() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    let mut images = Vec::new();
    for round in 0..40 {
        put(&mut store, TREE, "a", round);
        store.sync().unwrap();
        while store.turn().unwrap() {}
        images.push(disk.bytes());
    }
    put(&mut store, TREE, "a", 7);
    store.sync().unwrap();
    let page = store.log.mark().page - 1;
    let place = |page: u32| (2 + page as usize) * PAGE..(3 + page as usize) * PAGE;
    let (good, mut older) = (disk.bytes(), 0);
    for image in images {
        if image[place(page)][..SECTOR] == good[place(page)][..SECTOR] || image[place(page)][0] == 0
        {
            continue;
        }
        older += 1;
        disk.tamper(|bytes| bytes[place(page)].copy_from_slice(&image[place(page)]));
        assert_eq!(check(&mut store).1, [Flaw::LogPage(page)]);
    }
    assert!(older > 3, "{older}");
    disk.tamper(|bytes| bytes.copy_from_slice(&good));
    assert_eq!(check(&mut store).1, []);
}

/// A change that nothing but a mistake of the store itself makes.
fn force(store: &mut Engine<FakeDisk>, key: &[u8], row: Option<&[u8]>) {
    store.make(&[Change { key, row, old: None }]).unwrap();
}

// attack 67 U: rows that do not fit together: a piece without a value and a value without a piece, sizes, a tree's use, a row that is none; a check names each; broken: store-check-usage, store-check-orphan
#[test]
fn a_check_names_rows_that_do_not_fit_together() {
    let damaged = |name: &str| Flaw::Rows(Asked::Key(name.into()));
    type Mistake = fn(&mut Engine<FakeDisk>, u64);
    let wrong_use = |keys, bytes| Flaw::Usage {
        tree: TREE,
        counted: Usage { keys: 1, bytes: 2006 },
        found: Usage { keys, bytes },
    };
    let mistakes: [(Mistake, &[Flaw]); 8] = [
        (|_, _| {}, &[]),
        (|store, _| force(store, RowKey::piece(1, 0).as_bytes(), Some(b"x")), &[Flaw::Orphan(1)]),
        (|store, of| force(store, RowKey::piece(of, 1).as_bytes(), None), &[damaged("pieces")]),
        (
            |store, of| force(store, RowKey::piece(of, 1).as_bytes(), Some(b"")),
            &[damaged("pieces")],
        ),
        (
            |store, _| {
                let row = super::super::data_key(TREE, key("pieces"));
                store.active.set(row.as_bytes(), None);
            },
            &[wrong_use(0, 0)],
        ),
        (
            |store, _| {
                let row = super::super::data_key(TREE, key("q"));
                let data = Data { version: crate::Version(1), content: Content::Whole(b"123") };
                store.active.set(row.as_bytes(), Some(&data.encode()));
            },
            &[wrong_use(2, 2010)],
        ),
        (
            |store, _| {
                let row = super::super::data_key(TREE, key("pieces"));
                store.active.set(row.as_bytes(), Some(b"short"));
            },
            &[damaged("pieces"), wrong_use(0, 0)],
        ),
        (|store, _| force(store, &[0, b'z'], Some(b"")), &[Flaw::Rows(Asked::Store)]),
    ];
    for (at, (mistake, expected)) in mistakes.into_iter().enumerate() {
        let disk = formatted(LOG, TABLE);
        let mut store = open(&disk);
        pieces(&mut store, "pieces", &[1500, 500]);
        let found = store.stat(TREE, key("pieces")).unwrap().unwrap();
        // The object was begun two versions before it was finished.
        mistake(&mut store, found.version.0 - 1);
        let (_, flaws) = check(&mut store);
        let orphans: Vec<&Flaw> = flaws.iter().filter(|flaw| expected.contains(flaw)).collect();
        assert_eq!(orphans.len(), expected.len(), "{at}: {flaws:?}");
        let gone = expected.iter().any(
            |flaw| matches!(flaw, Flaw::Usage { counted, found, .. } if found.keys < counted.keys),
        );
        assert!(gone || flaws.len() == expected.len(), "{at}: {flaws:?}");
    }
}

// attack 92 U: a store that is changed in every way between the steps of a check; nothing is called a flaw that is none
#[test]
fn others_go_on_between_the_steps_of_a_check() {
    let mut random = Random::new(8);
    let (mut moved, mut compared) = (0, 0);
    for _ in 0..30 {
        let disk = formatted(LOG, TABLE);
        let mut store = open(&disk);
        for at in 0..400 {
            put(&mut store, if at % 3 == 0 { TREE } else { OTHER }, &format!("k{at:03}"), 30);
        }
        let mut check = Check::default();
        loop {
            for _ in 0..random.below(4) {
                let name = format!("k{:03}", random.below(400));
                match random.below(7) {
                    0 => pieces(&mut store, &name, &[3000; 3][..random.below(4)]),
                    1 => drop(store.delete(TREE, key(&name), Expect::Any).unwrap()),
                    2 => drop(store.turn().unwrap()),
                    3 => store.sync().unwrap(),
                    4 => put(&mut store, TREE, &name, random.below(500)),
                    5 => put(&mut store, TreeId(1), &name, random.below(500)),
                    _ => {
                        let mut draft = store.begin().unwrap();
                        store.piece(&mut draft, &[1; 50]).unwrap();
                    }
                }
            }
            if !store.check(&mut check).unwrap() {
                break;
            }
        }
        moved += check.found().moved;
        compared += check.found().trees;
    }
    assert!(moved > 3 && compared > moved + 10, "{moved} of {compared}");
}

// attack 67 U: a page that leads to rows damaged under an open store; the check says from where on rows are not known, and ends
#[test]
fn rows_that_cannot_be_read_end_a_check() {
    let disk = subject();
    let none = OpenOptions { cache: 0, branches: 0, ..options() };
    let mut store = open_with(&disk, &none).unwrap();
    let start = usize::try_from(2 + u64::from(LOG)).unwrap();
    disk.tamper(|bytes| bytes[(start + 1) * PAGE..].fill(3));
    let (found, flaws) = check(&mut store);
    assert_eq!(flaws.last(), Some(&Flaw::Rows(Asked::Behind(String::new()))));
    assert_eq!((found.rows, found.pages), (0, 1));
    assert!(matches!(store.put(TREE, key("a"), b"", Expect::Any), Err(Error::ReadOnly(_))));
    assert_eq!(PAGE_SECTORS as usize * SECTOR, PAGE);
}

// attack 67 U: a row that says nothing is met; writing ends, and what redb would write at its end stays away
#[test]
fn a_row_that_says_nothing_ends_writing() {
    let disk = formatted(LOG, TABLE);
    let mut store = open(&disk);
    let row = super::super::data_key(TREE, key("x"));
    force(&mut store, row.as_bytes(), Some(b"short"));
    fold(&mut store);
    disk.record();
    let got = store.get(TREE, key("x"), &mut Vec::new());
    assert_eq!(got, Err(Error::Damaged(Asked::Key("x".into()))));
    assert_eq!(store.read_only(), Some(crate::ReadOnly::Inconsistent));
    assert!(disk.trace().is_empty());
}

#[test]
fn large_values_and_pieces_take_several_steps() {
    let disk = formatted(128, 1024);
    let mut store = open(&disk);
    (0..12).for_each(|at| put(&mut store, TREE, &format!("{at:02}"), 60_000));
    pieces(&mut store, "x", &[60_000; 12]);
    let (mut check, mut steps, mut before) = (Check::default(), 0, 0);
    while store.check(&mut check).unwrap() {
        let bytes = check.found().bytes;
        assert!(bytes - before <= (STEP_BYTES + 65_536) as u64 || check.value.is_some());
        before = bytes;
        steps += u32::from(check.at == At::Rows);
    }
    // Twelve values, five of them a step; twelve pieces, five of them a step; and what is behind.
    assert_eq!(steps, 10);
    assert_eq!((check.found().rows, check.found().objects), (13, 1));
}

#[test]
fn what_is_abandoned_is_gone() {
    let disk = formatted(LOG, TABLE);
    let mut store = open(&disk);
    let charge = store.charge;
    let mut draft = store.begin().unwrap();
    store.piece(&mut draft, &[1; 100]).unwrap();
    assert!(store.charge > charge);
    store.abandon(draft).unwrap();
    assert_eq!(store.charge, charge);
}
