//! Init on the machine: system calls, programs, and the order of the boot.

mod boot;
mod gone;
mod load;
mod machine;
mod programs;
mod serve;
mod starter;
mod watch;

pub use boot::{BootError, Booted, boot};
pub use machine::Live;
pub use programs::Programs;
pub use serve::serve;
