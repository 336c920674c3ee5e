//! `cargo nexus abi-doc`: the reference page of system calls, from the one table of them.

use crate::exit::Exit;
use crate::paths;
use anyhow::{Context, Result};
use clap::Args;
use nexus_abi::{Error, SYSCALLS, SyscallInfo};
use std::fmt::Write;
use std::fs;

/// Arguments of `cargo nexus abi-doc`.
#[derive(Args, Debug)]
pub struct AbiDocArgs {
    /// Compare with docs/abi/syscalls.md instead of writing it.
    #[arg(long)]
    check: bool,
}

/// Writes docs/abi/syscalls.md, or says whether it is up to date.
///
/// # Errors
/// When the page cannot be written.
pub fn run(args: &AbiDocArgs) -> Result<Exit> {
    let path = paths::root()?.join("docs/abi/syscalls.md");
    let page = page();
    if args.check {
        let same = fs::read_to_string(&path).is_ok_and(|old| old == page);
        if !same {
            println!("{} is not up to date: run `cargo nexus abi-doc`", path.display());
        }
        return Ok(if same { Exit::Pass } else { Exit::Failed });
    }
    fs::create_dir_all(path.parent().context("a page has a directory")?)?;
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    println!("{}", path.display());
    Ok(Exit::Pass)
}

fn page() -> String {
    let mut page = String::from(
        "# System calls\n\n\
         Made from source/libs/nexus-abi/src/table.rs by `cargo nexus abi-doc`; edit that.\n\n\
         Arguments go in `a0` to `a5`, the number in `a7`. The error comes back in `a0`, 0 for none,\n\
         and a single result in `a1`. Words of messages and records go in `a2` to `a6` and `t0` to\n\
         `t2`, the deadline and the sender in `t3`, the reply handle in `t4`. A call that fails\n\
         changes nothing. Errors are listed in the order in which they are looked for.\n",
    );
    SYSCALLS.iter().for_each(|call| section(call, &mut page));
    page.push_str("\n## Errors\n\n| code | name | when |\n|---|---|---|\n");
    for (error, name, doc) in Error::ALL {
        let _ = writeln!(page, "| {} | `{name}` | {} |", error.code(), doc.trim());
    }
    page
}

fn section(call: &SyscallInfo, page: &mut String) {
    let arguments: Vec<String> =
        call.args.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
    let result = if call.result == "()" { String::new() } else { format!(" -> {}", call.result) };
    let _ = write!(
        page,
        "\n## {} `{}`\n\n`{}({}){result}`\n\n",
        call.number,
        call.name,
        call.name,
        arguments.join(", ")
    );
    for line in call.doc.lines() {
        let _ = writeln!(page, "{}", line.trim());
    }
    let errors: Vec<String> = call.errors.iter().map(|error| format!("`{error:?}`")).collect();
    if !errors.is_empty() {
        let _ = writeln!(page, "\nErrors: {}", errors.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_page_has_every_call_and_every_error() {
        let page = page();
        for call in SYSCALLS {
            assert!(page.contains(&format!("## {} `{}`", call.number, call.name)));
        }
        assert_eq!(
            page.lines().filter(|line| line.starts_with("| ")).count(),
            Error::ALL.len() + 1
        );
    }
}
