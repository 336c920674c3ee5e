//! The compiler for the bare-metal target: rustup's, or Debian's.

use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel and every service are compiled for.
pub const TARGET: &str = "riscv64imac-unknown-none-elf";

/// How to call cargo for [`TARGET`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// `rustc` has no `core` for the target, only its source: cargo builds it first.
    pub build_std: bool,
    /// The linker, when the compiler does not bring one.
    pub linker: Option<&'static str>,
    /// Where the compiler keeps the source of `core`, for panic messages that name no machine.
    pub sysroot: PathBuf,
}

impl Toolchain {
    /// Finds a compiler that can build for [`TARGET`]. This is the only place that knows the two
    /// ways: a toolchain with the target's `core` (rustup), or one with the source of `core`
    /// (Debian's `rustc-web` and `rust-web-src`). `NEXUS_TOOLCHAIN=rustup` or `debian` picks one.
    ///
    /// # Errors
    /// Says what to install when there is neither.
    pub fn find() -> Result<Toolchain> {
        let rustc = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        let debian = PathBuf::from("/usr/bin/rustc");
        let choice = env::var("NEXUS_TOOLCHAIN").unwrap_or_default();
        let found = match choice.as_str() {
            "rustup" => prebuilt(&rustc),
            "debian" => from_source(&debian),
            "" => prebuilt(&rustc).or_else(|| from_source(&rustc)).or_else(|| from_source(&debian)),
            other => bail!("NEXUS_TOOLCHAIN is `{other}`; say `rustup` or `debian`"),
        };
        found.with_context(|| {
            format!(
                "no compiler for {TARGET}; run `make setup`, or `rustup target add {TARGET}`, \
                 or `apt-get install rustc-web rust-web-src lld`"
            )
        })
    }

    /// For people: which way it is.
    #[must_use]
    pub fn describe(&self) -> String {
        let how = if self.build_std { "core from source" } else { "core prebuilt" };
        let version = output(&self.rustc, &["--version"]).unwrap_or_default();
        format!("{} ({how})", version.trim())
    }

    /// `cargo` set up for this toolchain, with `rustflags` for the target only.
    #[must_use]
    pub fn cargo(&self, subcommand: &str, rustflags: &[String]) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.arg(subcommand).args(["--target", TARGET]).env("RUSTC", &self.rustc);
        if self.build_std {
            command.arg("-Zbuild-std=core,alloc,compiler_builtins");
            command.arg("-Zbuild-std-features=compiler-builtins-mem");
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        let mut flags = rustflags.to_vec();
        flags.extend(self.linker.map(|linker| format!("-Clinker={linker}")));
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        command
    }
}

/// A toolchain that has `core` for the target, or can fetch it by rustup.
fn prebuilt(rustc: &Path) -> Option<Toolchain> {
    let sysroot = sysroot(rustc)?;
    let core = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    if !core.is_dir() {
        output(Path::new("rustup"), &["--version"])?;
        eprintln!("nexus: adding the target {TARGET} by rustup");
        let toolchain = sysroot.file_name()?;
        let added = Command::new("rustup")
            .args(["target", "add", TARGET, "--toolchain"])
            .arg(toolchain)
            .status();
        if !added.is_ok_and(|status| status.success()) {
            return None;
        }
    }
    core.is_dir().then(|| Toolchain::at(rustc, sysroot, false))
}

/// A toolchain that has the source of `core`.
fn from_source(rustc: &Path) -> Option<Toolchain> {
    let sysroot = sysroot(rustc)?;
    let source = sysroot.join("lib/rustlib/src/rust/library/core");
    source.is_dir().then(|| Toolchain::at(rustc, sysroot, true))
}

impl Toolchain {
    fn at(rustc: &Path, sysroot: PathBuf, build_std: bool) -> Toolchain {
        let own_linker = has_own_linker(&sysroot);
        Toolchain {
            rustc: rustc.to_path_buf(),
            build_std,
            linker: (!own_linker).then_some("ld.lld"),
            sysroot,
        }
    }
}

fn has_own_linker(sysroot: &Path) -> bool {
    let Ok(targets) = sysroot.join("lib/rustlib").read_dir() else { return false };
    targets.flatten().any(|target| target.path().join("bin/rust-lld").is_file())
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let path = output(rustc, &["--print", "sysroot"])?;
    Some(PathBuf::from(path.trim_end()))
}

fn output(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
