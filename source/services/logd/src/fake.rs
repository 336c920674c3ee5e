//! Memory for tests that a ledger lies in, and that a life can end over.

use alloc::vec;
use alloc::vec::Vec;

use crate::store::Words;

/// Memory that takes so many stores and drops those after them, as of a life that ends there. Whoever reads or
/// writes behind its end panics: of a ledger nothing is there.
#[derive(Clone, Debug)]
pub struct FakeWords {
    /// What is in it.
    pub words: Vec<u64>,
    /// Stores of a word that it still takes.
    pub left: usize,
}

impl FakeWords {
    /// So many words, all 0, that take every store.
    #[must_use]
    pub fn new(count: usize) -> FakeWords {
        FakeWords { words: vec![0; count], left: usize::MAX }
    }
}

impl Words for FakeWords {
    fn count(&self) -> usize {
        self.words.len()
    }

    fn load(&self, at: usize) -> u64 {
        self.words[at]
    }

    fn store(&mut self, at: usize, word: u64) {
        if self.left > 0 {
            self.left -= 1;
            self.words[at] = word;
        }
    }
}
