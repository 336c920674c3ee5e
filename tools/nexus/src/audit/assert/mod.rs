//! Assertions about an audit: short sentences in a TOML file.
//!
//! ```toml
//! [[assert]]
//! id = "network-owns-no-disk"
//! that = "no service that reaches net0 owns blk0"
//! why = "a hostile packet must not become a write to the disk"
//! ```
//!
//! `sentence` has the grammar. A sentence that names a service or device which the image does
//! not have fails: it would hold for no good reason. `profiles` limits an assertion to images of
//! these profiles.

mod eval;
mod file;
mod sentence;
#[cfg(test)]
mod sentence_tests;

pub use eval::Outcome;
pub use file::Assertions;
