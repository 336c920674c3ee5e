//! Health tests of the noise source (NIST SP 800-90B, 4.4), on each byte before anything is made of it.
//!
//! A sample is a byte. The source is stated to have at least [`MIN_ENTROPY`] bits of min-entropy in each:
//! no value comes with a probability above `p = 2^-H`. The device is the host's generator, from which
//! 8 are to be expected; half of it is stated. A source that is as good as stated fails a test by chance
//! with probability `alpha = 2^-30` at most: once in 2^30 samples, or windows.
//!
//! - Repetition count (4.4.1): `C` equal samples in a row have probability `p^(C-1)` at most, whatever
//!   the first is. `2^(-H (C-1)) <= alpha` gives `C = 1 + ceil(30 / H)`.
//! - Adaptive proportion (4.4.2): of the [`WINDOW`] samples of a window, those equal to its first are
//!   binomial with `p` at most. `C = 1 + critbinom(W, p, 1 - alpha)`: the least number that is reached with
//!   probability `alpha` at most. For `W = 512` and `H` from 1 to 8 that is 325, 190, 114, 71, 46, 31, 22, 16.
//!
//! They find a source that sticks or leans, not one whose bytes somebody knows: no test can.

/// `H`: stated min-entropy of a byte, in bits.
pub const MIN_ENTROPY: u32 = 4;
/// `-log2(alpha)`.
pub const ALPHA_BITS: u32 = 30;
/// Equal samples in a row that are a failure.
pub const REPETITION_CUTOFF: u32 = 1 + ALPHA_BITS.div_ceil(MIN_ENTROPY);
/// `W`: samples of a window, for samples of more than one bit.
pub const WINDOW: u32 = 512;
/// Samples of a window, its first included, equal to its first, that are a failure.
pub const PROPORTION_CUTOFF: u32 = 71;
/// Samples that are tested, and thrown away, before any is used: at least 1,024 (4.3).
pub const STARTUP_BYTES: usize = 1024;

/// Which test failed, or what else makes a source useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The repetition count test.
    Repetition,
    /// The adaptive proportion test.
    Proportion,
    /// No test: the device did what no device does.
    Device,
}

/// A value, and how many times it has been counted.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    value: u8,
    times: u32,
}

impl Count {
    /// Counts `sample` when it is the value.
    fn count(&mut self, sample: u8) {
        if sample == self.value {
            self.times = self.times.saturating_add(1);
        }
    }

    const fn first(value: u8) -> Count {
        Count { value, times: 1 }
    }
}

/// Both tests, which run on for ever.
#[derive(Debug, Default)]
pub struct Health {
    run: Count,
    window: Count,
    /// Samples of the window that are still to come.
    left: u32,
}

impl Health {
    /// Tests the next sample.
    ///
    /// # Errors
    /// The source is not what was stated.
    pub fn test(&mut self, sample: u8) -> Result<(), Failure> {
        self.repetition(sample)?;
        self.proportion(sample)
    }

    fn repetition(&mut self, sample: u8) -> Result<(), Failure> {
        if self.run.times == 0 || sample != self.run.value {
            self.run = Count::first(sample);
        } else {
            self.run.count(sample);
        }
        if self.run.times >= REPETITION_CUTOFF { Err(Failure::Repetition) } else { Ok(()) }
    }

    fn proportion(&mut self, sample: u8) -> Result<(), Failure> {
        if self.left == 0 {
            self.window = Count::first(sample);
            self.left = WINDOW - 1;
            return Ok(());
        }
        self.left -= 1;
        self.window.count(sample);
        if self.window.times >= PROPORTION_CUTOFF { Err(Failure::Proportion) } else { Ok(()) }
    }
}
