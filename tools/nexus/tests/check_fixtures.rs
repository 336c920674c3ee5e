//! Every refusal has a fixture: a system, and the exact words with which it is refused.
//!
//! `tests/fixtures/check/KIND` and `KIND--VARIANT` are refused with that kind and no other; most
//! extend `base`, which is accepted. `NEXUS_UPDATE=1` writes the expected texts anew.

use nexus::audit::Assertions;
use nexus::desc::{self, Kind, Report};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/check");
    path.canonicalize().expect("the fixtures")
}

/// Each fixture: its directory, and the kind that its name gives.
fn cases() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(fixtures()).expect("the fixtures");
    let mut cases: Vec<(PathBuf, String)> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir() && !path.ends_with("base"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let kind = name.split("--").next().expect("a kind").to_owned();
            (path, kind)
        })
        .collect();
    cases.sort();
    cases
}

/// Why a fixture is refused, its paths relative to its own directory.
fn refusal(dir: &Path) -> Option<Report> {
    let assertions = dir.join("assertions.toml");
    if assertions.exists() {
        return Assertions::read_from(&assertions, dir).err();
    }
    let standard = fixtures().join("base");
    // Some have tests that are laid over them.
    let tests = dir.join("tests");
    let tests = tests.is_dir().then_some(tests.as_path());
    desc::check_with_tests(dir, &standard, tests, dir).expect("the tool works").err()
}

/// `text`, with the same digits wherever the id of a tree was drawn.
fn without_drawn(text: &str) -> String {
    const DRAWN: &str = "`, which was drawn just now";
    let shown = |line: &str| {
        let (fix, _) = line.split_once(DRAWN).unwrap_or((line, ""));
        match fix.rsplit_once('"').and_then(|(fix, _)| fix.rsplit_once('"')) {
            Some((_, id)) if line.contains(DRAWN) && id.len() == 32 => {
                line.replace(id, "00112233445566778899aabbccddeeff")
            }
            _ => line.to_owned(),
        }
    };
    text.lines().map(|line| shown(line) + "\n").collect()
}

#[test]
fn the_base_is_accepted() {
    let base = fixtures().join("base");
    let checked = desc::check(&base, &base, &base).expect("the tool works");
    let profiles = checked.unwrap_or_else(|report| panic!("{report}"));
    let names: Vec<&str> = profiles.iter().map(|checked| checked.profile.as_str()).collect();
    assert_eq!(names, ["prod", "test"]);
}

// attack 34 H: more is asked for than policy allows, or allowed than is asked for, of rights, registers, interrupts, queues or rings; refused; broken: checker-lines, checker-registers, checker-queues, checker-rings
// attack 92 H: two services with one tree, a prefix that leads upwards, more state opened than policy allows; refused; broken: checker-state, checker-tree
// attack 99 H: more ports or addresses than policy lets, or that nothing asks for; names, networks with bits of a host, ports out of order; sockets without a ring, or without a network; refused; broken: checker-net, checker-no-network, checker-socket-ring, checker-written
// attack 58 H: init or busd would be started again, or a service in use without end; refused; broken: checker-restart, checker-unlimited
// attack 80 U: two disks of one serial number, or whose memory is not alike, or that cannot be asked for it; refused; broken: checker-serial-head, checker-serial-unlike
#[test]
fn each_fixture_is_refused_in_the_expected_words() {
    let update = std::env::var_os("NEXUS_UPDATE").is_some();
    let mut wrong = Vec::new();
    for (dir, kind) in cases() {
        let Some(report) = refusal(&dir) else {
            wrong.push(format!("{}: accepted", dir.display()));
            continue;
        };
        let kinds: BTreeSet<&str> = report.kinds().map(Kind::name).collect();
        if kinds != BTreeSet::from([kind.as_str()]) {
            wrong.push(format!("{}: refused as {kinds:?}\n{report}", dir.display()));
        }
        let text = format!("{report}\n").replace(&fixtures().display().to_string(), "FIXTURES");
        let text = without_drawn(&text);
        let expected = dir.join("expected.txt");
        if update {
            fs::write(&expected, &text).expect("writing");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if text != expected {
            wrong.push(format!("{}:\nexpected\n{expected}got\n{text}", dir.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_kind_has_a_fixture_and_every_fixture_a_kind() {
    let covered: BTreeSet<String> = cases().into_iter().map(|(_, kind)| kind).collect();
    let kinds: BTreeSet<String> = Kind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(covered, kinds);
}

#[test]
fn every_refusal_says_where_and_what_to_do() {
    for (dir, _) in cases() {
        let report = refusal(&dir).expect("refused");
        for diagnostic in report.diagnostics() {
            let text = diagnostic.render();
            let first = text.lines().next().unwrap_or_default();
            assert!(first.contains(": error: "), "{text}");
            assert!(text.contains("\n  fix: "), "{text}");
            assert!(!diagnostic.fix.is_empty(), "{text}");
        }
    }
}

/// The page that lists every refusal, with the first fixture of its kind as example.
fn page() -> String {
    let mut page = String::from(
        "# Refusals\n\n\
         Every way in which `cargo nexus check` refuses a system, or `audit --assert` a file of\n\
         assertions, with an example each. Made from the fixtures under `tests/fixtures/check`;\n\
         `NEXUS_UPDATE=1 cargo test -p nexus` makes it anew.\n",
    );
    for kind in Kind::ALL {
        let dir = fixtures().join(kind.name());
        let example = fs::read_to_string(dir.join("expected.txt")).expect("an example");
        let example = example.split("\n\n").next().unwrap_or_default().replace("FIXTURES/", "");
        page +=
            &format!("\n## {}\n{}\n\n```text\n{example}\n```\n", kind.name(), kind.about().trim());
    }
    page
}

#[test]
fn the_page_of_refusals_is_up_to_date() {
    let path = fixtures().join("../../../docs/refusals.md");
    if std::env::var_os("NEXUS_UPDATE").is_some() {
        fs::write(&path, page()).expect("writing");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/refusals.md is stale: run this test with NEXUS_UPDATE=1");
}
