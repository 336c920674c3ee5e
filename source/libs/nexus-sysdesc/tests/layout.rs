//! Where the parts of queues lie: nothing overlaps, everything is inside, and each descriptor names the
//! piece that it is for.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use nexus_sysdesc::bounds::{MAX_HEADS, MAX_MEMORY, MAX_SEGMENT, PAGE};
use nexus_sysdesc::layout::{DESCRIPTOR, INDIRECT, Layout, NEXT, Seal, Sizes, WRITE};
use nexus_sysdesc::{Queue, Shape};
use proptest::prelude::*;

fn shape(heads: u16, reads: &[u32], writes: &[u32]) -> Shape {
    Shape { heads, reads: reads.into(), writes: writes.into() }
}

fn disk() -> Vec<Queue> {
    vec![Queue { shapes: vec![shape(3, &[16], &[4096, 1]), shape(2, &[16, 4096], &[1])] }]
}

#[test]
fn a_disk_is_laid_out() {
    let layout = Layout::of(&disk()).unwrap();
    let queue = &layout.queues[0];
    assert_eq!((queue.size, queue.table, queue.avail, queue.used), (8, 0, 0, 0));
    assert_eq!((layout.tables, layout.pool, layout.used), (PAGE, 7 * PAGE, PAGE));
    assert_eq!((layout.sizes().pages(), layout.sizes().frames()), (9, 9 + 3 * 128));
    assert_eq!(layout.reach(), 5 * (16 + 4096 + 1));
    let second = &queue.heads[1];
    assert_eq!(second.table, 8 * 16 + 3 * 16);
    let places: Vec<_> =
        second.segments.iter().map(|one| (one.offset, one.len, one.writes)).collect();
    let slot = 4096 + 4120;
    assert_eq!(places, [(slot, 16, false), (slot + 16, 4096, true), (slot + 4112, 1, true)]);
    let first: Vec<_> = layout.descriptors().take(4).collect();
    assert_eq!(first.iter().map(|one| one.index).collect::<Vec<_>>(), [8, 9, 10, 0]);
    let flags: Vec<_> = first.iter().map(|one| (one.flags, one.next)).collect();
    assert_eq!(flags, [(NEXT, 1), (NEXT | WRITE, 2), (WRITE, 0), (INDIRECT, 0)]);
    assert_eq!((first[3].of_tables, first[3].offset, first[3].len), (true, 128, 48));
}

#[test]
fn a_device_without_queues_needs_no_memory() {
    let layout = Layout::of(&[]).unwrap();
    assert_eq!((layout.sizes().pages(), layout.sizes().frames(), layout.reach()), (0, 0, 0));
    assert_eq!(layout.descriptors().count(), 0);
}

#[test]
fn queues_that_no_device_can_have_are_refused() {
    let one = |shape: Shape| vec![Queue { shapes: vec![shape] }];
    let most = u16::try_from(MAX_HEADS).unwrap();
    assert!(Layout::of(&one(shape(most, &[], &[1]))).is_some());
    for wrong in [
        shape(most + 1, &[], &[1]),
        shape(0, &[1], &[]),
        shape(1, &[], &[]),
        shape(1, &[0], &[]),
        shape(1, &[MAX_SEGMENT + 1], &[]),
        shape(1, &[1; 5], &[1; 4]),
        shape(17, &[], &[MAX_SEGMENT]),
    ] {
        let wrong = one(wrong);
        assert_eq!((Layout::of(&wrong), Sizes::of(&wrong)), (None, None), "{wrong:?}");
    }
    assert_eq!(Layout::of(&[Queue::default()]), None);
    let shapes = vec![shape(1, &[1], &[]), shape(0, &[1], &[])];
    assert_eq!(Layout::of(&[Queue { shapes }]), None, "a shape of no head");
    assert_eq!(Layout::of(&vec![one(shape(1, &[1], &[]))[0].clone(); 5]), None);
}

#[test]
fn a_digest_is_of_everything() {
    let digest = |queues: &[Queue]| Layout::of(queues).unwrap().digest();
    let first = digest(&disk());
    assert_eq!(first, digest(&disk()));
    let mut other = disk();
    other[0].shapes[1].writes[0] = 2;
    assert_ne!(first, digest(&other));
    other = disk();
    other[0].shapes[0].heads = 4;
    assert_ne!(first, digest(&other));
    other = disk();
    other[0].shapes.swap(0, 1);
    assert_ne!(first, digest(&other));
}

#[test]
fn a_digest_is_of_the_place_of_each_ring() {
    let digest = |size: u16, places: [u64; 3]| {
        let mut seal = Seal::default();
        seal.queue(size, places);
        seal.finish()
    };
    let mut all = vec![Seal::default().finish(), digest(8, [0; 3]), digest(16, [0; 3])];
    all.extend([[16, 0, 0], [0, 16, 0], [0, 0, 16]].map(|places| digest(8, places)));
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    // Of nothing: e3b0c442 98fc1c14 and so on.
    assert_eq!(Seal::default().finish(), 0x141c_fc98_42c4_b0e3);
}

#[test]
fn shapes_are_shown() {
    assert_eq!(shape(3, &[16], &[4096, 1]).to_string(), "3 x (reads 16, writes 4096+1)");
    assert_eq!(shape(1, &[], &[64]).to_string(), "1 x (writes 64)");
    assert_eq!(shape(2, &[12, 64], &[]).to_string(), "2 x (reads 12+64)");
}

prop_compose! {
    fn shapes()(
        heads in 1u16..20,
        reads in prop::collection::vec(1u32..5000, 0..4),
        writes in prop::collection::vec(1u32..5000, 1..4),
    ) -> Shape {
        Shape { heads, reads, writes }
    }
}

fn queues() -> impl Strategy<Value = Vec<Queue>> {
    let queue = prop::collection::vec(shapes(), 1..4).prop_map(|shapes| Queue { shapes });
    prop::collection::vec(queue, 1..4)
}

/// Sorted, none overlaps the next, and the last is inside.
fn apart(mut parts: Vec<(u64, u64)>, end: u64) {
    parts.sort_unstable();
    for pair in parts.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
    }
    assert!(parts.last().is_none_or(|(start, len)| start + len <= end));
}

proptest! {
    #[test]
    fn nothing_overlaps(queues in queues()) {
        let layout = Layout::of(&queues).unwrap();
        let rings = || layout.queues.iter().map(|queue| (queue, u64::from(queue.size)));
        let slots = layout.segments().map(|one| (one.offset, u64::from(one.len)));
        apart(rings().map(|(queue, n)| (queue.avail, 6 + 2 * n)).chain(slots).collect(), layout.pool);
        apart(rings().map(|(queue, n)| (queue.used, 6 + 8 * n)).collect(), layout.used);
        let heads = layout.queues.iter().flat_map(|queue| &queue.heads);
        let indirect = heads.map(|head| (head.table, head.segments.len() as u64 * DESCRIPTOR));
        apart(rings().map(|(queue, n)| (queue.table, 16 * n)).chain(indirect).collect(), layout.tables);
        prop_assert!(layout.sizes().pages() <= (MAX_MEMORY / PAGE) as u16);
    }

    #[test]
    fn sizes_are_those_of_the_layout(queues in queues()) {
        prop_assert_eq!(Sizes::of(&queues), Layout::of(&queues).map(|layout| layout.sizes()));
    }

    #[test]
    fn each_descriptor_stands_once_and_names_its_piece(queues in queues()) {
        let layout = Layout::of(&queues).unwrap();
        let mut places: Vec<u64> = layout.descriptors().map(|one| one.index).collect();
        let count = places.len();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), count);
        let pieces: Vec<_> = layout.segments().map(|one| (one.offset, one.len, one.writes)).collect();
        let named = layout.descriptors().filter(|one| !one.of_tables);
        let named: Vec<_> = named.map(|one| (one.offset, one.len, one.flags & WRITE != 0)).collect();
        prop_assert_eq!(pieces, named);
    }
}
