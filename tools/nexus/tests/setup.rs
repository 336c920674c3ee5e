//! scripts/setup.sh on machines that are made up: each a directory of fake programs and files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What the script uses of any machine.
const COMMON: &[&str] = &[
    "sh", "cut", "sed", "tr", "grep", "dirname", "env", "cat", "mkdir", "chmod", "mktemp", "find",
    "sort", "paste", "rm", "mv",
];

struct Machine {
    dir: TempDir,
}

impl Machine {
    /// One with an os-release, and nothing that Nexus needs.
    fn new(os_release: &str) -> Machine {
        let machine = Machine { dir: tempfile::tempdir().expect("a directory") };
        for part in ["bin", "etc", "usr/bin"] {
            fs::create_dir_all(machine.at(part)).expect("a directory");
        }
        fs::write(machine.at("etc/os-release"), os_release).expect("writing");
        for name in COMMON {
            symlink(which(name), machine.at("bin").join(name)).expect("a link");
        }
        machine.program("id", "echo 0");
        machine.program("uname", "echo Linux");
        machine
    }

    /// Debian 12 with its security archive, whose packages can be installed.
    fn debian() -> Machine {
        let machine = Machine::new("ID=debian\nVERSION_CODENAME=bookworm\n");
        machine.apt("1.96.0+dfsg1-1~deb12u2", PLAN, "qemu rust cc");
        machine.program("dpkg-query", "exit 1");
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writing");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    /// An apt that has `rust` as rustc-web, says `plan` when asked, and on installing makes `brings`.
    fn apt(&self, rust: &str, plan: &str, brings: &str) {
        fs::write(self.at("plan"), plan).expect("writing");
        let root = self.dir.path().display();
        self.program(
            "apt-get",
            &format!(
                "echo \"apt-get $*\" >> {root}/calls\n\
                 case \"$*\" in\n\
                 *--assume-no*) cat {root}/plan; exit 1 ;;\n\
                 install*) for what in {brings}; do sh {root}/bring $what; done ;;\n\
                 esac"
            ),
        );
        self.program(
            "apt-cache",
            &format!(
                "case \"$2\" in\n\
                 rustc-web) echo '  Candidate: {rust}' ;;\n\
                 qemu-system-misc) test $1 = madison && echo 'qemu | 1:10.0-1~bpo12 | http' ;;\n\
                 *) echo '  Candidate: (none)' ;;\n\
                 esac; exit 0"
            ),
        );
        fs::write(self.at("bring"), BRING.replace("ROOT", &root.to_string())).expect("writing");
    }

    fn bring(&self, what: &str) {
        fs::write(self.at("bring"), BRING.replace("ROOT", &self.dir.path().display().to_string()))
            .expect("writing");
        let done = Command::new("sh").arg(self.at("bring")).arg(what).status().expect("sh");
        assert!(done.success());
    }

    fn setup(&self, variables: &[(&str, &str)]) -> (i32, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/setup.sh");
        let mut command = Command::new("/bin/sh");
        command.arg(script).env_clear().env("PATH", self.at("bin"));
        command.env("HOME", self.dir.path());
        command.env("NEXUS_SETUP_ROOT", self.dir.path()).envs(variables.iter().copied());
        let Output { status, stdout, stderr } = command.output().expect("sh");
        assert!(stdout.is_empty());
        (status.code().expect("a code"), String::from_utf8(stderr).expect("text"))
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.at("calls")).unwrap_or_default()
    }
}

const BRING: &str = r#"
make() { cat > ROOT/bin/$1; chmod 755 ROOT/bin/$1; }
case $1 in
qemu) echo '#!/bin/sh
echo "QEMU emulator version 7.2.22 (Debian)"' | make qemu-system-riscv64 ;;
old-qemu) echo '#!/bin/sh
echo "QEMU emulator version 5.2.0 (Debian)"' | make qemu-system-riscv64 ;;
cc) echo '#!/bin/sh
cat > /dev/null' | make cc ;;
rust) echo '#!/bin/sh
echo "cargo 1.96.0"' | make cargo
echo '#!/bin/sh
echo ROOT/rust' | make rustc
mkdir -p ROOT/rust/lib/rustlib/src/rust/library/core ;;
esac
"#;

const PLAN: &str = "Reading package lists...\n\
    The following NEW packages will be installed:\n  qemu-system-misc rustc-web gcc\n\
    0 upgraded, 46 newly installed, 0 to remove and 3 not upgraded.\n\
    Need to get 137 MB of archives.\n\
    After this operation, 779 MB of additional disk space will be used.\n\
    Do you want to continue? [Y/n] N\nAbort.\n";

fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file()).expect(name)
}

#[test]
fn nothing_is_done_or_said_where_nothing_is_missing() {
    let machine = Machine::debian();
    ["qemu", "cc", "rust"].iter().for_each(|what| machine.bring(what));
    assert_eq!(machine.setup(&[]), (0, String::new()));
    assert_eq!(machine.setup(&[("NEXUS_SETUP", "no")]), (0, String::new()));
    assert_eq!(machine.calls(), "");
}

#[test]
fn says_what_it_installs_and_how_large_and_looks_afterwards() {
    let machine = Machine::debian();
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 0, "{said}");
    for part in [
        "missing: QEMU 7.2 or newer for riscv64, a C compiler, Rust 1.95 or newer",
        "installing qemu-system-misc gcc libc6-dev rustc-web rust-web-src cargo-web lld",
        "46 newly installed; 137 MB to fetch, 779 MB of additional disk space",
        "done: all that is needed is here",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let calls = machine.calls();
    let install = calls.lines().last().expect("a call");
    assert!(install.contains(" -y ") && install.contains("--no-remove"), "{calls}");
    assert!(calls.lines().next().expect("a call").starts_with("apt-get update"), "{calls}");
}

#[test]
fn what_is_missing_afterwards_is_said() {
    let machine = Machine::debian();
    machine.apt("1.96.0", PLAN, "qemu cc");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("still missing after that: Rust 1.95") && said.contains("rustup"),
        "{said}"
    );
}

#[test]
fn an_old_emulator_is_none() {
    let machine = Machine::debian();
    ["old-qemu", "cc", "rust"].iter().for_each(|what| machine.bring(what));
    machine.apt("1.96.0", PLAN, "");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("still missing after that: QEMU 7.2 or newer"), "{said}");
}

#[test]
fn no_package_is_removed() {
    let machine = Machine::debian();
    machine.bring("qemu");
    let plan = PLAN.replace(
        "The following NEW",
        "The following packages will be REMOVED:\n  cargo libstd-rust-dev\n  rustc\nThe following NEW",
    );
    machine.apt("1.96.0", &plan, "qemu cc rust");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("would remove cargo libstd-rust-dev rustc: not done"), "{said}");
    assert!(said.contains("rustup"), "{said}");
    assert!(!machine.calls().contains(" -y "), "{}", machine.calls());
}

/// An apt with a QEMU that does not go with what is installed; it can be fetched all the same, as one
/// package with a program that says `version`.
fn conflicting_qemu(version: &str) -> Machine {
    let machine = Machine::debian();
    ["cc", "rust"].iter().for_each(|what| machine.bring(what));
    let root = machine.dir.path().display();
    let removed = "The following packages will be REMOVED:\n  qemu-utils\nThe following NEW";
    fs::write(machine.at("plan"), PLAN.replace("The following NEW", removed)).expect("writing");
    machine.program(
        "apt-get",
        &format!(
            "echo \"apt-get $*\" >> {root}/calls\n\
             case \"$*\" in\n\
             *--assume-no*) cat {root}/plan; exit 1 ;;\n\
             *--download-only*) archives=${{*#*archives=}}; : > ${{archives%% *}}/qemu.deb ;;\n\
             esac"
        ),
    );
    machine.program(
        "dpkg-deb",
        &format!(
            "mkdir -p $3/usr/bin $3/usr/lib/x; : > $3/usr/lib/x/libnew.so.1\n\
             printf '#!/bin/sh\\necho \"$@\" > {root}/ran\\necho $LD_LIBRARY_PATH >> {root}/ran\\n\
             echo \"QEMU emulator version {version} (x)\"\\n' > $3/usr/bin/qemu-system-riscv64\n\
             chmod 755 $3/usr/bin/qemu-system-riscv64"
        ),
    );
    machine
}

#[test]
fn qemu_is_unpacked_beside_packages_that_it_does_not_go_with() {
    let machine = conflicting_qemu("7.2.22");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("qemu-system-misc would remove qemu-utils: it is unpacked"), "{said}");
    let calls = machine.calls();
    for install in calls.lines().filter(|call| call.contains(" -y ")) {
        assert!(install.contains("--download-only"), "{calls}");
    }
    assert_eq!(machine.setup(&[]), (0, String::new()), "the second time nothing is missing");
    let ran = fs::read_to_string(machine.at("ran")).expect("it was started");
    let beside = machine.at(".cache/nexus/qemu");
    let (data, libraries) = (beside.join("usr/share/qemu"), beside.join("usr/lib/x"));
    assert_eq!(ran, format!("-L {} --version\n{}\n", data.display(), libraries.display()));
}

#[test]
fn a_qemu_that_cannot_be_unpacked_or_is_too_old_is_said() {
    let machine = conflicting_qemu("5.2.0");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("would remove qemu-utils: not done"), "{said}");
    let machine = conflicting_qemu("7.2.22");
    machine.program("dpkg-deb", "exit 1");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("that did not work") && said.contains("NEXUS_QEMU names"), "{said}");
}

#[test]
fn what_apt_cannot_do_is_said_in_its_words() {
    let machine = Machine::debian();
    machine.apt("1.96.0", "Reading package lists...\nE: Unmet dependencies.\n", "");
    let (code, said) = machine.setup(&[]);
    assert!(code == 1 && said.contains("E: Unmet dependencies."), "{said}");
    assert!(!machine.calls().contains(" -y "), "{}", machine.calls());
}

#[test]
fn qemu_comes_in_the_version_of_the_qemu_packages_that_are_here() {
    let machine = Machine::debian();
    machine.program("dpkg-query", "echo 'ii  1:10.0-1~bpo12'");
    assert_eq!(machine.setup(&[]).0, 0);
    assert!(machine.calls().contains(" qemu-system-misc=1:10.0-1~bpo12 "), "{}", machine.calls());
    let machine = Machine::debian();
    machine.program("dpkg-query", "echo 'ii  1:9.9-1'");
    assert_eq!(machine.setup(&[]).0, 0);
    assert!(machine.calls().contains(" qemu-system-misc gcc"), "{}", machine.calls());
}

#[test]
fn without_the_security_archive_both_ways_out_are_named() {
    let machine = Machine::debian();
    machine.apt("1.85.0+dfsg3-1", PLAN, "qemu cc rust");
    let (code, said) = machine.setup(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("https://rustup.rs"), "{said}");
    assert!(said.contains("debian-security bookworm-security main"), "{said}");
    assert!(!machine.calls().contains(" install "), "{}", machine.calls());
}

#[test]
fn nothing_is_installed_when_that_is_not_wanted() {
    let machine = Machine::debian();
    let (code, said) = machine.setup(&[("NEXUS_SETUP", "no")]);
    assert_eq!(code, 1);
    assert!(said.contains("missing: QEMU") && said.contains("NEXUS_SETUP=no"), "{said}");
    assert_eq!((said.lines().count(), machine.calls().as_str()), (1, ""));
}

#[test]
fn other_systems_are_told_their_packages_in_one_line() {
    for (os_release, uname, way) in [
        ("NAME=Fedora\nID=fedora\n", "Linux", "dnf install qemu-system-riscv gcc rustup"),
        ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "Linux", "dnf install"),
        ("ID=arch\n", "Linux", "pacman -S --needed qemu-system-riscv gcc rustup"),
        ("ID=nixos\n", "Linux", "nix-shell -p qemu gcc rustup"),
        ("ID=alpine\n", "Linux", "apk add qemu-system-riscv64"),
        ("", "Darwin", "brew install qemu rustup"),
        ("ID=haiku\n", "Linux", "install qemu-system-riscv64 (7.2 or newer), gcc and rustup"),
    ] {
        let machine = Machine::new(os_release);
        machine.program("uname", &format!("echo {uname}"));
        let (code, said) = machine.setup(&[]);
        assert_eq!((code, said.lines().count()), (1, 1), "{said}");
        assert!(said.contains(way), "{said}");
    }
}

#[test]
fn who_is_not_root_is_helped_by_sudo_or_told() {
    let machine = Machine::debian();
    machine.program("id", "echo 1000");
    let (code, said) = machine.setup(&[]);
    assert!(code == 1 && said.contains("as root"), "{said}");
    machine.program(
        "sudo",
        &format!("echo \"sudo $*\" >> {}/sudo; exec \"$@\"", machine.dir.path().display()),
    );
    assert_eq!(machine.setup(&[]).0, 0);
    assert_eq!(fs::read_to_string(machine.at("sudo")).expect("calls").lines().count(), 3);
}

#[test]
fn rustup_adds_the_target_where_it_can() {
    let machine = Machine::debian();
    ["qemu", "cc", "rust"].iter().for_each(|what| machine.bring(what));
    fs::remove_dir_all(machine.at("rust")).expect("removing");
    let target = "rust/lib/rustlib/riscv64imac-unknown-none-elf";
    machine.program("rustup", &format!("mkdir -p {}", machine.at(target).display()));
    let (code, said) = machine.setup(&[]);
    assert!(code == 0 && said.contains("by rustup"), "{said}");
    assert_eq!(machine.calls(), "");
}
