//! A device that is not there: its side of a queue over [fake memory](nexus_mmio::fake::FakeMemory), for
//! tests of drivers and of what stands on them.

mod bell;
mod device;
mod exercise;
mod hand;
mod hostile;
mod layout;
pub mod logic;

pub use bell::FakeDoorbell;
pub use device::{FakeDevice, Order};
pub use exercise::{Outcome, exercise};
pub use hostile::Hostile;
pub use layout::Layout;
