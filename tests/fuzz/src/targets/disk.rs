//! A disk that lies to virtioblkd, and somebody who asks for anything by messages and through the ring.

use virtioblkd::fake::exercise;

// attack 52 Z: ids, lengths and statuses that the disk makes up; each request is completed once, no read has data of another
// attack 59 Z: the consumer attaches anew with requests under way; none of them is completed, and nothing is read for them; broken: disk-old-done
// attack 90 Z: the disk is reset, interrupts for nothing or not at all; nobody waits for ever
// attack 98 Z: anything is asked of the disk, by messages and through the ring; no data of the consumer changes that no read of its own is for
/// Whatever the disk does, and whatever is asked.
pub fn disk(data: &[u8]) {
    let _ = exercise(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // A request of the ring: what, where; a turn; the device works; a turn.
    let request = |op: u16, place: u16| {
        let [a, b] = (op | 3 << 4 | 1 << 11).to_le_bytes();
        let [c, d] = place.to_le_bytes();
        vec![0, a, b, c, d, 3, 8, 3]
    };
    let all_ops = || (0..6).flat_map(|op| request(op, op)).collect::<Vec<u8>>();
    let with = |first: u8, lie: &[u8]| [&[first], &all_ops()[..], lie, &all_ops()].concat();
    let all = [
        ("flags", with(0, &[])),
        ("event-index", with(1, &[])),
        ("newest-first", with(3, &[])),
        ("messages", with(1, &[2, 5, 0, 18, 5, 2, 34, 5, 2, 3, 8, 3, 8, 3, 8, 3])),
        ("no-such-head", with(1, &[0, 0, 0, 9, 0, 3, 7, 0, 0xff, 0, 1, 0, 3])),
        ("too-early", with(5, &[0, 0, 0, 9, 0, 3, 7, 3, 1, 0, 3])),
        ("index", with(0, &[7, 5, 0xff, 0x7f, 3])),
        ("attaches-again", with(1, &[0, 0, 0, 9, 0, 3, 31, 0, 0x50, 0, 9, 0, 3, 8, 3, 8, 3])),
        ("reset", with(1, &[0, 0, 0, 9, 0, 3, 7, 12, 3])),
        ("scribbles", with(5, &[0, 0, 0, 9, 0, 3, 7, 9, 1, 2, 3, 4, 8, 3])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
