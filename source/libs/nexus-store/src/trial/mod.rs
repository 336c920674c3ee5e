//! Small programs, what a store may hold after each part of one, and power cuts of them: for tests of whatever is under
//! the engine.
#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

pub mod content;
pub mod cuts;
pub mod program;
