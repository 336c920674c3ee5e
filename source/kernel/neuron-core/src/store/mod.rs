//! How things are kept: pools of slots, lists through them, frames of RAM, and the encoding of page
//! tables. Nothing in this room knows what is kept.

pub mod addr;
pub mod banks;
pub mod frames;
pub mod list;
pub mod pool;
pub mod pte;
