//! Draws who has what, by which rule: boxes in columns, lines between them that say by which rule, as SVG.
//!
//! [`machine::Machine`] says which boxes and lines a machine has, [`Graph`] is what is drawn, [`place`] says where,
//! [`svg`] draws. The page that httpd serves and `cargo nexus audit --svg` draw with it. What is given is text wherever it comes to stand: maud escapes it, and nothing of it becomes
//! an id, a class or a reference. Bounded by [`Graph::MOST_NODES`] and [`Graph::MOST_LINES`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod graph;
pub mod machine;
mod order;
mod place;
mod svg;
#[cfg(test)]
mod tests;

pub use graph::{Graph, Kind, Line, Node, Tie};
pub use place::{Box, Placed, place};
pub use svg::{STYLE, alone, svg};
