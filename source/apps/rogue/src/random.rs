//! Numbers that look random, the same for the same seed (xorshift64*).

/// Where they come from.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// One of these; 0 when there is none.
    pub fn one_of(&mut self, all: &[u32]) -> u32 {
        let place = self.below(all.len().max(1) as u64);
        all.get(place as usize).copied().unwrap_or(0)
    }
}
