//! Which keys and values.

use alloc::format;
use alloc::string::String;

/// Bytes of a value.
pub(crate) const VALUE: usize = 100;

/// The key with this number: 17 bytes.
pub(crate) fn key(number: u64) -> String {
    format!("key/{number:013}")
}

/// Numbers, the same in each run: xorshift64* (Vigna 2016).
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    /// From a seed: xorshift stays at 0 for ever.
    pub(crate) const fn new(seed: u64) -> Numbers {
        Numbers(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        (wide >> 64) as u64
    }

    /// A new value.
    pub(crate) fn value(&mut self) -> [u8; VALUE] {
        let mut value = [0; VALUE];
        for part in value.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            part.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_as_long_as_those_of_the_other_side() {
        assert_eq!(key(0), "key/0000000000000");
        assert_eq!(key(999_999).len(), 17);
        let mut numbers = Numbers::new(7);
        assert_ne!(numbers.value(), numbers.value());
        assert!((0..1000).all(|_| numbers.below(3) < 3));
    }
}
