//! Numbers that nobody guesses: of ports, of sequences, of requests. They come from rngd, or there are none.

use alloc::vec::Vec;

use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::{Text, ids};
use nexus_rt::{Deadline, startup};
use sha2::{Digest, Sha256};

/// Where they come from.
pub trait Source {
    /// Bytes, as many as come at one time; `None` when there are none.
    fn draw(&mut self) -> Option<Text>;
}

/// rngd, called where it is needed.
#[derive(Clone, Copy, Debug)]
pub struct Rngd;

/// Milliseconds that rngd has.
const DRAW_MS: u64 = 50;

impl Source for Rngd {
    fn draw(&mut self) -> Option<Text> {
        let rngd = startup().client::<Entropy>(ids::RNGD).ok()?;
        rngd.call(&Random { len: Text::MAX as u64 }, Deadline::after_ms(DRAW_MS)).ok()
    }
}

/// Numbers of a source, each given once.
#[derive(Clone, Debug)]
pub struct Numbers<S> {
    source: S,
    left: Vec<u64>,
    /// The source had none in this turn, and is not asked again: it may take long to say so.
    none: bool,
}

/// Numbers that follow from a secret of 32 bytes: who has seen any of them knows none of the others. What peers outside
/// bring about is numbered by them, so that no flood draws from the source.
#[derive(Clone)]
pub struct Seeds {
    secret: [u64; 4],
    count: u64,
}

impl core::fmt::Debug for Seeds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seeds")
    }
}

impl Seeds {
    /// Those of this secret.
    #[must_use]
    pub const fn new(secret: [u64; 4]) -> Seeds {
        Seeds { secret, count: 0 }
    }

    /// The next: of SHA-256 of the secret and a count.
    pub fn draw(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        let mut sum = Sha256::new();
        self.secret.iter().for_each(|word| sum.update(word.to_le_bytes()));
        sum.update(self.count.to_le_bytes());
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(sum.finalize());
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// First of the ports that are given to whoever asks for none, to the last that there is (RFC 6335, 6).
pub const FIRST_PORT: u16 = 49_152;

impl<S: Source> Numbers<S> {
    /// Numbers of `source`.
    #[must_use]
    pub const fn new(source: S) -> Numbers<S> {
        Numbers { source, left: Vec::new(), none: false }
    }

    /// Begins a turn.
    pub const fn begin(&mut self) {
        self.none = false;
    }

    /// The next; `None` when the source has none.
    pub fn draw(&mut self) -> Option<u64> {
        if self.left.is_empty() {
            if self.none {
                return None;
            }
            let drawn = self.source.draw();
            self.none = drawn.is_none();
            let drawn = drawn?;
            let (words, _) = drawn.as_bytes().as_chunks::<8>();
            self.left.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        }
        self.left.pop()
    }

    /// A port that is nobody's, of those from [`FIRST_PORT`] on, as `is_free` says. `None` when there are no numbers, or
    /// none of so many that were tried is free.
    pub fn port(&mut self, is_free: impl Fn(u16) -> bool) -> Option<u16> {
        const TRIES: usize = 64;
        for _ in 0..TRIES {
            let [low, high, ..] = self.draw()?.to_le_bytes();
            let port = FIRST_PORT | u16::from_le_bytes([low, high]) >> 2;
            if is_free(port) {
                return Some(port);
            }
        }
        None
    }

    /// Where they come from.
    pub const fn source(&mut self) -> &mut S {
        &mut self.source
    }
}
