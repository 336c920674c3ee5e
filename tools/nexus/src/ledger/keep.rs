//! Heads of a run that people have, kept as they come: what the machine tells on its serial port, and what its image
//! has when it has ended.

use super::heads::{HeadsFile, KeptHead, numbered};
use super::read::{Kept, kept};
use crate::disk;
use crate::paths;
use anyhow::Result;
use nexus_store::TreeId;
use std::path::Path;

/// Most heads of one run: whoever prints without end fills no disk of the host.
const MOST: usize = 1000;

/// Keeps the heads of one run.
#[derive(Debug)]
pub struct Keeper {
    file: HeadsFile,
    nonce: u64,
    last: Option<(u64, [u8; 32])>,
    count: usize,
    /// Boots that have told how their ledger stood when all was given out.
    boots: usize,
    /// Why no more are kept.
    failed: Option<anyhow::Error>,
}

impl Keeper {
    /// Of the run `nonce`, in the file beside the image.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn beside(image: &Path, nonce: u64) -> Result<Keeper> {
        let file = HeadsFile::open(paths::heads_beside(image))?;
        Ok(Keeper { file, nonce, last: None, count: 0, boots: 0, failed: None })
    }

    /// Takes a line of the serial port. What cannot be kept is told at the end.
    pub fn take(&mut self, line: &str) {
        let Some((is_boot, records, hash)) = told(line) else { return };
        self.boots += usize::from(is_boot);
        if self.last != Some((records, hash)) && self.count < MOST {
            self.last = Some((records, hash));
            self.count += 1;
            self.keep(KeptHead { nonce: self.nonce, records, hash, boot: None });
        }
    }

    /// Keeps where the image has the ledgers of this run end, now that it has ended. What there is to know of it.
    pub fn end(mut self, image: &Path, archive: Option<TreeId>) -> Vec<String> {
        let kept = archive.map(|tree| Ok::<_, anyhow::Error>(kept(&disk::rows_of(image, tree)?)));
        let mut notes = match kept {
            None => Vec::new(),
            Some(Ok(kept)) => self.ended(&kept),
            Some(Err(why)) => {
                vec![format!("the image does not tell the ledger of this run: {why:#}")]
            }
        };
        notes.extend(self.failed.map(|why| format!("heads of this run were not kept: {why:#}")));
        notes
    }

    fn ended(&mut self, kept: &Kept) -> Vec<String> {
        let (mut here, nonce) = (0, self.nonce);
        for (number, boot) in kept.boots.iter().filter(|(_, boot)| boot.nonce == nonce) {
            here += 1;
            if let Some((records, hash)) = boot.head {
                self.keep(KeptHead { nonce, records, hash, boot: Some(*number) });
            }
        }
        let lacks = self.boots.saturating_sub(here);
        let note = (lacks > 0).then(|| {
            format!(
                "the store has no ledger of {lacks} of the {} boots of this run: it never came up, or the power went \
                 first; what they told of it is kept in {}",
                self.boots,
                self.file.path().display()
            )
        });
        note.into_iter().collect()
    }

    fn keep(&mut self, head: KeptHead) {
        if self.failed.is_none() {
            self.failed = self.file.append(&head).err();
        }
    }
}

/// A head that a line of the serial port tells, and whether it is the first of a boot: init's, when all is given out,
/// and the prompt's, under `ledger`.
fn told(line: &str) -> Option<(bool, u64, [u8; 32])> {
    let init = line.strip_prefix("init: ledger of ").map(|rest| (true, rest, " records, head "));
    let (is_boot, rest, between) =
        init.or_else(|| Some((false, line.strip_prefix("head ")?, " ")))?;
    let (records, hash) = rest.split_once(between)?;
    let (records, hash) = numbered(records, hash)?;
    Some((is_boot, records, hash))
}

#[cfg(test)]
mod tests {
    use super::super::heads;
    use super::super::read::Boot;
    use super::*;

    const NONCE: u64 = 0x17;

    fn line(records: u64, byte: u8) -> String {
        format!("init: ledger of {records} records, head {}", format!("{byte:02x}").repeat(32))
    }

    fn head(records: u64, byte: u8, boot: Option<u32>) -> KeptHead {
        KeptHead { nonce: NONCE, records, hash: [byte; 32], boot }
    }

    fn boot(nonce: u64, head: (u64, [u8; 32])) -> Boot {
        let mut boot = Boot::default();
        (boot.nonce, boot.head) = (nonce, Some(head));
        boot
    }

    // attack 67 U: an image is put back, or a store never comes up, and nobody has thought of keeping a head; each run keeps its own; broken: heads-kept, heads-of-image
    #[test]
    fn test_a_run_keeps_what_is_told_and_what_its_image_has() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("a.disk");
        let mut keeper = Keeper::beside(&image, NONCE).unwrap();
        let prompt = format!("head 40 {}", "b1".repeat(32));
        for line in ["neuron: up", &line(30, 0xa0), &prompt, &prompt, "init: ledger of no records"]
        {
            keeper.take(line);
        }
        let mut kept = Kept::default();
        kept.boots.insert(4, boot(NONCE - 1, (9, [1; 32])));
        kept.boots.insert(5, boot(NONCE, (44, [0xc2; 32])));
        assert_eq!(keeper.ended(&kept), Vec::<String>::new());
        let all = [head(30, 0xa0, None), head(40, 0xb1, None), head(44, 0xc2, Some(5))];
        assert_eq!(heads::read(&dir.path().join("a.heads")).unwrap(), all);
    }

    #[test]
    fn test_a_boot_that_left_no_ledger_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::beside(&dir.path().join("a.disk"), NONCE).unwrap();
        // The machine was started anew in between.
        keeper.take(&line(30, 0xa0));
        keeper.take(&line(31, 0xa1));
        let mut kept = Kept::default();
        kept.boots.insert(5, boot(NONCE, (44, [0xa1; 32])));
        let notes = keeper.ended(&kept);
        assert!(notes[0].contains("no ledger of 1 of the 2 boots"), "{notes:?}");
        let notes = keeper.end(&dir.path().join("a.disk"), Some(TreeId(7)));
        assert!(notes[0].contains("does not tell the ledger of this run"), "{notes:?}");
    }

    #[test]
    fn test_a_guest_that_prints_without_end_fills_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::beside(&dir.path().join("a.disk"), NONCE).unwrap();
        (1..2000).for_each(|records| keeper.take(&line(records, 7)));
        assert_eq!(heads::read(&dir.path().join("a.heads")).unwrap().len(), MOST);
    }

    #[test]
    fn test_what_is_no_head_is_none() {
        let hash = "a0".repeat(32);
        assert_eq!(told(&line(7, 0xa0)), Some((true, 7, [0xa0; 32])));
        assert_eq!(told(&format!("head 7 {hash}")), Some((false, 7, [0xa0; 32])));
        for none in [
            format!("x init: ledger of 7 records, head {hash}"),
            format!("init: ledger of 0 records, head {hash}"),
            format!("init: ledger of 7 records, head {hash}0"),
            format!("head 7 {hash} "),
            format!("head {hash}"),
            String::new(),
        ] {
            assert_eq!(told(&none), None, "{none}");
        }
    }
}
