//! What the commands show: data in, text out. No line is wider than the terminal.

mod caps;
mod devices;
mod disk;
mod dma;
mod help;
mod irqs;
mod ledger;
mod lines;
mod lives;
mod net;
mod network;
mod owners;
pub mod past;
mod policy;
mod random;
mod reach;
mod services;
mod stands;
mod state;
mod store;
mod times;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nexus_sysdesc::registers::offsets;

pub use caps::caps;
pub use devices::devices;
pub use disk::{disk, no_sector, sector};
pub use dma::dma;
pub use help::{help, help_one, welcome};
pub use irqs::irqs;
pub use ledger::{Chain, Checkpoint, LedgerRecord, Verifier, ledger};
pub use lines::{LogLine, log_line, no_lines};
pub use lives::{is_over, needed, no_service, not_ordered, ordered, services};
pub use net::net;
pub use network::{Echoes, addresses, echoes, failed, ip, page, sockets};
pub use owners::owners;
pub use policy::{May, Opened, Shared, Tried, Why, permit, ring, state, tried, why};
pub use random::random;
pub use reach::{Let, Reached, reach};
pub use services::{end, mem, ps};
pub use stands::{Device, stands};
pub use state::{
    checked, flaw, found, is_seen, kept, no_key, no_keys, refused, removed, rows, too_large, usage,
    value,
};
pub use store::store;
pub use times::times;

/// A physical address.
fn address(base: u64) -> String {
    format!("{base:#010x}")
}

/// The registers of a mask, by their offsets: `0x50 0x64`.
fn registers(mask: u64) -> String {
    let words: Vec<String> = offsets(mask).map(|offset| format!("{offset:#04x}")).collect();
    if words.is_empty() { "none".into() } else { words.join(" ") }
}

/// Words as a sentence has them: `a`, `a and b`, `a, b and c`.
fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
