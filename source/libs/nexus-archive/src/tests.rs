//! What is taken for a ledger, and what is not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::vec;

use alloc::vec::Vec;

use nexus_proto::log::{Entry, Event, Outcome, Stamp};
use nexus_proto::{Fold, Resume, Subject};
use nexus_state::{Error, Page};
use zerocopy::IntoBytes;

use crate::fake::FakeTree;
use crate::{Chain, Hash, Place, Record, Standing, Tree, Walked, boots, key, keys, walk};

const LOGD: Subject = Subject { id: 3, incarnation: 1 };
const NONE: Hash = [0; 32];

fn record(seq: u64, previous: Hash, event: Event) -> Record {
    let stamp = Stamp { seq, ticks: 10 * seq, unix_ns: 0, reporter: LOGD };
    Record { previous, stamp, entry: Entry::about(event, Outcome::None, LOGD) }
}

/// That logd has cut at this number, as its second life says it.
fn resume(seq: u64, previous: Hash, cut: u64) -> Record {
    let subject = Subject { incarnation: 2, ..LOGD };
    let entry = Resume { subject, found: 9, kept: 9, cut }.entry();
    Record { entry, ..record(seq, previous, Event::Resume) }
}

/// A boot and so many records behind it, each of which follows the one before.
fn ledger(records: u64) -> Vec<Record> {
    let mut all = vec![record(1, NONE, Event::Boot)];
    for seq in 2..=records {
        all.push(record(seq, all.last().unwrap().own(), Event::Exit));
    }
    all
}

/// A chain behind these.
fn behind(all: &[Record]) -> Chain {
    let mut chain = Chain::default();
    assert!(all.iter().all(|record| chain.take(record) == Place::Follows));
    chain
}

/// A tree with this boot, in parts of so many records, and the head of all of them.
fn tree(all: &[Record], part: usize) -> FakeTree {
    let (mut tree, mut chain) = (FakeTree::default(), Chain::default());
    for (number, some) in (1..).zip(all.chunks(part)) {
        let mut value = Vec::new();
        chain.next_part();
        for record in some {
            chain.take(record);
            record.put(&mut value);
        }
        tree.rows.insert(key::part(7, number), (1, value));
    }
    tree.rows.insert(key::head(7), (1, chain.head().as_bytes().to_vec()));
    tree
}

fn walked(tree: &mut FakeTree) -> (Walked, Vec<u64>) {
    let mut seen = Vec::new();
    let walked = walk(tree, 7, |record, _| seen.push(record.stamp.seq)).unwrap();
    (walked, seen)
}

// attack 47 U: records without a first one, with numbers that there are not, and a first one that is no beginning; none of them is taken for a part of the ledger
#[test]
fn what_cannot_stand_there_is_wrong_and_changes_nothing() {
    let all = ledger(5);
    let wrong = [
        (Chain::default(), record(2, NONE, Event::Exit)),
        (Chain::default(), record(3, NONE, Event::Boot)),
        (Chain::default(), record(1, [1; 32], Event::Boot)),
        (Chain::default(), record(0, NONE, Event::Boot)),
        (behind(&all), record(6, all[3].own(), Event::Exit)),
        (behind(&all), record(0, all[4].own(), Event::Exit)),
        (behind(&all), record(1, NONE, Event::Exit)),
        (behind(&all), record(1, [1; 32], Event::Boot)),
    ];
    for (before, record) in wrong {
        let mut chain = before;
        assert_eq!(chain.take(&record), Place::Wrong, "{record:?}");
        assert_eq!(chain, before);
    }
    let mut chain = behind(&all);
    assert_eq!(chain.take(&record(1, NONE, Event::Boot)), Place::Anew);
}

#[test]
fn what_is_missing_is_counted() {
    let all = ledger(3);
    let mut chain = behind(&all);
    assert_eq!(chain.take(&record(5, [5; 32], Event::Exit)), Place::Gap(1, [5; 32]));
    assert_eq!(chain.take(&record(9, [9; 32], Event::Exit)), Place::Gap(3, [9; 32]));
    assert_eq!((chain.missing(), chain.head().records, chain.head().here), (4, 9, 5));
}

// attack 60 U: records are written anew in the place of others; that stands against the ledger until a life of logd says that it has cut there
#[test]
fn what_is_written_anew_is_told_by_who_cut() {
    let all = ledger(8);
    let anew = |chain: &mut Chain, seq| {
        assert_eq!(chain.take(&record(seq, [1; 32], Event::Exit)), Place::Anew);
    };
    let mut chain = behind(&all);
    assert_eq!(chain.untold(), None);
    anew(&mut chain, 4);
    assert_eq!(chain.untold(), Some(4));
    let next = record(5, chain.head().own, Event::Exit);
    assert_eq!(chain.take(&next), Place::Follows);
    anew(&mut chain, 5);
    assert_eq!(chain.untold(), Some(4), "from the first on");
    anew(&mut chain, 3);
    assert_eq!(chain.untold(), Some(3));
    for (cut, untold) in [(0, Some(3)), (4, Some(3)), (3, None)] {
        let mut chain = chain;
        assert_eq!(chain.take(&resume(4, chain.head().own, cut)), Place::Follows);
        assert_eq!((chain.untold(), chain.head().logd), (untold, 2), "cut at {cut}");
    }
}

#[test]
fn a_boot_that_is_as_it_was_is_whole() {
    for part in [1, 3, 64] {
        let (walked, seen) = walked(&mut tree(&ledger(70), part));
        assert_eq!((walked.standing, walked.missing, walked.folded), (Standing::Whole, 0, 0));
        assert!(!walked.lacks_folds() && seen.into_iter().eq(1..=70));
        assert_eq!(u64::from(walked.head.part), 70_u64.div_ceil(part as u64));
    }
}

// attack 47 U: a record, a part or the head is changed, or taken out; the boot is broken from there on, and nothing behind it is shown
#[test]
fn a_boot_that_was_changed_is_broken_from_there_on() {
    type Spoil = fn(&mut FakeTree);
    let spoils: [(Spoil, u64, u64); 6] = [
        (|tree| tree.rows.get_mut(&key::part(7, 2)).unwrap().1[40] ^= 1, 5, 4),
        (|tree| tree.rows.get_mut(&key::part(7, 2)).unwrap().1.truncate(100), 4, 3),
        (|tree| drop(tree.rows.remove(&key::part(7, 2))), 4, 3),
        (|tree| drop(tree.rows.remove(&key::part(7, 3))), 6, 6),
        (|tree| drop(tree.rows.remove(&key::head(7))), 9, 9),
        (|tree| tree.rows.get_mut(&key::head(7)).unwrap().1[8] ^= 1, 9, 9),
    ];
    for (at, (spoil, first, shown)) in spoils.into_iter().enumerate() {
        let mut tree = tree(&ledger(9), 3);
        spoil(&mut tree);
        let (walked, seen) = walked(&mut tree);
        assert_eq!(walked.standing, Standing::Broken(first), "{at}");
        assert!(seen.into_iter().eq(1..=shown), "{at}");
    }
}

// attack 47 U: more is missing than folds account for, or was written anew by nobody; told
#[test]
fn what_is_missing_and_what_is_anew_is_told() {
    let mut all = ledger(3);
    all.push(record(6, [6; 32], Event::Exit));
    let (walked, _) = walked(&mut tree(&all, 64));
    assert_eq!((walked.standing, walked.missing, walked.folded), (Standing::Whole, 2, 0));
    assert!(walked.lacks_folds());
    for (records, lacks) in [(1, true), (2, false), (3, false)] {
        let subject = Subject { id: 7, incarnation: 1 };
        let fold = Fold { subject, lives: 1, records, last: 5, hash: [0; 24] };
        let entry = fold.entry();
        let last = Record { entry, ..record(7, all[3].own(), Event::Fold) };
        let all = [all.as_slice(), &[last]].concat();
        let (walked, _) = self::walked(&mut tree(&all, 64));
        assert_eq!((walked.folded, walked.lacks_folds()), (records, lacks));
    }
    let mut anew = ledger(5);
    anew.push(record(4, [1; 32], Event::Exit));
    let (untold, _) = self::walked(&mut tree(&anew, 64));
    assert_eq!(untold.standing, Standing::Untold(4));
    anew.push(resume(5, anew[5].own(), 4));
    let (told, _) = self::walked(&mut tree(&anew, 64));
    assert_eq!(told.standing, Standing::Whole);
}

/// A tree that shows fewer rows of a page than were asked for.
struct Slow(FakeTree);

impl Tree for Slow {
    fn get(&mut self, key: &str) -> Result<Option<nexus_state::Value>, Error> {
        self.0.get(key)
    }

    fn list(&mut self, under: &str, after: Option<&str>, rows: u32) -> Result<Page, Error> {
        self.0.list(under, after, rows.min(3))
    }
}

#[test]
fn all_pages_of_a_list_are_read() {
    let mut tree = Slow(tree(&ledger(10), 1));
    let all = keys(&mut tree, &key::boot(7)).unwrap();
    assert!(all.iter().eq(tree.0.rows.keys()) && all.len() == 11);
    assert_eq!(keys(&mut tree, "other").unwrap(), [""; 0]);
    assert_eq!(boots(&mut tree).unwrap().boots.len(), 1);
}
