//! What commands print: on terminals of all widths, and where nobody reads it to its end.

use clap::CommandFactory;
use nexus::cli::Cli;
use nexus::columns::fold;
use nexus::exit::Exit;
use nexus::{desc, paths};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io, iter};
use tempfile::TempDir;

mod common;

/// The exit code of a command that nobody reads.
const NO_VERDICT: i32 = Exit::NoVerdict as i32;

/// Runs the tool with a standard output that nobody reads; its exit code, and what it complains of.
/// Pages that it writes go below `root`, where there is one.
fn unread(arguments: &[&str], root: Option<&Path>) -> (Option<i32>, String) {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    command.env_remove("NEXUS_UPDATE").envs(root.map(|root| (paths::ROOT_VARIABLE, root)));
    command.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let output = command.output().expect("the tool");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Files that commands can be about: `ram`, `image`, `store`, and a program `NAME.elf` for each service.
struct Files(TempDir);

impl Files {
    fn new() -> Files {
        let dir = tempfile::tempdir().expect("a directory");
        let standard = desc::load(None, "prod").expect("the standard system");
        common::build_programs(&standard, dir.path(), ".elf");
        fs::write(dir.path().join("image"), common::image("prod")).expect("writing");
        fs::write(dir.path().join("ram"), [0; 4096]).expect("writing");
        let mut new = Command::new(env!("CARGO_BIN_EXE_nexus"));
        new.args(["disk", "new"]).arg(dir.path().join("store")).stdout(Stdio::null());
        assert!(new.status().expect("the tool").success());
        Files(dir)
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    /// What a command can be asked for that compiles and starts nothing, and is printed. None for those
    /// that build a system before they print, print to standard error alone, or have another print.
    fn requests(&self, command: &str) -> Vec<Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (image, programs, out) = (self.at("image"), self.at(""), self.at("out"));
        match command {
            "build" | "run" | "gdb" | "test-os" | "bench" | "faults" | "setup" => vec![],
            "ci" | "assure" | "test-broken" => vec![words(&["--list"])],
            "check" | "fuzz" | "abi-doc" => vec![vec![]],
            "attacks" => vec![words(&["7"])],
            "image" => vec![words(&["--programs", &programs, "--out", &out])],
            "audit" => {
                let diff = words(&["--diff", &image, &image]);
                vec![words(&["--image", &image]), words(&["--image", &image, "--json"]), diff]
            }
            "why" => vec![words(&["--image", &image, "nsh", "net", "tcp", "80"])],
            "witness" => vec![words(&[&self.at("ram"), "80000000"])],
            "disk" => {
                let disk = self.at("disk");
                vec![words(&["new", &disk]), words(&["ls", &disk]), words(&["check", &disk])]
            }
            "ledger" => vec![words(&[&self.at("store"), "--tree", &"0".repeat(32)])],
            "symbolize" => vec![words(&["--elf", env!("CARGO_BIN_EXE_nexus"), "100000"])],
            new => panic!("say what `{new}` can be asked for in this test"),
        }
    }
}

#[test]
fn a_command_whose_output_nobody_reads_ends_quietly() {
    let files = Files::new();
    let all = Cli::command();
    let commands: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
    assert!(commands.contains(&"abi-doc"), "{commands:?}");
    let quietly = (Some(NO_VERDICT), String::new());
    for name in commands {
        assert_eq!(unread(&[name, "--help"], None), quietly, "{name}");
        assert_eq!(unread(&["help", name], None), quietly, "{name}");
        for request in files.requests(name) {
            let words: Vec<&str> =
                iter::once(name).chain(request.iter().map(String::as_str)).collect();
            // It writes a page of the tree.
            let root = (name == "abi-doc").then(|| files.0.path());
            assert_eq!(unread(&words, root), quietly, "{words:?}");
        }
    }
    assert_eq!(unread(&["--help"], None), quietly);
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
