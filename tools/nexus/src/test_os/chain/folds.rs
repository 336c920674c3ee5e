//! What the ledger says was folded away is what is missing, and was of lives that have ended.

use super::{LOGD, hole};
use crate::protocol::{Decision, Entry, Event, Head};
use std::collections::BTreeMap;

/// What is wrong with the folds, as sentences. What was shown before it was folded away is not missing.
pub(super) fn check(entries: &[Entry], holes: &[Head]) -> Vec<String> {
    let folds: BTreeMap<u32, &Entry> = entries
        .iter()
        .filter(|entry| entry.event == Event::Fold)
        .map(|fold| (fold.subject, fold))
        .collect();
    let folded = folds.values().map(|fold| fold.len).sum::<u64>();
    let shown = entries
        .iter()
        .filter(|entry| folds.get(&entry.subject).is_some_and(|fold| covers(fold, entry, entries)));
    let told = folded.checked_sub(shown.count() as u64);
    let last = entries.last().map_or(0, |entry| entry.seq);
    let missing = last.saturating_sub(entries.len() as u64);
    let mut found: Vec<String> =
        folds.values().flat_map(|fold| one(fold, entries, holes)).collect();
    if told != Some(missing) {
        let told = told.map_or_else(|| "fewer than were shown".to_owned(), |told| told.to_string());
        found.push(format!("{missing} records are missing, and the folds account for {told}"));
    }
    found
}

/// What is wrong with the last fold of a service.
fn one(fold: &Entry, entries: &[Entry], holes: &[Head]) -> Vec<String> {
    let Entry { subject, incarnation: life, seq, .. } = *fold;
    let mut own = entries.iter().filter(|entry| entry.subject == subject);
    let mut found = Vec::new();
    if !own.clone().any(|entry| entry.seq < seq && ends(entry, life)) {
        found.push(format!("a life is folded away whose end is not on record: {fold}"));
    }
    if own.any(|entry| entry.seq > seq && entry.incarnation <= life && is_foldable(entry)) {
        found.push(format!("a life goes on after it was folded away: {fold}"));
    }
    let shown = entries.iter().find(|entry| entry.seq == u64::from(fold.interval));
    let known = shown.map(|entry| entry.hash).or_else(|| hole(holes, fold.interval.into()));
    if known.is_some_and(|hash| hash[..24] != start(fold)) {
        found.push(format!("another record was folded away last: {fold}"));
    }
    found
}

/// The record says that this life of its subject is over.
fn ends(entry: &Entry, life: u32) -> bool {
    match entry.event {
        Event::Exit => entry.incarnation >= life,
        Event::Resume => entry.subject == LOGD && entry.incarnation > life,
        _ => false,
    }
}

/// What the fold has of the hash of the last record folded away.
fn start(fold: &Entry) -> [u8; 24] {
    let parts = [fold.base, fold.detail, fold.registers.unwrap_or(0)].map(u64::to_le_bytes);
    parts.as_flattened().try_into().unwrap_or([0; 24])
}

fn is_foldable(entry: &Entry) -> bool {
    match entry.event {
        Event::Decision => entry.decision == Decision::Allow,
        Event::Resume => entry.base == 0,
        Event::Grant
        | Event::Exit
        | Event::Start
        | Event::Order
        | Event::Revoke
        | Event::Prepared
        | Event::Fold => true,
        Event::Boot
        | Event::Refusal
        | Event::Drop
        | Event::Clock
        | Event::Share
        | Event::Unshare
        | Event::Anchor
        | Event::Access => false,
    }
}

/// The fold stands for this record: of a life that it folds away, and not the last that says where a device
/// was allowed or what it was set up to reach.
fn covers(fold: &Entry, entry: &Entry, entries: &[Entry]) -> bool {
    let over = entry.seq < fold.seq && entry.incarnation <= fold.incarnation;
    let again = |later: &Entry| {
        (entry.seq + 1..fold.seq).contains(&later.seq)
            && (later.event, later.decision, later.device)
                == (entry.event, entry.decision, entry.device)
            && (later.line != 0 || entry.line == 0)
    };
    let stays = matches!(entry.event, Event::Decision | Event::Prepared);
    over && is_foldable(entry) && (!stays || entries.iter().any(again))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_os::chain::tests::blank;

    #[test]
    fn test_what_ends_a_life() {
        let exit = |incarnation| Entry { incarnation, ..blank(5, Event::Exit) };
        assert_eq!([1, 2, 3].map(|life| ends(&exit(life), 2)), [false, true, true]);
        let resume =
            |subject, incarnation| Entry { subject, incarnation, ..blank(5, Event::Resume) };
        assert_eq!([1, 2, 3].map(|life| ends(&resume(LOGD, life), 2)), [false, false, true]);
        assert!(!ends(&resume(7, 3), 2), "logd alone resumes");
        assert!(!ends(&blank(5, Event::Revoke), 1));
    }

    #[test]
    fn test_a_fold_covers_all_but_what_is_said_last_of_a_device() {
        let fold = Entry { incarnation: 2, ..blank(20, Event::Fold) };
        let covered = |entry: &Entry, others: &[Entry]| covers(&fold, entry, others);
        assert!(covered(&blank(5, Event::Grant), &[]));
        for beside in [
            blank(20, Event::Grant),
            Entry { incarnation: 3, ..blank(5, Event::Grant) },
            Entry { decision: Decision::Deny, ..blank(5, Event::Decision) },
            Entry { base: 1, ..blank(5, Event::Resume) },
            blank(5, Event::Clock),
        ] {
            let again = Entry { seq: 6, ..beside.clone() };
            assert!(!covered(&beside, &[again]), "{beside}");
        }
        assert!(covered(&Entry { base: 0, ..blank(5, Event::Resume) }, &[]));
        for event in [Event::Decision, Event::Prepared] {
            let first = blank(5, event);
            let with_line = Entry { line: 9, ..first.clone() };
            let later = |seq, line| Entry { seq, line, ..first.clone() };
            assert!(!covered(&first, &[]), "it is the last");
            assert!(!covered(&first, &[later(5, 0), later(4, 0), later(20, 0)]), "none is later");
            assert!(covered(&first, &[later(6, 0)]) && covered(&first, &[later(19, 9)]));
            assert!(covered(&with_line, &[later(6, 9)]));
            assert!(!covered(&with_line, &[later(6, 0)]), "the last that has the line");
            let other = Entry { device: 4, ..later(6, 0) };
            let denied = Entry { decision: Decision::Deny, ..later(6, 0) };
            assert!(!covered(&first, &[other, denied, blank(6, Event::Grant)]));
        }
    }
}
