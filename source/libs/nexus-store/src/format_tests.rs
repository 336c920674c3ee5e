use super::*;
use std::prelude::rust_2024::*;
use std::vec;

const REGIONS: Regions = Regions { head: 3, pages: 1000 };

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn a_page_is_where_its_number_says() {
    let node = |order: u64, region: u64, index: u64| {
        let node = REGIONS.node(order << 59 | region << 20 | index, 7);
        assert_eq!(node.sum, 7);
        (node.first, node.pages)
    };
    assert_eq!(node(0, 0, 0), (4, 1));
    assert_eq!(node(0, 0, 9), (13, 1));
    assert_eq!(node(3, 0, 9), (4 + 72, 8));
    assert_eq!(node(2, 2, 5), (1 + 2 * 1003 + 3 + 20, 4));
    assert_eq!(node(1, 0xf_ffff, 0x8_0001), (1 + 0xf_ffff * 1003 + 3 + 2, 2), "as redb cuts it");
    let mut header = vec![0; HEADER];
    header[16..24].copy_from_slice(&words(&[3, 1000]));
    let regions = Regions::of(&header).unwrap();
    assert_eq!((regions.head, regions.pages), (3, 1000));
    assert!(Regions::of(&header[..23]).is_none());
}

/// Two entries, with keys and values of 2 and 3 bytes.
fn leaf(key: bool, value: bool) -> (Vec<u8>, Lengths) {
    let mut page = vec![LEAF, 0, 2, 0];
    let ends = 4 + if key { 0 } else { 8 } + if value { 0 } else { 8 };
    if !key {
        page.extend(words(&[ends + 2, ends + 4]));
    }
    if !value {
        page.extend(words(&[ends + 7, ends + 10]));
    }
    page.extend(b"k1k2v11v22");
    page.extend([0; 20]);
    let fixed = |fixed: bool, len| fixed.then_some(len);
    (page, Lengths { key: fixed(key, 2), value: fixed(value, 3) })
}

#[test]
fn a_leaf_is_read_with_lengths_of_both_kinds() {
    for (key, value) in [(false, false), (false, true), (true, false), (true, true)] {
        let (page, lengths) = leaf(key, value);
        let leaf = Leaf::of(&page, lengths).unwrap();
        let ends = |end: usize| end + page.len() - 30;
        assert_eq!((leaf.key_end(0), leaf.key_end(1)), (Some(ends(2)), Some(ends(4))));
        assert_eq!((leaf.value_end(0), leaf.value_end(1)), (Some(ends(7)), Some(ends(10))));
        assert_eq!(leaf.used(), page.get(..page.len() - 20));
        let values: Vec<_> = leaf.values().map(Option::unwrap).collect();
        assert_eq!(values, [b"v11", b"v22"], "{key} {value}");
        let keys = [leaf.key(0), leaf.key(1)].map(|key| &page[key.unwrap()]);
        assert_eq!((leaf.len(), keys), (2, [&b"k1"[..], b"k2"]), "{key} {value}");
    }
    assert!(Leaf::of(&[LEAF, 0, 0, 0, 1, 1], Lengths::default()).is_none(), "no entries");
    assert!(Leaf::of(&[LEAF, 0, 1], Lengths::default()).is_none());
    let (page, lengths) = leaf(false, false);
    assert!(Leaf::of(&page[..21], lengths).unwrap().used().is_none(), "it ends behind the page");
}

#[test]
fn a_branch_is_read_with_lengths_of_both_kinds() {
    for fixed in [false, true] {
        let mut page = vec![BRANCH, 0, 2, 0, 0, 0, 0, 0];
        for sum in [11_u128, 12, 13] {
            page.extend(sum.to_le_bytes());
        }
        for number in [21_u64, 22, 1 << 59 | 23] {
            page.extend(number.to_le_bytes());
        }
        if !fixed {
            page.extend(words(&[8 + 72 + 8 + 5, 8 + 72 + 8 + 10]));
        }
        page.extend(b"aaaaabbbbb");
        let used = page.len();
        page.extend([9; 40]);
        let lengths = Lengths { key: fixed.then_some(5), value: None };
        let branch = Branch::of(&page, lengths).unwrap();
        assert_eq!(branch.used().unwrap().len(), used, "{fixed}");
        let keys = [branch.key(0), branch.key(1)].map(Option::unwrap);
        assert_eq!((branch.len(), keys), (2, [&b"aaaaa"[..], b"bbbbb"]), "{fixed}");
        let below = branch.all(REGIONS).unwrap();
        let node = |first, pages, sum| Node { first, pages, sum };
        assert_eq!(below, [node(25, 1, 11), node(26, 1, 12), node(50, 2, 13)]);
        assert!(branch.below(3, REGIONS).is_none());
        let short = Branch::of(&page[..60], lengths).unwrap();
        assert!(short.used().is_none() && short.all(REGIONS).is_none());
    }
    assert!(Branch::of(&[BRANCH, 0, 0, 0, 0, 0, 0, 0], Lengths::default()).is_none());
}

/// As redb has it: kind, rows, root, lengths.
fn definition(kind: u8, there: u8, key: u32) -> Vec<u8> {
    let mut entry = vec![kind];
    entry.extend(77_u64.to_le_bytes());
    entry.push(there);
    entry.extend(30_u64.to_le_bytes());
    entry.extend(40_u128.to_le_bytes());
    entry.extend(50_u64.to_le_bytes());
    entry.push(u8::from(key > 0));
    entry.extend(key.to_le_bytes());
    entry.push(0);
    entry.extend(0_u32.to_le_bytes());
    entry
}

#[test]
fn a_table_says_root_and_lengths() {
    let (root, lengths) = table(&definition(NORMAL, 1, 6), REGIONS).unwrap();
    assert_eq!(root, Some(Node { first: 34, pages: 1, sum: 40 }));
    assert_eq!((lengths.key, lengths.value), (Some(6), None));
    let (root, lengths) = table(&definition(NORMAL, 0, 0), REGIONS).unwrap();
    assert_eq!((root, lengths.key), (None, None));
    assert!(table(&definition(4, 1, 0), REGIONS).is_none(), "many values a key");
    assert!(table(&definition(NORMAL, 1, 0)[..50], REGIONS).is_none());
}

fn header(format: u8, second: bool) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[9] = u8::from(second);
    let at = if second { 192 } else { 64 };
    let slot = &mut header[at..at + 128];
    slot[..3].copy_from_slice(&[format, 0, 1]);
    slot[40..48].copy_from_slice(&5_u64.to_le_bytes());
    slot[48..64].copy_from_slice(&6_u128.to_le_bytes());
    let sum = sum_of(&slot[..112]).to_le_bytes();
    slot[112..].copy_from_slice(&sum);
    header
}

// attack 67 U: a header whose slot has a wrong sum, or another format, or that points to the other slot; refused
#[test]
fn the_slot_that_counts_is_right_or_refused() {
    let expected = Some([None, Some(Node { first: 9, pages: 1, sum: 6 })]);
    for second in [false, true] {
        assert_eq!(roots(&header(3, second), REGIONS), expected);
        assert_eq!(roots(&header(4, second), REGIONS), None);
        let mut other = header(3, second);
        other[9] ^= 1;
        assert_eq!(roots(&other, REGIONS), None);
        let mut flipped = header(3, second);
        flipped[if second { 200 } else { 72 }] ^= 1;
        assert_eq!(roots(&flipped, REGIONS), None);
    }
}
