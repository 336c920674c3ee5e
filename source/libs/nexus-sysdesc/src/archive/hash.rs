//! SHA-256 over payloads and over the whole image.

use sha2::{Digest as _, Sha256};

use super::layout::NONCE_OFFSET;
use super::{Archive, ArchiveError, Entry};

/// A SHA-256.
pub type Digest = [u8; 32];

impl Entry<'_> {
    /// True when the payload has the hash that the archive gives for it.
    #[must_use]
    pub fn hash_matches(&self) -> bool {
        let digest: Digest = Sha256::digest(self.data).into();
        digest == *self.sha256
    }
}

impl Archive<'_> {
    /// Checks the hash of every payload.
    ///
    /// # Errors
    /// `HashMismatch` for the first payload that differs.
    pub fn check_hashes(&self) -> Result<(), ArchiveError> {
        for (index, entry) in (0u32..).zip(self.entries()) {
            if !entry.hash_matches() {
                return Err(ArchiveError::HashMismatch { index });
            }
        }
        Ok(())
    }
}

/// The hash of an image: SHA-256 with the eight bytes of the nonce taken as 0, so that an image
/// has the same hash before and after a harness has written its nonce.
#[must_use]
pub fn image_hash(bytes: &[u8]) -> Digest {
    let (head, rest) = bytes.split_at_checked(NONCE_OFFSET).unwrap_or((bytes, &[]));
    let (nonce, tail) = rest.split_at_checked(8).unwrap_or((rest, &[]));
    let mut hash = Sha256::new();
    hash.update(head);
    for _ in nonce {
        hash.update([0]);
    }
    hash.update(tail);
    hash.finalize().into()
}
