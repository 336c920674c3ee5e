//! `cargo nexus`: one command for everything that happens on the host.
#![forbid(unsafe_code)]

use clap::Parser;
use nexus::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match nexus::cli::dispatch(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nexus: {error:#}");
            nexus::exit::of_error(&error).into()
        }
    }
}
