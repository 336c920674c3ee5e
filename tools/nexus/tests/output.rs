//! Commands whose output nobody reads to its end.

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
