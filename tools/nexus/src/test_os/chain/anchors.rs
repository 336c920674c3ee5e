//! There is one anchor at most, which only the archive has recorded, and one record of each kind of refusal by
//! who keeps state for others.

use super::ARCHIVED;
use crate::protocol::{Entry, Event};
use std::collections::BTreeSet;

/// What is wrong with them, as sentences.
pub(super) fn check(entries: &[Entry]) -> Vec<String> {
    let anchors = entries.iter().filter(|entry| entry.event == Event::Anchor);
    let mut found = Vec::new();
    for (count, anchor) in anchors.enumerate() {
        if count > 0 {
            found.push(format!("a second anchor: {anchor}"));
        }
        if (anchor.asker, anchor.subject) != (ARCHIVED, ARCHIVED) {
            found.push(format!("an anchor by another than the archive: {anchor}"));
        }
        if !can_be(anchor) {
            found.push(format!("an anchor of no boot that can be: {anchor}"));
        }
    }
    let mut kinds = BTreeSet::new();
    for access in entries.iter().filter(|entry| entry.event == Event::Access) {
        if !kinds.insert((access.subject, access.rule, access.reason)) {
            found.push(format!("a kind of refusal is on record twice: {access}"));
        }
    }
    found
}

/// The boot is in the epoch, the last record before it in the interval, how many have no anchor in the line,
/// the hash in all other numbers: the first boot has none before it.
fn can_be(anchor: &Entry) -> bool {
    let Entry {
        epoch: boot, interval: records, line: without, base, len, detail, registers, ..
    } = *anchor;
    let is_first = boot == 1;
    let has_no_head = [base, len, detail, registers.unwrap_or(0)] == [0; 4];
    boot > 0
        && registers.is_some()
        && is_first == (records == 0)
        && is_first == has_no_head
        && u32::from(without) < boot
}
