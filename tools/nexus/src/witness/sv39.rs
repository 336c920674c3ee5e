//! The host's own Sv39 walker (RISC-V Privileged 1.12, 4.4). It shares no code with the kernel:
//! an error there must not be repeated here.

use super::ram::Ram;
use std::fmt;

const V: u64 = 1;
const R: u64 = 1 << 1;
const W: u64 = 1 << 2;
const X: u64 = 1 << 3;
const U: u64 = 1 << 4;
const G: u64 = 1 << 5;
const A: u64 = 1 << 6;
const D: u64 = 1 << 7;
const RESERVED: u64 = 0xffc0_0000_0000_0000;
const ENTRIES: u64 = 512;

/// One leaf: a range of virtual addresses and what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// First virtual address, sign-extended.
    pub va: u64,
    /// First physical address.
    pub pa: u64,
    /// Bytes: 4 KiB, 2 MiB or 1 GiB.
    pub len: u64,
    pte: u64,
}

impl Leaf {
    /// Loads are allowed.
    #[must_use]
    pub fn r(&self) -> bool {
        self.pte & R != 0
    }
    /// Stores are allowed.
    #[must_use]
    pub fn w(&self) -> bool {
        self.pte & W != 0
    }
    /// Instruction fetch is allowed.
    #[must_use]
    pub fn x(&self) -> bool {
        self.pte & X != 0
    }
    /// User mode may use it.
    #[must_use]
    pub fn u(&self) -> bool {
        self.pte & U != 0
    }
    /// It counts for every address space.
    #[must_use]
    pub fn g(&self) -> bool {
        self.pte & G != 0
    }
    /// Accessed is set, and dirty where stores are allowed: no trap or update on first use.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.pte & A != 0 && (self.pte & D != 0 || !self.w())
    }
    /// True in the upper half of the address space.
    #[must_use]
    pub fn kernel_half(&self) -> bool {
        self.va >> 63 == 1
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set: bool, name: char| if set { name } else { '-' };
        write!(
            f,
            "{:#x} -> {:#x} ({} KiB {}{}{}{}{})",
            self.va,
            self.pa,
            self.len / 1024,
            flag(self.r(), 'r'),
            flag(self.w(), 'w'),
            flag(self.x(), 'x'),
            flag(self.u(), 'u'),
            flag(self.g(), 'g'),
        )
    }
}

/// An address space, read from memory.
#[derive(Debug, Default)]
pub struct Space {
    /// Every leaf, in order of virtual address within each half.
    pub leaves: Vec<Leaf>,
    /// Physical addresses of the pages that hold the tables, the root first.
    pub tables: Vec<u64>,
    /// Those of them that are the root, or hold entries of the user half.
    pub user_tables: Vec<u64>,
    /// What the architecture does not allow.
    pub errors: Vec<String>,
}

/// Reads the address space under `root`, a physical address.
#[must_use]
pub fn walk(ram: &Ram, root: u64) -> Space {
    let mut space = Space::default();
    if !root.is_multiple_of(4096) {
        space.errors.push(format!("root {root:#x} is not page aligned"));
    } else {
        table(ram, root, 2, 0, &mut space);
    }
    space
}

fn table(ram: &Ram, base: u64, level: u32, va: u64, space: &mut Space) {
    if !ram.contains(base, 4096) {
        space.errors.push(format!("table {base:#x} for {:#x} is not in RAM", canonical(va)));
        return;
    }
    space.tables.push(base);
    if canonical(va) >> 63 == 0 {
        space.user_tables.push(base);
    }
    let span = 4096u64 << (9 * level);
    for index in 0..ENTRIES {
        let Some(pte) = ram.word(base + index * 8) else { continue };
        if pte & V != 0 {
            entry(ram, pte, level, canonical(va + index * span), space);
        }
    }
}

fn entry(ram: &Ram, pte: u64, level: u32, va: u64, space: &mut Space) {
    let pa = (pte & !RESERVED) >> 10 << 12;
    let len = 4096u64 << (9 * level);
    let leaf = pte & (R | W | X) != 0;
    let of_a_leaf = !leaf && pte & (U | A | D) != 0;
    if pte & RESERVED != 0 || of_a_leaf || (pte & W != 0 && pte & R == 0) {
        space.errors.push(format!("entry {pte:#x} for {va:#x} has a reserved encoding"));
    }
    if leaf {
        if !pa.is_multiple_of(len) {
            space.errors.push(format!("large page {va:#x} -> {pa:#x} is not aligned"));
        }
        space.leaves.push(Leaf { va, pa, len, pte });
    } else if level == 0 {
        space.errors.push(format!("entry {pte:#x} for {va:#x} points below the last level"));
    } else {
        table(ram, pa, level - 1, va, space);
    }
}

/// Bits 39 to 63 equal bit 38.
fn canonical(va: u64) -> u64 {
    if va >> 38 & 1 == 1 { va | !((1 << 39) - 1) } else { va & ((1 << 39) - 1) }
}
