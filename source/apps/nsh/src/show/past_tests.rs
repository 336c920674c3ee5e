use super::*;
use crate::archive::{answer_from, tree_has_all};
use crate::fixture::{SECOND, names};
use crate::past::{At, Past};
use crate::table::{columns, width};
use alloc::vec::Vec;
use nexus_archive::fake::FakeTree;
use nexus_archive::{Chain, Dropped, Head, key};
use nexus_proto::log::{Entry, Event, HeadInfo, Outcome, Stamp};
use nexus_proto::{Subject, Zero};
use zerocopy::IntoBytes;

/// Puts a boot of these events of service 8, one a second from second 1 on; after `gap` of them two are missing.
fn put(tree: &mut FakeTree, boot: u32, unix_ns: u64, events: &[Event], gap: usize) -> Head {
    let (mut chain, mut part) = (Chain::default(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        let missing = if at >= gap { 2 } else { 0 };
        let seq = at as u64 + 1 + missing;
        let reporter = Subject { id: 1, incarnation: 1 };
        let stamp = Stamp { seq, ticks: seq * SECOND, unix_ns: 0, reporter };
        let subject = Subject { id: 8, incarnation: 1 };
        let entry = Entry { device: 4, rule: 5, ..Entry::about(*event, Outcome::None, subject) };
        let previous = if at == gap { [9; 32] } else { chain.head().own };
        let record = Record { previous, stamp, entry };
        chain.take(&record);
        record.put(&mut part);
    }
    chain.next_part();
    let facts = Facts {
        first: [1; 32],
        nonce: 9,
        timebase_hz: SECOND,
        ticks: 0,
        unix_ns,
        life: 1,
        zero: Zero::ZERO,
    };
    let mut row = |key, value: &[u8]| tree.rows.insert(key, (1, value.to_vec()));
    row(key::facts(boot), facts.as_bytes());
    row(key::part(boot, 1), &part);
    row(key::head(boot), chain.head().as_bytes());
    chain.head()
}

const EVENTS: [Event; 5] = [Event::Boot, Event::Decision, Event::Grant, Event::Clock, Event::Exit];

fn tree() -> FakeTree {
    let mut tree = FakeTree::default();
    put(&mut tree, 4, 1_795_368_730_000_000_000, &EVENTS, 99);
    put(&mut tree, 5, 0, &EVENTS, 4);
    let gone = Dropped { first: 1, last: 3, here: 120, records: 40, own: [0xab; 32], anchor: 0 };
    tree.rows.insert(key::dropped(3), (1, gone.as_bytes().to_vec()));
    tree
}

fn said(past: Past, tree: &mut FakeTree) -> String {
    let text = answer_from(past, tree, &names()).unwrap();
    assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    text
}

#[test]
fn the_boots_are_listed_with_those_that_were_dropped() {
    let text = said(Past::Boots, &mut tree());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("BOOT  BEGAN"), "{text}");
    assert!(lines[1].starts_with("   4  Sun 22 Nov 2026 17:32:10 UTC"), "{text}");
    assert!(lines[2].starts_with("   5  not known "), "{text}");
    assert_eq!(
        lines[3],
        "boots 1 to 3 were dropped for room: 120 records, the last head abababababababab."
    );
    let text = said(Past::Boots, &mut FakeTree::default());
    assert_eq!(text, "The archive has no boot.\n");
}

#[test]
fn a_boot_is_shown_with_its_verdict() {
    let mut tree = tree();
    let text = said(Past::Boot(4, 2), &mut tree);
    assert!(text.contains("Seconds count from Sun 22 Nov 2026 17:32:10 UTC.\n"), "{text}");
    assert!(text.contains("3 records before these: `ledger --boot 4 all` shows them.\n"), "{text}");
    assert!(text.contains("Boot 4 whole: 5 records, each fits. Its head:\n"), "{text}");
    assert!(!text.contains("gap"), "{text}");
    for (boot, why) in [(3, "was dropped for room"), (6, "is not in the archive")] {
        assert!(said(Past::Boot(boot, 2), &mut tree).contains(why), "{boot}");
    }
}

// attack 47 U: records are missing in the archive, and nothing says why; the gap is shown, with what is known of it; broken: nsh-archive-gap
#[test]
fn a_gap_is_shown_as_a_gap() {
    let text = said(Past::Boot(5, 9), &mut tree());
    let hash = "09".repeat(32);
    let told = format!("Gap before record 7: 2 records, of which the last had the hash\n{hash}\n");
    assert!(text.contains(&told), "{text}");
    assert!(text.contains("2 are missing, of which folds account for 0"), "{text}");
    let who = said(Past::Held(4, At::Boot(5, 6_500_000_000)), &mut tree());
    assert!(who.starts_with("virtioblkd held blk0 in boot 5, second 6.500"), "{who}");
    let who = said(Past::Held(4, At::Boot(5, 9_000_000_000)), &mut tree());
    assert!(who.contains("nobody held blk0"), "{who}");
    assert!(who.contains("in doubt"), "{who}");
}

// attack 47 U: a record of the archive is changed; what comes behind it is not shown, and the boot is broken; broken: nsh-archive-broken
#[test]
fn a_boot_that_does_not_fit_says_nothing() {
    let mut tree = tree();
    tree.rows.get_mut(&key::part(4, 1)).unwrap().1[2 * 128 + 70] ^= 1;
    let text = said(Past::Boot(4, 9), &mut tree);
    assert!(text.contains("BOOT 4 BROKEN at record 4"), "{text}");
    let text = said(Past::Held(4, At::Boot(4, 3_500_000_000)), &mut tree);
    assert!(text.starts_with("BOOT 4 BROKEN"), "{text}");
}

#[test]
fn who_held_a_device_by_the_wall_clock() {
    let began = 1_795_368_730_000_000_000;
    let mut tree = tree();
    let text = said(Past::Held(4, At::Clock(began + 3_000_000_000)), &mut tree);
    assert_eq!(
        text,
        "\
virtioblkd held blk0 in boot 4, Sun 22 Nov 2026 17:32:13 UTC
  life       1
  by rule    allow-virtioblkd-blk0
  since      Sun 22 Nov 2026 17:32:13 UTC (record 3)
  until      Sun 22 Nov 2026 17:32:15 UTC
"
    );
    let text = said(Past::Held(4, At::Clock(began + 90_000_000_000)), &mut tree);
    assert!(text.contains("nobody held blk0"), "{text}");
    assert!(text.contains("the last record is of Sun 22 Nov 2026 17:32:15 UTC"), "{text}");
    assert!(said(Past::Held(4, At::Clock(began - 1)), &mut tree).starts_with("No boot"));
}

// attack 67 F: the machine is turned off as soon as it is up; the prompt waits for the archive, or the boot had no ledger in the store; broken: nsh-archive-waits
#[test]
fn the_archive_has_all_when_its_last_boot_ends_so_and_has_its_anchor() {
    let mut tree = FakeTree::default();
    let ends = |head| HeadInfo { records: 5, head };
    assert_eq!(tree_has_all(&ends([0; 32]), &mut tree), Ok(false), "no boot yet");
    let head = put(&mut tree, 4, 0, &EVENTS, 99);
    let last = nexus_archive::Last { boot: 4 };
    tree.rows.insert(key::LAST.into(), (1, last.as_bytes().to_vec()));
    assert_eq!(tree_has_all(&ends(head.own), &mut tree), Ok(false), "no anchor yet");
    let anchored = nexus_archive::Head { anchor: 3, ..head };
    tree.rows.insert(key::head(4), (1, anchored.as_bytes().to_vec()));
    assert_eq!(tree_has_all(&ends(head.own), &mut tree), Ok(true));
    assert_eq!(tree_has_all(&ends([7; 32]), &mut tree), Ok(false), "there is more");
}
