//! What the programs `state-cut` put through statefsd (`source/apps/state-load`), and whether the store on a disk that
//! a power cut left has what was acknowledged.
//!
//! The store is opened by the engine itself, as statefsd does. What was acknowledged at some time is what a value says
//! that came to the disk by then, and is read from the sectors, without the engine.

use super::{Entry, Looked, SECTOR, WriteLog};
use nexus_store::fake::FakeDisk;
use nexus_store::{Engine, Key, OpenOptions, Store, TreeId, gpt};
use std::collections::BTreeMap;

const MAGIC: &[u8; 8] = b"NXVALUE1";
/// Bytes of a part of a value.
const PART: usize = 48;
/// Keys, round which changes go.
const KEYS: u64 = 64;
/// Changes of a batch.
const BATCH: u64 = 4;

/// Who put something, and up to which of its changes all were acknowledged then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    /// Entries of the log by then.
    entries: usize,
    who: u32,
    synced: u64,
}

/// What was put in a run.
#[derive(Debug)]
pub struct Kept {
    run: u64,
    /// The partition of the store.
    guid: [u8; 16],
    /// The tree of each that put something.
    trees: BTreeMap<u32, u128>,
    said: Vec<Said>,
    /// Entries of the log.
    entries: usize,
}

/// A part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    who: u32,
    parts: u32,
    number: u64,
    synced: u64,
}

impl Part {
    /// At the beginning of these bytes, when it is whole and of this run.
    fn read(bytes: &[u8], run: u64) -> Option<Part> {
        let (body, sum) = bytes.get(..PART)?.split_at_checked(PART - 8)?;
        let (words, _) = body.as_chunks::<8>();
        let [magic, nonce, both, number, synced] =
            words.first_chunk::<5>()?.map(u64::from_le_bytes);
        let ours = magic == u64::from_le_bytes(*MAGIC) && nonce == run;
        let whole = sum == fnv1a(body).to_le_bytes() && synced < number;
        let [parts, who] = [both >> 32, both & u64::from(u32::MAX)].map(u32::try_from);
        (ours && whole).then_some(Part { who: who.ok()?, parts: parts.ok()?, number, synced })
    }
}

/// FNV-1a, 64 bits (RFC 9923, 2 and 5).
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Parts of the value of a change.
fn parts(number: u64) -> u64 {
    if number.is_multiple_of(29) { 120 } else { 2 + number * 7 % 20 }
}

/// Whether there is a state after so many changes: not inside of a batch.
fn is_state(upto: u64) -> bool {
    !(1..BATCH).contains(&(upto % 16))
}

/// The change whose value a key has after so many changes; none when it has none.
fn last(upto: u64, place: u64) -> Option<u64> {
    let behind = upto % KEYS;
    let back = (behind + KEYS - place) % KEYS;
    let number = upto.checked_sub(back).filter(|number| *number > 0)?;
    (number % 16 != 9).then_some(number)
}

impl Kept {
    /// By the run with this number, in the store with this GUID. `tree` says which tree a service has.
    #[must_use]
    pub fn of(
        log: &WriteLog,
        run: u64,
        guid: [u8; 16],
        tree: impl Fn(u32) -> Option<u128>,
    ) -> Kept {
        let (mut said, mut trees) = (Vec::new(), BTreeMap::new());
        for (before, entry) in log.entries().iter().enumerate() {
            let Entry::Write { data, .. } = entry else { continue };
            for sector in data.chunks(SECTOR) {
                let at = (0..sector.len()).filter(|at| sector[*at..].starts_with(MAGIC));
                for Part { who, synced, .. } in
                    at.filter_map(|at| Part::read(sector.get(at..)?, run))
                {
                    if let Some(tree) = tree(who) {
                        trees.insert(who, tree);
                        said.push(Said { entries: before + 1, who, synced });
                    }
                }
            }
        }
        Kept { run, guid, trees, said, entries: log.entries().len() }
    }

    /// Up to which change of `who` all had been acknowledged when the log had so many entries.
    fn acknowledged(&self, who: u32, after: usize) -> u64 {
        let by_then = self.said.iter().filter(|said| said.entries <= after && said.who == who);
        by_then.map(|said| said.synced).max().unwrap_or(0)
    }

    /// After how many entries something of everybody had been acknowledged, and how many there are.
    #[must_use]
    pub fn cuts(&self) -> Option<(usize, usize)> {
        let first = |who: &u32| {
            let told = self.said.iter().filter(|said| said.who == *who && said.synced > 0);
            told.map(|said| said.entries).min()
        };
        let firsts: Option<Vec<usize>> = self.trees.keys().map(first).collect();
        Some((firsts?.into_iter().max()?, self.entries))
    }

    /// Opens the store on a disk, and looks for all that had been acknowledged when the log had so many entries.
    #[must_use]
    pub fn look(&self, after: usize, disk: Vec<u8>) -> Looked {
        let all = self.trees.keys().map(|who| (*who, self.acknowledged(*who, after)));
        let all: Vec<(u32, u64)> = all.collect();
        let acknowledged = all.iter().map(|(_, upto)| upto).sum();
        let mut looked = Looked { acknowledged, lost: Vec::new(), first: None };
        let mut lose = |number: u64, why: String| {
            looked.lost.push(number);
            looked.first.get_or_insert(why);
        };
        match self.open(disk) {
            Err(why) => lose(1, format!("the store is not opened: {why}")),
            Ok(mut store) => {
                for (who, upto) in all {
                    if let Err(why) = self.has(&mut store, who, upto) {
                        lose(upto, why);
                    }
                }
            }
        }
        looked
    }

    fn open(&self, disk: Vec<u8>) -> Result<Engine<FakeDisk>, String> {
        let mut disk = FakeDisk::of(disk);
        let extent = gpt::find(&mut disk, self.guid).map_err(|why| why.to_string())?;
        let options = OpenOptions::new(self.guid, self.run);
        Engine::open(disk, extent, &options).map_err(|why| why.to_string())
    }

    /// That the content of a tree is that after some change, and not before this one.
    fn has(&self, store: &mut Engine<FakeDisk>, who: u32, upto: u64) -> Result<(), String> {
        let tree = TreeId(self.trees.get(&who).copied().unwrap_or_default());
        let mut there = Vec::new();
        for place in 0..KEYS {
            there.push(self.number(store, tree, who, place)?);
        }
        let newest = there.iter().flatten().max().copied().unwrap_or(0).max(upto);
        let mut states = (upto..=newest + KEYS).filter(|state| is_state(*state));
        let is = |state: &u64| (0..).zip(&there).all(|(place, is)| last(*state, place) == *is);
        if states.any(|state| is(&state)) {
            return Ok(());
        }
        let missing = (0..).zip(&there).find_map(|(place, is)| {
            let wanted = last(upto, place)?;
            is.is_none_or(|is| is < wanted).then_some((place, wanted, *is))
        });
        Err(match missing {
            Some((place, wanted, is)) => {
                format!("key {place} of service {who} holds {is:?}, and {wanted} was acknowledged")
            }
            None => format!("service {who}: what is there is the content after no change"),
        })
    }

    /// The change whose value a key holds.
    fn number(
        &self,
        store: &mut Engine<FakeDisk>,
        tree: TreeId,
        who: u32,
        place: u64,
    ) -> Result<Option<u64>, String> {
        let (name, mut value) = (format!("load/{place:02}"), Vec::new());
        let key = Key::new(&name).map_err(|why| why.to_string())?;
        let found = store.get(tree, key, &mut value).map_err(|why| why.to_string())?;
        if found.is_none() {
            return Ok(None);
        }
        let part = Part::read(&value, self.run).filter(|part| part.who == who);
        let whole = part.filter(|part| {
            let all = parts(part.number);
            let first = value.get(..PART).unwrap_or_default();
            u64::from(part.parts) == all
                && value.len() as u64 == all * PART as u64
                && value.chunks(PART).all(|other| other == first)
                && part.number % KEYS == place
        });
        let whole = whole.ok_or_else(|| format!("key {place} of service {who} is not whole"))?;
        Ok(Some(whole.number))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::qemu::disk::write_log::tests::log;
    use nexus_store::fake::Event;
    use nexus_store::{Expect, FormatOptions, Identity, Step, format};

    const GUID: [u8; 16] = *b"a store to cut..";
    const RUN: u64 = 9;
    const WHO: u32 = 120;

    /// A part of a value: its run, how many parts and whose it is, the change, and what was acknowledged.
    pub(in crate::qemu::disk) fn part([run, parts, who, number, synced]: [u64; 5]) -> Vec<u8> {
        let words = [run, parts << 32 | who, number, synced].map(u64::to_le_bytes);
        let mut part = [MAGIC.as_slice(), words.as_flattened()].concat();
        let sum = fnv1a(&part).to_le_bytes();
        part.extend(sum);
        part
    }

    fn value(number: u64, synced: u64) -> Vec<u8> {
        let part = part([RUN, parts(number), u64::from(WHO), number, synced]);
        part.repeat(usize::try_from(parts(number)).unwrap())
    }

    #[test]
    fn test_what_is_no_part_of_this_run_is_none() {
        let good = [RUN, 11, 120, 7, 5];
        let read = |bytes: &[u8]| Part::read(bytes, RUN);
        let expected = Part { who: WHO, parts: 11, number: 7, synced: 5 };
        assert_eq!(read(&part(good)), Some(expected));
        assert_eq!(read(&part([RUN, 11, 120, 7, 6])).map(|part| part.synced), Some(6));
        for other in [[RUN + 1, 11, 120, 7, 5], [RUN, 11, 120, 7, 7], [RUN, 11, 120, 7, 8]] {
            assert_eq!(read(&part(other)), None, "{other:?}");
        }
        assert_eq!(read(&part(good)[..PART - 1]), None);
        let mut unlike = part(good);
        unlike[0] ^= 1;
        let sum = fnv1a(&unlike[..PART - 8]).to_le_bytes();
        unlike[PART - 8..].copy_from_slice(&sum);
        assert_eq!(read(&unlike), None, "it begins otherwise");
        let mut torn = part(good);
        torn[PART - 1] ^= 1;
        assert_eq!(read(&torn), None, "its sum");
    }

    #[test]
    fn test_the_power_is_cut_once_something_of_everybody_was_acknowledged() {
        let said = |who: u64, number, synced| {
            let mut data = part([RUN, 1, who, number, synced]);
            data.resize(SECTOR, 0);
            Entry::Write { sector: 0, data }
        };
        let cuts = |entries| Kept::of(&log(entries), RUN, GUID, |who| Some(who.into())).cuts();
        assert_eq!(cuts(vec![said(120, 2, 1)]), Some((1, 1)));
        let two = || vec![said(120, 1, 0), said(121, 2, 1), said(120, 2, 1), Entry::Flush];
        assert_eq!(cuts(two()), Some((3, 4)));
        assert_eq!(cuts(two()[..2].to_vec()), None, "nothing of one was");
        let kept = Kept::of(&log(two()), RUN, GUID, |who| Some(who.into()));
        assert_eq!([2, 3].map(|after| kept.acknowledged(120, after)), [0, 1]);
    }

    #[test]
    fn test_a_value_that_is_not_whole_is_told() {
        let holds = |place: u64, value: &[u8]| {
            let (before, _) = made(0);
            let mut kept = Kept::of(&log(Vec::new()), RUN, GUID, |_| None);
            kept.trees.insert(WHO, 77);
            let disk = FakeDisk::of(before);
            let mut store = kept.open(disk.bytes()).unwrap();
            let (key, who) = (format!("load/{place:02}"), u64::from(WHO));
            store.put(TreeId(77), Key::new(&key).unwrap(), value, Expect::Any).unwrap();
            kept.number(&mut store, TreeId(77), u32::try_from(who).unwrap(), place)
        };
        let good = value(7, 5);
        assert_eq!(holds(7, &good), Ok(Some(7)));
        let mut unlike = good.clone();
        let end = unlike.len() - PART;
        unlike[end..].copy_from_slice(&part([RUN, 11, 120, 7, 4]));
        let who = u64::from(WHO);
        for (place, value) in [
            (8, good.clone()),
            (7, good[..10 * PART].to_vec()),
            (7, unlike),
            (7, part([RUN, 12, who, 7, 5]).repeat(11)),
            (7, part([RUN, 11, who + 1, 7, 5]).repeat(11)),
            (7, Vec::new()),
        ] {
            let told = Err(format!("key {place} of service 120 is not whole"));
            assert_eq!(holds(place, &value), told, "{} bytes", value.len());
        }
    }

    #[test]
    fn test_the_first_key_that_is_behind_is_told() {
        let (before, log) = made(150);
        let kept = kept(&log);
        let (first, last) = kept.cuts().unwrap();
        // The last state that lacks something: most keys have what they must.
        let looked = (first..last)
            .rev()
            .map(|after| kept.look(last, disk(&before, &log.entries()[..after])));
        let told = looked.filter_map(|looked| looked.first).next().unwrap();
        let numbers: Vec<u64> = told
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        let [place, who, is, wanted] = numbers[..] else { panic!("{told}") };
        assert_eq!((who, wanted % KEYS), (120, place), "{told}");
        assert!(is < wanted, "{told}");
    }

    #[test]
    fn test_a_part_is_as_the_program_writes_it() {
        let both = 11 << 32 | 120_u64;
        let words = [1, both, 7, 5].map(u64::to_le_bytes);
        let part = [MAGIC.as_slice(), words.as_flattened()].concat();
        // The program is held against the same number.
        assert_eq!((parts(7), fnv1a(&part)), (11, 0x3393_0c54_5546_ad5b));
    }

    /// A disk with an empty store, and what `changes` changes with a sync behind each third do to it.
    fn made(changes: u64) -> (Vec<u8>, WriteLog) {
        let mut disk = FakeDisk::new(8192);
        let extent = gpt::create(&mut disk, [1; 16], GUID).unwrap();
        let identity = Identity { guid: GUID, key: 5 };
        let disk = format(disk, extent, identity, FormatOptions::default()).unwrap();
        let (before, shared) = (disk.bytes(), disk.clone());
        shared.record();
        let mut store = Engine::open(disk, extent, &OpenOptions::new(GUID, 1)).unwrap();
        let (mut number, mut synced) = (1, 0);
        while number <= changes {
            number = change(&mut store, number, synced);
            if number - 1 - synced >= 3 {
                store.sync().unwrap();
                synced = number - 1;
            }
        }
        let entry = |event| match event {
            Event::Write { sector, data } => Entry::Write { sector, data },
            Event::Flush => Entry::Flush,
        };
        (before, log(shared.trace().into_iter().map(entry).collect()))
    }

    /// The next change, or batch; which one follows.
    fn change(store: &mut Engine<FakeDisk>, number: u64, synced: u64) -> u64 {
        let name = |number: u64| format!("load/{:02}", number % KEYS);
        let (tree, any) = (TreeId(77), Expect::Any);
        match number % 16 {
            1 => {
                let rows: Vec<_> = (number..number + BATCH)
                    .map(|number| (name(number), value(number, synced)))
                    .collect();

                let steps: Vec<_> = rows
                    .iter()
                    .map(|(name, value)| {
                        let key = Key::new(name).unwrap();
                        Step { key, value: Some(value.as_slice()), expect: any }
                    })
                    .collect();
                store.batch(tree, &steps).unwrap();
                return number + BATCH;
            }
            9 => drop(store.delete(tree, Key::new(&name(number)).unwrap(), any).unwrap()),
            _ => {
                let (name, value) = (name(number), value(number, synced));
                store.put(tree, Key::new(&name).unwrap(), &value, any).unwrap();
            }
        }
        number + 1
    }

    fn kept(log: &WriteLog) -> Kept {
        Kept::of(log, RUN, GUID, |who| (who == WHO).then_some(77))
    }

    fn disk(before: &[u8], entries: &[Entry]) -> Vec<u8> {
        let mut disk = before.to_vec();
        for entry in entries {
            if let Entry::Write { sector, data } = entry {
                let start = usize::try_from(*sector).unwrap() * SECTOR;
                disk[start..start + data.len()].copy_from_slice(data);
            }
        }
        disk
    }

    #[test]
    fn test_what_was_acknowledged_is_found_wherever_the_log_ends() {
        let (before, log) = made(200);
        let kept = kept(&log);
        let (first, last) = kept.cuts().unwrap();
        assert!(last - first > 80, "{first} {last}");
        for after in (first..=last).step_by(5) {
            let looked = kept.look(after, disk(&before, &log.entries()[..after]));
            assert_eq!(looked.lost, [0; 0], "{after}: {:?}", looked.first);
        }
        assert!(kept.look(last, disk(&before, log.entries())).acknowledged > 190);
    }

    #[test]
    fn test_what_is_lost_or_torn_is_told() {
        let (before, log) = made(120);
        let kept = kept(&log);
        let (_, last) = kept.cuts().unwrap();
        let early = kept.look(last, disk(&before, &log.entries()[..last / 2]));
        assert_eq!(early.lost.len(), 1);
        assert!(early.first.unwrap().contains("was acknowledged"));
        let none = kept.look(last, before.clone());
        assert!(none.first.unwrap().contains("holds None"));
        let blank = kept.look(last, vec![0; before.len()]);
        assert!(blank.first.unwrap().starts_with("the store is not opened: the first copy"));
    }

    #[test]
    fn test_a_state_between_two_changes_is_no_content() {
        assert_eq!(
            [0, 1, 2, 3, 4, 16, 17, 20].map(is_state),
            [true, false, false, false, true, true, false, true]
        );
        assert_eq!(
            [last(0, 0), last(70, 6), last(70, 7), last(63, 0)],
            [None, Some(70), Some(7), None]
        );
        assert_eq!((last(9, 9), last(73, 9), last(64, 0)), (None, None, Some(64)));
    }
}
