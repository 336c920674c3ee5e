//! Whether an archive is whole in itself, and what it was when heads of it were kept.

use super::heads::KeptHead;
use super::read::{Boot, Kept, Record};
use crate::image::hex;
use crate::protocol::Event;
use crate::test_os::chain::{self, anchored};
use std::collections::BTreeMap;

/// What is wrong, and what else there is to know, as sentences.
pub(super) fn check(kept: &Kept, heads: &[KeptHead]) -> (Vec<String>, Vec<String>) {
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    findings.extend(kept.odd.iter().map(|key| format!("{key}: no row of an archive")));
    findings.extend(numbers(kept));
    for (number, boot) in &kept.boots {
        let found = ledger(boot).into_iter().chain(boot.wrong.iter().cloned());
        findings.extend(found.map(|found| format!("boot {number}: {found}")));
        notes.extend(gaps(&boot.records).map(|gap| format!("boot {number}: {gap}")));
        if let Some(lacks) = lacks_folds(&boot.records) {
            notes.push(format!("boot {number}: {lacks}"));
        }
        match anchor(kept, *number, boot) {
            Anchored::Fits => {}
            Anchored::None => notes.push(format!("boot {number}: it has no anchor")),
            Anchored::Not(found) => findings.push(format!("boot {number}: {found}")),
        }
    }
    self::heads(kept, heads, &mut findings, &mut notes);
    (findings, notes)
}

/// Boots are numbered without a hole from the first, dropped or not, to the last.
fn numbers(kept: &Kept) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = 1;
    let dropped = kept.dropped.iter().map(|gone| (gone.first, gone.last));
    for (first, last) in dropped.chain(kept.boots.keys().map(|boot| (*boot, *boot))) {
        if first != next {
            found.push(format!("boot {first} stands where boot {next} should"));
        }
        next = last.saturating_add(1);
    }
    let last = kept.last.unwrap_or(0);
    if last.checked_add(1) != Some(next) {
        found.push(format!("the last boot is {}, and was {last} when it got its number", next - 1));
    }
    found
}

/// What is wrong with the ledger of a boot.
fn ledger(boot: &Boot) -> Vec<String> {
    let mut found = Vec::new();
    let (mut at, mut own, mut cut) = (0, [0; 32], None);
    for (previous, entry) in &boot.records {
        let follows = match entry.seq.checked_sub(at) {
            Some(1) => *previous == own,
            Some(2..) => at > 0,
            // It was written anew from here on: who says so comes soon.
            None | Some(0) => {
                cut = Some(cut.unwrap_or(entry.seq).min(entry.seq));
                entry.seq > 0
            }
        };
        if !follows {
            found.push(format!("record {} does not follow record {at}", entry.seq));
        }
        if entry.reporter.0 != chain::writer(entry.event, entry.reason) {
            found.push(format!("record by service {}, who may not: {entry}", entry.reporter.0));
        }
        if entry.event == Event::Resume && cut.is_some_and(|cut| (1..=cut).contains(&entry.base)) {
            cut = None;
        }
        (at, own) = (entry.seq, entry.hash);
    }
    if let Some(cut) = cut {
        found.push(format!("written anew from record {cut} on, and no life of logd says so"));
    }
    match boot.records.first() {
        Some((_, first)) if (first.seq, first.event) != (1, Event::Boot) => {
            found.push("it does not begin with a boot".to_owned());
        }
        Some((_, first)) if (first.hash, first.detail) != (boot.first, boot.nonce) => {
            found.push("it does not begin as its facts say".to_owned());
        }
        Some(_) => {}
        None => found.push("it has no record".to_owned()),
    }
    if boot.head != Some((at, own)) {
        found.push(format!("its head is not that of record {at}"));
    }
    found
}

/// The records that are missing between two.
fn gaps(records: &[Record]) -> impl Iterator<Item = String> {
    records.windows(2).filter_map(|pair| {
        let [(_, before), (previous, behind)] = pair else { return None };
        let missing = behind.seq.checked_sub(before.seq)?.checked_sub(1)?;
        let hash = hex(previous);
        (missing > 0).then(|| {
            format!(
                "a gap of {missing} before record {}, the last of which had the hash {hash}",
                behind.seq
            )
        })
    })
}

/// How many records are missing in between.
pub(super) fn missing(records: &[Record]) -> u64 {
    let between = |pair: &[Record]| match pair {
        [(_, before), (_, behind)] => behind.seq.saturating_sub(before.seq).saturating_sub(1),
        _ => 0,
    };
    sum(records.windows(2).map(between))
}

/// The sum, or the largest number: an image may say anything.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Whether more is missing than the folds that are there account for.
fn lacks_folds(records: &[Record]) -> Option<String> {
    let folds = records.iter().filter(|(_, entry)| entry.event == Event::Fold);
    let last: BTreeMap<u32, u64> = folds.map(|(_, fold)| (fold.subject, fold.len)).collect();
    let (missing, folded) = (missing(records), sum(last.into_values()));
    (missing > folded).then(|| {
        format!("{missing} records are missing, and folds account for {folded}: power was cut, or they were taken out")
    })
}

enum Anchored {
    Fits,
    None,
    Not(String),
}

/// Whether the anchor of a boot is the head of the one before.
fn anchor(kept: &Kept, number: u32, boot: &Boot) -> Anchored {
    let mut anchors =
        boot.records.iter().map(|(_, entry)| entry).filter(|entry| entry.event == Event::Anchor);
    let Some(anchor) = anchors.next() else { return Anchored::None };
    if let Some(second) = anchors.find(|other| anchored(other) != anchored(anchor)) {
        return Anchored::Not(format!("a second anchor: {second}"));
    }
    let (of, records, head) = anchored(anchor);
    if of != number {
        return Anchored::Not(format!("its anchor is that of boot {of}"));
    }
    let dropped = |gone: &&super::read::Dropped| gone.last.checked_add(1) == Some(number);
    let before = match number.checked_sub(1) {
        None | Some(0) => Some((0, [0; 32])),
        Some(before) => kept
            .boots
            .get(&before)
            .and_then(|before| before.head)
            .or_else(|| kept.dropped.iter().find(dropped).map(|gone| (gone.records, gone.own))),
    };
    match before {
        Some(before) if before == (u64::from(records), head) => Anchored::Fits,
        Some((known, _)) => Anchored::Not(format!(
            "its anchor says that the boot before ended with record {records}, {}, and that is not what is there, \
             which ends with record {known}",
            hex(&head)
        )),
        None => Anchored::Not("the boot that its anchor is tied to is not there".to_owned()),
    }
}

/// How a kept head stands to a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// The record with its number has that hash.
    There,
    /// The record is missing, and what is known does not say otherwise.
    Gap,
    /// The boot ends before it.
    Behind,
    /// Another record has its number.
    Against,
}

fn stands(head: &KeptHead, boot: &Boot) -> Stands {
    let end = boot.records.iter().map(|(_, entry)| entry.seq).max().unwrap_or(0);
    let same = |(_, entry): &&Record| entry.seq == head.records;
    let mut there = boot.records.iter().filter(same).peekable();
    if there.peek().is_some() {
        let fits = there.any(|(_, entry)| entry.hash == head.hash);
        return if fits { Stands::There } else { Stands::Against };
    }
    if head.records > end {
        return Stands::Behind;
    }
    let behind = boot.records.iter().find(|(_, entry)| entry.seq == head.records + 1);
    match behind {
        Some((previous, _)) if *previous != head.hash => Stands::Against,
        _ => Stands::Gap,
    }
}

/// The heads that were kept, in order: each must be that of a boot of its run, or of one that was dropped before those
/// that are here. Two boots of one run are told apart by what fits.
fn heads(kept: &Kept, heads: &[KeptHead], findings: &mut Vec<String>, notes: &mut Vec<String>) {
    let mut was_here = false;
    for head in heads {
        let told = shown(head);
        let boots = kept.boots.iter().filter(|(number, boot)| {
            boot.nonce == head.nonce && head.boot.is_none_or(|own| own == **number)
        });
        let best = boots.map(|(number, boot)| (stands(head, boot), number));
        let best = best.min_by_key(|(stands, _)| *stands as u8);
        match (best, head.boot) {
            (Some((Stands::There, _)), _) => was_here = true,
            (Some((Stands::Gap | Stands::Behind, _)), Some(_)) => {
                findings.push(format!("{told} is there no more: the image was put back"));
            }
            (Some((Stands::Gap, number)), None) => {
                notes.push(format!("{told} is in a gap of boot {number}"));
            }
            (Some((Stands::Behind, number)), None) => notes.push(format!(
                "{told} is behind the end of boot {number}: the power went before it was kept, or the image was put \
                 back"
            )),
            (Some((Stands::Against, number)), _) => findings.push(format!(
                "{told} is not what boot {number} has there: it was written anew, or the head is of another boot of \
                 that run, in which the store never came up"
            )),
            (None, _) if is_dropped(kept, head, was_here) => {
                notes.push(format!("{told} is of no boot that is here: it may have been dropped"));
            }
            (None, _) if had_a_boot(heads, head.nonce) => findings.push(format!(
                "{told} is of no boot that is here, and one was when that run had ended: the image was put back"
            )),
            (None, _) => findings.push(format!(
                "{told} is of no boot that is here: the store never came up then, the power went first, or the image \
                 was put back"
            )),
        }
    }
}

fn shown(head: &KeptHead) -> String {
    let KeptHead { nonce, records, boot, .. } = head;
    match boot {
        None => format!("the head of {records} records that run {nonce:016x} told"),
        Some(boot) => format!(
            "the head of {records} records that the image had of boot {boot}, run {nonce:016x}, when it had ended,"
        ),
    }
}

/// Whether a head may be of a boot that was dropped: by its number, else because no later one was here before it.
fn is_dropped(kept: &Kept, head: &KeptHead, was_here: bool) -> bool {
    let Some(gone) = kept.dropped.last() else { return false };
    head.boot.map_or(!was_here, |boot| boot <= gone.last)
}

/// Whether the image had a boot of that run when it had ended.
fn had_a_boot(heads: &[KeptHead], nonce: u64) -> bool {
    heads.iter().any(|head| head.nonce == nonce && head.boot.is_some())
}
