//! The kernel stays small enough to be read: the code lines of `neuron` and `neuron-core`, without
//! tests and checker, are within a budget.

use super::unsafe_code::rust_files;
use crate::paths;
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// Code lines that the kernel has at most: lines with more than a comment.
const BUDGET: usize = 6_900;

const KERNEL: [&str; 2] = ["source/kernel/neuron/src", "source/kernel/neuron-core/src"];

/// Files and directories of tests and of the checker.
const APART: [&str; 6] = [
    "source/kernel/neuron-core/src/check",
    "source/kernel/neuron-core/src/sim",
    "source/kernel/neuron/src/machine/unwatched.rs",
    "source/kernel/neuron/src/machine/watched.rs",
    "source/kernel/neuron/src/tree/tests.rs",
    "source/kernel/neuron/src/watch.rs",
];

pub(super) fn check() -> Result<Outcome> {
    let lines = kernel_lines(&paths::root()?)?;
    if let Some(fault) = over(lines) {
        println!("{fault}");
    }
    Ok(Outcome::of(over(lines).is_none(), format!("{lines} of {BUDGET} lines")))
}

fn over(lines: usize) -> Option<String> {
    (lines > BUDGET).then(|| {
        format!(
            "the kernel has {lines} code lines, {} more than {BUDGET}: take out what does not earn \
             its place in {}",
            lines - BUDGET,
            KERNEL.join(" or "),
        )
    })
}

fn kernel_lines(root: &Path) -> Result<usize> {
    for apart in APART {
        ensure!(root.join(apart).exists(), "`{apart}`, which is not counted, is not there");
    }
    let mut lines = 0;
    for directory in KERNEL {
        for file in rust_files(&root.join(directory))? {
            if !APART.iter().any(|apart| file.starts_with(root.join(apart))) {
                let text = fs::read_to_string(&file);
                lines += code_lines(&text.with_context(|| format!("reading {}", file.display()))?);
            }
        }
    }
    Ok(lines)
}

/// Code lines of a file, up to its tests: clippy lets nothing come after these.
fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().take_while(|line| *line != "#[cfg(test)]").filter(is_code).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_only_code_is_counted() {
        let text =
            "//! About.\n\nuse a::b;\n\n/// One.\nfn f() {\n    // Two.\n    g(); // Three.\n}\n";
        assert_eq!(code_lines(text), 4);
        let tests = "\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
        assert_eq!(code_lines(&format!("{text}{tests}")), 4);
    }

    #[test]
    fn test_tests_and_checker_are_not_counted() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("source/kernel/neuron/src/main.rs", "fn main() {}\n");
        write("source/kernel/neuron-core/src/call/checked.rs", "fn a() {}\nfn b() {}\n");
        assert!(kernel_lines(root.path()).unwrap_err().to_string().contains("src/check`"));
        for apart in APART {
            let file = if apart.ends_with(".rs") { "" } else { "/mod.rs" };
            write(&format!("{apart}{file}"), "fn not_counted() {}\n");
        }
        assert_eq!(kernel_lines(root.path()).unwrap(), 3);
    }

    #[test]
    fn test_one_line_too_many_is_a_fault_that_says_what_to_do() {
        assert_eq!(over(BUDGET), None);
        let fault = over(BUDGET + 1).unwrap();
        assert!(fault.contains("6901 code lines, 1 more than 6900: take out"), "{fault}");
    }
}
