//! The kernel of a prod image holds nothing of what is for tests, by its symbols and by the source
//! lines that its instructions come from. The kernel of the test profile holds all of it, so that a
//! name that has changed is noticed.

use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::steps::outcome::Outcome;
use crate::symbolize::Symbols;
use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use std::fs;

/// Parts of the symbols that only the checker has: module and static, as the compiler writes them.
const SYMBOLS: &[&str] = &["neuron_core5check", "7CHECKER"];
/// Parts of the source files that only it has.
const FILES: &[&str] = &["neuron-core/src/check/", "neuron/src/machine/watched.rs"];
/// What it says when it finds something.
const TEXTS: &[&str] = &["checker: "];

pub(super) fn check() -> Result<Outcome> {
    let of_prod = found(&built("prod")?)?;
    let of_test = found(&built("test")?)?;
    for what in &of_prod {
        println!("the prod kernel has `{what}`");
    }
    let all: BTreeSet<&str> = [SYMBOLS, FILES, TEXTS].concat().into_iter().collect();
    for what in all.difference(&of_test) {
        println!("the test kernel lacks `{what}`");
    }
    let absent = Outcome::of(of_prod.is_empty(), "no checker in the prod kernel");
    Ok(absent.and(Outcome::of(of_test == all, "and all of it in the test kernel")))
}

fn built(profile: &str) -> Result<Built> {
    build::system(&SystemArgs { system: None, profile: profile.to_owned() })
}

/// Which of the parts a kernel has.
fn found(built: &Built) -> Result<BTreeSet<&'static str>> {
    let data = fs::read(&built.kernel_debug).context("reading the kernel")?;
    let names = symbols(&data)?;
    let files = Symbols::load(&built.kernel_debug)?.files();
    let has = |names: &[String], part: &str| names.iter().any(|name| name.contains(part));
    let text = |part: &str| data.windows(part.len()).any(|bytes| bytes == part.as_bytes());
    let symbols = SYMBOLS.iter().filter(|part| has(&names, part));
    let files = FILES.iter().filter(|part| has(&files, part));
    Ok(symbols.chain(files).chain(TEXTS.iter().filter(|part| text(part))).copied().collect())
}

fn symbols(elf: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(elf).context("reading the symbols")?;
    let names = file.symbols().filter_map(|symbol| symbol.name().ok().map(str::to_owned));
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_symbols_and_files_of_this_program_are_found() {
        const HERE: &str = "5nexus2ci10production";
        let path = std::env::current_exe().unwrap();
        let data = fs::read(&path).unwrap();
        assert!(symbols(&data).unwrap().iter().any(|name| name.contains(HERE)));
        // Of all instructions of a program that is not optimized there are ten million.
        let file = object::File::parse(&*data).unwrap();
        let here =
            file.symbols().filter(|symbol| symbol.name().is_ok_and(|name| name.contains(HERE)));
        let lines = Symbols::load(&path).unwrap();
        let in_symbol = |start, bytes| lines.files_in(start..start + bytes);
        let files: BTreeSet<String> =
            here.flat_map(|symbol| in_symbol(symbol.address(), symbol.size())).collect();
        assert!(files.iter().any(|file| file.ends_with("ci/production.rs")), "{files:?}");
    }
}
