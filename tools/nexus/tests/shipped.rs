//! The systems that come with the tree beside the standard one are what they say they are.

use nexus::desc::{self, Checked};
use nexus::image;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the tree")
}

/// Every profile of the system in a directory of the tree.
fn profiles(system: &str) -> Vec<Checked> {
    let root = root();
    let tests = root.join("tests/overlay");
    let checked =
        desc::check_with_tests(&root.join(system), &root.join("system"), Some(&tests), &root);
    checked.expect("the tool works").unwrap_or_else(|report| panic!("{report}"))
}

/// The epoch of the standard system's policy, and what its lines came to when it was raised to that.
const POLICY: (u32, &str) = (9, "5a68a0d848aae5e90d903b205f9c8208e4f2fc7b31258c0fbd6be567cdb58ced");

#[test]
fn the_epoch_is_raised_with_the_lines_of_the_policy() {
    let text = fs::read_to_string(root().join("system/policy.toml")).expect("a policy");
    let (_, after) = text.split_once("\nepoch = ").expect("an epoch");
    let (epoch, lines) = after.split_once('\n').expect("lines");
    let now = (epoch.parse().expect("a number"), &*image::sha256(lines.as_bytes()));
    assert_eq!(
        now, POLICY,
        "raise `epoch` in system/policy.toml and in the examples; then say it here"
    );
}

fn names<'a>(all: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    all.into_iter().map(String::as_str).collect()
}

#[test]
fn flash_is_the_standard_system_and_one_driver() {
    let standard = profiles("system");
    let flash = profiles("examples/flash");
    assert_eq!(standard.len(), flash.len());
    for (before, after) in standard.iter().zip(&flash) {
        let (before, after) = (&before.description, &after.description);
        assert_eq!(after.services.len(), before.services.len() + 1);
        assert_eq!(after.rules.len(), before.rules.len() + 1);
        assert!(before.devices.iter().all(|one| after.device_named(&one.name).is_some()));
        let flash0 = after.device_named("flash0").expect("flash0");
        assert_eq!((flash0.base, flash0.window_len), (Some(0x2000_0000), 32 << 20));
        let (owner, _) = after.owner(flash0.id).expect("an owner");
        assert_eq!(owner.name, "flashd");
    }
}

#[test]
fn a_crate_in_a_workspace_of_its_own_is_built_there() {
    let flash = profiles("examples/flash");
    let manifest = |name: &str| {
        let programs = flash.first().expect("a profile").programs.iter();
        let program = programs.clone().find(|program| program.name == name).expect("a program");
        program.manifest.strip_prefix(root()).expect("inside").to_path_buf()
    };
    assert_eq!(manifest("flashd"), Path::new("examples/flash/flashd/Cargo.toml"));
    assert_eq!(manifest("rngd"), Path::new("Cargo.toml"));
}

#[test]
fn standalone_stands_alone() {
    let profiles = profiles("tests/systems/standalone");
    let [prod, test] = profiles.as_slice() else { panic!("{} profiles", profiles.len()) };
    assert!(test.judged && !prod.judged);
    let description = &prod.description;
    let services = names(description.services.iter().map(|service| &service.name));
    assert_eq!(services, ["init", "policyd", "logd", "consoled", "powerd", "nsh"]);
    assert_eq!(names(description.devices.iter().map(|device| &device.name)), ["uart0", "power0"]);
    assert!(!prod.qemu_args().contains(&String::from("-device")));
}

#[test]
fn what_is_not_watched_differs_in_the_boot_arguments_alone() {
    let mut standard = profiles("system");
    let test = standard.pop().expect("a profile");
    assert_eq!(test.profile, "test");
    let watched = test.qemu_args();
    let [board @ .., append, watch] = watched.as_slice() else { panic!("no arguments") };
    assert!(
        test.kernel_features() == ["neuron/checker"]
            && append == "-append"
            && watch.starts_with("watch="),
        "{watch}"
    );
    let unwatched = test.unwatched();
    assert_eq!(unwatched.qemu_args(), board);
}
