//! `cargo nexus audit` as it is typed.

use crate::common::{fixtures, image};
use nexus::audit::of_image;
use nexus::columns::USUAL;
use nexus::exit::Exit;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// A file with the image of the small system.
struct Image(TempDir);

/// Exit code, standard output and standard error.
type Ended = (Option<i32>, String, String);

impl Image {
    fn new(bytes: &[u8]) -> Image {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("boot.img"), bytes).expect("writing");
        Image(dir)
    }

    /// Has the tool read it, with these arguments beside.
    fn audit(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        command.env_remove("COLUMNS").current_dir(self.0.path());
        command.args(["audit", "--image", "boot.img"]).args(arguments);
        let output = command.output().expect("the tool");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}

#[test]
fn the_command_prints_what_the_image_says() {
    let bytes = image("test");
    let (image, audit) = (Image::new(&bytes), of_image(&bytes).expect("a good image"));
    let passed = Some(Exit::Pass as i32);
    assert_eq!(image.audit(&[]), (passed, audit.to_text(USUAL), String::new()));
    let json = format!("{}\n", audit.to_json().expect("JSON"));
    assert_eq!(image.audit(&["--json"]), (passed, json, String::new()));
}

#[test]
fn the_command_fails_when_an_assertion_does_not_hold() {
    let image = Image::new(&image("test"));
    let file = |name: &str| fixtures().join("assertions").join(name).to_string_lossy().into_owned();
    let (hold, broken) = (file("hold.toml"), file("broken.toml"));
    let says = |files: &[&str]| {
        let arguments: Vec<&str> = files.iter().flat_map(|file| ["--assert", file]).collect();
        let (code, _, text) = image.audit(&arguments);
        let sums = text.lines().filter(|line| line.starts_with("assertions: ")).map(str::to_owned);
        (code, sums.collect::<Vec<String>>())
    };
    let good = "assertions: 26 hold, 0 broken, 1 skipped".to_owned();
    let bad = "assertions: 0 hold, 25 broken, 0 skipped".to_owned();
    let (passed, failed) = (Some(Exit::Pass as i32), Some(Exit::Failed as i32));
    assert_eq!(says(&[&hold]), (passed, vec![good.clone()]));
    assert_eq!(says(&[&broken]), (failed, vec![bad.clone()]));
    assert_eq!(says(&[&broken, &hold]), (failed, vec![bad, good]));
}

#[test]
fn the_command_refuses_what_it_cannot_read() {
    let refused = |image: &Image, arguments: &[&str]| {
        let (code, text, why) = image.audit(arguments);
        assert_eq!((code, text.as_str()), (Some(Exit::Usage as i32), ""), "{why}");
        why
    };
    let good = image("prod");
    let cut = Image::new(&good[..good.len() - 1]);
    assert_eq!(refused(&cut, &[]), "nexus: refusing boot.img: the archive is cut short\n");
    let good = Image::new(&good);
    let why = refused(&good, &["--assert", "none.toml"]);
    assert!(why.starts_with("nexus: the assertions cannot be read\n\n"), "{why}");
    fs::remove_file(good.0.path().join("boot.img")).expect("removing");
    let why = refused(&good, &[]);
    assert!(why.starts_with("nexus: no image at boot.img: "), "{why}");
}
