//! `cargo nexus`: one command for everything that happens on the host.
#![forbid(unsafe_code)]

use clap::Parser;
use nexus::cli::{Cli, dispatch};
use nexus::{exit, output, visible};

fn main() -> std::process::ExitCode {
    output::until_unread(|| match dispatch(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let text = format!("nexus: {error:#}");
            output::error(format_args!("{}\n", visible::shown(&text)));
            exit::of_error(&error).into()
        }
    })
}
