//! Cargo, and what can be added to it.

use crate::paths;
use anyhow::Result;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// `cargo` in the tree, for the host.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(paths::root()?);
    Ok(command)
}

/// `cargo` in the tree, with a subcommand that [`Tool::install`] puts there.
pub(crate) fn installed(arguments: &[&str]) -> Result<Command> {
    let mut command = cargo(arguments)?;
    installed_first(&mut command);
    Ok(command)
}

/// `cargo` of the nightly compiler in the tree, for the host.
pub(crate) fn nightly(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(arguments).current_dir(paths::root()?);
    without_this_compiler(&mut command);
    installed_first(&mut command);
    Ok(command)
}

/// What `cargo install` puts on a machine comes before other programs of the same name.
fn installed_first(command: &mut Command) {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let path = env::var_os("PATH").unwrap_or_default();
    let all = home.into_iter().map(|home| home.join("bin")).chain(env::split_paths(&path));
    if let Ok(path) = env::join_paths(all) {
        command.env("PATH", path);
    }
}

/// Takes away what cargo says to its children of the pinned compiler; it would win over another one.
fn without_this_compiler(command: &mut Command) {
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
}

/// True when cargo knows the subcommand.
pub(crate) fn has(subcommand: &str) -> Result<bool> {
    Ok(works(&mut cargo(&[subcommand, "--version"])?))
}

fn works(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Something that a machine need not have for `make test`, and a step of `assure` cannot do without.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(super) name: &'static str,
    /// A command that works when it is there, and tells its version.
    pub(super) probe: &'static [&'static str],
    /// A command that installs it, in the version that is said after an `@`.
    pub(super) install: &'static str,
}

/// Another compiler, with what sanitizers and coverage of branches need.
pub(crate) const NIGHTLY: Tool = Tool {
    name: "a nightly compiler",
    probe: &["rustup", "run", "nightly", "rustc", "--version"],
    install: "rustup toolchain install nightly --component rust-src,llvm-tools",
};

/// The interpreter that knows undefined behaviour.
pub(crate) const MIRI: Tool = Tool {
    name: "miri",
    probe: &["rustup", "run", "nightly", "cargo", "miri", "--version"],
    install: "rustup toolchain install nightly --component miri,rust-src",
};

/// Fuzz targets, by libFuzzer.
pub(crate) const FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    probe: &["cargo", "fuzz", "--version"],
    install: "cargo install --locked cargo-fuzz@0.13.2",
};

/// Coverage.
pub(crate) const LLVM_COV: Tool = Tool {
    name: "cargo-llvm-cov",
    probe: &["cargo", "llvm-cov", "--version"],
    install: "cargo install --locked cargo-llvm-cov@0.9.1",
};

/// Changes of the code that a test must notice.
pub(crate) const MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    probe: &["cargo", "mutants", "--version"],
    install: "cargo install --locked cargo-mutants@27.1.0",
};

/// Tests by name, in a process each.
pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    probe: &["cargo", "nextest", "--version"],
    install: "cargo install --locked cargo-nextest@0.9.143",
};

/// What dependencies may be.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    probe: &["cargo", "deny", "--version"],
    install: "cargo install --locked cargo-deny@0.20.2",
};

/// What reads captures of a network.
pub(crate) const TSHARK: Tool =
    Tool { name: "tshark", probe: &["tshark", "--version"], install: "apt-get install tshark" };

/// A client of HTTP.
pub(crate) const CURL: Tool =
    Tool { name: "curl", probe: &["curl", "--version"], install: "apt-get install curl" };

/// A client of HTTP that asks as often as it can. It has no way to say its version that is a success.
pub(crate) const WRK: Tool =
    Tool { name: "wrk", probe: &["which", "wrk"], install: "apt-get install wrk" };

/// A client that sends what it is given. Others of this name know no `-N`.
pub(crate) const NC: Tool = Tool {
    name: "nc of netcat-openbsd",
    probe: &["which", "nc.openbsd"],
    install: "apt-get install netcat-openbsd",
};

/// What holds JSON against its schema.
pub(crate) const JSONSCHEMA: Tool = Tool {
    name: "jsonschema",
    probe: &["jsonschema", "--version"],
    install: "apt-get install python3-jsonschema",
};

/// Each of them.
pub(crate) const TOOLS: &[Tool] =
    &[NIGHTLY, MIRI, FUZZ, LLVM_COV, MUTANTS, NEXTEST, DENY, TSHARK, CURL, WRK, NC, JSONSCHEMA];

impl Tool {
    /// What to do when it is not there, or in another version.
    pub(crate) fn missing(&self) -> Option<String> {
        let (program, arguments) = self.probe.split_first()?;
        let mut command = Command::new(program);
        without_this_compiler(&mut command);
        installed_first(&mut command);
        let probed = command.args(arguments).stdin(Stdio::null()).output().ok();
        let lacks = match probed.filter(|output| output.status.success()) {
            None => "missing".to_owned(),
            Some(output) => {
                let (_, version) = self.install.split_once('@')?;
                let text = String::from_utf8_lossy(&output.stdout);
                if text.split_whitespace().any(|word| word == version) {
                    return None;
                }
                format!("not of version {version}, but `{}`", text.trim())
            }
        };
        Some(format!("{} is {lacks}; `{}` installs it", self.name, self.install))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_missing_tool_says_how_to_get_it() {
        let there = Tool { name: "true", probe: &["true"], install: "" };
        assert_eq!(there.missing(), None);
        let failing = Tool { name: "x", probe: &["false"], install: "get x" };
        assert_eq!(failing.missing().unwrap(), "x is missing; `get x` installs it");
        let other = Tool { name: "x", probe: &["echo", "x 0.2.1"], install: "get x@0.2" };
        let said = "x is not of version 0.2, but `x 0.2.1`; `get x@0.2` installs it";
        assert_eq!(other.missing().unwrap(), said);
        let right = Tool { name: "x", probe: &["echo", "x 0.2"], install: "get x@0.2" };
        assert_eq!(right.missing(), None);
        let absent = Tool { name: "x", probe: &["/no/such/program"], install: "get x" };
        assert!(absent.missing().is_some());
    }
}
