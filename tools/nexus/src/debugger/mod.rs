//! `cargo nexus gdb`: a debugger at a machine that runs, in one service of it or in the kernel.

mod live;
mod mark;

pub use live::{Live, Open};

use crate::build::{self, Place};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::image::hex;
use crate::toolchain::Toolchain;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use mark::Mark;
use nexus_sysdesc::archive::{Archive, Kind, image_hash};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of `cargo nexus gdb`.
#[derive(Args, Debug)]
pub struct GdbArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The gdb to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_GDB")]
    gdb: Option<PathBuf>,
    /// Name of a service, or `kernel`.
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Arguments for gdb, behind what makes it ready.
    #[arg(last = true, value_name = "GDB ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Starts gdb with the names of a service and of the kernel, at the machine that `run --gdb` started.
///
/// # Errors
/// No such machine runs, it is of another build, there is no such service, or no gdb.
pub fn run(args: &GdbArgs) -> Result<Exit> {
    let place = Place::tree()?;
    let checked = place.load(&args.system)?;
    let (_, image) = build::image(&place, &args.system)?;
    let directory = place.folder(&checked)?;
    let target = Target::of(&image, &directory, &args.service)?;
    let program = checked.programs.iter().find(|program| program.name == args.service);
    let manifest =
        program.map_or_else(|| place.root.join("Cargo.toml"), |one| one.manifest.clone());
    let sources = build::names(&Toolchain::find()?, &place.root, &manifest)?;
    let again = format!("`cargo nexus run --gdb{}` starts one", args.system.as_arguments());
    let socket = Live::of(&directory).find(&hex(&image_hash(&image)));
    let socket = socket.map_err(|why| anyhow!("{why}; {again}"))?;
    let gdb = find(args.gdb.as_deref())?;
    // It is gone when the machine is.
    let script = socket.with_file_name(format!("{}.py", args.service));
    fs::write(&script, target.script(&socket, &place.root, &sources)?)
        .context("writing what gdb begins with")?;
    let mut command = Command::new(&gdb);
    command.arg("-quiet").arg("-x").arg(&script).args(&args.arguments);
    // Ctrl-C is gdb's: it takes the place of this process.
    Err(command.exec()).with_context(|| format!("starting {}", gdb.display()))
}

/// What is looked at: a service, or the kernel.
#[derive(Debug)]
pub struct Target {
    service: String,
    /// Of a service, in whose address space breakpoints stop.
    mark: Option<Mark>,
    program: PathBuf,
    kernel: PathBuf,
}

impl Target {
    /// A service of an image that is built in `directory`, or `kernel`.
    ///
    /// # Errors
    /// There is no such service, or another has its code.
    pub fn of(image: &[u8], directory: &Path, service: &str) -> Result<Target> {
        let (debug, kernel) = (directory.join("debug"), directory.join("debug/neuron"));
        if service == "kernel" {
            let (service, program) = (String::from("the kernel"), kernel.clone());
            return Ok(Target { service, mark: None, program, kernel });
        }
        let archive = Archive::parse(image)?;
        let programs = || archive.entries().filter(|entry| entry.kind != Kind::Description);
        let Some(own) = programs().find(|entry| entry.name == service) else {
            let names: Vec<&str> = programs().map(|entry| entry.name).collect();
            bail!("there is no service `{service}`: choose from kernel, {}", names.join(", "));
        };
        let others: Vec<&[u8]> =
            programs().filter(|entry| entry.id != own.id).map(|entry| entry.data).collect();
        let mark = Mark::of(own.data, &others).with_context(|| {
            format!("another service has the code of {service}, and nothing tells them apart")
        })?;
        let program = debug.join(service);
        Ok(Target { service: service.to_owned(), mark: Some(mark), program, kernel })
    }

    /// What gdb begins with: who it is about, in Python, and then what is the same for all. `sources` are directories,
    /// and what the programs call them.
    ///
    /// # Errors
    /// A path is no text.
    pub fn script(
        &self,
        socket: &Path,
        root: &Path,
        sources: &[(PathBuf, &str)],
    ) -> Result<String> {
        let text = |path: &Path| -> Result<String> {
            let path = path.to_str().with_context(|| format!("{} is no text", path.display()))?;
            // A text of JSON is one of Python.
            Ok(serde_json::to_string(path)?)
        };
        let mark = self.mark.map_or_else(
            || String::from("None"),
            |Mark { address, word }| format!("({address:#x}, {word:#x})"),
        );
        // What is built in the tree has names within it.
        let mut places = vec![format!("(\"\", {})", text(root)?)];
        for (here, name) in sources {
            places.push(format!("(\"{name}\", {})", text(here)?));
        }
        Ok(format!(
            "SERVICE = {}\nMARK = {mark}\nPROGRAM = {}\nKERNEL = {}\nSOCKET = {}\nSOURCES = [{}]\n{}",
            serde_json::to_string(&self.service)?,
            text(&self.program)?,
            text(&self.kernel)?,
            text(socket)?,
            places.join(", "),
            include_str!("nexus.py")
        ))
    }
}

/// Names that gdb has where it knows RISC-V, or may.
const NAMES: [&str; 5] =
    ["gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv64-elf-gdb", "riscv64-linux-gnu-gdb", "gdb"];

/// The gdb to use: `explicit`, else the first on the path that knows RISC-V.
///
/// # Errors
/// There is none; says how to get one.
pub(crate) fn find(explicit: Option<&Path>) -> Result<PathBuf> {
    if let Some(gdb) = explicit {
        if knows_riscv(gdb.as_os_str()) {
            return Ok(gdb.to_owned());
        }
        bail!("{} is no gdb that knows RISC-V and Python", gdb.display());
    }
    let found = NAMES.into_iter().find(|name| knows_riscv(OsStr::new(name)));
    let found = found.context(
        "no gdb here knows RISC-V: `apt-get install gdb-multiarch` (Debian), `dnf install gdb` \
         (Fedora), or NEXUS_GDB names one",
    );
    found.map(PathBuf::from)
}

fn knows_riscv(gdb: &OsStr) -> bool {
    let mut command = Command::new(gdb);
    command.args(["-batch", "-nx", "-ex", "set architecture riscv:rv64", "-ex", "python print(7)"]);
    let output = command.env_remove("LC_ALL").output();
    output.is_ok_and(|output| {
        let said = String::from_utf8_lossy(&output.stdout);
        output.status.success()
            && said.lines().any(|line| line == "7")
            && said.contains("riscv:rv64")
    })
}
