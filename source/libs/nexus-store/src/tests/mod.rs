//! The engine over a disk in memory.

pub(crate) mod common;
mod cuts;
mod damage;
mod failing;
mod model;
mod partitions;
mod values;
