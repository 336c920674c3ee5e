//! Two boots: the ledger of the second is tied to that of the first, where the system has an archive.

use super::chain::{ARCHIVED, anchored};
use crate::protocol::{Entry, Event};

/// What is wrong, as sentences. `first` and `second` are the ledgers as the guest showed them.
pub(super) fn check(services: &[u32], first: &[Entry], second: &[Entry]) -> Vec<String> {
    if !services.contains(&ARCHIVED) {
        return Vec::new();
    }
    let anchor = second.iter().find(|entry| entry.event == Event::Anchor);
    let Some(anchor) = anchor else {
        return vec!["the second of two boots has no anchor".to_owned()];
    };
    let (boot, records, head) = anchored(anchor);
    let last = first.iter().find(|entry| entry.seq == u64::from(records));
    let mut found = Vec::new();
    if boot != 2 {
        found.push(format!("the anchor of the second boot is that of boot {boot}"));
    }
    if last.is_none_or(|last| last.hash != head) {
        found.push(format!("the anchor is not tied to record {records} of the first boot"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_os::chain::tests::{blank, chain};

    fn anchor(boot: u32, last: &Entry) -> Entry {
        let (parts, _) = last.hash.as_chunks::<8>();
        let part = |at: usize| u64::from_le_bytes(parts[at]);
        Entry {
            base: part(0),
            len: part(1),
            detail: part(2),
            registers: Some(part(3)),
            epoch: boot,
            interval: u32::try_from(last.seq).unwrap(),
            ..blank(2, Event::Anchor)
        }
    }

    // attack 67 H: the second boot has no anchor, or one that is tied to something else than the first; found; broken: judge-tied
    #[test]
    fn test_the_second_boot_is_tied_to_the_first() {
        let mut first = vec![blank(1, Event::Boot), blank(2, Event::Grant), blank(3, Event::Exit)];
        chain(&mut first);
        let with = |anchor: Entry| check(&[1, 13], &first, &[blank(1, Event::Boot), anchor]);
        assert_eq!(with(anchor(2, &first[1])), Vec::<String>::new());
        assert_eq!(with(anchor(1, &first[1])), ["the anchor of the second boot is that of boot 1"]);
        let other = Entry { seq: 3, ..first[1].clone() };
        assert_eq!(
            with(anchor(2, &other)),
            ["the anchor is not tied to record 3 of the first boot"]
        );
        let behind = Entry { seq: 4, ..first[1].clone() };
        assert_eq!(
            with(anchor(2, &behind)),
            ["the anchor is not tied to record 4 of the first boot"]
        );
        assert_eq!(with(blank(2, Event::Grant)), ["the second of two boots has no anchor"]);
        assert!(check(&[1], &first, &first).is_empty(), "without an archive");
    }
}
