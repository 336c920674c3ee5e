//! `cargo nexus audit` as it is typed.

use crate::common::{fixtures, image};
use nexus::audit::{AskNet, Diff, of_image};
use nexus::columns::USUAL;
use nexus::exit::Exit;
use nexus_sysdesc::NetProtocol;
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
        self.ask("audit", arguments)
    }

    /// Has a command of the tool read it.
    fn ask(&self, what: &str, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        command.env_remove("COLUMNS").current_dir(self.0.path());
        command.args([what, "--image", "boot.img"]).args(arguments);
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
    let svg = format!("{}\n", audit.to_svg());
    assert_eq!(image.audit(&["--svg"]), (passed, svg, String::new()));
    assert_eq!(image.audit(&["--dot"]), (passed, audit.to_dot(), String::new()));
    assert_eq!(image.audit(&["--svg", "--json"]).0, Some(Exit::Usage as i32));
    assert_eq!(image.audit(&["--svg", "--dot"]).0, Some(Exit::Usage as i32));
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
    let good = "assertions: 34 hold, 0 broken, 1 skipped".to_owned();
    let bad = "assertions: 0 hold, 31 broken, 0 skipped".to_owned();
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

// attack 99 H: ask about ports, addresses, protocols and services that no line has; denied, with what would be needed; broken: why-lets, why-this-machine
#[test]
fn the_command_tells_why() {
    let image = Image::new(&image("test"));
    let why = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, text, error) = image.ask("why", &words);
        assert_eq!(code == Some(Exit::Pass as i32), error.is_empty(), "{error}");
        text + &error
    };
    assert_eq!(
        why("nsh net tcp 80"),
        "\
allowed: nsh may reach others by tcp, port 80
  by rule    net-nsh-http (policy epoch 3)
  reason     fetch shows pages of http
  ports      80 8000-8999
  addresses  0.0.0.0/0 ::/0
  at most    8 sockets, with 1048576 bytes of buffers
denied: others may not reach nsh by tcp, port 80
  because    no line lets it
  to change  `reaches = [{ protocol = \"tcp\", direction = \"in\", ports = [\"80\"], addresses = [\"0.0.0.0/0\", \"::/0\"] }]` in
             services/nsh.toml, a reviewed [[allow-net]] in policy.toml, and a new image
  others     webd by net-webd-http
"
    );
    let allowed = |line: &str| {
        let text = why(line);
        let heads = text.lines().filter(|line| !line.starts_with(' '));
        heads.map(str::to_owned).collect::<Vec<String>>()
    };
    let both = |out: &str, inward: &str| vec![out.to_owned(), inward.to_owned()];
    assert_eq!(
        allowed("webd net tcp 80 10.0.2.77"),
        both(
            "denied: webd may not reach 10.0.2.77 by tcp, port 80",
            "allowed: 10.0.2.77 may reach webd by tcp, port 80"
        )
    );
    assert_eq!(
        allowed("webd net tcp 80 10.0.3.77"),
        both(
            "denied: webd may not reach 10.0.3.77 by tcp, port 80",
            "denied: 10.0.3.77 may not reach webd by tcp, port 80"
        )
    );
    assert_eq!(
        allowed("nsh net echo fec0::7"),
        both("allowed: nsh may reach fec0::7 by echo", "denied: fec0::7 may not reach nsh by echo")
    );
    assert_eq!(
        allowed("nsh net tcp 9000 1.1.1.1"),
        both(
            "denied: nsh may not reach 1.1.1.1 by tcp, port 9000",
            "denied: 1.1.1.1 may not reach nsh by tcp, port 9000"
        )
    );
    for back in ["10.0.2.2", "10.0.2.15", "fec0::2", "127.0.0.1"] {
        let text = why(&format!("nsh net tcp 80 {back}"));
        let denied = format!("denied: nsh may not reach {back} by tcp, port 80\n");
        assert!(text.starts_with(&denied), "{text}");
        assert!(text.contains("because    it is this machine, or leads back to it"), "{text}");
    }
    assert!(why("logd net udp 53").contains("because    logd may have no sockets\n"));
    for (line, error) in [
        ("nhs net tcp 80", "the image has no service `nhs`; did you mean `nsh`?"),
        ("nsh net tcp", "which port? as `net tcp 80`"),
        ("nsh net tcp 0", "which port? as `net tcp 80`"),
        ("nsh net tcp http", "`http` is no port: write 1 to 65535"),
        ("nsh net echo 80", "`80` is no address: names decide nothing"),
        ("nsh net tcp 80 example.org", "`example.org` is no address: names decide nothing"),
        ("nsh net icmp", "choose from tcp, udp and echo"),
    ] {
        assert!(why(line).contains(error), "{line}: {}", why(line));
    }
}

#[test]
fn what_the_command_tells_fits_terminals_of_40_to_200_columns() {
    let audit = of_image(&image("test")).expect("a good image");
    let (protocol, port) = (NetProtocol::Tcp, Some(80));
    let ask = AskNet { service: "nsh", protocol, port, peer: None };
    let told = |width| audit.why_net(&ask, width).expect("there is nsh");
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    for width in 40..=200 {
        let text = told(width);
        let widest = text.lines().map(|line| line.chars().count()).max().expect("lines");
        assert!(widest <= width, "{widest} of {width} columns\n{text}");
        assert_eq!(letters(&text), letters(&told(1000)), "{text}");
    }
    assert_eq!(told(0), told(40));
}

#[test]
fn the_command_says_what_differs() {
    let dir = tempfile::tempdir().expect("a directory");
    for profile in ["prod", "test"] {
        fs::write(dir.path().join(profile), image(profile)).expect("writing");
    }
    let ask = |arguments: &[&str]| -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        command.env_remove("COLUMNS").current_dir(dir.path()).args(["audit", "--diff"]);
        let output = command.args(arguments).output().expect("the tool");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let audit = |profile: &str| of_image(&image(profile)).expect("a good image");
    let diff = Diff::of(&audit("prod"), &audit("test"));
    let (passed, failed) = (Some(Exit::Pass as i32), Some(Exit::Failed as i32));
    assert_eq!(ask(&["prod", "test"]), (failed, diff.to_text(USUAL), String::new()));
    let json = format!("{}\n", diff.to_json().expect("JSON"));
    assert_eq!(ask(&["prod", "test", "--json"]), (failed, json, String::new()));
    assert_eq!(ask(&["prod", "prod"]).0, passed);
    let (code, _, why) = ask(&["prod", "gone"]);
    assert_eq!(code, Some(Exit::Usage as i32));
    assert!(why.contains("no image at gone"), "{why}");
    assert_eq!(ask(&["prod"]).0, Some(Exit::Usage as i32));
    // A directory is a system, and looked at as one: this one has no tests of its own, and cannot have the others.
    let system = fixtures().join("system").to_string_lossy().into_owned();
    let (code, _, why) = ask(&["prod", &system, "--profile", "test"]);
    assert_eq!(code, Some(Exit::Usage as i32));
    assert!(why.contains("tests/fixtures/audit/system/system.toml:3:8: error"), "{why}");
}
