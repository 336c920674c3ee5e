//! `cargo nexus symbolize`: names for the addresses of a kernel backtrace.

use crate::build::Place;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use addr2line::Loader;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Arguments of `cargo nexus symbolize`.
#[derive(Args, Debug)]
pub struct SymbolizeArgs {
    /// ELF file with line tables; the kernel of the last build when absent.
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// Addresses. Without any, lines are read from standard input and backtrace lines get names.
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
}

/// Names addresses from the arguments, or backtrace lines from standard input.
///
/// # Errors
/// When the ELF file cannot be read.
pub fn run(args: &SymbolizeArgs) -> Result<Exit> {
    let elf = match &args.elf {
        Some(elf) => elf.clone(),
        None => of_the_last_build()?,
    };
    let symbols = Symbols::load(&elf)?;
    for address in &args.addresses {
        let value = u64::from_str_radix(address.trim_start_matches("0x"), 16)
            .with_context(|| format!("{address} is not an address"))?;
        println!("{address} {}", symbols.name(value).unwrap_or_else(|| "?".to_owned()));
    }
    if args.addresses.is_empty() {
        for line in io::stdin().lock().lines() {
            println!("{}", symbols.annotate(&line?));
        }
    }
    Ok(Exit::Pass)
}

/// The kernel of the standard system in `prod`.
fn of_the_last_build() -> Result<PathBuf> {
    let place = Place::tree()?;
    let checked = place.load(&SystemArgs { system: None, profile: "prod".to_owned() })?;
    Ok(place.folder(&checked)?.join("debug/neuron"))
}

/// Bytes in the shortest instruction.
const INSTRUCTION: usize = 2;

/// The names in one ELF file.
pub struct Symbols {
    loader: Loader,
    /// Where the instructions are. Functions that the linker dropped have line tables, too: for
    /// addresses near 0.
    text: Range<u64>,
}

impl Symbols {
    /// Reads the symbols and line tables of `elf`.
    ///
    /// # Errors
    /// When there is no such file or it is not ELF.
    pub fn load(elf: &Path) -> Result<Symbols> {
        let loader = Loader::new(elf).map_err(|error| anyhow!("{}: {error}", elf.display()))?;
        let text = loader.get_section_range(b".text");
        let text = text.with_context(|| format!("{}: no .text", elf.display()))?;
        Ok(Symbols { loader, text: text.begin..text.end })
    }

    /// `function (file:line)` for the instruction at `address`, with the functions inlined there.
    #[must_use]
    pub fn name(&self, address: u64) -> Option<String> {
        if !self.text.contains(&address) {
            return None;
        }
        let mut parts = Vec::new();
        if let Ok(mut frames) = self.loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let function = frame.function.as_ref().and_then(|name| name.demangle().ok());
                let place = frame.location.as_ref().and_then(|location| {
                    Some(format!(" ({}:{})", location.file?, location.line.unwrap_or(0)))
                });
                if let Some(function) = function {
                    parts.push(format!("{function}{}", place.unwrap_or_default()));
                }
            }
        }
        if parts.is_empty() {
            parts.push(self.loader.find_symbol(address)?.to_owned());
        }
        Some(parts.join(", in "))
    }

    /// The source files that instructions come from, inlined ones too.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.files_in(self.text.clone())
    }

    /// Those of the instructions at these addresses.
    #[must_use]
    pub(crate) fn files_in(&self, addresses: Range<u64>) -> Vec<String> {
        let mut files = BTreeSet::new();
        for address in addresses.step_by(INSTRUCTION) {
            let Ok(mut frames) = self.loader.find_frames(address) else { continue };
            while let Ok(Some(frame)) = frames.next() {
                files.extend(frame.location.and_then(|location| location.file).map(str::to_owned));
            }
        }
        files.into_iter().collect()
    }

    /// `line` with a name at its end when it is a backtrace line, else as it is.
    #[must_use]
    pub fn annotate(&self, line: &str) -> String {
        let name = frame(line).and_then(|address| self.name(address));
        name.map_or_else(|| line.to_owned(), |name| format!("{line} {name}"))
    }
}

/// The address in `neuron: #3 0xffffffff80201234`: frame 0 is the instruction itself, the others
/// are return addresses, whose call is the instruction before.
fn frame(line: &str) -> Option<u64> {
    let (number, address) = line.strip_prefix("neuron: #")?.split_once(" 0x")?;
    let number: u32 = number.parse().ok()?;
    let address = u64::from_str_radix(address.trim_end(), 16).ok()?;
    if number == 0 { Some(address) } else { address.checked_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_backtrace_lines() {
        assert_eq!(frame("neuron: #0 0xffffffff80201234"), Some(0xffff_ffff_8020_1234));
        assert_eq!(frame("neuron: #3 0xffffffff80201234"), Some(0xffff_ffff_8020_1233));
        for line in ["neuron: panic: #3", "#3 0x12", "neuron: #x 0x12", "neuron: #3 0xzz"] {
            assert_eq!(frame(line), None, "{line}");
        }
    }

    /// The test program itself is an ELF file with line tables.
    #[test]
    fn test_a_function_of_this_program_has_its_name() {
        let symbols = Symbols::load(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(symbols.annotate("hello"), "hello");
        assert_eq!(symbols.name(u64::MAX), None);
        assert_eq!(symbols.name(1), None);
        let mut addresses = symbols.text.clone().step_by(64);
        let here =
            |address| symbols.name(address).is_some_and(|name| name.contains("symbolize.rs"));
        assert!(addresses.any(here));
    }
}
