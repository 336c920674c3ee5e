//! From one shared memory to another: real and fake.

use core::cell::Cell;
use core::sync::atomic::AtomicU64;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use crate::fake::FakeMemory;
use crate::memory_tests::memory;
use crate::{Outside, ReadWrite, Shared, SharedMemory, SharedMut, copy_between};

const LEN: usize = 320;

/// What must be in `to` after `len` bytes of [`numbers`] came from `from` to `at`.
fn expected(from: usize, at: usize, len: usize) -> Vec<u8> {
    let mut all = vec![0; LEN];
    for offset in 0..len {
        all[at + offset] = number(from + offset);
    }
    all
}

/// What stands at this place: no run of words looks like the one beside it.
const fn number(place: usize) -> u8 {
    (place % 251) as u8 + 1
}

fn numbers() -> Vec<u8> {
    (0..LEN).map(number).collect()
}

fn bytes(memory: &impl Shared) -> Vec<u8> {
    let mut all = vec![0; memory.len()];
    memory.copy_out(0, &mut all).unwrap();
    all
}

#[test]
fn every_offset_is_copied_to_every_other() {
    static MEMORY: [[AtomicU64; LEN / 8]; 2] =
        [const { [const { AtomicU64::new(0) }; LEN / 8] }; 2];
    let [mut from, mut to]: [SharedMemory<ReadWrite>; 2] = MEMORY.each_ref().map(memory);
    from.copy_in(0, &numbers()).unwrap();
    for from_offset in 0..9 {
        for to_offset in 0..9 {
            for len in [0, 1, 6, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 135, 136, LEN - 8] {
                to.copy_in(0, &[0; LEN]).unwrap();
                copy_between(&from, from_offset, &mut to, to_offset, len).unwrap();
                let what = (from_offset, to_offset, len);
                assert_eq!(bytes(&to), expected(from_offset, to_offset, len), "{what:?}");
            }
        }
    }
}

#[test]
fn a_copy_that_is_not_inside_either_copies_nothing() {
    let [from, to] = [24, 16].map(FakeMemory::new);
    let (mut from, mut to) = (from.peer(0..24), to.peer(0..16));
    from.copy_in(0, &[7; 24]).unwrap();
    let cases = [
        (0, 0, 17),
        (0, 1, 16),
        (16, 0, 9),
        (25, 0, 0),
        (0, 17, 0),
        (usize::MAX, 0, 1),
        (0, usize::MAX, 1),
        (8, 0, usize::MAX),
    ];
    for (from_offset, to_offset, len) in cases {
        let copied = copy_between(&from, from_offset, &mut to, to_offset, len);
        assert_eq!(copied, Err(Outside), "{len} bytes from {from_offset} to {to_offset}");
    }
    assert_eq!(bytes(&to), [0; 16]);
    assert_eq!(copy_between(&from, 24, &mut to, 16, 0), Ok(()));
    assert_eq!(copy_between(&from, 8, &mut to, 0, 16), Ok(()));
    assert_eq!(bytes(&to), [7; 16]);
}

#[test]
fn each_byte_is_loaded_once() {
    // The last is long enough for words in a row, and for some behind them.
    for (from_offset, to_offset, len, loads) in
        [(1, 1, 24, 4), (0, 8, 24, 3), (0, 1, 24, 1), (0, 8, 144, 18)]
    {
        let memory = FakeMemory::new(320);
        let from = memory.part::<ReadWrite>(0..160);
        let mut to = memory.part::<ReadWrite>(160..320);
        let made = Rc::new(Cell::new(0));
        let counted = Rc::clone(&made);
        memory.after_each_load(move || counted.set(counted.get() + 1));
        copy_between(&from, from_offset, &mut to, to_offset, len).unwrap();
        assert_eq!(made.get(), loads, "{len} bytes from {from_offset} to {to_offset}");
    }
}

#[test]
fn words_are_aligned_and_inside() {
    static MEMORY: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    let mut real: SharedMemory<ReadWrite> = memory(&MEMORY);
    let memory = FakeMemory::new(16);
    check_words(&mut real);
    check_words(&mut memory.part::<ReadWrite>(0..16));
    check_words(&mut memory.peer(0..16));
}

fn check_words(memory: &mut impl SharedMut) {
    let words = [1_u64, 2].map(u64::to_le);
    memory.put_words(0, words.into_iter()).unwrap();
    assert_eq!(memory.words(8, 1).unwrap().collect::<Vec<_>>(), [words[1]]);
    let cases = [(1, 1), (4, 1), (0, 3), (8, 2), (16, 1), (17, 0), (usize::MAX - 7, 1)];
    for (offset, count) in cases.into_iter().chain([(0, usize::MAX / 8 + 1)]) {
        assert!(memory.words(offset, count).is_err(), "{count} words at {offset}");
        let stored = memory.put_words(offset, core::iter::repeat_n(7, count));
        assert_eq!(stored, Err(Outside), "{count} words at {offset}");
    }
    assert!(memory.words(3, 0).is_ok() && memory.words(16, 0).is_ok());
    assert_eq!(memory.words(0, 2).unwrap().collect::<Vec<_>>(), words);
}
