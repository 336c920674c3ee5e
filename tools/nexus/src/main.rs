//! `cargo nexus`: one command for everything that happens on the host.
#![forbid(unsafe_code)]

use clap::Parser;
use nexus::cli::{Cli, dispatch};
use nexus::{exit, output, visible};
use std::process::ExitCode;

fn main() -> ExitCode {
    output::until_unread(|| match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(usage) => explain(&usage),
    })
}

fn run(cli: Cli) -> ExitCode {
    dispatch(cli).unwrap_or_else(|error| {
        let text = format!("nexus: {error:#}");
        output::error(format_args!("{}\n", visible::shown(&text)));
        exit::of_error(&error).into()
    })
}

/// Help that was asked for, or what is wrong with the arguments.
fn explain(usage: &clap::Error) -> ExitCode {
    let text = usage.render();
    if usage.use_stderr() {
        output::error(format_args!("{}", visible::shown(&text.to_string())));
    } else {
        output::out(format_args!("{text}"));
    }
    u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
