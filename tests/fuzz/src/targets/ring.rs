//! A driver that lies to its consumer, and a consumer that lies to its driver.

use nexus_ring::fake;

// attack 92 Z: a peer that writes anything anywhere in the memory of a ring, at any moment; no panic, no loop without end, no bytes outside, no id that is not in flight; broken: ring-len, ring-op, ring-range, ring-twice
// attack 59 Z: a peer that names any attachment at any moment, and this side begins anew; it is in use while both agree, and who had something in flight is told; broken: ring-lost
/// Whatever the other side of a ring writes, and whenever: this side holds, or says once what was done.
pub fn ring(data: &[u8]) {
    let _ = fake::exercise(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // Zeroes are loads after which nobody lies. Submit 0 and 1, ring; both are completed; prepare to wait,
    // drain.
    const ASK: [u8; 8] = [0, 6, 0, 8, 0x46, 0, 2, 0];
    const DONE: [u8; 14] = [7, 0x1f, 6, 0xc0, 7, 0x1f, 6, 0xc0, 4, 0, 0, 3, 0, 0];
    // Two requests; take them, complete them, ring, prepare to wait.
    const ASKED: [u8; 19] = [6, 0x1f, 6, 0, 6, 0x1f, 0x46, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const ANSWER: [u8; 6] = [1, 1, 2, 0, 3, 0];
    const REFUSED: [u8; 6] = [0, 0, 0, 0, 0, 0];
    let consumer = |lie: &[u8]| [&[0], &ASK[..], &DONE, lie, &ASK, &DONE].concat();
    let driver = |lie: &[u8]| [&[1], &ASKED[..], &ANSWER, lie, &ASKED, &ANSWER].concat();
    let asks = |what: u8, id: u8| [&[6, 0x1f, what, id], &REFUSED[..]].concat();
    let all = [
        ("consumer", consumer(&[])),
        ("consumer-not-in-flight", consumer(&[0, 6, 0, 2, 0, 7, 0x1f, 6, 2, 4, 0, 0])),
        ("consumer-too-long", consumer(&[0, 6, 0, 2, 0, 7, 0x1f, 0, 0xc0, 4, 0, 0])),
        ("consumer-index", consumer(&[7, 0, 0xff, 0x7f, 4, 0])),
        ("consumer-again", consumer(&[&ASK[..], &[7, 0, 9, 0, 4, 0, 0xf6]].concat())),
        ("consumer-peer-gone", consumer(&[&ASK[..], &[7, 0xc8, 4, 0, 0xf6, 0, 0]].concat())),
        ("driver-peer-gone", driver(&[&ASKED[..], &[6, 0xe8, 0, 0, 0, 0xf5, 5, 0, 0]].concat())),
        ("driver", driver(&[])),
        ("driver-operation", driver(&asks(0xf6, 0))),
        ("driver-reserved", driver(&asks(0x9e, 0))),
        ("driver-range", driver(&asks(2, 0))),
        ("driver-twice", driver(&[&ASKED[..], &asks(6, 1)].concat())),
        ("driver-index", driver(&[6, 0, 0xff, 0x7f, 0, 0])),
        ("driver-again", driver(&[&ASKED[..], &[0xf5, 5, 5, 6, 0x1f, 6, 0]].concat())),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
