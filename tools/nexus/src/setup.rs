//! `cargo nexus setup`: says what a build and a run will use.
//!
//! What is missing is installed by scripts/setup.sh, which runs before there is a cargo.

use crate::exit::Exit;
use crate::qemu;
use crate::steps::tools::{TOOLS, Tool};
use crate::toolchain::Toolchain;
use anyhow::Result;
use clap::Args;

/// Arguments of `cargo nexus setup`.
#[derive(Args, Debug)]
pub struct SetupArgs {
    /// Look for what `just assure` needs besides, too.
    #[arg(long)]
    assure: bool,
}

/// Finds compiler and emulator, and names them.
///
/// # Errors
/// Says what is missing and how to get it.
pub fn run(args: &SetupArgs) -> Result<Exit> {
    eprintln!("nexus: compiler {}", Toolchain::find()?.describe());
    eprintln!("nexus: emulator {}", qemu::find(None)?.display());
    if args.assure {
        for missing in TOOLS.iter().filter_map(Tool::missing) {
            eprintln!("nexus: for `just assure`: {missing}");
        }
    }
    Ok(Exit::Pass)
}
