//! The generator: ChaCha20 whose key is replaced by its own output at each request.
//!
//! A request takes the key stream of the key (RFC 8439, nonce and counter 0): its first 32 bytes are the
//! next key, those after them are given out. So who reads the key later cannot compute what was given out
//! before. Seeding hashes the old key together with what came from the source: what is predictable in
//! one is made good by the other.
//!
//! The key, the stream and the bytes of the source are overwritten when they are no longer needed
//! (`zeroize`). Copies that the compiler makes when one is moved, and the working state of SHA-256, are not.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::health::MIN_ENTROPY;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of the source that make a key: with the stated entropy, 64 bits more than the key has (NIST SP
/// 800-90C, 3.1), so that the hash of them is as good as random.
pub const SEED_BYTES: usize = (8 * KEY_BYTES + 64).div_ceil(MIN_ENTROPY as usize);

/// What goes into the hash first, so that nothing else hashes to the same.
const DOMAIN: &[u8] = b"nexus rngd seed 1";

/// Bytes of the source for one key, which are overwritten when they have been used.
pub struct Seed(Zeroizing<[u8; SEED_BYTES]>);

/// Bytes of the source on their way to a [`Seed`].
pub struct Pool {
    bytes: Zeroizing<[u8; SEED_BYTES]>,
    len: usize,
}

/// A generator that was seeded. There is no other.
pub struct Drbg {
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool { bytes: Zeroizing::new([0; SEED_BYTES]), len: 0 }
    }
}

impl Pool {
    /// Bytes that are missing.
    #[must_use]
    pub const fn missing(&self) -> usize {
        SEED_BYTES.saturating_sub(self.len)
    }

    /// Takes a byte; the seed, when it was the last one, and the pool begins anew.
    pub fn push(&mut self, byte: u8) -> Option<Seed> {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        if self.missing() > 0 {
            return None;
        }
        let seed = Seed(self.bytes.clone());
        self.bytes.zeroize();
        self.len = 0;
        Some(seed)
    }
}

impl Drbg {
    /// A generator with this seed.
    #[must_use]
    pub fn new(seed: Seed) -> Drbg {
        let mut drbg = Drbg { key: Zeroizing::new([0; KEY_BYTES]) };
        drbg.seed(seed);
        drbg
    }

    /// Seeds it again.
    pub fn seed(&mut self, seed: Seed) {
        let hash = Sha256::new().chain_update(DOMAIN).chain_update(*self.key).chain_update(*seed.0);
        hash.finalize_into((&mut *self.key).into());
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        let mut stream = ChaCha20Rng::from_seed(*self.key);
        stream.fill_bytes(&mut *self.key);
        stream.fill_bytes(out);
    }
}

#[cfg(test)]
impl Drbg {
    /// With this very key, for vectors.
    pub(crate) fn with_key(key: [u8; KEY_BYTES]) -> Drbg {
        Drbg { key: Zeroizing::new(key) }
    }

    pub(crate) fn key(&self) -> [u8; KEY_BYTES] {
        *self.key
    }
}
