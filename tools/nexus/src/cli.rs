//! The command line.

use crate::{
    abi_doc, assure, attacks, audit, bench, build, check, ci, debugger, disk, faults, fuzz, image,
    ledger, run, setup, symbolize, test_broken, test_os, witness,
};
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Nexus on the host: check, build, run, test, audit.
#[derive(Debug, Parser)]
#[command(name = "cargo nexus", bin_name = "cargo nexus", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Which system a command is about.
#[derive(Args, Clone, Debug)]
pub struct SystemArgs {
    /// Directory of the system: services, policy, profiles. The standard one when absent.
    #[arg(long, value_name = "DIR")]
    pub system: Option<PathBuf>,
    /// Profile of the system.
    #[arg(long, value_name = "NAME", default_value = "prod")]
    pub profile: String,
}

impl SystemArgs {
    /// The same as it would be typed, with a space before it; nothing for the standard system in `prod`.
    #[must_use]
    pub fn as_arguments(&self) -> String {
        let mut text = String::new();
        if let Some(system) = &self.system {
            text += &format!(" --system {}", system.display());
        }
        if self.profile != "prod" {
            text += &format!(" --profile {}", self.profile);
        }
        text
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install or verify what a build and a run need
    Setup(setup::SetupArgs),
    /// Check the description; say file, line and fix of what is wrong
    Check(check::CheckArgs),
    /// Build kernel, services and boot image
    Build(build::BuildArgs),
    /// Write the boot image from ELF files that are already built
    Image(image::ImageArgs),
    /// Boot to the prompt
    Run(run::RunArgs),
    /// Attach gdb to a machine that `run --gdb` started: in one service, or in the kernel
    Gdb(debugger::GdbArgs),
    /// Boot the test profile and judge the run
    TestOs(test_os::TestOsArgs),
    /// Leave out each defence in turn; every run must fail
    TestBroken(test_broken::TestBrokenArgs),
    /// Millions of faults in the code of drivers, in QEMU; goes on where it was
    Faults(faults::FaultsArgs),
    /// Look for inputs that break a target of tests/fuzz
    Fuzz(fuzz::FuzzArgs),
    /// Every check and test, as CI runs them
    Ci(ci::CiArgs),
    /// The tests of each attack, and what has none
    Attacks(attacks::AttacksArgs),
    /// What takes longer than `ci` may, and needs more tools
    Assure(assure::AssureArgs),
    /// Say who may touch what, from the built image
    Audit(audit::AuditArgs),
    /// Say whether a service may do something, by which line, or what would have to change
    Why(audit::WhyArgs),
    /// Measure, beside the peers' figures
    Bench(bench::BenchArgs),
    /// Make an image with a store, or look into one
    Disk(disk::DiskArgs),
    /// The ledgers of all boots out of an image, checked against heads that were kept
    Ledger(ledger::LedgerArgs),
    /// Walk the page tables in a dump of guest memory
    Witness(witness::WitnessArgs),
    /// Give names to addresses of a kernel backtrace
    Symbolize(symbolize::SymbolizeArgs),
    /// Write the reference page of system calls
    AbiDoc(abi_doc::AbiDocArgs),
}

/// Runs one command.
///
/// # Errors
/// Whatever stopped it; [`crate::exit::of_error`] gives the exit code.
pub fn dispatch(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Setup(args) => setup::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Image(args) => image::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Gdb(args) => debugger::run(&args),
        Command::TestOs(args) => test_os::run(&args),
        Command::TestBroken(args) => test_broken::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Attacks(args) => attacks::run(&args),
        Command::Assure(args) => assure::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Why(args) => audit::run_why(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Disk(args) => disk::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Witness(args) => witness::run(&args),
        Command::Symbolize(args) => symbolize::run(&args),
        Command::AbiDoc(args) => abi_doc::run(&args),
    }
    .map(ExitCode::from)
}
