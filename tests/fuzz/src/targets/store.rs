//! What is on a disk, made by somebody who knows how its sums are made.

use nexus_store::exercise;
use nexus_store::trial::content::KEY;

use crate::input::Input;

// attack 67 Z: frames, superblocks, partition tables and rows of any content, all of whose sums are right; refused, or a store that works, and nothing ends statefsd
/// Whatever the first byte says that the others are: it is refused, or opened and used.
pub fn store(data: &[u8]) {
    let mut input = Input::new(data);
    let what = input.byte();
    let rest = input.rest();
    let _ = match what & 3 {
        0 => exercise::frame(rest),
        1 => exercise::superblock(rest),
        2 => exercise::table(rest),
        _ => exercise::row(rest),
    };
}

/// A change of a row: flags, key, the row before, the row.
fn change(key: &[u8], old: Option<(u32, u64)>, row: Option<&[u8]>) -> Vec<u8> {
    let flags = u8::from(row.is_some()) | u8::from(old.is_some()) << 1;
    let mut bytes = vec![flags];
    bytes.extend((key.len() as u16).to_le_bytes());
    bytes.extend(key);
    if let Some((row, size)) = old {
        bytes.extend(row.to_le_bytes());
        bytes.extend(size.to_le_bytes());
    }
    if let Some(row) = row {
        bytes.extend((row.len() as u32).to_le_bytes());
        bytes.extend(row);
    }
    bytes
}

/// The key of a row with data of the tree 7.
fn data(name: &[u8]) -> Vec<u8> {
    [&[1], &7_u128.to_be_bytes()[..], name].concat()
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let frame = |epoch: u32, changes: &[Vec<u8>]| {
        [&[0], &epoch.to_le_bytes()[..], &changes.concat()].concat()
    };
    let whole = [&9_u64.to_le_bytes()[..], &[0], b"value"].concat();
    let pieces =
        [&9_u64.to_le_bytes()[..], &[1], &[7; 8], &[0, 16, 0, 0, 0, 0, 0, 0], &[1, 0, 0, 0]];
    let set = change(&data(b"a/b"), None, Some(&whole));
    let replaced = change(&data(b"a/1"), Some((309, 300)), Some(&whole));
    let removed = change(&data(b"a/2"), Some((u32::MAX, u64::MAX)), None);
    let superblock = |log: u32, table: u64, format: u32| {
        let words = [&[1][..], &log.to_le_bytes(), &table.to_le_bytes(), &KEY.to_le_bytes()];
        [words.concat(), format.to_le_bytes().to_vec()].concat()
    };
    let row = |key: &[u8], row: &[u8]| [&[3, key.len() as u8], key, row].concat();
    let all = [
        ("frame", frame(2, &[set.clone(), replaced, removed])),
        ("frame-last-epoch", frame(u32::MAX, &[])),
        ("frame-pieces", frame(2, &[change(&data(b"p"), None, Some(&pieces.concat()))])),
        ("frame-odd-key", frame(2, &[change(b"d", None, Some(&whole)), change(b"", None, None)])),
        ("superblock", superblock(16, 64, 1)),
        ("superblock-endless", superblock(u32::MAX, u64::MAX, 1)),
        ("superblock-small-log", superblock(1, 64, 1)),
        ("table", vec![2]),
        ("table-guid", vec![2, 0, 56, 7, 2, 56, 7]),
        ("table-one-copy", vec![2, 0, 56, 7]),
        ("table-extent", vec![2, 1, 39, 255, 3, 39, 255, 1, 47, 255, 3, 47, 255]),
        ("table-entries", vec![2, 0, 80, 0, 2, 80, 0]),
        ("row", row(&data(b"a/b"), &whole)),
        ("row-pieces", row(&data(b"p"), &pieces.concat())),
        ("row-usage", row(&[&[0, b'u'], &7_u128.to_be_bytes()[..]].concat(), &[0; 16])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
