//! What can be called: the system calls, from registers to results. Each checks its arguments here,
//! and has [`crate::kernel`] do the work.

mod dispatch;
mod dma;
pub(crate) mod fast;
mod fast_line;
pub(crate) mod life;
mod line;
pub(crate) mod memory;
pub(crate) mod message;
mod register;

pub(crate) use dispatch::{Args, Caller, Outcome};
