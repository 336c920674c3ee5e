//! The tree is full.

use super::*;

fn keep(tree: &mut FakeTree, nonce: u64, records: usize) -> Boot {
    let mut boot = Boot::new(nonce);
    boot.happens(records);
    boot.archive(tree).unwrap();
    boot
}

/// The boots that are here, and those that are dropped.
fn numbers(tree: &mut FakeTree) -> (Vec<u32>, Vec<(u32, u32)>) {
    let Kept { boots, dropped } = boots(tree).unwrap();
    let boots = boots.iter().map(|boot| boot.boot).collect();
    (boots, dropped.iter().map(|gone| (gone.first, gone.last)).collect())
}

// attack 92 U: the quota of the archive is spent; the oldest boots go, whole, and what they were is on record; broken: archive-dropped
#[test]
fn the_oldest_boots_are_dropped_whole_each_with_a_record() {
    let mut tree = FakeTree { bytes: 60_000, ..FakeTree::default() };
    let mut ends = Vec::new();
    for nonce in 1..=12 {
        let boot = keep(&mut tree, nonce, 100);
        let ledger = boot.logd.ledger();
        ends.push((ledger.links().len() as u64, ledger.records(), ledger.head()));
        assert!(tree.used() <= tree.bytes);
        let (here, dropped) = numbers(&mut tree);
        let all: Vec<u32> = dropped.iter().map(|(_, last)| *last).chain(here.clone()).collect();
        assert!(all.iter().copied().eq(1..=u32::try_from(nonce).unwrap()), "{all:?}");
        for boot in here {
            whole(&mut tree, boot);
        }
    }
    let Kept { boots: here, dropped } = boots(&mut tree).unwrap();
    assert!(here.len() > 1 && dropped.len() > 6, "{} {}", here.len(), dropped.len());
    for (gone, (count, records, own)) in dropped.iter().zip(&ends) {
        assert_eq!((gone.here, gone.records, gone.own), (*count, *records, *own));
        assert!(gone.anchor > 0 && gone.first == gone.last);
        let left = tree.list(&key::boot(gone.last), None, 1).unwrap();
        assert!(left.rows.is_empty(), "nothing is left of it");
    }
}

#[test]
fn one_boot_alone_that_has_no_room_stands_still() {
    let mut tree = FakeTree { bytes: 20_000, ..FakeTree::default() };
    keep(&mut tree, 1, 20);
    let mut boot = Boot::new(2);
    boot.happens(400);
    assert_eq!(boot.archive(&mut tree).unwrap_err(), Failed::Store(Error::QuotaBytes));
    let kept = whole(&mut tree, 2);
    assert!(boot.all().starts_with(&kept) && kept.len() > 60);
    assert_eq!(numbers(&mut tree), (vec![2], vec![(1, 1)]));
}

#[test]
fn a_boot_that_was_dropped_in_part_is_dropped_wholly() {
    let mut tree = FakeTree { keys: 200, ..FakeTree::default() };
    // More keys than one batch removes.
    let mut boot = Boot::new(1);
    let mut archive = boot.archive(&mut tree).unwrap();
    for life in 1..=1800 {
        boot.lives(life..life + 1);
        if life % 4 == 0 {
            while archive.pull(&mut tree, &mut boot).unwrap() {}
        }
    }
    assert!(archive.head().part > 50);
    keep(&mut tree, 2, 1);
    tree.keys = tree.rows.len();
    // The second batch fails.
    let old = tree.clone();
    let mut boot = Boot::new(3);
    boot.happens(200);
    let mut beginning = Beginning::new(boot.machine());
    tree.fails = vec![(Error::QuotaKeys, false), (Error::Unknown, true)];
    assert_eq!(boot.keep(&mut beginning, &mut tree).unwrap_err(), Failed::Store(Error::Unknown));
    assert!(tree.rows.len() < old.rows.len());
    assert_eq!(numbers(&mut tree), (vec![2], vec![(1, 1)]), "what is left of it is not shown");
    tree.keys = tree.rows.len();
    boot.keep(&mut beginning, &mut tree).unwrap();
    assert!(tree.list(&key::boot(1), None, 1).unwrap().rows.is_empty());
    assert_eq!(numbers(&mut tree), (vec![2, 3], vec![(1, 1)]));
}

// attack 67 F: the disk is full, by what others put, and there is no boot to drop; the archive stands still, and goes on by itself when they make room; broken: archive-full
#[test]
fn a_full_disk_is_tried_again() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    let mut archive = boot.archive(&mut tree).unwrap();
    boot.happens(3);
    tree.fails = vec![(Error::NoSpace, false)];
    let full = archive.pull(&mut tree, &mut boot).unwrap_err();
    assert_eq!((&full, full.is_passing()), (&Failed::Store(Error::NoSpace), true));
    assert!(!Failed::Store(Error::QuotaKeys).is_passing(), "that it has itself to change");
    assert_eq!(archive.pull(&mut tree, &mut boot), Ok(true));
    assert_eq!(whole(&mut tree, 1), boot.all());
}

#[test]
fn records_of_dropped_boots_are_bounded() {
    let most = u32::try_from(MOST_DROPPED).unwrap();
    let mut tree = FakeTree::default();
    for boot in 1..=most {
        let gone =
            Dropped { first: boot, last: boot, here: 1, records: 2, own: [3; 32], anchor: 4 };
        let value = zerocopy::IntoBytes::as_bytes(&gone).to_vec();
        tree.rows.insert(key::dropped(boot), (1, value));
    }
    let last = nexus_archive::Last { boot: most };
    tree.rows.insert(key::LAST.into(), (1, zerocopy::IntoBytes::as_bytes(&last).to_vec()));
    keep(&mut tree, 1, 1);
    let before = numbers(&mut tree).1.len();
    tree.keys = tree.rows.len();
    keep(&mut tree, 2, 1);
    let (here, dropped) = numbers(&mut tree);
    assert_eq!((here, dropped.len(), before), (vec![most + 2], MOST_DROPPED, MOST_DROPPED));
    assert_eq!((dropped[0], dropped[1]), ((1, 2), (3, 3)));
    assert_eq!(dropped.last(), Some(&(most + 1, most + 1)));
    let both = Dropped::read(&tree.rows[&key::dropped(2)].1).unwrap();
    assert_eq!((both.here, both.records), (2, 2));
}
