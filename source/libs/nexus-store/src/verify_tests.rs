use super::*;
use std::prelude::rust_2024::*;

#[test]
fn neighbours_are_read_at_once() {
    let nodes = |places: &[(u64, u64)]| -> Vec<Node> {
        places.iter().map(|(first, pages)| Node { first: *first, pages: *pages, sum: 0 }).collect()
    };
    let many: Vec<_> = (0..100).map(|at| (10 + at, 1)).collect();
    for (places, len) in [
        (&[(5, 1)][..], 1),
        (&[(5, 1), (6, 1), (8, 1)], 2),
        (&[(5, 2), (7, 1), (8, 4), (12, 1)], 4),
        (&[(5, 2), (6, 1)], 1),
        (&many, 64),
        (&[(5, 63), (68, 1), (69, 1)], 2),
        (&[(5, 63), (68, 2)], 1),
        (&[(5, 256), (261, 1)], 1),
    ] {
        assert_eq!(run_len(&nodes(places)), len, "{places:?}");
    }
}
