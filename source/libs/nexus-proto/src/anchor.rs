//! The record that ties the ledger of a boot to those before it.

use crate::log::{Anchor, Entry, Event, Outcome};
use crate::{Asker, Registers, Subject, Zero};

impl Anchor {
    /// True when it can be: the first boot has none before it, and every other one has. No boot has the number 0.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_first = self.boot == 1;
        is_first == (self.records == 0)
            && is_first == (self.head == [0; 32])
            && u32::from(self.without) < self.boot
    }

    /// As a record, for which `archive` has asked: the boot in `epoch`, the last record in `interval`, how many
    /// are without in `line`, the hash in `base`, `len`, `detail` and `registers`, each little-endian.
    #[must_use]
    pub fn entry(&self, archive: Subject) -> Entry {
        let (parts, _) = self.head.as_chunks();
        let part = |at| parts.get(at).map_or(0, |part: &[u8; 8]| u64::from_le_bytes(*part));
        Entry {
            base: part(0),
            len: part(1),
            detail: part(2),
            registers: Registers::new(Some(part(3))),
            epoch: self.boot,
            interval: self.records,
            line: self.without,
            asker: Asker::new(archive.id),
            ..Entry::about(Event::Anchor, Outcome::None, archive)
        }
    }

    /// What the record says; `None` when it is of another event.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Anchor> {
        let Entry { base, len, detail, registers, epoch, interval, line, .. } = *entry;
        (entry.event == Event::Anchor).then(|| {
            let mut head = [0; 32];
            let parts = [base, len, detail, registers.mask().unwrap_or(0)];
            for (to, from) in head.chunks_exact_mut(8).zip(parts) {
                to.copy_from_slice(&from.to_le_bytes());
            }
            Anchor { boot: epoch, records: interval, without: line, zero: Zero::ZERO, head }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: Subject = Subject { id: 13, incarnation: 2 };

    fn anchor() -> Anchor {
        let head = core::array::from_fn(|at| at as u8 + 1);
        Anchor { boot: 7, records: 90, without: 2, zero: Zero::ZERO, head }
    }

    #[test]
    fn an_anchor_is_a_record() {
        let entry = anchor().entry(ARCHIVE);
        let told = Entry {
            base: 0x0807_0605_0403_0201,
            len: 0x100f_0e0d_0c0b_0a09,
            detail: 0x1817_1615_1413_1211,
            registers: Registers::new(Some(0x201f_1e1d_1c1b_1a19)),
            epoch: 7,
            interval: 90,
            line: 2,
            asker: Asker::new(13),
            ..Entry::about(Event::Anchor, Outcome::None, ARCHIVE)
        };
        assert_eq!(entry, told);
        assert_eq!(Anchor::of(&entry), Some(anchor()));
        assert_eq!(Anchor::of(&Entry { event: Event::Fold, ..entry }), None);
    }

    #[test]
    fn the_first_boot_has_none_before_it_and_every_other_one_has() {
        let first = Anchor { boot: 1, records: 0, without: 0, head: [0; 32], ..anchor() };
        let last = Anchor { boot: u32::MAX, records: u32::MAX, without: u16::MAX, ..anchor() };
        for sound in [anchor(), first, last, Anchor { without: 6, ..anchor() }] {
            assert!(sound.is_sound(), "{sound:?}");
        }
        for wrong in [
            Anchor { boot: 0, ..anchor() },
            Anchor { boot: 0, ..first },
            Anchor { boot: 1, ..anchor() },
            Anchor { boot: 2, ..first },
            Anchor { records: 0, ..anchor() },
            Anchor { head: [0; 32], ..anchor() },
            Anchor { records: 1, ..first },
            Anchor { head: [1; 32], ..first },
            Anchor { without: 7, ..anchor() },
            Anchor { without: 1, ..first },
        ] {
            assert!(!wrong.is_sound(), "{wrong:?}");
        }
    }
}
