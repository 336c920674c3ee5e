//! Judges a run that ended in a cut of the power, by what cuts at random times leave of its disk.

use super::drive::{Ended, Run};
use super::judge::{Boot, Judgement, ending};
use super::machine::log_of;
use crate::desc::{Checked, Cuts};
use crate::exit::Exit;
use crate::qemu::disk::{Cut, Kept, Looked, Slot, WriteLog, Written};
use anyhow::{Context, Result};
use fastrand::Rng;
use std::fmt;
use std::fs;
use std::ops::Add;
use std::path::Path;

/// So many times as many cuts are tried as are asked for, when none takes anything away.
const AT_MOST: u32 = 4;

/// What cuts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survived {
    /// Cuts after each of which all was there that had to be.
    pub cuts: usize,
    /// Writes that had been acknowledged and were looked for, in all cuts.
    pub checked: u64,
    /// Writes after the last flush that the cuts took away.
    pub taken: usize,
}

impl Add for Survived {
    type Output = Survived;

    fn add(self, other: Survived) -> Survived {
        Survived {
            cuts: self.cuts + other.cuts,
            checked: self.checked + other.checked,
            taken: self.taken + other.taken,
        }
    }
}

impl fmt::Display for Survived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Survived { cuts, checked, taken } = self;
        write!(
            f,
            "after {cuts} power cuts all of {checked} acknowledged writes are there; {taken} others \
             were lost"
        )
    }
}

/// What was written, and was acknowledged.
trait Load {
    /// After how many entries of the log something had been, and how many there were with the last of it.
    fn cuts(&self) -> Option<(usize, usize)>;
    /// Looks for all that had been when the log had so many entries, on a disk that was left then.
    fn look(&self, after: usize, disk: Vec<u8>) -> Looked;
}

impl Load for Written {
    fn cuts(&self) -> Option<(usize, usize)> {
        self.cuts()
    }
    fn look(&self, after: usize, disk: Vec<u8>) -> Looked {
        self.look(after, &disk)
    }
}

impl Load for Kept {
    fn cuts(&self) -> Option<(usize, usize)> {
        self.cuts()
    }
    fn look(&self, after: usize, disk: Vec<u8>) -> Looked {
        self.look(after, disk)
    }
}

/// What a run wrote, by its log.
fn load(log: &WriteLog, run: u64, cuts: &Cuts, checked: &Checked) -> Result<Box<dyn Load>> {
    if !cuts.store {
        return Ok(Box::new(Written::of(log, run)?));
    }
    let description = &checked.description;
    let (_, guid) = description.store().context("no disk of the board has a store")?;
    let tree = |id| description.service(id)?.tree.map(|tree| tree.id);
    Ok(Box::new(Kept::of(log, run, guid, tree)))
}

/// Judges `run`, which left its log in `directory`.
///
/// # Errors
/// The log cannot be read, or is odd.
pub(super) fn judge(
    run: &Run,
    cuts: &Cuts,
    checked: &Checked,
    directory: &Path,
) -> Result<(Judgement, Survived)> {
    if run.ended != Ended::Cut {
        return Ok((never_cut(run), Survived::default()));
    }
    let bytes = Slot::of(&checked.qemu_args())?.bytes()?;
    let path = log_of(directory);
    let log = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let log = WriteLog::read(&log, bytes / crate::qemu::disk::SECTOR as u64)?;
    let load = load(&log, run.transcript.nonce(), cuts, checked)?;
    let disk = vec![0; usize::try_from(bytes)?];
    let (mut findings, survived) = after_cuts(&log, load.as_ref(), &disk, cuts);
    findings.extend(run.transcript.wrong.clone());
    let exit = if findings.is_empty() { Exit::Pass } else { Exit::Failed };
    Ok((Judgement { exit, findings, passed: survived.cuts }, survived))
}

/// The run ended otherwise.
fn never_cut(run: &Run) -> Judgement {
    let (exit, mut findings) = ending(run, Boot::Last);
    findings.push("the power was never cut".to_owned());
    let exit = if exit == Exit::Pass { Exit::Failed } else { exit };
    Judgement { exit, findings, passed: 0 }
}

/// Cuts the power at random times, and says what is lost, and when nothing was tried.
fn after_cuts(
    log: &WriteLog,
    written: &dyn Load,
    disk: &[u8],
    cuts: &Cuts,
) -> (Vec<String>, Survived) {
    let (mut findings, mut survived) = (Vec::new(), Survived::default());
    let Some((first, last)) = written.cuts() else {
        let void = "void: the power was cut before any write was acknowledged";
        return (vec![void.to_owned()], survived);
    };
    let mut random = Rng::with_seed(cuts.seed);
    for tried in 0..cuts.cuts.saturating_mul(AT_MOST) {
        // Where little is under way at one time, some more are tried until one takes something away.
        if tried >= cuts.cuts && survived.taken > 0 {
            break;
        }
        let cut = Cut { after: random.usize(first..=last), seed: random.u64(..) };
        let left = log.cut(disk.to_vec(), cut);
        let looked = written.look(cut.after, left.disk);
        survived.taken += left.lost;
        survived.checked += looked.acknowledged;
        match looked.lost.first() {
            None => survived.cuts += 1,
            Some(write) => findings.push(format!(
                "lost in a power cut after {} of {} entries of the log: {} of {} acknowledged \
                 writes, the first of them write {write}: {}",
                cut.after,
                log.entries().len(),
                looked.lost.len(),
                looked.acknowledged,
                looked.first.unwrap_or_default()
            )),
        }
    }
    if survived.taken == 0 {
        findings.push("void: no cut took anything away that was not flushed".to_owned());
    }
    (findings, survived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::disk::Entry;
    use crate::qemu::disk::fixture::{flush, log, put, write};
    use crate::test_os::transcript::Transcript;
    use std::time::Duration;

    const CUTS: Cuts = Cuts { cuts: 40, seed: 3, store: false };

    fn after(log: &WriteLog) -> (Vec<String>, Survived) {
        let written = Written::of(log, 1).unwrap();
        after_cuts(log, &written, &[0; 512 * 64], &CUTS)
    }

    /// Eight writes, each acknowledged when the next is made; flushed, or not.
    fn entries(flushed: bool) -> WriteLog {
        let entries = (1..=8).flat_map(|number| {
            let entry = write(number, number * 2, number - 1);
            [Some(entry), flushed.then(flush)].into_iter().flatten()
        });
        log(entries.collect())
    }

    #[test]
    fn test_what_was_flushed_survives_each_cut() {
        let (findings, survived) = after(&entries(true));
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(survived.cuts, 40);
        assert!(survived.checked >= 40 && survived.taken > 0, "{survived}");
        assert_eq!((findings, survived), after(&entries(true)), "the same seed, the same cuts");
    }

    // attack 65 U: what was acknowledged was never flushed; lost in some cuts, and told; broken: cut-keeps-all
    #[test]
    fn test_what_was_never_flushed_is_lost_in_some() {
        let (findings, survived) = after(&entries(false));
        assert!(!findings.is_empty() && survived.cuts < 40);
        let says = |finding: &String| {
            finding.starts_with("lost in a power cut after ") && finding.contains(" of 8 entries")
        };
        assert!(findings.iter().all(says), "{findings:?}");
    }

    // attack 65 U: nothing was acknowledged, or no cut took anything away; the run is void; broken: cut-void
    #[test]
    fn test_a_run_in_which_nothing_was_tried_is_void() {
        let none = log(vec![write(1, 2, 0), flush(), write(2, 4, 0)]);
        assert!(after(&none).0[0].starts_with("void: the power was cut before"));
        let (findings, survived) =
            after(&log(vec![write(1, 2, 0), flush(), write(2, 4, 1), flush()]));
        assert_eq!(survived.taken > 0, findings.is_empty());
        let nothing_at_risk = Cuts { cuts: 0, ..CUTS };
        let log = entries(true);
        let written = Written::of(&log, 1).unwrap();
        let (findings, _) = after_cuts(&log, &written, &[0; 512 * 64], &nothing_at_risk);
        assert!(findings[0].starts_with("void: no cut took"), "{findings:?}");
    }

    #[test]
    fn test_what_cuts_came_to_is_added_and_shown() {
        let one = Survived { cuts: 1, checked: 2, taken: 3 };
        let sum = one + Survived { cuts: 10, checked: 20, taken: 30 };
        assert_eq!(sum, Survived { cuts: 11, checked: 22, taken: 33 });
        let shown =
            "after 11 power cuts all of 22 acknowledged writes are there; 33 others were lost";
        assert_eq!(sum.to_string(), shown);
    }

    #[test]
    fn test_more_cuts_are_tried_until_one_takes_something_away() {
        let log = entries(true);
        let written = Written::of(&log, 1).unwrap();
        let tried = |seed| {
            let cuts = Cuts { cuts: 1, seed, ..CUTS };
            after_cuts(&log, &written, &[0; 512 * 64], &cuts).1
        };
        let all: Vec<Survived> = (0..40).map(tried).collect();
        let cuts: Vec<usize> = all.iter().map(|survived| survived.cuts).collect();
        assert!(cuts.contains(&1) && cuts.iter().any(|cuts| *cuts > 1), "{cuts:?}");
        assert!(all.iter().all(|one| one.cuts == AT_MOST as usize || one.taken > 0), "{all:?}");
    }

    /// A log as QEMU writes it, of writes and, where there is none, a flush.
    fn file(entries: &[Option<(u64, Vec<u8>)>]) -> Vec<u8> {
        let block = |numbers: [u64; 4]| {
            let mut block = numbers.map(u64::to_le_bytes).as_flattened().to_vec();
            block.resize(512, 0);
            block
        };
        let mut bytes = block([0x006a_7366_7773_6872, 1, entries.len() as u64, 512]);
        for entry in entries {
            match entry {
                None => bytes.extend(block([0, 0, 1, 0])),
                Some((sector, data)) => {
                    bytes.extend(block([*sector, data.len() as u64 / 512, 0, 0]));
                    bytes.extend(data);
                }
            }
        }
        bytes
    }

    fn run(ended: Ended) -> Run {
        let (witness, ready_after, took) = (None, None, Duration::ZERO);
        Run { ended, transcript: Transcript::new(1), witness, ready_after, took }
    }

    #[test]
    fn test_a_run_is_judged_by_the_log_that_it_left() {
        let checked = crate::desc::load(None, "test").unwrap();
        let sectors = Slot::of(&checked.qemu_args()).unwrap().bytes().unwrap() / 512;
        let directory = tempfile::tempdir().unwrap();
        let judged = |ended, last: u64| {
            let places = (1..=8).map(|number| (number, if number == 8 { last } else { number }));
            let entries: Vec<_> = places
                .flat_map(|(number, sector)| {
                    let Entry::Write { data, .. } = write(number, sector, number - 1) else {
                        panic!()
                    };
                    [Some((sector, data)), None]
                })
                .collect();
            fs::write(log_of(directory.path()), file(&entries)).unwrap();
            judge(&run(ended), &Cuts { cuts: 4, ..CUTS }, &checked, directory.path())
        };
        let (judgement, survived) = judged(Ended::Cut, sectors - 1).unwrap();
        assert_eq!((judgement.exit, judgement.findings), (Exit::Pass, Vec::new()));
        assert!(survived.cuts >= 4 && survived.checked > 0, "{survived}");
        let beyond = format!("{:#}", judged(Ended::Cut, sectors).unwrap_err());
        assert!(beyond.contains(&format!("of a disk of {sectors}")), "{beyond}");
        let (judgement, survived) = judged(Ended::Deadline, sectors - 1).unwrap();
        assert_eq!((judgement.exit, survived), (Exit::Timeout, Survived::default()));
    }

    #[test]
    fn test_who_wrote_is_who_looks() {
        let checked = crate::desc::load(None, "test").unwrap();
        let log = entries(true);
        let of = |store| load(&log, 1, &Cuts { store, ..CUTS }, &checked).unwrap();
        assert_eq!(of(false).cuts(), Written::of(&log, 1).unwrap().cuts());
        assert_eq!(of(true).cuts(), None, "nobody put anything");
        let puts = self::log(vec![flush(), put(120, 2, 1), flush()]);
        let kept = Kept::of(&puts, 1, [0; 16], |_| Some(7));
        assert_eq!(Load::cuts(&kept), Some((2, 3)));
        let disk = vec![0; 512 * 64];
        assert_eq!(of(true).look(3, disk.clone()).lost, [1], "no store is there");
        assert_eq!(Load::look(&kept, 3, disk.clone()), kept.look(3, disk));
    }

    #[test]
    fn test_a_run_that_ended_otherwise_fails() {
        for (ended, exit) in [
            (Ended::Guest(Some(35)), Exit::Failed),
            (Ended::Guest(Some(101)), Exit::Panic),
            (Ended::Deadline, Exit::Timeout),
        ] {
            let judgement = never_cut(&run(ended));
            assert_eq!(judgement.exit, exit);
            assert!(judgement.findings.contains(&"the power was never cut".to_owned()));
        }
    }
}
