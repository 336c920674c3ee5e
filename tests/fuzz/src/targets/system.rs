//! The files of a system description, as people write them.

use std::fs;
use std::path::{Path, PathBuf};

use nexus::{desc, paths, visible};
use nexus_sysdesc::Description;
use tempfile::TempDir;

use super::description::invariants;
use crate::input::Input;
use crate::system::root;

/// The files that an input may replace, chosen by its first byte. The last is one too many.
const FILES: [&str; 9] = [
    "system.toml",
    "policy.toml",
    "boards/small.toml",
    "services/init.toml",
    "services/rngd.toml",
    "services/logd.toml",
    "profiles/test.toml",
    "profiles/prod.toml",
    "services/l0gd.toml",
];

thread_local! {
    static DIRECTORY: TempDir = copy_of_base();
}

fn base() -> PathBuf {
    root().join("tests/fixtures/check/base")
}

/// In memory where the host has such a place: a file is written and read again for every input.
fn copy_of_base() -> TempDir {
    let memory = Path::new("/dev/shm");
    let to = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let to = to.expect("a directory");
    paths::copy_tree(&base(), to.path()).expect("a copy");
    to
}

// attack 40 Z: any text as a file of the system, look-alike names among it; refused in words
// attack 82 Z: any text as a file of the system; what is accepted and what is said is visible
// attack 39 Z: a request for a device that another has; refused
/// What is accepted compiles to valid descriptions without look-alikes; what is not is refused in
/// words.
pub fn system(data: &[u8]) {
    let mut input = Input::new(data);
    let file = FILES[usize::from(input.byte()) % FILES.len()];
    DIRECTORY.with(|directory| {
        let path = directory.path().join(file);
        let bytes = input.rest();
        fs::write(&path, bytes).expect("writing");
        let accepted = check(directory.path());
        let text = String::from_utf8_lossy(bytes);
        assert!(!accepted || visible::hidden(&text).count() == 0, "accepted: {text:?}");
        match fs::read(base().join(file)) {
            Ok(text) => fs::write(&path, text).expect("writing"),
            Err(_) => fs::remove_file(&path).expect("removing"),
        }
    });
}

/// True when the system is accepted.
fn check(dir: &Path) -> bool {
    match desc::check(dir, dir, dir).expect("the tool works") {
        Ok(profiles) => {
            profiles.iter().for_each(|profile| accepted(&profile.description));
            true
        }
        Err(report) => {
            assert!(!report.diagnostics().is_empty());
            for diagnostic in report.diagnostics() {
                let text = diagnostic.render();
                assert!(text.contains(": error: ") && text.contains("\n  fix: "), "{text}");
                assert_eq!(visible::hidden(&text).count(), 0, "{text:?}");
            }
            false
        }
    }
}

fn accepted(description: &Description) {
    invariants(description);
    let bytes = description.encode().expect("a valid description");
    assert_eq!(Description::decode(&bytes).as_ref(), Ok(description));
    let services: Vec<String> =
        description.services.iter().map(|service| folded(&service.name)).collect();
    let devices: Vec<String> =
        description.devices.iter().map(|device| folded(&device.name)).collect();
    for names in [services, devices] {
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "look-alike names: {names:?}");
        }
    }
    for service in &description.services {
        for need in &service.needs {
            let rule = description.rule_for(service.id, need.device).expect("a rule for a need");
            let asked = (need.rights, need.irq, need.registers);
            assert_eq!(asked, (rule.rights, rule.irq, rule.registers), "not what the rule allows");
        }
    }
}

/// A name as somebody in a hurry reads it.
fn folded(name: &str) -> String {
    let plain = name.chars().filter(|c| *c != '-').map(|c| match c {
        '0' => 'o',
        '1' | 'i' => 'l',
        '5' => 's',
        other => other,
    });
    plain.collect()
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let fixtures = root().join("tests/fixtures/check");
    let file = |index: u8, path: &str| {
        let text = fs::read(fixtures.join(path)).expect("a fixture");
        [vec![index], text].concat()
    };
    let name = |path: &str| path.replace(['/', '.'], "-");
    let mut seeds: Vec<(String, Vec<u8>)> = (0..8)
        .zip(FILES)
        .map(|(index, path)| (name(path), file(index, &format!("base/{path}"))))
        .collect();
    seeds.push(("look-alike".into(), file(8, "look-alike/services/l0gd.toml")));
    let base =
        |path: &str| fs::read_to_string(fixtures.join("base").join(path)).expect("a fixture");
    let rights = "\"write\"]";
    let asks = base("services/rngd.toml").replacen(
        rights,
        "\"write\"], irq = true, registers = [0x50, 0x64]",
        1,
    );
    seeds.push(("asks-for-a-line".into(), [vec![4], asks.into_bytes()].concat()));
    let allows = base("policy.toml").replacen(
        rights,
        "\"write\"]\nirq = true\nregisters = [0xfc]\ninterval = \"50us\"",
        1,
    );
    seeds.push(("allows-a-line".into(), [vec![1], allows.into_bytes()].concat()));
    let second = base("services/logd.toml");
    let second = second + "needs = [{ device = \"rng0\", rights = [\"map\", \"read\"] }]\n";
    seeds.push(("second-owner".into(), [vec![5], second.into_bytes()].concat()));
    seeds
}
