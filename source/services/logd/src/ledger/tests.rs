//! What is done to a ledger, and what shows it.

use nexus_proto::log::{Event, Outcome};
use nexus_proto::{Registers, Subject};

use super::*;
use crate::chain::{Checkpoint, replay};

const INIT: Sender = Sender { service_id: 1, incarnation: 1 };

fn entry(event: Event, outcome: Outcome, detail: u64) -> Entry {
    Entry {
        rule: 1,
        base: 0x1000_8000,
        len: 0x1000,
        epoch: 1,
        detail,
        ..Entry::about(event, outcome, Subject { id: 7, incarnation: 1 })
    }
}

fn grant(ledger: &mut Ledger, detail: u64) -> Result<u64, Full> {
    let at = Moment { ticks: detail, unix_ns: 0 };
    ledger.append(INIT, entry(Event::Grant, Outcome::Allow, detail), at)
}

fn filled(records: u64) -> Ledger {
    let mut ledger = Ledger::default();
    for seq in 1..=records {
        assert_eq!(grant(&mut ledger, seq), Ok(seq));
    }
    ledger
}

/// The first bad record, over all pieces.
fn first_bad(ledger: &Ledger) -> u64 {
    let mut from = 0;
    loop {
        let answer = ledger.verify(from);
        if answer.first_bad != 0 || answer.next == 0 {
            return answer.first_bad;
        }
        from = answer.next;
    }
}

fn checkpoint(ledger: &Ledger) -> Checkpoint {
    Checkpoint { records: ledger.records(), head: ledger.head() }
}

#[test]
fn an_untouched_chain_fits_at_every_length() {
    for records in [0, 1, 2, 63, 64, 65, 128, 129, 1024] {
        let ledger = filled(records);
        assert_eq!(first_bad(&ledger), 0);
        assert_eq!(replay(ledger.links().iter(), None), Ok(checkpoint(&ledger)));
        assert_eq!(
            replay(ledger.links().iter(), Some(&checkpoint(&ledger))),
            Ok(checkpoint(&ledger))
        );
    }
}

#[test]
fn pieces_are_bounded_and_cover_everything() {
    let ledger = filled(130);
    assert_eq!(ledger.verify(0).next, 65);
    assert_eq!(ledger.verify(65).next, 129);
    assert_eq!(ledger.verify(129).next, 0);
    assert_eq!(filled(128).verify(65).next, 0, "no empty piece at the end");
    for from in [131, 1 << 40, u64::MAX] {
        let answer = ledger.verify(from);
        assert_eq!((answer.first_bad, answer.next, answer.records), (0, 0, 130));
    }
}

// attack 47 P: a field of a record is changed; the chain shows it
#[test]
fn a_changed_field_shows_whichever_it_is() {
    let changes: [fn(&mut Link); 21] = [
        |link| link.entry.event = Event::Revoke,
        |link| link.entry.outcome = Outcome::Deny,
        |link| link.entry.device = 0,
        |link| link.entry.rights ^= 1,
        |link| link.entry.rule ^= 1,
        |link| link.entry.subject.id ^= 1,
        |link| link.entry.subject.incarnation ^= 1,
        |link| link.entry.base ^= 1 << 63,
        |link| link.entry.len ^= 1,
        |link| link.entry.epoch ^= 1,
        |link| link.entry.reason ^= 1,
        |link| link.entry.asker.id ^= 1,
        |link| link.entry.detail ^= 1,
        |link| link.entry.registers = Registers::new(Some(0)),
        |link| link.entry.line ^= 1,
        |link| link.entry.interval ^= 1,
        |link| link.stamp.seq ^= 1,
        |link| link.stamp.ticks ^= 1,
        |link| link.stamp.unix_ns ^= 1,
        |link| link.stamp.reporter.id ^= 1,
        |link| link.stamp.reporter.incarnation ^= 1,
    ];
    for change in changes {
        let mut ledger = filled(100);
        change(&mut ledger.links[69]);
        assert_eq!(first_bad(&ledger), 70);
        assert_eq!(replay(ledger.links().iter(), None), Err(70));
    }
}

// attack 47 U: a changed record with a hash to match; the next one shows it
#[test]
fn a_changed_record_with_a_new_hash_shows_at_the_next() {
    let mut ledger = filled(100);
    let link = &mut ledger.links[69];
    link.entry.base = 0;
    *link = Link::new(link.previous, link.stamp, link.entry);
    assert_eq!(first_bad(&ledger), 71);
}

// attack 47 F: the whole chain is made anew; a remembered hash shows it; broken: logd-chain
#[test]
fn a_chain_made_anew_shows_against_a_remembered_hash() {
    let mut ledger = filled(100);
    let known = checkpoint(&ledger);
    ledger.links[9].entry.base = 0;
    for index in 9..100 {
        let previous = ledger.links[index - 1].own;
        let link = ledger.links[index];
        ledger.links[index] = Link::new(previous, link.stamp, link.entry);
    }
    assert_eq!(first_bad(&ledger), 0, "the chain alone cannot show it");
    assert_eq!(replay(ledger.links().iter(), Some(&known)), Err(100));
}

// attack 47 P: records are reordered or removed; the chain shows it; broken: logd-seq
#[test]
fn reordering_and_removal_show() {
    let mut swapped = filled(100);
    swapped.links.swap(40, 41);
    assert_eq!(first_bad(&swapped), 41);

    let mut removed = filled(100);
    removed.links.remove(40);
    assert_eq!(first_bad(&removed), 41);

    let mut doubled = filled(100);
    doubled.links.insert(40, doubled.links[39]);
    assert_eq!(first_bad(&doubled), 41);
}

/// Whatever a fold says: only what comes later can have been folded away.
#[test]
fn the_first_record_is_never_missing() {
    let ledger = filled(3);
    let [first, second, third] = ledger.links() else { panic!("three") };
    let follow = |at: &Checkpoint| [first, second, third].map(|link| link.follows(at));
    assert_eq!(follow(&Checkpoint::EMPTY), [true, false, false]);
    assert_eq!(follow(&first.checkpoint()), [false, true, true]);
}

// attack 47 F: the end of the ledger is cut; a remembered hash shows it
#[test]
fn a_cut_end_shows_against_a_checkpoint() {
    let mut ledger = filled(100);
    let known = checkpoint(&ledger);
    ledger.links.truncate(99);
    assert_eq!(first_bad(&ledger), 0, "the chain alone cannot show it");
    assert_eq!(replay(ledger.links().iter(), Some(&known)), Err(100));
    ledger.links.clear();
    assert_eq!(replay(ledger.links().iter(), Some(&known)), Err(1));
}

#[test]
fn an_older_checkpoint_still_fits_a_longer_ledger() {
    let mut ledger = filled(50);
    let known = checkpoint(&ledger);
    for detail in 51..=80 {
        grant(&mut ledger, detail).unwrap();
    }
    assert_eq!(replay(ledger.links().iter(), Some(&known)), Ok(checkpoint(&ledger)));
    let empty = Checkpoint { records: 0, head: GENESIS };
    assert_eq!(replay(ledger.links().iter(), Some(&empty)), Ok(checkpoint(&ledger)));
}

/// A checkpoint of no records has one hash, and that hash is of no records.
#[test]
fn an_empty_checkpoint_fits_only_as_it_is() {
    let ledger = filled(3);
    for known in
        [Checkpoint { records: 0, head: [1; 32] }, Checkpoint { records: 4, head: GENESIS }]
    {
        assert_eq!(replay(ledger.links().iter(), Some(&known)), Err(4));
        assert_eq!(replay([].iter(), Some(&known)), Err(1));
    }
}

// attack 45 F: the ledger is full; it refuses and loses nothing
#[test]
fn a_full_ledger_refuses_and_keeps_what_it_has() {
    let mut ledger = filled(CAPACITY as u64);
    let known = checkpoint(&ledger);
    assert_eq!(ledger.room(), 0);
    assert_eq!(grant(&mut ledger, 5000), Err(Full));
    assert_eq!(checkpoint(&ledger), known);
    assert_eq!(ledger.links().len(), CAPACITY);
}

// attack 44 U: denials without end; room for grants is kept
#[test]
fn denials_cannot_use_up_the_room_of_grants() {
    let mut ledger = Ledger::default();
    let deny = |ledger: &mut Ledger, event, outcome| {
        ledger.append(INIT, entry(event, outcome, 0), Moment::default())
    };
    while deny(&mut ledger, Event::Decision, Outcome::Deny).is_ok() {}
    assert_eq!(ledger.room(), KEPT_FROM_DENIALS as u64);
    assert_eq!(deny(&mut ledger, Event::Refusal, Outcome::None), Err(Full));
    for detail in 0..KEPT_FROM_DENIALS as u64 {
        assert!(grant(&mut ledger, detail).is_ok());
    }
    assert_eq!(grant(&mut ledger, 0), Err(Full));
}

mod folds;

#[test]
fn numbers_at_their_bounds() {
    let ledger = filled(3);
    assert_eq!(ledger.get(0), None);
    assert_eq!(ledger.get(3).unwrap().stamp.seq, 3);
    assert_eq!(ledger.get(4), None);
    assert_eq!(ledger.get(u64::MAX), None);
}

// attack 47 U: a record whose number is not its place, hashed as it stands; found; broken: logd-holes
#[test]
fn a_number_that_is_not_its_place_shows() {
    let mut ledger = filled(5);
    let mut previous = ledger.links[2].previous;
    for link in &mut ledger.links[2..] {
        let stamp = Stamp { seq: link.stamp.seq + 1, ..link.stamp };
        *link = Link::new(previous, stamp, link.entry);
        previous = link.own;
    }
    assert_eq!(ledger.verify(0).first_bad, 3);
    assert_eq!(replay(ledger.links.iter(), None), Err(3));
}
