//! What tells the code of one program from that of all others, where all begin at the same address.

use nexus_loader::{Perm, Plan, Segment};

/// A word of a program's code, and where it stands in memory, that no other program has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) address: u64,
    pub(super) word: u64,
}

impl Mark {
    /// Of this program, beside the others; `None` where one of them has all of its code, or none of it can be read.
    pub(super) fn of(program: &[u8], others: &[&[u8]]) -> Option<Mark> {
        let others: Vec<(Plan, &[u8])> =
            others.iter().filter_map(|file| Some((Plan::parse(file).ok()?, *file))).collect();
        let plan = Plan::parse(program).ok()?;
        let code = plan.segments().find(|segment| segment.perm == Perm::RX)?;
        let words = (code.va..code.va + code.file_len).step_by(8);
        let mut marks = words.filter_map(|address| {
            let word = word_in(code, program, address)?;
            Some(Mark { address, word })
        });
        marks.find(|mark| !others.iter().any(|(plan, file)| mark.stands_in(plan, file)))
    }

    fn stands_in(self, plan: &Plan, file: &[u8]) -> bool {
        let words = plan.segments().filter_map(|segment| word_in(segment, file, self.address));
        words.into_iter().any(|word| word == self.word)
    }
}

/// The word at an address, of those that the segment has in its file.
fn word_in(segment: &Segment, file: &[u8], address: u64) -> Option<u64> {
    let within = address.checked_sub(segment.va)?;
    let end = within.checked_add(8).filter(|end| *end <= segment.file_len)?;
    let from = usize::try_from(segment.file_offset + within).ok()?;
    let to = usize::try_from(segment.file_offset + end).ok()?;
    Some(u64::from_le_bytes(file.get(from..to)?.try_into().ok()?))
}
