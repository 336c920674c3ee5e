//! What the program `sectors-cut` wrote, and whether a disk that a power cut left has what was acknowledged.
//!
//! What was acknowledged at some time is what a sector says that was written later. So the log alone tells it, and
//! every point of it is one at which the power could have been cut.

use super::sector::{self, Sector};
use super::{Entry, SECTOR, WriteLog};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Every sector that was written, in order, each with how many entries of the log there were then.
#[derive(Debug)]
pub struct Written {
    run: u64,
    sectors: Vec<(usize, Sector)>,
}

/// What was seen on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Writes that had been acknowledged by a flush.
    pub acknowledged: u64,
    /// Of those, how many are not there whole, nor what was written over them.
    pub lost: Vec<u64>,
    /// Where the first of them is missing, and what is there.
    pub first: Option<String>,
}

impl Written {
    /// By the run with this number.
    ///
    /// # Errors
    /// Something else was written.
    pub fn of(log: &WriteLog, run: u64) -> Result<Written> {
        let mut sectors = Vec::new();
        for (before, entry) in log.entries().iter().enumerate() {
            let Entry::Write { sector, data } = entry else { continue };
            for (place, bytes) in (*sector..).zip(data.chunks(SECTOR)) {
                let read = sector::read(bytes, place, run).with_context(|| {
                    format!("entry {before} of the log of writes: sector {place} is no program's")
                })?;
                sectors.push((before + 1, read));
            }
        }
        Ok(Written { run, sectors })
    }

    /// After how many entries something had been acknowledged, and how many there were with the last write.
    #[must_use]
    pub fn cuts(&self) -> Option<(usize, usize)> {
        let mut told = self.sectors.iter().filter(|(_, sector)| sector.flushed > 0);
        Some((told.next()?.0, self.sectors.last()?.0))
    }

    /// Looks for all that had been acknowledged when the log had so many entries.
    #[must_use]
    pub fn look(&self, after: usize, disk: &[u8]) -> Looked {
        let made = self.sectors.iter().take_while(|(entries, _)| *entries <= after);
        let made: Vec<&Sector> = made.map(|(_, sector)| sector).collect();
        let acknowledged = made.iter().map(|sector| sector.flushed).max().unwrap_or(0);
        let mut places: BTreeMap<u64, BTreeMap<u32, &Sector>> = BTreeMap::new();
        for sector in made.into_iter().filter(|sector| sector.write <= acknowledged) {
            places.entry(sector.write).or_default().insert(sector.index, sector);
        }
        let mut looked = Looked { acknowledged, lost: Vec::new(), first: None };
        for write in 1..=acknowledged {
            let why = match places.get(&write) {
                None => Some(String::from("it never came to the disk")),
                Some(sectors) => self.missing(sectors, disk),
            };
            if let Some(why) = why {
                looked.lost.push(write);
                looked.first.get_or_insert(why);
            }
        }
        looked
    }

    /// What is missing of one write.
    fn missing(&self, sectors: &BTreeMap<u32, &Sector>, disk: &[u8]) -> Option<String> {
        let counts: BTreeSet<u32> = sectors.values().map(|sector| sector.count).collect();
        if !counts.iter().all(|count| usize::try_from(*count) == Ok(sectors.len())) {
            return Some(format!("{} of its {counts:?} sectors came to the disk", sectors.len()));
        }
        sectors.values().find_map(|wanted| {
            let start = usize::try_from(wanted.sector).ok()?.checked_mul(SECTOR)?;
            let bytes = disk.get(start..start + SECTOR).unwrap_or_default();
            let place = wanted.sector;
            match sector::read(bytes, place, self.run) {
                Some(there) if there.write >= wanted.write => None,
                Some(there) => Some(format!("sector {place} holds write {}", there.write)),
                None if bytes.iter().all(|byte| *byte == 0) => {
                    Some(format!("sector {place} holds nothing"))
                }
                None => Some(format!("sector {place} is not whole")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::disk::sector::tests::bytes;
    use crate::qemu::disk::write_log::tests::log;

    /// A write of two sectors, in one entry or two.
    fn write(write: u64, first: u64, flushed: u64) -> [Entry; 2] {
        [0, 1].map(|index| {
            let sector = first + u64::from(index);
            let sector = Sector { write, sector, index, count: 2, flushed };
            Entry::Write { sector: sector.sector, data: bytes(&sector).to_vec() }
        })
    }

    fn entries() -> Vec<Entry> {
        let mut entries = [write(1, 2, 0), write(2, 4, 0)].concat();
        entries.push(Entry::Flush);
        entries.extend([write(3, 2, 2), write(4, 6, 2)].concat());
        entries
    }

    fn disk(entries: &[Entry]) -> Vec<u8> {
        let mut disk = vec![0; 8 * SECTOR];
        for entry in entries {
            if let Entry::Write { sector, data } = entry {
                let start = usize::try_from(*sector).unwrap() * SECTOR;
                disk[start..start + data.len()].copy_from_slice(data);
            }
        }
        disk
    }

    fn looked(after: usize, disk: &[u8]) -> (u64, Vec<u64>, String) {
        let written = Written::of(&log(entries()), 1).unwrap();
        let Looked { acknowledged, lost, first } = written.look(after, disk);
        (acknowledged, lost, first.unwrap_or_default())
    }

    #[test]
    fn test_what_was_acknowledged_must_be_there_or_written_over() {
        let all = entries();
        let none = |acknowledged| (acknowledged, Vec::new(), String::new());
        assert_eq!(looked(5, &[]), none(0), "nothing was acknowledged yet");
        for upto in 5..=9 {
            assert_eq!(looked(6, &disk(&all[..upto])), none(2), "{upto}");
        }
        assert_eq!(Written::of(&log(all), 1).unwrap().cuts(), Some((6, 9)));
    }

    #[test]
    fn test_what_is_lost_is_told() {
        let all = entries();
        let lost = |write: u64, why: &str| (2, vec![write], why.to_owned());
        assert_eq!(looked(9, &disk(&all[..3])), lost(2, "sector 5 holds nothing"));
        let mut torn = disk(&all);
        torn[3 * SECTOR + 100] ^= 1;
        assert_eq!(looked(9, &torn), lost(1, "sector 3 is not whole"));
        let mut moved = disk(&all);
        moved.copy_within(2 * SECTOR..3 * SECTOR, 4 * SECTOR);
        assert_eq!(looked(9, &moved), lost(2, "sector 4 is not whole"));
        let (_, both, _) = looked(9, &[0; 8 * SECTOR]);
        assert_eq!(both, [1, 2]);
        assert_eq!(looked(9, &[]).1, [1, 2], "a disk that is too small");
    }

    #[test]
    fn test_an_older_write_in_its_place_is_a_loss() {
        let all = [write(1, 2, 0), write(2, 2, 0), write(3, 4, 2)].concat();
        let written = Written::of(&log(all.clone()), 1).unwrap();
        let looked = written.look(6, &disk(&all[..3]));
        assert_eq!(
            (looked.lost, looked.first.unwrap()),
            (vec![2], "sector 3 holds write 1".into())
        );
    }

    #[test]
    fn test_a_write_that_never_came_is_lost_wherever_the_cut_is() {
        let all = [write(1, 2, 0), write(3, 4, 2)].concat();
        let of = |entries: &[Entry]| {
            let written = Written::of(&log(entries.to_vec()), 1).unwrap();
            written.look(entries.len(), &disk(entries))
        };
        let looked = of(&all);
        assert_eq!(
            (looked.lost, looked.first.unwrap()),
            (vec![2], "it never came to the disk".into())
        );
        let looked = of(&all[1..]);
        assert_eq!(looked.lost, [1, 2]);
        assert!(looked.first.unwrap().starts_with("1 of its {2} sectors"));
    }

    #[test]
    fn test_what_is_no_program_s_is_an_error() {
        let mut all = entries();
        all.push(Entry::Write { sector: 1, data: vec![0; SECTOR] });
        let error = Written::of(&log(all), 1).unwrap_err().to_string();
        assert!(error.starts_with("entry 9 of the log of writes: sector 1"), "{error}");
        assert!(Written::of(&log(entries()), 2).is_err(), "of another run");
        let nothing = Written::of(&log(vec![Entry::Flush]), 1).unwrap();
        assert_eq!((nothing.cuts(), nothing.look(1, &[]).acknowledged), (None, 0));
    }
}
