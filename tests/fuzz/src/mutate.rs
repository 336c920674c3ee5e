//! Deterministic mutations of known inputs.

/// A source of numbers: xorshift64*.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng(seed | 1)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap_or(0) % end
    }
}

const BYTES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'"', b' '];
const WORDS: [u64; 6] = [0, 1, 0x1000, u64::MAX, 1 << 63, 0x7fff_ffff];

/// `input`, changed in one to four places; `other` is where foreign bytes come from.
#[must_use]
pub fn mutated(rng: &mut Rng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.below(4) {
        change(rng, &mut bytes, other);
    }
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = rng.below(bytes.len() + 1);
    let len = rng.below(16) + 1;
    let end = (at + len).min(bytes.len());
    match rng.below(7) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = BYTES[rng.below(BYTES.len())];
            }
        }
        2 => {
            let word = WORDS[rng.below(WORDS.len())].to_le_bytes();
            let end = (at + 8).min(bytes.len());
            bytes.splice(at..end, word);
        }
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        5 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(end..end, again);
        }
        _ => {
            let from = rng.below(other.len() + 1);
            let taken = &other[from..(from + len).min(other.len())];
            bytes.splice(at..at, taken.iter().copied());
        }
    }
}
