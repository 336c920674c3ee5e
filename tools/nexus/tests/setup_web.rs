//! scripts/setup-web.sh on machines that are made up: each a tree with the script and a lock file, and fake programs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What the script uses of any machine.
const COMMON: &[&str] = &["sh", "sed", "dirname", "env", "cat", "cmp", "cp", "mkdir", "chmod"];

const PLAN: &str = "0 upgraded, 310 newly installed, 0 to remove and 3 not upgraded.\n\
    Need to get 121 MB of archives.\n\
    After this operation, 470 MB of additional disk space will be used.\n";

const LOCK: &str = "{ \"lockfileVersion\": 3 }\n";

struct Machine {
    dir: TempDir,
}

impl Machine {
    /// Debian, whose packages bring what they are called after; with these programs already.
    fn with(programs: &[&str]) -> Machine {
        let machine = Machine { dir: tempfile::tempdir().expect("a directory") };
        for part in ["bin", "scripts", "tests/web"] {
            fs::create_dir_all(machine.at(part)).expect("a directory");
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/setup-web.sh");
        fs::copy(script, machine.at("scripts/setup-web.sh")).expect("the script");
        fs::write(machine.at("tests/web/package-lock.json"), LOCK).expect("writing");
        fs::write(machine.at("plan"), PLAN).expect("writing");
        for name in COMMON {
            symlink(which(name), machine.at("bin").join(name)).expect("a link");
        }
        machine.program("id", "echo 0");
        let root = machine.dir.path().display();
        let brings = format!(
            "echo \"apt-get $*\" >> {root}/calls\n\
             case \"$*\" in\n\
             *--assume-no*) cat {root}/plan; exit 1 ;;\n\
             *' -y '*) for one in $*; do case $one in chromium|npm|nodejs)\n\
             one=${{one%js}}; echo '#!/bin/sh' > {root}/bin/$one; chmod 755 {root}/bin/$one ;; esac; done ;;\n\
             esac"
        );
        machine.program("apt-get", &brings);
        programs.iter().for_each(|name| machine.program(name, "exit 0"));
        machine.npm("mkdir -p node_modules/playwright-core", programs);
        machine
    }

    /// An npm that does this in the folder of the tests, where there is one.
    fn npm(&self, does: &str, programs: &[&str]) {
        if programs.contains(&"npm") {
            let calls = self.at("calls");
            self.program("npm", &format!("echo \"npm $*\" >> {}\n{does}", calls.display()));
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writing");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    fn setup(&self, variables: &[(&str, &str)]) -> (i32, String) {
        let mut command = Command::new("/bin/sh");
        command.arg(self.at("scripts/setup-web.sh")).env_clear().env("PATH", self.at("bin"));
        let Output { status, stdout, stderr } =
            command.envs(variables.iter().copied()).output().expect("sh");
        assert!(stdout.is_empty());
        (status.code().expect("a code"), String::from_utf8(stderr).expect("text"))
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.at("calls")).unwrap_or_default()
    }
}

fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file()).expect(name)
}

const ALL: [&str; 3] = ["chromium", "node", "npm"];

#[test]
fn what_the_lock_file_names_is_installed_once_for_each_lock_file() {
    let machine = Machine::with(&ALL);
    let (code, said) = machine.setup(&[]);
    assert!(code == 0 && said.contains("10 MB"), "{said}");
    let npm = "npm ci --ignore-scripts --no-audit --no-fund\n";
    assert_eq!(machine.calls(), npm);
    assert_eq!(machine.setup(&[]), (0, String::new()), "nothing is missing any more");
    fs::write(machine.at("tests/web/package-lock.json"), "{}").expect("writing");
    assert_eq!(machine.setup(&[]).0, 0);
    assert_eq!(machine.calls(), npm.repeat(2));
}

#[test]
fn says_what_it_installs_and_how_large_and_looks_afterwards() {
    let machine = Machine::with(&["node"]);
    let (code, said) = machine.setup(&[]);
    for part in [
        "installing chromium fonts-dejavu-core npm\n",
        "310 newly installed; 121 MB to fetch, 470 MB of additional disk space",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // The npm that came installs nothing.
    assert_eq!(code, 1, "{said}");
    let calls = machine.calls();
    let install = calls.lines().last().expect("a call");
    assert!(install.contains(" -y ") && install.contains("--no-remove"), "{calls}");
    assert!(install.ends_with("chromium fonts-dejavu-core npm"), "{calls}");
}

#[test]
fn what_is_missing_afterwards_is_said() {
    let machine = Machine::with(&["npm", "chromium"]);
    machine.program("apt-get", "exit 0");
    let (code, said) = machine.setup(&[]);
    assert!(code == 1 && said.contains("still missing after that: nodejs"), "{said}");
    machine.program("apt-get", "exit 100");
    let (code, said) = machine.setup(&[]);
    assert!(code == 1 && said.contains("apt did not install them"), "{said}");
    assert_eq!(machine.calls(), "", "npm is not asked");
}

#[test]
fn what_npm_did_not_install_is_not_taken_for_installed() {
    let machine = Machine::with(&ALL);
    machine.npm("mkdir -p node_modules; exit 1", &ALL);
    for _ in 0..2 {
        let (code, said) = machine.setup(&[]);
        assert!(code == 1 && said.contains("npm did not install it"), "{said}");
    }
}

#[test]
fn nothing_is_installed_when_that_is_not_wanted_or_cannot_be() {
    for machine in [Machine::with(&ALL), Machine::with(&["node", "npm"])] {
        let (code, said) = machine.setup(&[("NEXUS_SETUP", "no")]);
        assert!(code == 1 && said.contains("missing: "), "{said}");
        assert_eq!(machine.calls(), "");
    }
    let machine = Machine::with(&[]);
    machine.program("id", "echo 1000");
    let (code, said) = machine.setup(&[]);
    assert!(code == 1 && said.contains("Run this as root"), "{said}");
    let machine = Machine::with(&[]);
    fs::remove_file(machine.at("bin/apt-get")).expect("removing");
    let (code, said) = machine.setup(&[]);
    assert!(
        code == 1 && said.contains("missing: chromium fonts-dejavu-core nodejs npm."),
        "{said}"
    );
}
