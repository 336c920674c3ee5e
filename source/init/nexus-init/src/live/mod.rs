//! Init on the machine: system calls, programs, and the order of the boot.

mod boot;
mod load;
mod machine;
mod service;

pub use boot::{BootError, Booted, boot};
pub use machine::Live;
pub use service::Starter;
