//! Many lives, and memory that outlives logd.

use std::collections::BTreeMap;

use nexus_proto::policy::NO_LINE;
use nexus_proto::{Asker, Fold, Resume};
use nexus_sysdesc::testing::{service, with_ledger};
use nexus_sysdesc::{Description, Need, Permission, Ring};
use proptest::prelude::*;

use super::*;
use crate::fake::FakeWords;
use crate::store::SLOT;

const LOGD: u32 = 3;
const RNGD: u32 = 7;
const BLKD: u32 = 8;
const NSH: u32 = 10;

fn description() -> Description {
    let driver = |id, name, device| nexus_sysdesc::Service {
        needs: vec![Need { device, ..need() }],
        ..service(id, name, &[])
    };
    with_ledger([
        driver(RNGD, "rngd", 3),
        driver(BLKD, "virtioblkd", 4),
        service(NSH, "nsh", &[Permission::View]),
    ])
}

fn need() -> Need {
    Need { device: 0, rights: 7, registers: None, irq: false, polls: false, queues: vec![] }
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(&description());
    ledger.set_keeper(Sender { service_id: LOGD, incarnation: 1 });
    let boot = Entry::about(Event::Boot, Outcome::None, subject(LOGD, 1));
    ledger.append(INIT, boot, Moment::default()).unwrap();
    ledger
}

const fn subject(id: u32, incarnation: u32) -> Subject {
    Subject { id, incarnation }
}

fn record(event: Event, id: u32, life: u32) -> Entry {
    let outcome = match event {
        Event::Exit | Event::Revoke => Outcome::None,
        _ => Outcome::Allow,
    };
    let asker = if event == Event::Exit { Asker::default() } else { Asker::new(1) };
    let device = u16::try_from(id - 4).unwrap();
    Entry {
        asker,
        device,
        line: 9,
        base: 0x1000,
        ..Entry::about(event, outcome, subject(id, life))
    }
}

fn denial(asker: u32, id: u32, life: u32) -> Entry {
    let asker = Asker::new(asker);
    Entry { outcome: Outcome::Deny, asker, line: NO_LINE, ..record(Event::Decision, id, life) }
}

fn add(ledger: &mut Ledger, entry: Entry) -> Result<u64, Full> {
    ledger.append(INIT, entry, Moment::default())
}

/// A life from its decision on.
fn begin(ledger: &mut Ledger, id: u32, life: u32) -> Result<(), Full> {
    add(ledger, record(Event::Decision, id, life))?;
    if life == 1 {
        add(ledger, Entry { line: NO_LINE, ..record(Event::Prepared, id, life) })?;
    }
    add(ledger, record(Event::Grant, id, life)).map(|_| ())
}

fn end(ledger: &mut Ledger, id: u32, life: u32) -> Result<(), Full> {
    add(ledger, record(Event::Exit, id, life)).map(|_| ())
}

fn assert_whole(ledger: &Ledger) {
    assert_eq!(first_bad(ledger), 0);
    assert_eq!(replay(ledger.links().iter(), None), Ok(checkpoint(ledger)));
}

fn holes(ledger: &Ledger) -> Holes {
    let mut holes = Holes::NONE;
    ledger.links().iter().for_each(|link| holes.take(link.stamp.seq, &link.entry));
    holes
}

fn count(ledger: &Ledger, wanted: impl Fn(&Entry) -> bool) -> usize {
    ledger.links().iter().filter(|link| wanted(&link.entry)).count()
}

fn fold_of(ledger: &Ledger, id: u32) -> Fold {
    let mut folds = ledger.links().iter().filter_map(|link| Fold::of(&link.entry));
    folds.find(|fold| fold.subject.id == id).unwrap()
}

/// Ten deaths a minute of one service for a day: its lives are folded, all of them are counted, and every
/// other service is given what it is given in any other ledger. What was denied is all there.
// attack 58 U: a service dies ten times a minute for a day; its lives are folded and counted, and others are granted; broken: logd-fold, logd-shares
// attack 44 U: a service dies without end; others are granted, and the record stays bounded; broken: logd-fold, logd-shares
#[test]
fn a_day_of_deaths_keeps_nobody_from_a_grant() {
    let mut ledger = ledger();
    let space = ledger.links.capacity() + ledger.slots.capacity();
    let lives = 10 * 60 * 24;
    add(&mut ledger, denial(1, RNGD, 1)).unwrap();
    for life in 1..=lives {
        begin(&mut ledger, RNGD, life).unwrap();
        if life % 1000 == 0 {
            begin(&mut ledger, BLKD, life / 1000).unwrap();
            end(&mut ledger, BLKD, life / 1000).unwrap();
            assert_whole(&ledger);
        }
        end(&mut ledger, RNGD, life).unwrap();
    }
    assert_whole(&ledger);
    assert_eq!(ledger.links.capacity() + ledger.slots.capacity(), space, "no memory was taken");
    let fold = fold_of(&ledger, RNGD);
    let there = u32::try_from(count(&ledger, |entry| {
        entry.event == Event::Exit && entry.subject.id == RNGD
    }));
    assert_eq!(fold.lives + there.unwrap(), lives);
    assert_eq!(fold.subject.incarnation, fold.lives);
    assert_eq!(count(&ledger, |entry| *entry == denial(1, RNGD, 1)), 1);
    let folds = ledger.records() - u64::from(lives) * 3;
    assert!(folds < u64::from(lives) / 4, "a fold is no record of each life: {folds}");
    assert_eq!(count(&ledger, |entry| entry.event == Event::Fold && entry.subject.id == RNGD), 1);
}

/// Shares, and nothing that is open to all.
fn closed() -> Ledger {
    Ledger::with_room(Room::divided(&description(), 0))
}

#[test]
fn a_fold_is_due_when_one_more_record_fits_in_the_share() {
    let own = |ledger: &Ledger| count(ledger, |entry| entry.subject.id == RNGD);
    let mut full = closed();
    while add(&mut full, record(Event::Revoke, RNGD, 1)).is_ok() {}
    let mut ledger = closed();
    for life in 1..=4 {
        begin(&mut ledger, RNGD, life).unwrap();
        end(&mut ledger, RNGD, life).unwrap();
    }
    let mut before = 0;
    while count(&ledger, |entry| entry.event == Event::Fold) == 0 {
        before = own(&ledger);
        add(&mut ledger, record(Event::Revoke, RNGD, 5)).unwrap();
    }
    assert_eq!(before, own(&full) - 1);
}

#[test]
fn memory_that_is_too_small_leaves_less_open_and_takes_from_no_share() {
    let records = |most| Room::divided(&description(), most).records();
    let (shares, all) = (records(0), records(usize::MAX));
    assert!(shares < all);
    for most in 0..2 * all {
        assert_eq!(records(most), most.clamp(shares, all), "{most}");
    }
    let mut ringed = description();
    let ring = |server| Ring { server, pages: 1, id: "ring".into(), reason: "a test".into() };
    ringed.services[5].rings = vec![ring(RNGD), ring(BLKD)];
    let room = Room::divided(&ringed, 0).records();
    assert_eq!(room, shares + 4, "that it is shared, and that it is no more");
    let mut larger = description();
    larger.services[3].needs.push(Need { device: 5, ..need() });
    let room = Room::divided(&larger, 0).records();
    assert_eq!(room, shares + 3 * 8 + 3, "of a device in eight lives, and in one that is folded");
}

#[test]
fn a_fold_says_what_it_stands_for() {
    let mut ledger = ledger();
    let mut life = 0;
    while count(&ledger, |entry| entry.event == Event::Fold) == 0 {
        life += 1;
        begin(&mut ledger, RNGD, life).unwrap();
        end(&mut ledger, RNGD, life).unwrap();
    }
    let fold = fold_of(&ledger, RNGD);
    let missing = ledger.records() - u64::try_from(ledger.links().len()).unwrap();
    assert_eq!(fold.records, missing);
    let link = ledger.links().iter().find(|link| link.entry.event == Event::Fold).unwrap();
    assert_eq!(link.stamp.reporter, subject(LOGD, 1), "its keeper folds");
    // What was last prepared stays, and the last decision, that of the life that was beginning.
    assert_eq!(count(&ledger, |entry| entry.event == Event::Prepared), 1);
    let next = ledger.find(u64::from(fold.last) + 1).unwrap();
    assert_eq!(next.stamp.seq, u64::from(fold.last) + 1);
    assert_eq!(Fold::start(&next.previous), fold.hash);
    let ended =
        |life: &u32| count(&ledger, |entry| *entry == record(Event::Exit, RNGD, *life)) == 1;
    let kept = (1..=life).filter(ended).count();
    assert!((KEPT_LIVES..KEPT_LIVES + 2).contains(&kept), "{kept}");
    assert_whole(&ledger);
}

/// Of six lives that have ended four are folded; of the fourth something stays, until the living one says it
/// again.
#[test]
fn what_a_folded_life_has_left_is_not_worth_another_fold() {
    let mut ledger = ledger();
    let other = |life| Entry { device: 9, ..record(Event::Decision, RNGD, life) };
    for life in 1..=7 {
        begin(&mut ledger, RNGD, life).unwrap();
        if life == 4 {
            add(&mut ledger, other(life)).unwrap();
        }
        if life < 7 {
            end(&mut ledger, RNGD, life).unwrap();
        }
    }
    let revokes = |ledger: &mut Ledger| {
        (0..30).for_each(|_| assert!(add(ledger, record(Event::Revoke, RNGD, 7)).is_ok()));
    };
    revokes(&mut ledger);
    let fold = fold_of(&ledger, RNGD);
    assert_eq!((fold.subject, fold.lives), (subject(RNGD, 4), 4));
    assert_eq!(count(&ledger, |entry| *entry == other(4)), 1);
    add(&mut ledger, other(7)).unwrap();
    revokes(&mut ledger);
    assert_eq!(fold_of(&ledger, RNGD), fold);
}

/// A life of which nothing is left but a denial is none of the lives that are kept whole.
#[test]
fn a_life_that_was_given_nothing_is_not_kept_in_place_of_another() {
    let mut ledger = ledger();
    for life in (1..=7).filter(|life| *life != 5) {
        begin(&mut ledger, RNGD, life).unwrap();
        if life < 7 {
            end(&mut ledger, RNGD, life).unwrap();
        }
        if life == 4 {
            add(&mut ledger, denial(1, RNGD, 5)).unwrap();
        }
    }
    while count(&ledger, |entry| entry.event == Event::Fold) == 0 {
        add(&mut ledger, record(Event::Revoke, RNGD, 7)).unwrap();
    }
    let fold = fold_of(&ledger, RNGD);
    assert_eq!((fold.subject, fold.lives), (subject(RNGD, 3), 3));
}

/// Where a device is, and which line it has, stand in the last record that says so: a later one may say no line.
#[test]
fn what_is_said_of_a_line_stays_until_it_is_said_again() {
    let mut ledger = ledger();
    let decision = |life| {
        let line = if life == 3 || life == 5 { 9 } else { NO_LINE };
        Entry { line, ..record(Event::Decision, RNGD, life) }
    };
    for life in 1..40 {
        add(&mut ledger, decision(life)).unwrap();
        add(&mut ledger, record(Event::Grant, RNGD, life)).unwrap();
        end(&mut ledger, RNGD, life).unwrap();
    }
    assert!(fold_of(&ledger, RNGD).subject.incarnation > 6);
    let there = |life: &u32| count(&ledger, |entry| *entry == decision(*life)) == 1;
    assert!((1..7).filter(there).eq([5]));
    assert!(there(&39));
}

/// A life of which no end is on record, because it never ran, is folded with those that have ended before the
/// two that are kept.
#[test]
fn two_ends_are_no_reason_for_a_fold_and_three_are() {
    let mut ledger = ledger();
    let folds = |ledger: &Ledger| count(ledger, |entry| entry.event == Event::Fold);
    let revokes = |ledger: &mut Ledger, life| {
        (0..60).for_each(|_| assert!(add(ledger, record(Event::Revoke, RNGD, life)).is_ok()));
    };
    begin(&mut ledger, RNGD, 1).unwrap();
    for life in 2..=3 {
        begin(&mut ledger, RNGD, life).unwrap();
        end(&mut ledger, RNGD, life).unwrap();
    }
    begin(&mut ledger, RNGD, 4).unwrap();
    revokes(&mut ledger, 4);
    assert_eq!(folds(&ledger), 0);
    end(&mut ledger, RNGD, 4).unwrap();
    begin(&mut ledger, RNGD, 5).unwrap();
    let fold = fold_of(&ledger, RNGD);
    assert_eq!((fold.subject, fold.lives), (subject(RNGD, 2), 2));
}

// attack 47 U: a life that goes on is folded away; never; broken: logd-fold-living
#[test]
fn a_life_that_has_not_ended_is_not_folded() {
    let mut ledger = ledger();
    begin(&mut ledger, RNGD, 1).unwrap();
    begin(&mut ledger, BLKD, 1).unwrap();
    let revoke = record(Event::Revoke, RNGD, 1);
    // Full at last: nothing of it can be folded.
    while add(&mut ledger, revoke).is_ok() {}
    assert_eq!(count(&ledger, |entry| entry.event == Event::Fold), 0);
    assert_eq!(count(&ledger, |entry| *entry == record(Event::Grant, RNGD, 1)), 1);
    for life in 1..100 {
        end(&mut ledger, BLKD, life).unwrap();
        begin(&mut ledger, BLKD, life + 1).unwrap();
        let grants = count(&ledger, |entry| *entry == record(Event::Grant, BLKD, life + 1));
        assert_eq!(grants, 1, "the living one");
    }
    assert_whole(&ledger);
    // Nothing says of any of these that it has ended.
    let mut ledger = self::ledger();
    let begun = (1..300).filter(|life| begin(&mut ledger, BLKD, *life).is_ok()).count();
    assert!((3..299).contains(&begun), "{begun}");
    assert_eq!(count(&ledger, |entry| entry.event == Event::Fold), 0);
}

// attack 58 U: a service is started and stopped by order without end, and has no life; lives of others are recorded, and denials; broken: logd-orders
#[test]
fn orders_use_up_the_room_of_no_other() {
    let mut ledger = ledger();
    let order = Entry {
        asker: Asker::new(NSH),
        ..Entry::about(Event::Order, Outcome::None, subject(RNGD, 1))
    };
    begin(&mut ledger, RNGD, 1).unwrap();
    end(&mut ledger, RNGD, 1).unwrap();
    while add(&mut ledger, order).is_ok() {}
    assert!(ledger.room() >= u64::try_from(KEPT_FROM_DENIALS).unwrap());
    for life in 1..100 {
        begin(&mut ledger, BLKD, life).unwrap();
        end(&mut ledger, BLKD, life).unwrap();
        // Its own share is full, but not what nobody's orders can take.
        begin(&mut ledger, RNGD, life + 1).unwrap();
        end(&mut ledger, RNGD, life + 1).unwrap();
    }
    assert_eq!(
        count(&ledger, |entry| *entry == order),
        0,
        "folded with the life that they were about"
    );
    add(&mut ledger, order).unwrap();
    assert_whole(&ledger);
}

// attack 44 U: a service has itself denied, or has tries allowed, without end; lives of all are recorded; broken: logd-shares, logd-tries
#[test]
fn questions_of_a_service_use_up_its_own_room_only() {
    let mut ledger = ledger();
    let tried = Entry { outcome: Outcome::Allow, ..denial(NSH, RNGD, 1) };
    while add(&mut ledger, tried).is_ok() {}
    while add(&mut ledger, denial(NSH, RNGD, 1)).is_ok() {}
    while add(&mut ledger, denial(99, RNGD, 1)).is_ok() {}
    assert_eq!(add(&mut ledger, denial(NSH, BLKD, 1)), Err(Full));
    for life in 1..1000 {
        begin(&mut ledger, RNGD, life).unwrap();
        end(&mut ledger, RNGD, life).unwrap();
    }
    add(&mut ledger, denial(1, RNGD, 2)).unwrap();
    assert_whole(&ledger);
}

// attack 47 U: records are taken out, and no fold says so; found; broken: logd-holes
#[test]
fn a_hole_without_a_fold_shows() {
    let mut ledger = ledger();
    for life in 1..40 {
        begin(&mut ledger, RNGD, life).unwrap();
        end(&mut ledger, RNGD, life).unwrap();
    }
    assert!(ledger.records() > u64::try_from(ledger.links().len()).unwrap());
    assert_whole(&ledger);
    for index in 1..ledger.links().len() - 1 {
        let mut cut = ledger.clone();
        cut.links.remove(index);
        assert_ne!(first_bad(&cut), 0, "{index}");
        assert!(replay(cut.links().iter(), None).is_err(), "{index}");
    }
    let fold = ledger.links().iter().position(|link| link.entry.event == Event::Fold).unwrap();
    let mut lies = ledger.clone();
    let link = &mut lies.links[fold];
    *link = Link::new(link.previous, link.stamp, Entry { len: link.entry.len + 1, ..link.entry });
    assert!(replay(lies.links().iter().take(fold + 1), None).is_err());
    let link = ledger.links()[fold];
    let mut other = Fold::of(&link.entry).unwrap();
    other.hash[0] ^= 1;
    lies.links[fold] = Link::new(link.previous, link.stamp, other.entry());
    assert_eq!(replay(lies.links().iter().take(fold + 1), None), Err(link.stamp.seq));
}

#[test]
fn a_remembered_head_that_was_folded_away_is_no_contradiction() {
    let mut ledger = ledger();
    let mut heads = Vec::new();
    for life in 1..40 {
        begin(&mut ledger, RNGD, life).unwrap();
        heads.push(checkpoint(&ledger));
        end(&mut ledger, RNGD, life).unwrap();
        heads.push(checkpoint(&ledger));
    }
    for head in heads {
        assert_eq!(replay(ledger.links().iter(), Some(&head)), Ok(checkpoint(&ledger)));
        // The hash of a record stands in the next one, too.
        let is_known = (head.records..=head.records + 1).any(|seq| ledger.get(seq).is_some());
        let other = Checkpoint { head: [1; 32], ..head };
        let expected = if is_known { Err(head.records) } else { Ok(checkpoint(&ledger)) };
        assert_eq!(replay(ledger.links().iter(), Some(&other)), expected);
    }
}

/// The memory that the ledgers of these tests lie in.
fn memory() -> FakeWords {
    FakeWords::new(SLOT * 900)
}

fn recover(memory: &FakeWords) -> (Ledger, Option<Found>, FakeWords) {
    let mut store = Store::new(memory.clone());
    let (mut ledger, found) = Ledger::recover(&description(), &mut store);
    ledger.set_keeper(Sender { service_id: LOGD, incarnation: 2 });
    (ledger, found, store.into_inner())
}

/// A ledger of some lives in memory, as `lives` has them: whose, and whether it has ended.
fn stored(lives: &[(u32, u32)]) -> (Ledger, FakeWords) {
    let (mut ledger, _, memory) = recover(&memory());
    let mut store = Store::new(memory);
    let boot = Entry::about(Event::Boot, Outcome::None, subject(LOGD, 1));
    ledger.append(INIT, boot, Moment::default()).unwrap();
    for (id, life) in lives {
        begin(&mut ledger, *id, *life).unwrap();
        end(&mut ledger, *id, *life).unwrap();
    }
    ledger.save(&mut store);
    (ledger, store.into_inner())
}

fn many() -> Vec<(u32, u32)> {
    (1..=24).flat_map(|life| [(RNGD, life), (BLKD, life)]).collect()
}

// attack 60 P: logd dies at any store of an append or a fold; the next life has the ledger of before or after, whole, and cuts nothing; broken: logd-store-order, logd-unfinished-fold
#[test]
fn a_death_at_any_store_leaves_a_whole_ledger() {
    let (mut folds, lives) = (0, many());
    let (before, memory) = stored(&lives);
    let mut after = recover(&memory).0;
    begin(&mut after, RNGD, 25).unwrap();
    while count(&after, |entry| *entry == record(Event::Grant, RNGD, 24)) > 0 {
        let life = after.links().last().unwrap().entry.subject.incarnation;
        end(&mut after, RNGD, life).unwrap();
        begin(&mut after, RNGD, life + 1).unwrap();
    }
    let stores = {
        let mut counted = Store::new(FakeWords { left: 100_000, ..memory.clone() });
        let mut all = after.clone();
        all.save(&mut counted);
        100_000 - counted.into_inner().left
    };
    for left in 0..=stores {
        let mut store = Store::new(FakeWords { left, ..memory.clone() });
        after.clone().save(&mut store);
        let memory = FakeWords { left: usize::MAX, ..store.into_inner() };
        let (ledger, found, memory) = recover(&memory);
        assert_eq!(found.map(|found| (found.cut, found.records == found.kept)), Some((0, true)));
        assert_whole(&ledger);
        assert!((before.records()..=after.records()).contains(&ledger.records()), "{left}");
        folds += usize::from(ledger.links() != before.links());
        // Nothing else is in memory, and the next life finds the same.
        assert_eq!(recover(&memory).0.links(), ledger.links());
    }
    assert!(folds > 0);
}

// attack 60 P: a word of the ledger's memory has changed; what does not fit is cut, and the next life says so; broken: logd-resume-unverified
#[test]
fn what_does_not_fit_is_cut_and_told() {
    let (whole, memory) = stored(&many());
    for word in (SLOT..whole.slots.len() * SLOT).step_by(7) {
        let mut changed = memory.clone();
        changed.words[word] ^= 1 << 17;
        let (ledger, found, left) = recover(&changed);
        let is_free = !whole.slots.contains(&(word / SLOT - 1));
        let found = found.unwrap();
        if is_free && found.cut == 0 {
            assert_eq!(ledger.links(), whole.links());
            continue;
        }
        assert_ne!(found.cut, 0, "{word}");
        assert!(found.kept < found.records, "{word}");
        assert!(whole.links().starts_with(ledger.links()), "{word}");
        assert_whole(&ledger);
        // It is told until it is on record, by whichever life.
        let (again, still, _) = recover(&left);
        assert_eq!(
            (again.links(), still.map(|found| found.cut)),
            (ledger.links(), Some(found.cut))
        );
    }
}

#[test]
fn a_resume_says_what_was_found() {
    let resume = Resume { subject: subject(LOGD, 2), found: 9, kept: 7, cut: 8 };
    assert_eq!(Resume::of(&resume.entry()), Some(resume));
    assert_eq!(Resume::of(&record(Event::Exit, 7, 1)), None);
    let hash = core::array::from_fn(|at| u8::try_from(at).unwrap());
    let fold = Fold { subject: subject(7, 2), lives: 2, records: 9, last: 11, hash };
    assert_eq!(Fold::of(&fold.entry()), Some(fold));
    assert_eq!(Fold::of(&resume.entry()), None);
}

// attack 44 U: logd itself dies without end; its lives are folded like others', and a cut stays on record; broken: logd-fold-cut
#[test]
fn lives_of_logd_are_folded_and_cuts_stay() {
    // With a record of each end, or with what the next life says of it alone.
    for ends in [true, false] {
        let mut ledger = ledger();
        let cut = Resume { subject: subject(LOGD, 2), found: 9, kept: 7, cut: 8 }.entry();
        add(&mut ledger, cut).unwrap();
        for life in 3..1000 {
            let resume = Resume { subject: subject(LOGD, life), found: 9, kept: 9, cut: 0 };
            add(&mut ledger, resume.entry()).unwrap();
            if ends {
                add(&mut ledger, Entry { device: 0, ..record_exit(LOGD, life) }).unwrap();
            }
        }
        assert_eq!(count(&ledger, |entry| *entry == cut), 1);
        assert_whole(&ledger);
    }
}

fn record_exit(id: u32, life: u32) -> Entry {
    Entry::about(Event::Exit, Outcome::None, subject(id, life))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens in whichever order: the chain is whole, nothing that was denied is lost, nor what a
    /// living life was given, nor the last that says where a device is.
    // attack 47 P: any lives and denials in any order; nothing that counts is folded away; broken: logd-fold-denials, logd-fold-last
    #[test]
    fn nothing_that_counts_is_folded_away(
        steps in prop::collection::vec((0u8..8, prop::bool::ANY), 1..250),
    ) {
        let mut ledger = ledger();
        let mut lives = BTreeMap::from([(RNGD, (1u32, false)), (BLKD, (1, false))]);
        let (mut denied, mut given) = (0, BTreeMap::new());
        for (step, which) in steps {
            let id = if which { RNGD } else { BLKD };
            let (life, lives_now) = lives.get_mut(&id).unwrap();
            match step {
                0 => denied += usize::from(add(&mut ledger, denial(1, id, *life)).is_ok()),
                1 => denied += usize::from(add(&mut ledger, denial(NSH, id, *life)).is_ok()),
                _ if *lives_now => {
                    end(&mut ledger, id, *life).unwrap();
                    (*life, *lives_now) = (*life + 1, false);
                    given.remove(&id);
                }
                _ => {
                    begin(&mut ledger, id, *life).unwrap();
                    *lives_now = true;
                    given.insert(id, *life);
                }
            }
            prop_assert_eq!(holes(&ledger).wrong(), None);
        }
        assert_whole(&ledger);
        let is_denial = |entry: &Entry| entry.outcome == Outcome::Deny;
        prop_assert_eq!(count(&ledger, is_denial), denied);
        for (id, life) in given {
            for event in [Event::Decision, Event::Grant] {
                prop_assert_eq!(count(&ledger, |entry| *entry == record(event, id, life)), 1);
            }
        }
        for (id, (life, lives_now)) in lives {
            if life > 1 || lives_now {
                let of = |event| count(&ledger, |entry| {
                    (entry.event, entry.outcome, entry.subject.id) == (event, Outcome::Allow, id)
                });
                prop_assert!(of(Event::Decision) >= 1);
                prop_assert_eq!(of(Event::Prepared), 1);
            }
        }
    }
}
