//! Numbers that nobody guesses: of ports, of sequences, of requests. They come from rngd, or there are none.

use alloc::vec::Vec;

use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::{Text, ids};
use nexus_rt::{Deadline, startup};

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
}

/// First of the ports that are given to whoever asks for none, to the last that there is (RFC 6335, 6).
pub const FIRST_PORT: u16 = 49_152;

impl<S: Source> Numbers<S> {
    /// Numbers of `source`.
    #[must_use]
    pub const fn new(source: S) -> Numbers<S> {
        Numbers { source, left: Vec::new() }
    }

    /// The next; `None` when the source has none.
    pub fn draw(&mut self) -> Option<u64> {
        if self.left.is_empty() {
            let drawn = self.source.draw()?;
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
