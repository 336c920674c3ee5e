//! The real shared memory, over memory of the test.

use core::sync::atomic::{AtomicU64, Ordering};
use std::vec;
use std::vec::Vec;
use zerocopy::IntoBytes;

use crate::{Exact, Outside, ReadOnly, ReadWrite, Shared, SharedMemory, SharedMut, Split};

/// Memory that the test uses through it only.
pub(crate) fn memory<A, const WORDS: usize>(words: &'static [AtomicU64; WORDS]) -> SharedMemory<A> {
    let base = words.as_ptr().expose_provenance();
    // SAFETY: (1) the memory is static: it stays, and is readable and writable. (2) It is aligned to
    // 8. (3) Its references are to atomics, which others may change.
    unsafe { SharedMemory::from_mapping(base, 8 * WORDS) }
}

fn bytes<A>(memory: &SharedMemory<A>) -> Vec<u8>
where
    SharedMemory<A>: Shared,
{
    let mut all = vec![0; memory.len()];
    memory.copy_out(0, &mut all).unwrap();
    all
}

#[test]
fn every_offset_and_length_is_copied_in_and_out() {
    static MEMORY: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
    let mut memory: SharedMemory<ReadWrite> = memory(&MEMORY);
    let from: Vec<u8> = (1..=40).collect();
    for offset in 0..=40 {
        for len in 0..=40 - offset {
            memory.copy_in(0, &[0; 40]).unwrap();
            memory.copy_in(offset, &from[..len]).unwrap();
            let mut expected = [0; 40];
            expected[offset..offset + len].copy_from_slice(&from[..len]);
            assert_eq!(bytes(&memory), expected, "{len} bytes at {offset}");
            let mut to = vec![0xff; len];
            memory.copy_out(offset, &mut to).unwrap();
            assert_eq!(to, from[..len], "{len} bytes at {offset}");
        }
    }
}

#[test]
fn a_copy_that_is_not_inside_is_refused_and_copies_nothing() {
    static MEMORY: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    let mut memory: SharedMemory<ReadWrite> = memory(&MEMORY);
    for (offset, len) in
        [(0, 17), (1, 16), (15, 2), (16, 1), (17, 0), (usize::MAX, 1), (usize::MAX, 0)]
    {
        assert_eq!(memory.copy_in(offset, &vec![5; len]), Err(Outside), "{len} at {offset}");
        let mut to = vec![7; len];
        assert_eq!(memory.copy_out(offset, &mut to), Err(Outside), "{len} at {offset}");
        assert!(to.iter().all(|byte| *byte == 7));
    }
    assert_eq!(memory.copy_out(16, &mut []), Ok(()));
    assert_eq!(bytes(&memory), [0; 16]);
}

#[test]
fn blocks_of_words_are_copied_wherever_they_lie() {
    static MEMORY: [AtomicU64; 30] = [const { AtomicU64::new(0) }; 30];
    let mut memory: SharedMemory<ReadWrite> = memory(&MEMORY);
    let mut words = [0_u64; 30];
    words.as_mut_bytes().iter_mut().zip(1..).for_each(|(byte, number)| *byte = number);
    for skew in 0..9 {
        for offset in 0..17 {
            for len in [0, 1, 8, 63, 64, 65, 72, 127, 128, 136, 200] {
                memory.copy_in(0, &[0; 240]).unwrap();
                let from = &words.as_bytes()[skew..skew + len];
                memory.copy_in(offset, from).unwrap();
                let there = bytes(&memory);
                assert_eq!(&there[offset..offset + len], from, "{skew} {offset} {len}");
                let others = there[..offset].iter().chain(&there[offset + len..]);
                assert!(others.copied().all(|byte| byte == 0), "{skew} {offset} {len}");
                let mut back = [0_u64; 30];
                memory.copy_out(offset, &mut back.as_mut_bytes()[skew..skew + len]).unwrap();
                assert_eq!(&back.as_bytes()[skew..skew + len], from, "{skew} {offset} {len}");
                assert!(back.as_bytes()[skew + len..].iter().all(|byte| *byte == 0));
            }
        }
    }
}

#[test]
fn words_are_little_endian_aligned_and_inside() {
    static MEMORY: [AtomicU64; 1] = [const { AtomicU64::new(0) }; 1];
    let mut memory: SharedMemory<ReadWrite> = memory(&MEMORY);
    memory.copy_in(0, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert_eq!((memory.read16(2), memory.read16(6)), (0x0403, 0x0807));
    assert_eq!((memory.read32(0), memory.read32(4)), (0x0403_0201, 0x0807_0605));
    for offset in [1, 7, 8, 9, usize::MAX - 1, usize::MAX] {
        assert_eq!(memory.read16(offset), u16::MAX);
        memory.write16(offset, 0x5555);
    }
    for offset in [2, 5, 8, usize::MAX - 3] {
        assert_eq!(memory.read32(offset), u32::MAX);
    }
    assert_eq!(bytes(&memory), [1, 2, 3, 4, 5, 6, 7, 8]);
    memory.write16(6, 0xa55a);
    memory.fence();
    assert_eq!(bytes(&memory), [1, 2, 3, 4, 5, 6, 0x5a, 0xa5]);
}

#[test]
fn words_side_by_side_are_all_inside_or_all_ones() {
    static MEMORY: [AtomicU64; 2] = [const { AtomicU64::new(0x0807_0605_0403_0201) }; 2];
    let memory: SharedMemory<ReadOnly> = memory(&MEMORY);
    let [low, high] = [0x0403_0201, 0x0807_0605];
    assert_eq!(memory.read32s(4), [high, low, high]);
    assert_eq!(memory.read32s::<4>(0), [low, high, low, high]);
    for offset in [1, 8, 16, usize::MAX - 3] {
        assert_eq!(memory.read32s(offset), [u32::MAX; 3], "{offset}");
    }
}

#[test]
fn parts_are_what_they_were_cut_from() {
    static MEMORY: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
    let whole: SharedMemory<ReadWrite> = memory(&MEMORY);
    let whole = whole.split(25).unwrap_err().split(4).unwrap_err();
    let (mut first, mut rest) = whole.split(8).unwrap();
    assert_eq!((first.len(), rest.len()), (8, 16));
    first.copy_in(0, &[1; 8]).unwrap();
    rest.copy_in(0, &[2; 16]).unwrap();
    assert_eq!(first.copy_in(1, &[3; 8]), Err(Outside));
    assert_eq!((bytes(&first), bytes(&rest)), (vec![1; 8], vec![2; 16]));
    let (rest, nothing) = rest.split(16).unwrap();
    assert!(nothing.is_empty() && !rest.is_empty());
}

#[test]
fn a_length_that_is_known_is_a_bound_like_any_other() {
    static MEMORY: [AtomicU64; 2] = [const { AtomicU64::new(0x0807_0605_0403_0201) }; 2];
    let whole: SharedMemory<ReadWrite> = memory(&MEMORY);
    let whole = whole.exactly::<8>().unwrap_err().exactly::<24>().unwrap_err();
    let (first, _) = whole.split(8).unwrap();
    let mut first = first.exactly::<8>().unwrap();
    assert_eq!((first.len(), first.read32s(0)), (8, [0x0403_0201, 0x0807_0605]));
    assert_eq!((first.read32(8), first.read16(8)), (u32::MAX, u16::MAX));
    assert_eq!(first.copy_in(1, &[9; 8]), Err(Outside));
    assert_eq!(first.put_words(0, [1, 2].into_iter()), Err(Outside));
    assert_eq!(first.put_words(8, [1].into_iter()), Err(Outside));
    assert_eq!(first.put_words(0, [1].into_iter()), Ok(()));
    let words: [AtomicU64; 2] = MEMORY.each_ref().map(|word| word.load(Ordering::Relaxed).into());
    assert_eq!(words.map(AtomicU64::into_inner), [1_u64.to_le(), 0x0807_0605_0403_0201]);
}

#[test]
fn words_side_by_side_are_all_inside_or_none_is_read() {
    static MEMORY: [AtomicU64; 2] = [const { AtomicU64::new(0x0807_0605_0403_0201) }; 2];
    let memory: SharedMemory<ReadOnly> = memory(&MEMORY);
    assert_eq!(memory.read32s(4), [0x0807_0605, 0x0403_0201, 0x0807_0605]);
    for offset in [2, 12, 16, usize::MAX, usize::MAX - 3] {
        assert_eq!(memory.read32s(offset), [u32::MAX; 2], "{offset}");
    }
}

#[test]
fn what_is_read_only_reads_the_same() {
    static MEMORY: [AtomicU64; 2] = [const { AtomicU64::new(0x0807_0605_0403_0201) }; 2];
    let memory: SharedMemory<ReadOnly> = memory(&MEMORY);
    assert_eq!((memory.len(), memory.read16(0), memory.read32(12)), (16, 0x0201, 0x0807_0605));
    assert_eq!(bytes(&memory), [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
}
