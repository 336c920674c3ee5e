//! `cargo nexus witness`: the page tables in a dump of guest memory.
//!
//! During `test-os` the same check runs on its own; this command repeats it on the files of a run.

mod check;
pub(crate) mod dma;
#[cfg(test)]
mod encoding_tests;
mod kernel;
mod ram;
mod sv39;
#[cfg(test)]
mod tests;

pub use check::{Claims, KIND_DEVICE, KIND_MEMORY, check};
pub use ram::Ram;
pub use sv39::{Leaf, Space, walk};

use crate::exit::Exit;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `cargo nexus witness`.
#[derive(Args, Debug)]
pub struct WitnessArgs {
    /// What `pmemsave` wrote.
    ram: PathBuf,
    /// Physical address of a root page table.
    #[arg(required = true, value_parser = parse_address)]
    roots: Vec<u64>,
    /// Physical address of the first byte of the dump.
    #[arg(long, default_value = "0x80000000", value_parser = parse_address)]
    base: u64,
}

fn parse_address(text: &str) -> Result<u64, std::num::ParseIntError> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16)
}

/// Prints every leaf under each root.
///
/// # Errors
/// When the dump cannot be read.
pub fn run(args: &WitnessArgs) -> Result<Exit> {
    let ram = Ram::read(args.base, &args.ram)?;
    let mut exit = Exit::Pass;
    for root in &args.roots {
        let space = walk(&ram, *root);
        println!("root {root:#x}: {} tables, {} leaves", space.tables.len(), space.leaves.len());
        for leaf in &space.leaves {
            println!("  {leaf}");
        }
        for error in &space.errors {
            println!("  error: {error}");
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}
