//! Who archives ends, and logd ends, at every point.

use super::*;

/// The next life of the archive.
fn next_life(boot: &mut Boot) {
    boot.archived.incarnation += 1;
}

/// Opens and pulls, until nothing is left or a change is not answered.
fn until_cut(boot: &mut Boot, tree: &mut FakeTree) -> Result<(), Failed> {
    let (mut archive, _) = Beginning::new(boot.machine()).open(tree, boot)?;
    while archive.pull(tree, boot)? {}
    Ok(())
}

// attack 67 U: the archive ends at any change of the store, made or not; its next life goes on, and nothing is twice or missing; broken: archive-again, archive-number
#[test]
fn an_archive_that_ends_at_any_change_goes_on() {
    let mut cuts = 0;
    for (at, is_made) in (0..6).flat_map(|at| [(at, false), (at, true)]) {
        let mut tree = FakeTree::default();
        Boot::new(1).archive(&mut tree).unwrap();
        let mut boot = Boot::new(2);
        boot.happens(200);
        (tree.spared, tree.fails) = (at, vec![(Error::Unknown, is_made)]);
        match until_cut(&mut boot, &mut tree) {
            // There are not so many.
            Ok(()) => (tree.spared, tree.fails) = (0, Vec::new()),
            Err(failed) => {
                assert_eq!(failed, Failed::Store(Error::Unknown));
                cuts += 1;
            }
        }
        next_life(&mut boot);
        boot.happens(3);
        assert_eq!(boot.archive(&mut tree).unwrap().boot(), 2, "{at} {is_made}");
        assert_eq!(whole(&mut tree, 2), boot.all());
        assert_eq!(anchors(&boot).len(), 1);
        assert_eq!(boots(&mut tree).unwrap().boots.len(), 2);
    }
    assert_eq!(cuts, 8, "the number, and three parts");
}

/// The same, when it is the store that ends, and not the archive.
#[test]
fn a_store_that_ends_at_any_change_is_asked_what_is_there() {
    for is_made in [false, true] {
        let mut tree = FakeTree::default();
        Boot::new(1).archive(&mut tree).unwrap();
        let mut boot = Boot::new(2);
        boot.happens(70);
        let mut beginning = Beginning::new(boot.machine());
        tree.fails = vec![(Error::Unknown, is_made)];
        assert_eq!(
            boot.keep(&mut beginning, &mut tree).unwrap_err(),
            Failed::Store(Error::Unknown)
        );
        assert!(anchors(&boot).is_empty());
        assert_eq!(boot.keep(&mut beginning, &mut tree).unwrap().boot(), 2);
        assert_eq!(whole(&mut tree, 2), boot.all());
        assert_eq!(anchors(&boot).len(), 1);
    }
}

// attack 67 U: two boots that cannot be told apart by their first records; each has a number of its own; broken: archive-twins
#[test]
fn boots_that_begin_alike_have_numbers_of_their_own() {
    let mut tree = FakeTree::default();
    for number in 1..=3 {
        let mut boot = Boot::new(1);
        let archive = boot.archive(&mut tree).unwrap();
        assert_eq!(archive.boot(), number);
        next_life(&mut boot);
        assert_eq!(boot.archive(&mut tree).unwrap().boot(), number, "a later life");
    }
    // Its first life ended before anything was in the store.
    let mut boot = Boot::new(1);
    next_life(&mut boot);
    assert_eq!(boot.archive(&mut tree).unwrap().boot(), 4);
}

// attack 67 U: power is cut before the anchor of a boot is kept; the next boot, which begins alike or in a later life of the archive, has a number of its own
#[test]
fn a_boot_that_has_no_anchor_yet_is_continued_by_no_other() {
    for (nonce, life) in [(1, 1), (2, 1), (2, 2)] {
        let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
        Beginning::new(boot.machine()).open(&mut tree, &mut boot).unwrap().1.unwrap();
        let before = whole(&mut tree, 1);
        let mut boot = Boot::new(nonce);
        boot.archived.incarnation = life;
        assert_eq!(boot.archive(&mut tree).unwrap().boot(), 2, "run {nonce}, life {life}");
        assert_eq!((whole(&mut tree, 1), whole(&mut tree, 2)), (before, boot.all()));
    }
}

// attack 57 U: logd does not answer when the anchor is to be recorded; it is asked again, and the boot has its anchor, once
#[test]
fn an_anchor_that_was_not_answered_is_asked_for_again() {
    struct Late<'a>(&'a mut Boot, Option<CallError>);
    impl Ledger for Late<'_> {
        fn record(&mut self, seq: u64) -> Result<Option<Told>, CallError> {
            self.0.record(seq)
        }
        fn wait(&mut self, after: u64) -> Result<HeadInfo, CallError> {
            self.0.wait(after)
        }
        fn anchor(&mut self, anchor: &Anchor) -> Result<(), CallError> {
            self.1.take().map_or(Ok(()), Err)?;
            self.0.anchor(anchor)
        }
    }
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    let mut beginning = Beginning::new(boot.machine());
    let timed_out = CallError::Kernel(KernelError::TimedOut);
    let mut late = Late(&mut boot, Some(timed_out));
    assert_eq!(beginning.open(&mut tree, &mut late).unwrap_err(), Failed::Logd(timed_out));
    let (archive, anchored) = beginning.open(&mut tree, &mut late).unwrap();
    assert_eq!((archive.boot(), anchored), (1, Ok(())));
    assert_eq!(anchors(&boot).len(), 1);
}

// attack 67 U: two archives at the same tree; one of them goes on, the other finds another's hand and begins anew, and nothing is twice; broken: archive-head
#[test]
fn of_two_archives_one_writes_at_a_time() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    let mut one = boot.archive(&mut tree).unwrap();
    next_life(&mut boot);
    let mut other = boot.archive(&mut tree).unwrap();
    boot.happens(3);
    assert_eq!(one.pull(&mut tree, &mut boot), Ok(true));
    let late = other.pull(&mut tree, &mut boot).unwrap_err();
    assert!(matches!(late, Failed::Store(Error::Conflict(_))), "{late}");
    assert!(late.is_passing());
    boot.happens(100);
    let mut other = boot.archive(&mut tree).unwrap();
    assert!(matches!(one.pull(&mut tree, &mut boot), Ok(false) | Err(Failed::Store(_))));
    while other.pull(&mut tree, &mut boot).unwrap() {}
    assert_eq!(whole(&mut tree, 1), boot.all());
    // And both want a number at once.
    let mut tree = FakeTree::default();
    let mut boots_of = [Boot::new(1), Boot::new(2)];
    let old = tree.clone();
    boots_of[0].archive(&mut tree).unwrap();
    let mut slow = Stale { tree: &mut tree, old };
    let mut beginning = Beginning::new(boots_of[1].machine());
    let late = beginning.open(&mut slow, &mut boots_of[1]).unwrap_err();
    assert!(matches!(late, Failed::Store(Error::Conflict(_))), "{late}");
}

/// A tree that is read as it was.
struct Stale<'a> {
    tree: &'a mut FakeTree,
    old: FakeTree,
}

impl nexus_archive::Tree for Stale<'_> {
    fn get(&mut self, key: &str) -> Result<Option<nexus_state::Value>, Error> {
        self.old.get(key)
    }
    fn list(
        &mut self,
        under: &str,
        after: Option<&str>,
        rows: u32,
    ) -> Result<nexus_state::Page, Error> {
        self.old.list(under, after, rows)
    }
}

impl nexus_archive::OwnTree for Stale<'_> {
    fn change(
        &mut self,
        changes: &[nexus_state::Change<'_>],
    ) -> Result<nexus_state::Version, Error> {
        self.tree.change(changes)
    }
}

// attack 60 U: logd ends, and its next life cuts the ledger before what is kept; what follows is kept beside it; broken: archive-cut
#[test]
fn what_logd_cuts_is_kept_and_what_follows_is_written_anew() {
    for cut in [2_usize, 5, 8] {
        let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
        boot.happens(6);
        let mut archive = boot.archive(&mut tree).unwrap();
        let before = whole(&mut tree, 1);
        assert_eq!(before.len(), 8);
        boot.next_logd(2, |words| words[SLOT * cut + 9] ^= 1);
        boot.happens(9);
        while archive.pull(&mut tree, &mut boot).unwrap() {}
        let kept = kept(&mut tree, 1);
        let (old, new) = kept.split_at(8);
        assert!(old.iter().map(|(record, _)| record).eq(&before));
        assert_eq!((new[0].0.stamp.seq, new[0].1), (cut as u64, Place::Anew));
        assert!(new[1..].iter().all(|(_, place)| *place == Place::Follows));
        assert_eq!(new.last().unwrap().0, *boot.all().last().unwrap());
        // Once.
        next_life(&mut boot);
        if anchors(&boot).is_empty() {
            continue;
        }
        let again = boot.archive(&mut tree).unwrap();
        assert_eq!(again.head(), archive.head());
    }
}

// attack 60 U: a cut that is kept, and then the last record that is kept is folded away; what was written anew is not written a second time
#[test]
fn what_was_cut_is_written_anew_once() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    boot.happens(6);
    let mut archive = boot.archive(&mut tree).unwrap();
    boot.next_logd(2, |words| words[SLOT * 5 + 9] ^= 1);
    boot.lives(1..4);
    while archive.pull(&mut tree, &mut boot).unwrap() {}
    let before = kept(&mut tree, 1);
    boot.lives(4..60);
    let last = archive.head().records;
    assert!(!boot.all().iter().any(|record| record.stamp.seq == last), "it is folded away");
    while archive.pull(&mut tree, &mut boot).unwrap() {}
    let kept = kept(&mut tree, 1);
    let (old, new) = kept.split_at(before.len());
    assert_eq!(old, before);
    assert!(new.iter().all(|(record, place)| record.stamp.seq > last && *place != Place::Anew));
}

#[test]
fn what_logd_cut_behind_what_is_kept_is_no_matter() {
    let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
    boot.happens(6);
    let mut archive = boot.archive(&mut tree).unwrap();
    boot.happens(4);
    boot.next_logd(2, |words| words[SLOT * 10 + 9] ^= 1);
    boot.happens(2);
    while archive.pull(&mut tree, &mut boot).unwrap() {}
    assert_eq!(whole(&mut tree, 1), boot.all());
}

// attack 47 U: a record is not what logd says that its hash is, or hangs on another; it is not kept; broken: archive-wrong
#[test]
fn a_record_that_does_not_fit_is_not_kept() {
    struct Liar<'a>(&'a mut Boot, fn(&mut Told));
    impl Ledger for Liar<'_> {
        fn record(&mut self, seq: u64) -> Result<Option<Told>, CallError> {
            let mut told = self.0.record(seq)?;
            let late = told.iter_mut().filter(|(record, _)| record.stamp.seq == 5);
            late.for_each(self.1);
            Ok(told)
        }
        fn wait(&mut self, after: u64) -> Result<HeadInfo, CallError> {
            self.0.wait(after)
        }
        fn anchor(&mut self, anchor: &Anchor) -> Result<(), CallError> {
            self.0.anchor(anchor)
        }
    }
    let lies: [fn(&mut Told); 3] = [
        |(record, _)| record.entry.detail ^= 1,
        |(_, own)| own[0] ^= 1,
        |(record, own)| {
            record.previous[0] ^= 1;
            *own = record.own();
        },
    ];
    for lie in lies {
        let (mut boot, mut tree) = (Boot::new(1), FakeTree::default());
        let mut archive = boot.archive(&mut tree).unwrap();
        boot.happens(6);
        let before = tree.rows.clone();
        let failed = archive.pull(&mut tree, &mut Liar(&mut boot, lie));
        assert_eq!(failed, Err(Failed::Record(5)));
        assert_eq!(tree.rows, before);
    }
}

#[test]
fn a_store_of_another_machine_is_not_written() {
    let mut tree = FakeTree::default();
    let mut boot = Boot::new(1);
    boot.archive(&mut tree).unwrap();
    Boot::new(2).archive(&mut tree).unwrap();
    next_life(&mut boot);
    let rows = tree.rows.clone();
    assert_eq!(boot.archive(&mut tree).unwrap_err(), Failed::OtherStore(1));
    assert_eq!(tree.rows, rows);
}

#[test]
fn a_boot_that_is_damaged_keeps_no_later_one_from_being_kept() {
    let mut tree = FakeTree::default();
    Boot::new(1).archive(&mut tree).unwrap();
    tree.rows.get_mut(&key::head(1)).unwrap().1.pop();
    let mut boot = Boot::new(2);
    let (archive, anchored) = Beginning::new(boot.machine()).open(&mut tree, &mut boot).unwrap();
    assert_eq!((archive.boot(), anchored), (2, Err(Failed::Tree(1))));
    assert!(anchors(&boot).is_empty());
}
