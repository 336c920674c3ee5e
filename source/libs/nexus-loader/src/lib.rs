//! Reads a static ELF image and says which pages to map how, or why not.
//!
//! The kernel loads init by it, and init every other program. It allocates nothing, maps nothing,
//! and trusts nothing in the image: a [`Plan`] can be carried out without further checks, but that
//! its addresses are free.
#![no_std]
#![forbid(unsafe_code)]

mod plan;
#[cfg(test)]
mod tests;

pub use plan::{LoadError, MAX_SEGMENTS, Perm, Plan, Segment};
