//! An image is read only while it is that of the system which is meant, as it is now.

mod common;

use common::{build_programs, fixtures};
use nexus::build::{Origin, Place, Sources};
use nexus::cli::SystemArgs;
use nexus::image::sha256;
use nexus::paths::copy_tree;
use nexus::{desc::Program, image};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Two copies of the small system, which have one name, and what is built of them.
struct Two {
    scratch: TempDir,
    place: Place,
}

impl Two {
    fn new() -> Two {
        let scratch = tempfile::tempdir().expect("a directory");
        for copy in ["one", "other"] {
            let to = scratch.path().join(copy);
            copy_tree(&fixtures(), &to.join("audit")).expect("copying");
            copy_tree(&fixtures().join("../check/base"), &to.join("check/base")).expect("copying");
            let test = to.join("audit/system/profiles/test.toml");
            let profile = "kind = \"test\"\nrestarts = \"unlimited\"\ntests = \"own\"\n";
            fs::write(test, profile).expect("writing");
            fs::write(to.join("check/base/crate/src/lib.rs"), "").expect("writing");
        }
        let tree = Place::tree().expect("the tree");
        let place = Place { build: scratch.path().join("build"), ..tree };
        Two { scratch, place }
    }

    fn system(&self, copy: &str) -> PathBuf {
        self.scratch.path().join(copy).join("audit/system")
    }

    /// Builds a copy in a profile, as `cargo nexus build` would; returns where.
    fn build(&self, copy: &str, profile: &str) -> PathBuf {
        let args = SystemArgs { system: Some(self.system(copy)), profile: profile.to_owned() };
        let checked = self.place.load(&args).expect("a good system");
        let folder = self.place.folder(&checked).expect("a place");
        fs::create_dir_all(&folder).expect("a directory");
        build_programs(&checked, &folder, ".elf");
        let elf_of = |program: &Program| folder.join(format!("{}.elf", program.name));
        let image = image::build(&checked, &elf_of).expect("an image");
        let source = self.source_of(copy);
        let bytes = fs::read(&source).expect("a program");
        let sources = Sources::from([(source, sha256(&bytes))]);
        Origin::keep(&checked, sources, &image, &folder).expect("writing");
        folder
    }

    fn source_of(&self, copy: &str) -> PathBuf {
        self.scratch.path().join(copy).join("check/base/crate/src/lib.rs")
    }

    /// The first two lines that the tool prints of a copy, or what it complains of.
    fn run(&self, arguments: &[&str], copy: &str) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        command.env("NEXUS_BUILD_DIR", &self.place.build);
        command.args(arguments).arg("--system").arg(self.system(copy));
        let output = command.output().expect("the tool");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.code() {
            Some(0) => Ok(text(&output.stdout).lines().take(2).collect::<Vec<_>>().join("\n")),
            code => {
                assert!(matches!(code, Some(1 | 2)), "{code:?}");
                let here = format!("{}/", self.scratch.path().display());
                Err(text(&output.stderr).replace(&here, ""))
            }
        }
    }

    #[track_caller]
    fn assert_refused(&self, copy: &str, folder: &Path, why: &str) {
        let image = folder.join("boot.img");
        let image = image.strip_prefix(self.scratch.path()).expect("inside").display();
        let system = self.system(copy);
        let build = format!("`cargo nexus build --system {}` builds it anew", system.display());
        let build = build.replace(&format!("{}/", self.scratch.path().display()), "");
        assert_eq!(self.run(&["audit"], copy), Err(format!("nexus: {image} {why}; {build}\n")));
    }

    fn change_description(&self, copy: &str) {
        self.give_webd(copy, 65);
    }

    /// Gives webd another budget.
    fn give_webd(&self, copy: &str, frames: u32) {
        let webd = self.system(copy).join("services/webd.toml");
        let text = fs::read_to_string(&webd).expect("a service");
        let other = text.replace("frames = 64", &format!("frames = {frames}"));
        assert_ne!(other, text);
        fs::write(&webd, other).expect("writing");
    }
}

// attack 70 H: two systems of one name are built; each has its own image, and the audit shows the one that is meant
#[test]
fn systems_of_one_name_do_not_share_an_image() {
    let two = Two::new();
    two.change_description("other");
    let folders = [two.build("one", "prod"), two.build("other", "prod")];
    assert_ne!(folders[0], folders[1]);
    for (copy, folder) in ["one", "other"].into_iter().zip(&folders) {
        let image = fs::read(folder.join("boot.img")).expect("an image");
        let audit = nexus::audit::of_image(&image).expect("a good image");
        let shown = two.run(&["audit"], copy).expect("an audit");
        assert!(shown.contains(&audit.image_sha256), "{shown}");
    }
}

// attack 70 H: the description, or a source of a program, changes after an image was built; the image is refused; broken: stale-image
#[test]
fn a_stale_image_is_refused() {
    let two = Two::new();
    let folder = two.build("one", "prod");
    two.run(&["audit"], "one").expect("as it was built");
    two.change_description("one");
    let system = "the description in one/audit/system has changed since";
    two.assert_refused("one", &folder, &format!("is stale: {system}"));

    two.run(&["image"], "one").expect("the description alone is other");
    two.run(&["audit"], "one").expect("as it is now");
    fs::write(two.source_of("one"), "other").expect("writing");
    let source = "one/check/base/crate/src/lib.rs";
    two.assert_refused("one", &folder, &format!("is stale: {source} has changed since"));
    let refused = two.run(&["image"], "one").expect_err("its programs are stale");
    assert!(refused.contains("is stale: one/check/base/crate/src/lib.rs has changed"), "{refused}");
    fs::remove_file(two.source_of("one")).expect("removing");
    let refused = two.run(&["audit"], "one").expect_err("its programs are stale");
    assert!(refused.contains("lib.rs is gone since"), "{refused}");
}

// attack 70 H: an image of another system or profile lies where the one that ships should; it is refused; broken: foreign-image
#[test]
fn a_foreign_image_is_refused() {
    let two = Two::new();
    let (one, other) = (two.build("one", "prod"), two.build("other", "prod"));
    let test = two.build("one", "test");
    two.run(&["audit"], "one").expect("its own");

    let kept = fs::read(one.join("boot.img")).expect("an image");
    fs::copy(test.join("boot.img"), one.join("boot.img")).expect("copying");
    two.assert_refused("one", &one, "is not the image that was built there");
    fs::write(one.join("boot.img"), kept).expect("writing");
    two.run(&["audit"], "one").expect("its own");

    fs::copy(other.join("origin.json"), one.join("origin.json")).expect("copying");
    let of_other = "was built of the system in other/audit/system, profile prod, and not of that \
                    in one/audit/system, profile prod";
    two.assert_refused("one", &one, of_other);
    fs::remove_file(one.join("origin.json")).expect("removing");
    two.assert_refused("one", &one, "has no record of what it was built from beside it");
    fs::remove_dir_all(&one).expect("removing");
    let refused = two.run(&["audit"], "one").expect_err("nothing is there");
    assert!(refused.contains("boot.img is not built yet; `cargo nexus build --system "));
}

#[test]
fn a_named_image_is_held_against_the_system_that_is_named() {
    let two = Two::new();
    let test = two.scratch.path().join("test.img");
    fs::write(&test, common::image("test")).expect("writing");
    let test = test.to_string_lossy();
    two.run(&["audit", "--image", &test, "--profile", "test"], "one").expect("its own");
    two.run(&["audit", "--image", &test, "--profile", "test"], "other").expect("equal");
    let refused = two.run(&["audit", "--image", &test], "one").expect_err("another profile");
    let why = "is of the system `small`, profile test, and not of `small`, profile prod\n";
    assert!(refused.ends_with(why), "{refused}");
}

#[test]
fn a_program_that_is_built_and_does_not_fit_its_budget_is_refused_with_its_place() {
    let two = Two::new();
    two.give_webd("one", 26);
    two.run(&["check"], "one").expect("nothing is built");
    two.build("other", "prod");
    two.give_webd("other", 26);
    let refused = two.run(&["check"], "other").expect_err("it is too small");
    let webd = "other/audit/system/services/webd.toml:4:10: error: webd needs at least 27 frames";
    assert!(refused.starts_with(webd), "{refused}");
    assert!(refused.contains("\n  fix: write `frames = 27` or more"), "{refused}");
    fs::write(two.source_of("other"), "other").expect("writing");
    two.run(&["check"], "other").expect("what is built is not what there is");
}
