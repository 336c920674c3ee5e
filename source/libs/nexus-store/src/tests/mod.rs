//! The engine over a disk in memory.

mod bounds;
pub(crate) mod common;
mod cuts;
mod damage;
mod failing;
mod model;
mod partitions;
mod texts;
mod values;
mod volume;
