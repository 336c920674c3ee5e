//! Init on the machine: system calls, programs, and the order of the boot.

mod boot;
mod load;
mod machine;
mod serve;
mod service;

pub use boot::{BootError, Booted, boot};
pub use machine::Live;
pub use serve::serve;
pub use service::Starter;
