//! What commands print: on terminals of all widths, and where nobody reads it to its end.

use nexus::columns::fold;
use std::io;
use std::process::{Command, Stdio};

mod common;

/// Runs the tool with a standard output that nobody reads; its exit code, and what it complains of.
fn unread(arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    let output = command.args(arguments).stdout(writer).stderr(Stdio::piped()).output();
    let output = output.expect("the tool");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_command_whose_output_nobody_reads_ends_quietly() {
    let dir = tempfile::tempdir().expect("a directory");
    let image = dir.path().join("boot.img");
    std::fs::write(&image, common::image("prod")).expect("writing");
    let image = image.to_string_lossy();
    for arguments in [
        vec!["attacks", "7"],
        vec!["check"],
        vec!["ci", "--list"],
        vec!["assure", "--list"],
        vec!["fuzz"],
        vec!["audit", "--image", &image],
        vec!["audit", "--image", &image, "--json"],
        vec!["--help"],
        vec!["help", "test-os"],
    ] {
        let (code, complaint) = unread(&arguments);
        assert_eq!(complaint, "", "{arguments:?}");
        assert!(matches!(code, Some(0 | 7)), "{arguments:?}: {code:?}");
    }
}

/// What the tool prints, all of it, in so many columns.
fn printed(arguments: &[&str], columns: usize) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    let output = command.args(arguments).env("COLUMNS", columns.to_string()).output();
    let output = output.expect("the tool");
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

#[test]
fn what_is_printed_fits_terminals_of_40_to_200_columns() {
    let fixture = |name: &str| {
        let path = common::fixtures().join("../check").join(name);
        path.canonicalize().expect("a fixture").to_string_lossy().into_owned()
    };
    let (refused, long) = (fixture("not-allowed"), fixture("left-out"));
    for arguments in [
        vec!["attacks", "7", "43"],
        vec!["check"],
        vec!["check", "--system", &refused],
        vec!["check", "--system", &long],
        vec!["ci", "--list"],
        vec!["assure", "--list"],
        vec!["fuzz"],
        vec!["--help"],
        vec!["help", "test-os"],
        vec!["bench", "--help"],
        vec!["chekc"],
        vec!["check", "--sytem", "x"],
    ] {
        let whole = printed(&arguments, 1_000);
        assert_eq!(printed(&arguments, 40), fold(&whole, 40), "{arguments:?}");
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        for width in 40..=200 {
            let text = fold(&whole, width);
            let widest = text.lines().map(|line| line.chars().count()).max().expect("lines");
            assert!(widest <= width, "{arguments:?}: {widest} of {width} columns\n{text}");
            // Of an excerpt of a file, only a part is shown.
            let all = letters(&text) == letters(&whole);
            assert!(all || arguments.contains(&"--system"), "something is lost\n{text}");
        }
    }
}
