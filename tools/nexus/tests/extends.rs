//! A system that extends another one: what it adds, replaces and removes.

use nexus::desc::{self, Checked};
use nexus_sysdesc::Description;
use std::path::{Path, PathBuf};

fn tree() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().expect("the tree")
}

/// The small system is not judged.
fn load_small(system: &Path) -> Vec<Checked> {
    let checked = desc::check(system, &tree().join("system"), system).expect("the tool works");
    checked.unwrap_or_else(|report| panic!("{report}"))
}

fn load(system: &Path) -> Vec<Checked> {
    let (standard, tests) = (tree().join("system"), tree().join("tests/overlay"));
    let checked = desc::check_with_tests(system, &standard, Some(&tests), system);
    let checked = checked.expect("the tool works");
    checked.unwrap_or_else(|report| panic!("{report}"))
}

fn profile(name: &str) -> Checked {
    let all = load_small(&tree().join("tests/fixtures/extends"));
    all.into_iter().find(|checked| checked.profile == name).expect("the profile")
}

fn services(description: &Description) -> Vec<(u32, &str)> {
    description.services.iter().map(|one| (one.id, one.name.as_str())).collect()
}

fn devices(description: &Description) -> Vec<&str> {
    description.devices.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn services_are_added_replaced_and_removed() {
    let description = profile("prod").description;
    assert_eq!(description.name, "extended");
    let expected = [(1, "init"), (2, "policyd"), (3, "logd"), (9, "timed"), (14, "consoled")];
    assert_eq!(services(&description), expected);
    let consoled = description.service(14).expect("consoled");
    assert!(consoled.talks_to.is_empty() && !consoled.serves, "the base's file is replaced whole");
}

#[test]
fn policy_lines_are_added_and_removed() {
    let description = profile("prod").description;
    assert_eq!(description.epoch, 2);
    let rules: Vec<(u16, &str)> =
        description.rules.iter().map(|rule| (rule.number, rule.id.as_str())).collect();
    assert_eq!(rules, [(1, "allow-timed-rtc0"), (2, "allow-consoled-uart0")]);
}

#[test]
fn devices_are_added_to_a_board() {
    assert_eq!(devices(&profile("prod").description), ["uart0", "rng0", "rtc0"]);
}

#[test]
fn a_profile_is_added_to_that_of_its_name() {
    let test = profile("test");
    assert_eq!(devices(&test.description), ["uart0", "rtc0"]);
    let proofs = [("timed".to_owned(), "date".to_owned()), ("timed".to_owned(), "time".to_owned())];
    assert_eq!(test.required_proofs(), proofs, "those of the file and of the profile, once each");
    assert!(!test.qemu_args().iter().any(|argument| argument.contains("virtio-rng")));
    assert!(profile("prod").qemu_args().iter().any(|argument| argument.contains("virtio-rng")));
}

#[test]
fn the_standard_system_is_accepted() {
    let all = load(&tree().join("system"));
    let names: Vec<&str> = all.iter().map(|checked| checked.profile.as_str()).collect();
    assert_eq!(names, ["prod", "test"]);
    for checked in &all {
        assert_eq!(checked.programs.len(), checked.description.services.len());
    }
}

#[test]
fn standard_can_be_extended_from_anywhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let system = "name = \"mine\"\nextends = \"standard\"\n";
    std::fs::write(dir.path().join("system.toml"), system).expect("writing");
    let all = load(dir.path());
    assert!(all.iter().all(|checked| checked.description.name == "mine"));
    let standard = load(&tree().join("system"));
    assert_eq!(all[0].description.rules, standard[0].description.rules);
}
