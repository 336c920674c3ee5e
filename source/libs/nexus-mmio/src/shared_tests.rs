//! The fake memory: what it holds back, and what it refuses.

use core::cell::Cell;
use std::rc::Rc;

use crate::fake::{FakeMemory, FakeShared};
use crate::{Outside, ReadOnly, ReadWrite, Shared, SharedMut, Split};

fn parts(memory: &FakeMemory) -> (FakeShared<ReadWrite>, FakeShared<ReadOnly>) {
    (memory.part(0..8), memory.part(8..16))
}

#[test]
fn the_device_sees_a_store_when_there_was_a_fence() {
    let memory = FakeMemory::new(16);
    let (mut ours, _) = parts(&memory);
    ours.write16(2, 0x0201);
    assert_eq!(ours.read16(2), 0x0201, "the driver sees its own");
    assert_eq!(memory.device_read(2..4), [0, 0]);
    ours.fence();
    assert_eq!(memory.device_read(2..4), [1, 2]);
}

#[test]
fn a_newer_store_overtakes_an_older_one_of_another_place() {
    let memory = FakeMemory::new(16);
    let (mut ours, _) = parts(&memory);
    ours.write16(0, 1);
    ours.write16(2, 2);
    ours.write16(4, 3);
    ours.write16(4, 4);
    memory.overtake(1);
    assert_eq!(memory.device_read(0..6), [0, 0, 0, 0, 4, 0]);
    memory.overtake(1);
    assert_eq!(memory.device_read(0..6), [0, 0, 2, 0, 4, 0]);
    memory.overtake(9);
    assert_eq!(memory.device_read(0..6), [1, 0, 2, 0, 4, 0]);
}

#[test]
fn a_load_of_another_place_was_made_at_the_fence() {
    let memory = FakeMemory::new(16);
    let (_, theirs) = parts(&memory);
    memory.device_write(8, &[1, 0, 1, 0]);
    assert_eq!(theirs.read16(0), 1, "the first place is as it is");
    assert_eq!(theirs.read16(2), 0, "the second was loaded ahead");
    assert_eq!(theirs.read16(2), 1, "and not again");
    theirs.fence();
    memory.device_write(8, &[2, 0]);
    assert_eq!(theirs.read16(0), 2);
    let mut bytes = [0; 2];
    assert_eq!(theirs.copy_out(2, &mut bytes), Ok(()));
    assert_eq!((bytes, theirs.read32(4)), ([1, 0], 0));
}

#[test]
fn something_can_happen_after_each_load() {
    let memory = FakeMemory::new(16);
    let (_, theirs) = parts(&memory);
    let loads = Rc::new(Cell::new(0));
    let counted = Rc::clone(&loads);
    let again: FakeShared<ReadOnly> = memory.part(0..8);
    memory.after_each_load(move || {
        counted.set(counted.get() + 1);
        again.read16(0);
    });
    theirs.read16(0);
    theirs.read32(4);
    assert_eq!(loads.get(), 2);
}

#[test]
fn a_copy_outside_a_part_is_refused() {
    let memory = FakeMemory::new(16);
    let (mut ours, theirs) = parts(&memory);
    assert_eq!((ours.len(), ours.is_empty()), (8, false));
    for (offset, len) in [(0, 9), (8, 1), (7, 2), (9, 0), (usize::MAX, 1)] {
        assert_eq!(ours.copy_in(offset, &[1; 9][..len]), Err(Outside));
        assert_eq!(theirs.copy_out(offset, &mut [0; 9][..len]), Err(Outside));
    }
    assert_eq!(ours.copy_in(0, &[1; 8]), Ok(()));
    ours.fence();
    assert_eq!(memory.device_read(0..16), [[1; 8], [0; 8]].concat());
}

#[test]
#[should_panic(expected = "word of 2 bytes at 0x1")]
fn a_word_that_is_not_aligned_is_a_mistake() {
    parts(&FakeMemory::new(16)).1.read16(1);
}

#[test]
#[should_panic(expected = "word of 4 bytes at 0x8")]
fn a_word_that_is_not_inside_is_a_mistake() {
    parts(&FakeMemory::new(16)).1.read32(8);
}

#[test]
fn a_part_is_split_where_a_word_begins() {
    let memory = FakeMemory::new(24);
    let part: FakeShared<ReadWrite> = memory.part(8..24);
    let part = part.split(17).err().unwrap().split(4).err().unwrap();
    let (first, mut rest) = part.split(8).ok().unwrap();
    assert_eq!((first.len(), rest.len()), (8, 8));
    assert_eq!(rest.copy_in(8, &[1]), Err(Outside));
    rest.write16(6, 0x0201);
    rest.fence();
    assert_eq!(memory.device_read(22..24), [1, 2]);
}
