//! The kernel on a simulated machine. Every test acts as user programs do, through registers; the
//! checker looks at everything after each entry into the kernel.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

mod banks;
mod between;
mod bounds;
mod budget;
mod capability;
mod common;
mod dma;
mod edges;
mod ending;
mod fast;
mod hostile;
mod irq;
mod irq_ack;
mod irq_end;
mod irq_register;
mod irq_reject;
mod irq_short;
mod memory;
mod message;
mod mint;
mod notification;
mod process;
mod pte;
mod registers;
mod reject_mmio;
mod reject_mmio_derive;
mod reply;
mod sched;
mod short;
mod time;
mod times;
mod turns;
mod withdrawn;
