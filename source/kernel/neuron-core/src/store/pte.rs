//! Page-table entries of Sv39 (RISC-V Privileged 1.12, 4.3 and 4.4).
//!
//! Callers choose a [`Leaf`]; the bits that keep user and kernel apart are set here and nowhere
//! else. A device leaf has no executable form, and no leaf is both writable and executable.

use nexus_abi::Prot;

use crate::store::addr::Frame;

const VALID: u64 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXEC: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const GLOBAL: u64 = 1 << 5;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;

/// What a leaf lets user mode do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// Loads.
    Read,
    /// Loads and stores.
    ReadWrite,
    /// Loads and instruction fetch; memory only.
    ReadExec,
}

/// What a device leaf lets user mode do. There is no executable device page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevicePerm {
    /// Loads.
    Read,
    /// Loads and stores.
    ReadWrite,
}

impl From<DevicePerm> for Leaf {
    fn from(perm: DevicePerm) -> Leaf {
        match perm {
            DevicePerm::Read => Leaf::Read,
            DevicePerm::ReadWrite => Leaf::ReadWrite,
        }
    }
}

impl Leaf {
    /// The leaf for a protection; `None` for a combination that no mapping has.
    pub(crate) fn from_prot(prot: Prot) -> Option<Leaf> {
        const READ_WRITE: Prot = Prot::READ.union(Prot::WRITE);
        const READ_EXEC: Prot = Prot::READ.union(Prot::EXEC);
        match prot {
            Prot::READ => Some(Leaf::Read),
            READ_WRITE => Some(Leaf::ReadWrite),
            READ_EXEC => Some(Leaf::ReadExec),
            _ => None,
        }
    }
}

/// One entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pte(u64);

impl Pte {
    /// Maps nothing.
    pub const INVALID: Pte = Pte(0);

    /// A user leaf: V, U, A and D set, G clear.
    pub const fn leaf(frame: Frame, leaf: Leaf) -> Pte {
        let access = match leaf {
            Leaf::Read => READ,
            Leaf::ReadWrite => READ | WRITE,
            Leaf::ReadExec => READ | EXEC,
        };
        Pte((frame.number() << 10) | VALID | USER | ACCESSED | DIRTY | access)
    }

    /// A page of a device in the kernel half: V, R, W, G, A and D set; for the kernel alone, never
    /// executable.
    pub const fn device(frame: Frame) -> Pte {
        Pte((frame.number() << 10) | VALID | READ | WRITE | GLOBAL | ACCESSED | DIRTY)
    }

    /// A pointer to the next table.
    pub(crate) const fn table(frame: Frame) -> Pte {
        Pte((frame.number() << 10) | VALID)
    }

    /// From the word in memory.
    pub const fn from_word(word: u64) -> Pte {
        Pte(word)
    }

    /// As the word in memory.
    pub const fn word(self) -> u64 {
        self.0
    }

    /// True when it maps a page or points to a table.
    pub(crate) const fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }

    /// The next table, if this is a pointer to one.
    pub const fn next_table(self) -> Option<Frame> {
        if self.0 & (VALID | READ | WRITE | EXEC) == VALID {
            Some(Frame::from_number(self.0 >> 10))
        } else {
            None
        }
    }

    /// The frame and access of a user leaf.
    pub const fn as_leaf(self) -> Option<(Frame, Leaf)> {
        let leaf = match self.0 & (VALID | READ | WRITE | EXEC | USER) {
            bits if bits == VALID | USER | READ => Leaf::Read,
            bits if bits == VALID | USER | READ | WRITE => Leaf::ReadWrite,
            bits if bits == VALID | USER | READ | EXEC => Leaf::ReadExec,
            _ => return None,
        };
        Some((Frame::from_number(self.0 >> 10), leaf))
    }
}
