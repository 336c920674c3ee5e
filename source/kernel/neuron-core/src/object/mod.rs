//! What there is: capabilities and the things that they name. State, and how it is read; what
//! changes it stands in [`crate::kernel`] and in the calls.

pub mod capability;
pub mod dma;
pub mod endpoint;
pub mod line;
pub mod mapping;
pub mod process;
pub mod register;
pub mod space;
pub mod thread;
pub mod window;
