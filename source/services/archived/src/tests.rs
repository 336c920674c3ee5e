//! The archive over the real logd and a tree in memory, from boot to boot.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::vec::Vec;

use logd::Logd;
use logd::fake::FakeWords;
use logd::ledger::counts;
use logd::store::{SLOT, Store};
use nexus_abi::{Error as KernelError, Sender};
use nexus_archive::Tree as _;
use nexus_archive::fake::FakeTree;
use nexus_archive::{
    Chain, Dropped, Facts, Head, Kept, PART_RECORDS, Place, Record, Standing, Stored, boots, key,
    walk,
};
use nexus_proto::log::{
    Anchor, Append, Await, Entry, Event, HeadInfo, Outcome, ReadEntry, ReadHashes, ReadStamp,
    Request, SetClock,
};
use nexus_proto::{Operation, ReplyError, ServiceError, Subject, Zero};
use nexus_rt::CallError;
use nexus_state::Error;
use nexus_sysdesc::testing::{service, with_ledger};
use nexus_sysdesc::{Description, Permission};

use super::*;

mod lives;
mod quota;

const HZ: u64 = 10_000_000;
const INIT: Sender = Sender { service_id: 1, incarnation: 1 };
const RTCD: Sender = Sender { service_id: 5, incarnation: 1 };

fn description() -> Description {
    with_ledger([
        service(5, "rtcd", &[Permission::Clock]),
        service(7, "rngd", &[]),
        service(13, "archived", &[Permission::Archive]),
    ])
}

/// A machine from its start on: logd, in some life, and who archives, in some life.
struct Boot {
    logd: Logd,
    memory: Option<Store<FakeWords>>,
    now: u64,
    nonce: u64,
    archived: Sender,
}

impl Boot {
    fn new(nonce: u64) -> Boot {
        let memory = Store::with_counts(FakeWords::new(SLOT * 900), counts(&description()));
        let archived = Sender { service_id: 13, incarnation: 1 };
        let logd = Logd::new(&description(), HZ);
        let mut boot = Boot { logd, memory: Some(memory), now: 7, nonce, archived };
        boot.next_logd(1, |_| {});
        boot
    }

    /// The next life of logd, after something has happened to the memory.
    fn next_logd(&mut self, incarnation: u32, spoil: impl FnOnce(&mut [u64])) {
        let mut words = self.memory.take().unwrap().into_inner();
        spoil(&mut words.words);
        let mut memory = Store::with_counts(words, counts(&description()));
        let own = Sender { service_id: 3, incarnation };
        self.logd = Logd::recover(&description(), HZ, &mut memory, (own, self.nonce, self.now));
        self.memory = Some(memory);
    }

    fn ask<T: Operation + Into<Request>>(
        &mut self,
        sender: Sender,
        ask: &T,
    ) -> Result<T::Reply, CallError> {
        self.now += 1;
        let answer = self.logd.handle(sender, &(*ask).into(), self.now);
        self.logd.save(self.memory.as_mut().unwrap());
        T::decode_reply(&answer).map_err(|error| match error {
            ReplyError::Service(error) => CallError::Service(error),
            ReplyError::Malformed(why) => panic!("{why:?}"),
        })
    }

    /// Something that is on record: of the life of a service that never ends.
    fn happens(&mut self, times: usize) {
        for _ in 0..times {
            self.event(Event::Revoke, 1);
        }
    }

    fn event(&mut self, event: Event, life: u32) {
        let subject = Subject { id: 7, incarnation: life };
        let outcome = if event == Event::Grant { Outcome::Allow } else { Outcome::None };
        self.ask(INIT, &Append { entry: Entry::about(event, outcome, subject) }).unwrap();
    }

    /// So many lives of a service, from this one on.
    fn lives(&mut self, lives: core::ops::Range<u32>) {
        for life in lives {
            self.event(Event::Grant, life);
            self.event(Event::Exit, life);
        }
    }

    fn machine(&self) -> Machine {
        Machine { life: self.archived.incarnation, timebase_hz: HZ }
    }

    /// A life of the archive, until there is nothing more to do.
    fn archive(&mut self, tree: &mut FakeTree) -> Result<Archive, Failed> {
        let mut beginning = Beginning::new(self.machine());
        self.keep(&mut beginning, tree)
    }

    fn keep(&mut self, beginning: &mut Beginning, tree: &mut FakeTree) -> Result<Archive, Failed> {
        let (mut archive, anchored) = beginning.open(tree, self)?;
        anchored?;
        while archive.pull(tree, self)? {}
        assert_eq!(archive.wait(self), Err(Failed::Logd(CallError::Kernel(KernelError::TimedOut))));
        Ok(archive)
    }

    fn all(&self) -> Vec<Record> {
        let links = self.logd.ledger().links().iter();
        links
            .map(|link| Record { previous: link.previous, stamp: link.stamp, entry: link.entry })
            .collect()
    }
}

impl Ledger for Boot {
    fn record(&mut self, seq: u64) -> Result<Option<Told>, CallError> {
        let archived = self.archived;
        let stamp = match self.ask(archived, &ReadStamp { seq }) {
            Err(CallError::Service(ServiceError::NotFound)) => return Ok(None),
            stamp => stamp?,
        };
        let entry = self.ask(archived, &ReadEntry { seq: stamp.seq })?;
        let hashes = self.ask(archived, &ReadHashes { seq: stamp.seq })?;
        Ok(Some((Record { previous: hashes.previous, stamp, entry }, hashes.own)))
    }

    fn wait(&mut self, after: u64) -> Result<HeadInfo, CallError> {
        self.ask(self.archived, &Await { after })
            .map_err(|_| CallError::Kernel(KernelError::TimedOut))
    }

    fn anchor(&mut self, anchor: &Anchor) -> Result<(), CallError> {
        self.ask(self.archived, anchor).map(|_| ())
    }
}

/// The records of a boot, and how each stands to the one before it.
fn kept(tree: &mut FakeTree, boot: u32) -> Vec<(Record, Place)> {
    let mut all = Vec::new();
    let walked = walk(tree, boot, |record, place| all.push((*record, place))).unwrap();
    assert_eq!((walked.standing, walked.lacks_folds()), (Standing::Whole, false));
    all
}

/// The records of a boot, each of which follows the one before.
#[track_caller]
fn whole(tree: &mut FakeTree, boot: u32) -> Vec<Record> {
    let kept = kept(tree, boot);
    assert!(kept.iter().all(|(_, place)| *place == Place::Follows), "{kept:?}");
    kept.into_iter().map(|(record, _)| record).collect()
}

fn anchors(boot: &Boot) -> Vec<Anchor> {
    boot.all().iter().filter_map(|record| Anchor::of(&record.entry)).collect()
}

#[test]
fn the_first_boot_is_kept_and_has_none_before_it() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    boot.happens(5);
    let archive = boot.archive(&mut tree).unwrap();
    assert_eq!(archive.boot(), 1);
    assert_eq!(whole(&mut tree, 1), boot.all());
    let first = Anchor { boot: 1, records: 0, without: 0, zero: Zero::ZERO, head: [0; 32] };
    assert_eq!(anchors(&boot), [first]);
    let head = archive.head();
    assert_eq!((head.records, head.own, head.anchor), (7, boot.logd.ledger().head(), 7));
    let Kept { boots, dropped } = boots(&mut tree).unwrap();
    assert!(dropped.is_empty());
    let facts = boots[0].facts.unwrap();
    assert_eq!((boots[0].boot, facts.nonce, facts.unix_ns, facts.life), (1, 1, 0, 1));
    assert_eq!(boots[0].head, Some(head));
}

// attack 67 U: the ledger of a boot ends with power; the next boot's has an anchor with its head; broken: archive-anchor
#[test]
fn each_boot_is_tied_to_the_one_before() {
    let mut tree = FakeTree::default();
    let mut before = None;
    for number in 1..=4 {
        let mut boot = Boot::new(u64::from(number));
        boot.happens(number as usize);
        let archive = boot.archive(&mut tree).unwrap();
        boot.happens(3);
        assert_eq!(archive.boot(), number);
        let [anchor] = anchors(&boot)[..] else { panic!("one") };
        let told = (anchor.boot, u64::from(anchor.records), anchor.head, anchor.without);
        let ends: Head = before.unwrap_or(Chain::default().head());
        assert_eq!(told, (number, ends.records, ends.own, 0));
        before = Some(archive.head());
    }
    let numbers: Vec<u32> = boots(&mut tree).unwrap().boots.iter().map(|boot| boot.boot).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

// attack 67 U: a boot whose anchor was not kept; the next anchor says how many have none; broken: archive-without
#[test]
fn a_boot_without_an_anchor_is_told_by_the_next() {
    let mut tree = FakeTree::default();
    Boot::new(1).archive(&mut tree).unwrap();
    for nonce in 2..=3 {
        let mut boot = Boot::new(nonce);
        let mut beginning = Beginning::new(boot.machine());
        // Power is cut behind the first part.
        let (_, anchored) = beginning.open(&mut tree, &mut boot).unwrap();
        anchored.unwrap();
    }
    let mut boot = Boot::new(4);
    assert_eq!(boot.archive(&mut tree).unwrap().boot(), 4);
    let [anchor] = anchors(&boot)[..] else { panic!("one") };
    assert_eq!((anchor.without, anchor.records), (2, 1));
}

#[test]
fn parts_are_filled_and_then_left_alone() {
    for all in [1, 62, 63, 64, 65, 127, 128, 129, 300] {
        let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
        boot.happens(all - 1);
        let archive = boot.archive(&mut tree).unwrap();
        assert_eq!(whole(&mut tree, 1).len(), all + 1, "with the anchor");
        assert_eq!(archive.head().part as usize, (all + 1).div_ceil(PART_RECORDS), "{all}");
    }
    // One by one: as many parts, and one durable change each.
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    let mut archive = boot.archive(&mut tree).unwrap();
    let before = tree.changes;
    for _ in 0..130 {
        boot.happens(1);
        assert_eq!(archive.pull(&mut tree, &mut boot), Ok(true));
        assert_eq!(archive.pull(&mut tree, &mut boot), Ok(false));
    }
    assert_eq!((archive.head().part, tree.changes - before), (3, 130));
    assert_eq!(whole(&mut tree, 1), boot.all());
}

// attack 47 U: records were folded away before the archive came to read them; a gap with their number and the last hash
#[test]
fn what_was_folded_before_it_was_read_is_a_gap() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    boot.lives(1..4);
    let mut archive = boot.archive(&mut tree).unwrap();
    boot.lives(4..60);
    let missing = boot.logd.ledger().records() - boot.all().len() as u64;
    assert!(missing > 0);
    let gone = boot.all().iter().any(|record| record.stamp.seq == archive.head().records + 1);
    assert!(!gone, "the next one is folded away");
    while archive.pull(&mut tree, &mut boot).unwrap() {}
    let kept = kept(&mut tree, 1);
    let gaps: Vec<&(Record, Place)> =
        kept.iter().filter(|(_, place)| *place != Place::Follows).collect();
    let [(behind, Place::Gap(count, hash))] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(*hash, behind.previous);
    let present: BTreeSet<u64> = kept.iter().map(|(record, _)| record.stamp.seq).collect();
    assert_eq!(present.len(), kept.len(), "none twice");
    assert_eq!(*count, boot.logd.ledger().records() - kept.len() as u64);
    // What was read before it was folded away is still here.
    assert!((1..8).all(|seq| present.contains(&seq)));
}

#[test]
fn the_wall_clock_is_kept_once_it_is_known() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    let mut archive = boot.archive(&mut tree).unwrap();
    let unix_ns = 1_700_000_000_000_000_000;
    let ticks = boot.now;
    boot.ask(RTCD, &SetClock { unix_ns, ticks }).unwrap();
    boot.happens(1);
    archive.pull(&mut tree, &mut boot).unwrap();
    let facts = Facts::read(&tree.rows[&key::facts(1)].1).unwrap();
    let since = (facts.ticks - ticks) * 100;
    assert_eq!(facts.unix_ns, unix_ns + since);
    boot.happens(1);
    archive.pull(&mut tree, &mut boot).unwrap();
    assert_eq!(Facts::read(&tree.rows[&key::facts(1)].1), Some(facts), "and stays");
}

// attack 67 U: the store is put back as it was some boots ago; the number is given again, and the anchor says which head it follows
#[test]
fn a_store_that_was_put_back_shows_in_the_anchor() {
    let mut tree = FakeTree::default();
    let first = Boot::new(1).archive(&mut tree).unwrap();
    let mut old = tree.clone();
    let second = Boot::new(2).archive(&mut tree).unwrap();
    let mut third = Boot::new(3);
    third.archive(&mut old).unwrap();
    let [anchor] = anchors(&third)[..] else { panic!("one") };
    assert_eq!((anchor.boot, anchor.head), (2, first.head().own));
    assert_ne!(anchor.head, second.head().own, "whoever kept this one sees it");
}

#[test]
fn why_it_stands_still_is_told_with_what_it_is_about() {
    for (failed, told) in [
        (Failed::Store(Error::QuotaKeys), "as many keys as it may"),
        (Failed::Logd(CallError::Kernel(KernelError::TimedOut)), "logd: "),
        (Failed::Record(77), "record 77 "),
        (Failed::Tree(77), "boot 77 "),
        (Failed::OtherStore(77), "boot 77, "),
        (Failed::Numbers, "higher number"),
    ] {
        let text = failed.to_string();
        assert!(text.contains(told), "{text}");
    }
}
