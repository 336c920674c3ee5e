//! Devices and a kernel that are not there, for tests of what busd does with them.

mod device;
mod exercise;
mod kernel;
pub mod system;

pub use device::{FakeDevice, Lie, QueueState, Tells};
pub use exercise::{Outcome, exercise};
pub use kernel::{Answered, BASE, FakeKernel, Holder, INIT_WINDOW};
