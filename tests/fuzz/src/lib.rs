//! Fuzz targets: each takes any bytes, hands them to real code at a place where bytes come from
//! somebody who is not trusted, and panics when that code does something that it must not.
//!
//! A target is one file and one row of [`TARGETS`]. `tests/replay.rs` runs every file of its corpus
//! and some mutations of them in `make test`; `just fuzz NAME` lets libFuzzer look for new ones.
#![forbid(unsafe_code)]

pub mod answers;
pub mod frames;
pub mod input;
pub mod mutate;
pub mod system;
mod targets;
pub mod uart;

pub use targets::*;

/// A place that hostile bytes reach.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its function, of its corpus, and of its libFuzzer program.
    pub name: &'static str,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
    /// Inputs to begin with, made from real ones: name and bytes. They stand in the corpus.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
    /// Mutations that the replay makes; fewer where a run takes longer.
    pub mutations: usize,
}
