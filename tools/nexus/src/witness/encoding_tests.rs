//! Entries that the architecture does not allow, one bit at a time, at every level.

use super::tests::{Build, ROOT};
use super::*;

const PAGE: u64 = 0x8020_0000;
const LEAF: u64 = 0xd7; // V R W U A D
const POINTER: u64 = 0x01;

/// What is found when `pte` stands in a table of `level`.
fn errors(pte: impl Fn(u64) -> u64, level: u32) -> Vec<String> {
    let mut build = Build::new();
    let mut table = build.page();
    for _ in level..2 {
        table = build.below(table, 1);
    }
    let below = build.page();
    build.set(table, 1, pte(below));
    walk(&build.ram(), ROOT).errors
}

fn pointer(table: u64) -> u64 {
    table >> 12 << 10 | POINTER
}

// attack 14 H: each reserved bit, PBMT and N among them, in a leaf and in a pointer; found; broken: walker-encodings
#[test]
fn test_every_reserved_bit_is_an_error() {
    let leaf = PAGE >> 12 << 10 | LEAF;
    assert_eq!(errors(|_| leaf, 0), Vec::<String>::new());
    for bit in 54..64 {
        let found = errors(|_| leaf | 1 << bit, 0);
        assert!(found.len() == 1 && found[0].contains("reserved encoding"), "{bit}: {found:?}");
        for level in [1, 2] {
            let found = errors(|below| pointer(below) | 1 << bit, level);
            assert!(found.len() == 1 && found[0].contains("reserved encoding"), "{bit}: {found:?}");
        }
    }
}

// attack 14 H: U, A or D in a pointer to a table, which are reserved there; found; broken: walker-encodings
#[test]
fn test_a_pointer_has_no_bits_of_a_leaf() {
    for level in [1, 2] {
        assert_eq!(errors(pointer, level), Vec::<String>::new());
        // G says that all below is global, and the last two are for software.
        for allowed in [1 << 5, 1 << 8, 1 << 9] {
            assert_eq!(errors(|below| pointer(below) | allowed, level), Vec::<String>::new());
        }
        for bit in [4, 6, 7] {
            let found = errors(|below| pointer(below) | 1 << bit, level);
            assert!(found.len() == 1 && found[0].contains("reserved encoding"), "{bit}: {found:?}");
        }
    }
}

// attack 14 H: write without read, with and without execute; found
#[test]
fn test_write_without_read_is_an_error() {
    for flags in [LEAF & !0x2, LEAF & !0x2 | 0x8] {
        let found = errors(|_| PAGE >> 12 << 10 | flags, 0);
        assert!(
            found.len() == 1 && found[0].contains("reserved encoding"),
            "{flags:#x}: {found:?}"
        );
    }
}

#[test]
fn test_large_pages_are_aligned_to_their_size() {
    for (level, pa, good) in [
        (1, 0x8020_0000, true),
        (1, 0x8020_1000, false),
        (1, 0x8030_0000, false),
        (2, 0x8000_0000, true),
        (2, 0x8020_0000, false),
        (2, 0xa000_0000, false),
    ] {
        let found = errors(|_| pa >> 12 << 10 | LEAF, level);
        assert_eq!(found.is_empty(), good, "{level} {pa:#x}: {found:?}");
        assert!(found.iter().all(|error| error.contains("not aligned")), "{found:?}");
    }
}

#[test]
fn test_an_entry_that_is_not_valid_leads_nowhere() {
    let mut build = Build::new();
    let root = build.page();
    build.set(root, 1, PAGE >> 12 << 10 | LEAF & !1);
    let space = walk(&build.ram(), root);
    assert_eq!((space.leaves.len(), space.tables.len(), space.errors.len()), (0, 1, 0));
}

#[test]
fn test_bits_above_38_follow_bit_38() {
    let at = |index: u64| {
        let mut build = Build::new();
        let root = build.page();
        build.set(root, index, 0x8000_0000 >> 12 << 10 | LEAF);
        let leaf = walk(&build.ram(), root).leaves[0];
        (leaf.va, leaf.len, leaf.kernel_half())
    };
    assert_eq!(at(255), (0x3f_c000_0000, 1 << 30, false));
    assert_eq!(at(256), (0xffff_ffc0_0000_0000, 1 << 30, true));
    assert_eq!(at(511), (0xffff_ffff_c000_0000, 1 << 30, true));
}

#[test]
fn test_a_large_page_of_the_kernel_half_is_where_it_is() {
    let mut build = Build::new();
    let root = build.page();
    let below = build.below(root, 511);
    build.set(below, 1, PAGE >> 12 << 10 | LEAF);
    let space = walk(&build.ram(), root);
    assert_eq!((space.leaves[0].va, space.leaves[0].len), (0xffff_ffff_c020_0000, 2 << 20));
    assert_eq!((space.tables, space.user_tables), (vec![root, below], vec![root]));
}
