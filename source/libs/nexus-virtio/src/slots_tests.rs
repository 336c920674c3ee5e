//! Slots of a queue.

use alloc::vec;

use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{Outside, ReadWrite, Shared, SharedMut};
use nexus_sysdesc::{Queue, Shape};

use crate::bench::{Bench, NUMBER, bench};
use crate::fake::{Layout, Order};
use crate::{Head, Notices, Slots};

// attack 52 U: an access past the end of a piece, into that of a head that the device has; refused; broken: slot-end
#[test]
fn a_piece_ends_where_the_next_begins() {
    let Bench { mut slots, heads, memory, layout, .. } = bench(Notices::Flags, Order::Oldest);
    for (piece, len) in [(0, 4), (1, 5), (2, 3)] {
        assert_eq!(slots.len_of(&heads[1], piece), Some(len));
        for (offset, many) in [(0, len + 1), (len, 1), (len - 1, 2), (len + 1, 0), (usize::MAX, 1)]
        {
            let mut bytes = vec![1; many];
            assert_eq!(slots.write(&heads[1], piece, offset, &bytes), Err(Outside));
            assert_eq!(slots.read(&heads[1], piece, offset, &mut bytes), Err(Outside));
        }
        assert_eq!(slots.clear(&heads[1], piece, len), Ok(()));
        assert_eq!(slots.clear(&heads[1], piece, len + 1), Err(Outside));
    }
    slots.write(&heads[1], 1, 0, &[1; 5]).unwrap();
    slots.clear(&heads[1], 1, 1).unwrap();
    memory.settle();
    let mut expected = vec![0; layout.slots(NUMBER).len()];
    expected[layout.piece(NUMBER, 1, 1).start - layout.slots(NUMBER).start] = 1;
    assert_eq!(memory.device_read(layout.slots(NUMBER)), expected);
}

// attack 52 U: a piece that the head does not have, which would be the next head's; refused; broken: slot-piece
#[test]
fn a_head_has_the_pieces_that_are_described() {
    let Bench { mut slots, heads, .. } = bench(Notices::Flags, Order::Oldest);
    for head in &heads {
        for piece in [3, 4, usize::MAX] {
            assert_eq!(slots.len_of(head, piece), None);
            assert_eq!(slots.write(head, piece, 0, &[1]), Err(Outside));
            assert_eq!(slots.read(head, piece, 0, &mut [0]), Err(Outside));
            assert_eq!(slots.clear(head, piece, 0), Err(Outside));
        }
    }
}

/// One queue of these groups, and its slots.
fn slots<const HEADS: usize>(
    shapes: Vec<Shape>,
) -> (Layout, [Head; HEADS], Slots<FakeShared<ReadWrite>>) {
    let layout = Layout::of(&[Queue { shapes }]);
    let memory = layout.memory();
    let (_, heads, slots) = layout.sealed(&memory, Notices::Flags).queue(0).unwrap();
    (layout, heads, slots)
}

#[test]
fn heads_of_several_groups_have_each_their_own_pieces() {
    let shape = |heads, reads: &[u32], writes: &[u32]| Shape {
        heads,
        reads: reads.into(),
        writes: writes.into(),
    };
    let (layout, heads, mut slots) =
        slots::<3>(vec![shape(1, &[16], &[512, 1]), shape(2, &[16, 512], &[1])]);
    for (number, head) in (0..).zip(&heads) {
        for piece in 0..3 {
            let len = layout.piece(0, number, piece).len();
            assert_eq!(slots.len_of(head, piece), Some(len));
            slots.write(head, piece, 0, &vec![number as u8 * 3 + piece as u8; len]).unwrap();
        }
    }
    for (number, head) in (0..).zip(&heads) {
        for piece in 0..3 {
            let mut bytes = vec![0; layout.piece(0, number, piece).len()];
            slots.read(head, piece, 0, &mut bytes).unwrap();
            assert!(bytes.iter().all(|byte| *byte == number as u8 * 3 + piece as u8));
        }
    }
}

#[test]
fn a_piece_of_any_length_is_cleared() {
    let shape = Shape { heads: 1, reads: vec![232], writes: vec![] };
    let (_, [head], mut slots) = slots(vec![shape]);
    for from in [0, 1, 40, 104, 168, 169, 200, 231, 232] {
        slots.write(&head, 0, 0, &[1; 232]).unwrap();
        slots.clear(&head, 0, from).unwrap();
        let mut bytes = [2; 232];
        slots.read(&head, 0, 0, &mut bytes).unwrap();
        assert!(bytes.iter().enumerate().all(|(at, byte)| (*byte == 0) == (at >= from)));
    }
}

// attack 52 U: a copy to or from other memory, past the end of a piece; refused; broken: slot-end
#[test]
fn pieces_are_copied_to_other_memory_and_from_it() {
    let Bench { mut slots, heads, .. } = bench(Notices::Flags, Order::Oldest);
    let other = FakeMemory::new(16);
    let mut ring: FakeShared<ReadWrite> = other.part(0..16);
    ring.copy_in(3, &[1, 2, 3, 4]).unwrap();
    let at = |piece, offset| (&heads[0], piece, offset);
    assert_eq!(slots.copy_from(at(1, 1), &ring, 3, 4), Ok(()));
    assert_eq!(slots.copy_from(at(1, 2), &ring, 3, 4), Err(Outside));
    assert_eq!(slots.copy_from(at(1, 0), &ring, 13, 4), Err(Outside));
    assert_eq!(slots.copy_to(at(1, 2), &mut ring, 8, 3), Ok(()));
    assert_eq!(slots.copy_to(at(1, 3), &mut ring, 8, 3), Err(Outside));
    assert_eq!(slots.copy_to(at(1, 0), &mut ring, 15, 3), Err(Outside));
    let mut bytes = [0; 3];
    ring.copy_out(8, &mut bytes).unwrap();
    assert_eq!(bytes, [2, 3, 4]);
}

#[test]
fn each_piece_has_memory_of_its_own() {
    let shape = |heads, reads: &[u32], writes: &[u32]| Shape {
        heads,
        reads: reads.into(),
        writes: writes.into(),
    };
    let (layout, heads, mut slots) =
        slots::<3>(vec![shape(1, &[16], &[20, 1]), shape(2, &[16], &[1])]);
    for (number, head) in (0..).zip(&heads) {
        for piece in 0..if number == 0 { 3 } else { 2 } {
            let len = layout.piece(0, number, piece).len();
            slots.write(head, piece, 0, &vec![number as u8 * 3 + piece as u8 + 1; len]).unwrap();
        }
    }
    let pieces = slots.into_pieces().unwrap();
    let lens: Vec<Vec<usize>> =
        pieces.iter().map(|head| head.iter().map(Shared::len).collect()).collect();
    assert_eq!(lens, [vec![16, 24, 8], vec![16, 8], vec![16, 8]]);
    for (number, head) in (0..).zip(pieces) {
        for (piece, memory) in head.into_iter().enumerate() {
            let mut bytes = vec![0; layout.piece(0, number, piece).len()];
            memory.copy_out(0, &mut bytes).unwrap();
            let its = number as u8 * 3 + piece as u8 + 1;
            assert!(bytes.iter().all(|byte| *byte == its), "{number} {piece}: {bytes:?}");
        }
    }
}
