//! A virtio device that lies to its driver.

use nexus_virtio::fake;

// attack 52 Z: ids and lengths that the device makes up; each head has one holder, no length is beyond its shape
// attack 90 Z: the device lies about order and index, is reset, rings for nothing or not at all; told once, no panic
/// Whatever the device writes, and whenever: the driver's queue holds, or says once what was done.
pub fn queue(data: &[u8]) {
    let _ = fake::exercise(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // Post twice, ring; the device takes, completes; take both, prepare to wait.
    const TURN: [u8; 19] = [0, 0, 2, 6, 63, 6, 63, 6, 63, 6, 63, 6, 63, 6, 63, 3, 3, 4, 3];
    let with = |notices: u8, lie: &[u8]| [&[notices], &TURN[..], lie, &TURN, &TURN].concat();
    let all = [
        ("flags", with(0, &[])),
        ("event-index", with(1, &[])),
        ("no-such-head", with(1, &[0, 2, 6, 0, 9, 0, 1, 0])),
        ("not-posted", with(0, &[0, 2, 6, 0, 0, 0, 1, 0])),
        ("too-long", with(1, &[0, 2, 6, 63, 6, 63, 6, 3, 0xff, 0xff])),
        ("index", with(0, &[6, 5, 0xff, 0x7f])),
        ("reset", with(1, &[0, 2, 6, 63, 6, 12, 3])),
        ("interrupts", with(0, &[6, 10, 6, 11, 0, 2, 6, 11, 4])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
