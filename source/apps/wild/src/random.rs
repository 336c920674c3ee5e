//! Numbers from a seed.

/// A generator (splitmix64): the same seed gives the same numbers.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// From this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.word() % end.max(1)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these; the default of nothing.
    pub fn pick<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let index = self.below(all.len() as u64) as usize;
        all.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_seed_others() {
        let first: Vec<u64> =
            (0..4).scan(Random::new(7), |random, _| Some(random.word())).collect();
        let again: Vec<u64> =
            (0..4).scan(Random::new(7), |random, _| Some(random.word())).collect();
        assert_eq!(first, again);
        assert_ne!(first[0], Random::new(8).word());
    }

    #[test]
    fn numbers_stay_below_their_end_and_reach_all_of_it() {
        let mut random = Random::new(1);
        let mut seen = [false; 8];
        for _ in 0..1000 {
            seen[random.below(8) as usize] = true;
        }
        assert_eq!(seen, [true; 8]);
        assert_eq!(random.below(0), 0);
    }
}
