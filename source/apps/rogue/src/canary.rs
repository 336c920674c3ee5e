//! Pages with a pattern, of which nobody else has a part.

use nexus_abi::Error;
use nexus_rt::Memory;

/// How many: 1 MiB.
const PAGES: u64 = 256;
const PATTERN: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// The pages.
#[derive(Debug)]
pub struct Canary(Memory);

impl Canary {
    /// # Errors
    /// `NoMemory`.
    pub fn new() -> Result<Canary, Error> {
        let mut memory = Memory::new(PAGES)?;
        memory.bytes_mut().fill(PATTERN.to_le_bytes()[0]);
        Ok(Canary(memory))
    }

    /// True when each byte is as it was written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let (words, rest) = self.0.bytes().as_chunks::<8>();
        rest.is_empty() && words.iter().all(|word| u64::from_le_bytes(*word) == PATTERN)
    }
}
