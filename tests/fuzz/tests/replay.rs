//! Every file of every corpus, and mutations of them, through its target.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use nexus_fuzz::mutate::{Rng, mutated};
use nexus_fuzz::{TARGETS, Target};

/// Where the mutations begin.
const SEED: u64 = 0x6e65_7875_7300_0001;

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// The files of a corpus, by name.
fn files(target: &Target) -> Vec<(String, Vec<u8>)> {
    let dir = corpus(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Says where the bytes are that the target panicked at.
struct Running<'a>(&'a str, &'a [u8]);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = std::env::temp_dir().join(format!("nexus-fuzz-{}", std::process::id()));
            let kept = fs::write(&path, self.1);
            eprintln!("{}, changed or not, is in {} ({kept:?})", self.0, path.display());
        }
    }
}

fn replay(target: &Target) {
    let files = files(target);
    assert!(!files.is_empty(), "{}: an empty corpus shows nothing", target.name);
    for (name, bytes) in &files {
        let _running = Running(name, bytes);
        (target.run)(bytes);
    }
    let mut rng = Rng::new(SEED);
    for _ in 0..target.mutations {
        let (name, bytes) = &files[rng.below(files.len())];
        let (_, other) = &files[rng.below(files.len())];
        let input = mutated(&mut rng, bytes, other);
        let _running = Running(name, &input);
        (target.run)(&input);
    }
    let Target { name, mutations, .. } = target;
    println!("{name}: {} files, {mutations} mutations from seed {SEED:#x}", files.len());
}

/// One test a target, so that they run beside each other and a failure names its target.
macro_rules! replays {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(TARGETS.iter().find(|target| target.name == stringify!($name)).unwrap());
        })+

        const REPLAYED: &[&str] = &[$(stringify!($name)),+];
    };
}

replays! {
    archive board busd client consoled description device disk elf fetch httpd init ledgers lines logd net packets policy
    policyd powerd queue ring rngd rtcd serial sockets state store syscalls system
}

#[test]
fn every_target_is_replayed_and_has_a_program() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, REPLAYED);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(here.join("libfuzzer/Cargo.toml")).unwrap();
    for name in &names {
        let program = here.join(format!("libfuzzer/src/bin/{name}.rs"));
        let text = fs::read_to_string(program).unwrap();
        assert!(text.contains(&format!("nexus_fuzz::{name}(data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
    let mut corpora: Vec<String> = fs::read_dir(here.join("corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    corpora.sort();
    assert_eq!(corpora, names, "one corpus a target");
}

/// `NEXUS_UPDATE=1` writes them anew.
#[test]
fn the_seeds_stand_in_the_corpora() {
    for target in TARGETS {
        for (name, bytes) in (target.seeds)() {
            let path = corpus(target).join(format!("seed-{name}"));
            if std::env::var_os("NEXUS_UPDATE").is_some() {
                fs::create_dir_all(corpus(target)).unwrap();
                fs::write(&path, &bytes).unwrap();
            }
            let current = fs::read(&path).is_ok_and(|kept| kept == bytes);
            assert!(current, "{} is stale: run this test with NEXUS_UPDATE=1", path.display());
        }
    }
}
