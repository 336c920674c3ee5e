//! Room that the checker works in; its owner keeps it between checks.

use crate::platform::Asid;
use crate::store::addr::{Frame, Page, index};
use crate::store::banks::Banks;

/// What the walk found a frame to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing yet.
    #[default]
    Unseen,
    /// Free.
    Free,
    /// A page table of `level` (2 is the root) whose first entry maps `page`.
    Table { asid: Asid, level: u8, page: u32 },
    /// The record beside a last-level table.
    Record,
    /// Part of a memory object.
    Memory,
}

/// What the checker remembers of one frame of RAM.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameMark {
    pub(super) role: Role,
    /// Its role at the last check.
    pub(super) before: Role,
    /// Of memory: the slot of its object, and which page of it.
    pub(super) vmo: u32,
    pub(super) page: u32,
    pub(super) writable: bool,
    pub(super) executable: bool,
}

/// What the checker adds up for one slot of the process table.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessSum {
    pub(super) objects: u64,
    pub(super) frames: u64,
    pub(super) children: u32,
    /// Set while looking at fences from the last one back.
    pub(super) fenced: bool,
}

/// Room for the checker.
#[derive(Debug)]
pub struct Scratch<'a> {
    pub(super) frames: Banks<'a, FrameMark>,
    pub(super) processes: &'a mut [ProcessSum],
}

impl<'a> Scratch<'a> {
    /// One mark for each frame of RAM; one sum for each slot of the process table.
    pub fn new(frames: Banks<'a, FrameMark>, processes: &'a mut [ProcessSum]) -> Scratch<'a> {
        Scratch { frames, processes }
    }

    pub(super) fn begin(&mut self) {
        for marks in self.frames.iter_mut() {
            for mark in marks {
                *mark = FrameMark { before: mark.role, ..FrameMark::default() };
            }
        }
        self.processes.fill(ProcessSum::default());
    }

    pub(super) fn mark(&mut self, frame: Frame) -> Option<&mut FrameMark> {
        self.frames.get_mut(frame)
    }

    pub(super) fn sum(&mut self, process: u32) -> Option<&mut ProcessSum> {
        self.processes.get_mut(index(process))
    }
}

impl Role {
    /// The last-level entry `index` of this table maps this page.
    pub(super) fn page(self, index: u16) -> Option<(Asid, Page)> {
        match self {
            Role::Table { asid, level: 0, page } => {
                Some((asid, Page::from_number(page.wrapping_add(u32::from(index)))))
            }
            _ => None,
        }
    }
}
