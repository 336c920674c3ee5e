//! Devices that say anything while they are set up, and whoever asks for them.

use busd::fake;

// attack 86 Z: devices of any class, with any features; never set up, or without what carries addresses
// attack 87 Z: devices that answer anything while they are set up; no address and no register that may not be, no loop without end
// attack 88 Z: devices that do not reset, and owners that keep a part; never given to the next, never two answers
/// Whatever devices say, and whoever asks for what: no address and no register is written that may not be,
/// no device is told to work before it took the features, and init gets no more than the rule says.
pub fn busd(data: &[u8]) {
    let _ = fake::exercise(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // Take and prepare the device; its owner ends; release it, and prepare it again.
    let life = |device: u8| [0, device, 0, 1, device, 0, 5, 2, 3, device, 1, device, 0];
    let all = [0, 1, 2].map(life).concat();
    let with = |before: &[u8]| [&[0, 0, 0, 0, 1, 0, 0, 2, 0], before, &all, &all].concat();
    let lies: Vec<u8> = (0..200u8).map(|at| at.wrapping_mul(37)).collect();
    let lying = [&all[..], &[6, 1, 7, 0], &all[13..26], &lies, &all].concat();
    let seeds = [
        ("lives", [all.clone(), all.clone()].concat()),
        ("another-device", with(&[6, 0, 0, 16, 6, 1, 0, 26])),
        ("features", with(&[6, 1, 1, 28, 6, 2, 1, 32, 6, 0, 4, 0])),
        ("slow", with(&[6, 1, 3, 9, 1, 1, 0, 1, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4])),
        ("no-reset", with(&[6, 0, 3, 127])),
        ("small-queue", with(&[6, 2, 5, 1])),
        ("refused-call", with(&[6, 0, 6, 20])),
        ("rules", with(&[9, 0, 3, 9, 1, 4, 9, 2, 5, 9, 0, 6, 9, 3, 0])),
        ("strangers", with(&[7, 0, 7, 7, 1, 0x48, 7, 2, 0x82, 7, 0, 0xf1])),
        ("windows", [&[0, 0, 0xf4, 0, 1, 0xf8, 10, 0, 2, 0xfc, 0, 0, 0xef], &all[..]].concat()),
        ("lies", lying),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
