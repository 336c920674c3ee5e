//! Whatever stands in a file, it is accepted or refused in words; nothing panics.

use nexus::{desc, paths};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/check/base")
}

const FILES: &[&str] = &[
    "system.toml",
    "policy.toml",
    "boards/small.toml",
    "services/init.toml",
    "services/rngd.toml",
    "profiles/test.toml",
];

/// What can be put into a file: what belongs somewhere, and what belongs nowhere.
fn insertion() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[\\[\\]{}=\",.#\n a-z0-9-]{1,8}",
        "\\PC{1,4}",
        Just("\n[[device]]\n".to_owned()),
        Just("\nneeds = []\n".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("\u{430}\t\r\n".to_owned()),
    ]
}

proptest! {
    #[test]
    fn a_damaged_file_is_accepted_or_refused_in_words(
        file in proptest::sample::select(FILES),
        at in any::<proptest::sample::Index>(),
        cut in 0usize..24,
        insert in insertion(),
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        paths::copy_tree(&base(), dir.path()).expect("a copy");
        let path = dir.path().join(file);
        let text: Vec<char> = fs::read_to_string(&path).expect("text").chars().collect();
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        let damaged: String =
            text[..at].iter().copied().chain(insert.chars()).chain(text[end..].iter().copied()).collect();
        fs::write(&path, damaged).expect("writing");

        let checked = desc::check(dir.path(), dir.path(), dir.path());
        if let Err(report) = checked.expect("the tool works") {
            prop_assert!(!report.diagnostics().is_empty());
            for diagnostic in report.diagnostics() {
                let text = diagnostic.render();
                prop_assert!(text.contains(": error: ") && text.contains("\n  fix: "), "{}", text);
            }
        }
    }
}

/// `.cargo/config.toml` says where: a run that fails fails again.
#[test]
fn random_tests_begin_where_the_tree_says() {
    let seed = std::env::var("PROPTEST_RNG_SEED").expect("a seed for every test");
    assert!(seed.parse::<u64>().is_ok(), "{seed}");
}
