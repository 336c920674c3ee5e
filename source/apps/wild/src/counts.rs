//! What was called, and how it ended.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::{SYSCALLS, Syscall};

/// Rows: one for each call, and the last for numbers that are none.
pub const ROWS: usize = SYSCALLS.len() + 1;

/// Numbers that are no call.
pub const UNKNOWN: usize = SYSCALLS.len();

/// How often each call was done, and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// By number: done, refused.
    pub rows: [[u64; 2]; ROWS],
}

impl Default for Counts {
    fn default() -> Counts {
        Counts { rows: [[0; 2]; ROWS] }
    }
}

/// How a call can end, when everybody holds what the wild processes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// Both ways.
    Both,
    /// It is never refused.
    BeDone,
    /// They lack the capability for it, or it does not exist.
    BeRefused,
    /// It is done by ending, which is looked at apart.
    Any,
}

fn must(row: usize) -> Must {
    let call = u64::try_from(row).ok().and_then(Syscall::decode);
    match call {
        Some(Syscall::Null | Syscall::Yield) => Must::BeDone,
        Some(
            Syscall::ProcessCreate
            | Syscall::ConsoleWrite
            | Syscall::ProcessEnd
            | Syscall::TimeStat,
        )
        | None => Must::BeRefused,
        // Nobody but init has MANAGE on a line or a window, nobody PLACE; nothing interrupts.
        Some(Syscall::IrqAck | Syscall::IrqStat | Syscall::CapLimit) => Must::BeRefused,
        Some(
            Syscall::DmaCreate | Syscall::DmaQuiet | Syscall::DmaPlace | Syscall::MmioWriteDma,
        ) => Must::BeRefused,
        Some(Syscall::ThreadExit) => Must::Any,
        Some(_) => Must::Both,
    }
}

impl Counts {
    /// Counts a call.
    pub fn note(&mut self, row: usize, done: bool) {
        if let Some([yes, no]) = self.rows.get_mut(row) {
            *if done { yes } else { no } += 1;
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        for ([yes, no], [more_yes, more_no]) in self.rows.iter_mut().zip(other.rows) {
            *yes += more_yes;
            *no += more_no;
        }
    }

    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.iter().flatten().sum()
    }

    /// Rows that say too little, or what must not be, in words; empty when each call was reached
    /// in each way in which it can end.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let rows = self.rows.iter().enumerate();
        let wrong = rows.filter(|(row, [done, refused])| match must(*row) {
            Must::Both => *done == 0 || *refused == 0,
            Must::BeDone => *done == 0 || *refused != 0,
            Must::BeRefused => *done != 0 || *refused == 0,
            Must::Any => false,
        });
        wrong.map(|(row, _)| self.line(row)).collect()
    }

    /// A row for people.
    #[must_use]
    pub fn line(&self, row: usize) -> String {
        let [done, refused] = self.rows.get(row).copied().unwrap_or_default();
        let name = SYSCALLS.get(row).map_or("(unknown numbers)", |call| call.name);
        format!("{name:20} {done:7} done {refused:7} refused")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Counts {
        let mut counts = Counts::default();
        for row in 0..ROWS {
            let must = must(row);
            counts.rows[row] =
                [u64::from(must != Must::BeRefused), u64::from(must != Must::BeDone)];
        }
        counts
    }

    #[test]
    fn every_call_must_be_reached_in_every_way() {
        assert_eq!(whole().gaps(), Vec::<String>::new());
        for row in 0..ROWS {
            let mut less = whole();
            less.rows[row] = [0, 0];
            let gaps = usize::from(must(row) != Must::Any);
            assert_eq!(less.gaps().len(), gaps, "row {row}");
        }
    }

    #[test]
    fn what_they_cannot_do_must_not_be_done() {
        for call in [Syscall::ProcessCreate, Syscall::ConsoleWrite] {
            let mut more = whole();
            more.note(call.number() as usize, true);
            assert_eq!(more.gaps().len(), 1);
        }
        let mut more = whole();
        more.note(UNKNOWN, true);
        assert!(more.gaps()[0].contains("unknown"));
    }

    #[test]
    fn counts_add_up() {
        let mut sum = whole();
        sum.add(&whole());
        assert_eq!(sum.total(), 2 * whole().total());
    }
}
