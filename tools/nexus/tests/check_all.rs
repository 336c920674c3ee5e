//! All mistakes of all files are told in one go, each once; and what no reader can see is refused.

use nexus::{desc, paths};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/check/base")
}

fn copy() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    paths::copy_tree(&base(), dir.path()).expect("a copy");
    dir
}

/// Where each refusal points, and of which kind it is: `file:line kind`.
fn refusals(dir: &Path) -> Vec<String> {
    let Err(report) = desc::check(dir, dir, dir).expect("the tool works") else {
        return Vec::new();
    };
    let place = |text: &str| {
        let place = text.split(": error: ").next().unwrap_or_default().to_owned();
        place.rsplit_once(':').map_or(place.clone(), |(line, _)| line.to_owned())
    };
    let all = report.diagnostics().iter();
    all.map(|one| format!("{} {}", place(&one.render()), one.kind.name())).collect()
}

fn replace(dir: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(dir.join(file)).expect("text");
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(dir.join(file), text.replacen(from, to, 1)).expect("writing");
}

#[test]
fn mistakes_of_every_stage_are_told_together() {
    let dir = copy();
    let at = dir.path();
    // Syntax, keys, values, words, cross references, policy, profiles: a file each, some with two.
    replace(at, "services/logd.toml", "id = ", "id: ");
    replace(at, "services/rngd.toml", "priority = 16", "priority = 99");
    replace(at, "services/rngd.toml", "\"logd\"]", "\"lodg\"]");
    replace(at, "services/consoled.toml", "uart0", "uart7");
    replace(at, "policy.toml", "epoch = 1", "epoch = 0\ncolour = 1");
    replace(at, "policy.toml", "permission = \"distribute\"", "permission = \"destribute\"");
    replace(at, "boards/small.toml", "danger = \"medium\"", "danger = \"some\"");
    replace(at, "boards/small.toml", "danger = \"high\"", "danger = \"low\"");
    replace(at, "profiles/prod.toml", "kind = \"prod\"", "kind = \"prod\"\nwithout = [\"nobody\"]");
    replace(at, "profiles/test.toml", "kind = \"test\"", "kind = test");
    let found = refusals(at);
    let expected = [
        "boards/small.toml:12 unknown-word",
        "boards/small.toml:19 danger-too-low",
        "policy.toml:1 out-of-range",
        "policy.toml:2 unknown-key",
        "policy.toml:22 unknown-word",
        "profiles/prod.toml:2 unknown-service",
        "profiles/test.toml:1 syntax",
        "services/consoled.toml:5 unknown-device",
        "services/logd.toml:1 syntax",
        "services/rngd.toml:3 out-of-range",
        "services/rngd.toml:6 unknown-service",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_system_file_with_mistakes_hides_no_other_file() {
    let dir = copy();
    replace(dir.path(), "system.toml", "name = ", "name ");
    replace(dir.path(), "services/rngd.toml", "priority = 16", "priority = \"x\"");
    replace(dir.path(), "policy.toml", "reason = \"it is needed\"", "reason = 3");
    let found = refusals(dir.path());
    assert_eq!(found.len(), 3, "{found:?}");
    fs::remove_file(dir.path().join("system.toml")).expect("removing");
    let found = refusals(dir.path());
    assert_eq!(
        found,
        [
            "policy.toml:22 wrong-type",
            "services/rngd.toml:3 wrong-type",
            "system.toml missing-file"
        ]
    );
}

/// Names that nobody takes for each other.
fn names(count: usize) -> impl Iterator<Item = String> {
    let letters = || "bfgkpsxz".chars();
    let pairs =
        letters().flat_map(move |one| letters().map(move |two| format!("{one}{two}-filler")));
    pairs.take(count)
}

/// Adds so many services, each with 256 proofs, whose names are 12 KiB, and with `more` in its file.
fn fill(dir: &Path, services: usize, more: &str) {
    let proof = |number| format!("\"{}-{number:03}\"", "p".repeat(44));
    let proofs: Vec<String> = (0..256).map(proof).collect();
    let proofs = proofs.join(", ");
    for (number, name) in names(services).enumerate() {
        let text = format!(
            "id = {}\nbinary = {{ path = \"crate\", bin = \"program\" }}\npriority = 16\n\
             budget = {{ frames = 64, objects = 32 }}\nmust-prove = [{proofs}]\n{more}",
            100 + number
        );
        fs::write(dir.join(format!("services/{name}.toml")), text).expect("writing");
    }
}

#[test]
fn a_run_of_a_profile_that_is_not_there_is_refused() {
    let dir = copy();
    fs::write(dir.path().join("expect.toml"), "seed = 1\n").expect("writing");
    assert_eq!(refusals(dir.path()), Vec::<String>::new());
    fs::remove_file(dir.path().join("profiles/test.toml")).expect("removing");
    assert_eq!(refusals(dir.path()), ["expect.toml:1 unknown-profile"]);
    // A profile that cannot be read is there.
    fs::create_dir(dir.path().join("profiles/test.toml")).expect("a directory");
    assert_eq!(refusals(dir.path()), ["profiles/test.toml not-a-file"]);
    let broken = "exit = 101\nrefused = []\nsed = 1\n";
    fs::write(dir.path().join("expect.toml"), broken).expect("writing");
    fs::remove_dir(dir.path().join("profiles/test.toml")).expect("removing");
    assert_eq!(refusals(dir.path()), ["expect.toml:1 missing-key", "expect.toml:3 unknown-key"]);
    let late = desc::Expect::of_system(dir.path()).expect_err("refused").to_string();
    assert!(late.contains("expect.toml:3:1: error: `sed` is not a key"), "{late}");
    assert!(late.contains("\n  fix: remove it; the keys of"), "{late}");
}

#[test]
fn a_description_that_no_image_can_hold_is_refused_at_its_largest_part() {
    let dir = copy();
    let at = dir.path();
    replace(at, "boards/small.toml", "memory = \"16M\"", "memory = \"64M\"");
    fill(at, 20, "");
    assert_eq!(refusals(at), Vec::<String>::new());
    fill(at, 21, "");
    assert_eq!(refusals(at), ["services/gp-filler.toml:1 too-many"]);
    // Reasons of 16 KiB are more than the proofs of any service.
    fill(at, 40, "asks = [\"view\"]\n");
    let mut policy = fs::read_to_string(at.join("policy.toml")).expect("the policy");
    for name in names(40) {
        policy += &format!(
            "\n[[permit]]\nid = \"{name}-view\"\nsubject = \"{name}\"\n\
             permission = \"view\"\nreason = \"{}\"\n",
            "r".repeat(400)
        );
    }
    fs::write(at.join("policy.toml"), policy).expect("writing");
    assert_eq!(refusals(at), ["policy.toml:3 too-many"]);
}

/// Every character of Unicode that shows nothing, by hand: the ranges of Cc, Cf, Zl, Zp, and others.
fn invisible() -> impl Iterator<Item = char> {
    let ranges = [
        (0x00, 0x08),
        (0x0b, 0x1f),
        (0x7f, 0xa0),
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x600, 0x605),
        (0x61c, 0x61c),
        (0x6dd, 0x6dd),
        (0x70f, 0x70f),
        (0x180b, 0x180f),
        (0x2000, 0x200f),
        (0x2028, 0x202f),
        (0x205f, 0x206f),
        (0x3000, 0x3000),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xfff9, 0xfffb),
        (0x110bd, 0x110bd),
        (0x1d173, 0x1d17a),
        (0xe0001, 0xe0001),
        (0xe0020, 0xe007f),
        (0xe0100, 0xe01ef),
    ];
    ranges.into_iter().flat_map(|(from, to)| (from..=to).filter_map(char::from_u32))
}

// attack 82 H: each invisible character, in a comment, a text and a name; refused, and shown as its number; broken: hidden-character
#[test]
fn no_file_holds_what_a_reader_does_not_see() {
    let dir = copy();
    let path = dir.path().join("policy.toml");
    let text = fs::read_to_string(&path).expect("text");
    for c in invisible() {
        let damaged = text.replacen("it is needed", &format!("it is{c}needed"), 1);
        let damaged = damaged.replacen("\"rngd\"", &format!("\"rn{c}gd\""), 1);
        fs::write(&path, format!("{damaged}# a note {c}[[allow]]\n")).expect("writing");
        let Err(report) = desc::check(dir.path(), dir.path(), dir.path()).expect("the tool works")
        else {
            panic!("{c:?} is accepted");
        };
        let kinds: Vec<&str> = report.kinds().map(desc::Kind::name).collect();
        assert_eq!(kinds, ["hidden-character"; 3], "{c:?}\n{report}");
        let shown = report.to_string();
        assert!(!shown.contains(c) && shown.contains(&format!("U+{:04X}", u32::from(c))));
    }
}

// attack 82 H: a pipe, a device and a link to nothing as each file of a system; refused, and nothing waits
#[test]
fn what_is_no_file_is_refused_as_each_file() {
    for file in [
        "system.toml",
        "policy.toml",
        "boards/small.toml",
        "services/rngd.toml",
        "services/another.toml",
        "profiles/test.toml",
        "profiles",
        "crate/Cargo.toml",
    ] {
        for what in ["pipe", "device", "link"] {
            let dir = copy();
            let path = dir.path().join(file);
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir_all(&path);
            match what {
                "pipe" => {
                    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
                }
                "device" => std::os::unix::fs::symlink("/dev/zero", &path).expect("a link"),
                _ => std::os::unix::fs::symlink("nowhere", &path).expect("a link"),
            }
            let found = refusals(dir.path());
            let kind = if file.starts_with("crate") { "missing-binary" } else { "not-a-file" };
            assert!(found.iter().all(|one| one.ends_with(kind)), "{file} {what}: {found:?}");
            assert!(!found.is_empty(), "{file} {what}: accepted");
        }
    }
}

#[test]
fn names_of_files_are_shown_without_control_characters() {
    let dir = copy();
    fs::write(dir.path().join("services/\u{1b}[2J\u{202e}x.toml"), "id = 9\n").expect("writing");
    let report = desc::check(dir.path(), dir.path(), dir.path()).expect("the tool works");
    let text = report.expect_err("refused").to_string();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert!(text.contains("\\u{1b}[2J"), "{text}");
}
