//! A peer that is not there, and lies: for tests, over [fake memory](nexus_mmio::fake::FakeMemory).

mod consumer;
mod driver;
mod liar;

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{ReadWrite, Shared};

use crate::{DATA, Ended};
use liar::Liar;

/// Entries of the rings here.
const N: usize = 4;
/// Bytes of data.
const LEN: usize = 64;
/// The life of the consumer.
const LIFE: u32 = 3;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests completed.
    pub completed: usize,
    /// Requests that the driver's side of the ring refused.
    pub refused: u64,
    /// Attachments after the first.
    pub restarts: usize,
    /// Why the first attachment that was over was so.
    pub ended: Option<Ended>,
}

/// One side, and a peer that writes anything anywhere in the memory between its steps and after each of its
/// loads. `data` drives both: the first byte says which side it is, each one after it who acts.
///
/// # Panics
/// Something is not true that must be: a request is handed out that is not in flight, or twice, or with data
/// outside the data area; more than `N` are in flight; a call loads more often than its loop may; a side
/// goes on after an attachment is over, or says twice why; a request of an attachment that is over is
/// completed; a request in flight is not told of when the next attachment begins.
#[must_use]
pub fn exercise(data: &[u8]) -> Outcome {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let stage = Stage::new(rest);
    if first & 1 == 0 {
        consumer::run(&stage, first & 2 == 0)
    } else {
        driver::run(&stage, first & 2 == 0)
    }
}

/// What both exercises stand on.
struct Stage {
    memory: FakeMemory,
    liar: Rc<RefCell<Liar>>,
    /// Loads that the call may still make.
    left: Rc<Cell<usize>>,
}

impl Stage {
    fn new(data: &[u8]) -> Stage {
        let memory = FakeMemory::new(DATA + LEN);
        let liar = Rc::new(RefCell::new(Liar::new(&memory, data)));
        let left = Rc::new(Cell::new(usize::MAX));
        Stage { memory, liar, left }
    }

    /// From now on the peer may lie after each load.
    fn begin(&self, consumer_lies: bool) {
        self.liar.borrow_mut().is_consumer = consumer_lies;
        let (liar, left) = (Rc::clone(&self.liar), Rc::clone(&self.left));
        self.memory.after_each_load(move || {
            left.set(left.get().checked_sub(1).expect("more loads than the call may make"));
            liar.borrow_mut().perhaps();
        });
    }

    fn part(&self) -> FakeShared<ReadWrite> {
        self.memory.part(0..DATA + LEN)
    }

    fn byte(&self) -> Option<u8> {
        self.liar.borrow_mut().byte()
    }

    fn lie(&self) {
        self.liar.borrow_mut().lie();
    }

    /// What `call` gives, which loads at most so often.
    fn within<T>(&self, loads: usize, call: impl FnOnce() -> T) -> T {
        self.left.set(loads);
        let result = call();
        self.left.set(usize::MAX);
        result
    }
}

impl Outcome {
    /// Why an attachment is over is told once.
    fn noted<T>(&mut self, over: &mut bool, result: Result<T, Ended>) -> Option<T> {
        match result {
            Ok(value) => {
                assert!(!*over, "it goes on");
                Some(value)
            }
            Err(what) => {
                assert_eq!(what == Ended::Before, *over);
                *over = true;
                if what != Ended::Before {
                    self.ended.get_or_insert(what);
                }
                None
            }
        }
    }
}

/// A part of the data area that may be, or not.
const fn somewhere(byte: u8) -> (u32, u32) {
    match byte % 8 {
        0 => (0, LEN as u32),
        1 => (LEN as u32, 0),
        2 => (1, LEN as u32),
        3 => (u32::MAX, 1),
        4 => (8, u32::MAX),
        5 => (LEN as u32 - 8, 9),
        _ => ((byte >> 3) as u32, 8),
    }
}

/// Whether it may.
const fn is_inside((offset, len): (u32, u32)) -> bool {
    offset as u64 + len as u64 <= LEN as u64
}

/// Bytes of the data area as a side sees them are as many as there are.
fn check_len(memory: &impl Shared, data_len: u32) {
    assert_eq!(memory.len(), DATA + data_len as usize);
}
