//! `cargo nexus audit`: who may touch what, from the built image.
//!
//! The sources are not consulted: what is printed is what the machine will act on. The archive,
//! every hash in it, the description and every program's headers are checked on the way.

mod assert;
mod diff;
mod dot;
mod graph;
mod model;
mod net;
mod reach;
mod read;
mod text;
mod trust;
mod why;

use crate::build::{self, Place};
use crate::cli::SystemArgs;
use crate::columns;
use crate::exit::Exit;
use crate::files;
use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use nexus_sysdesc::NetProtocol;
use std::io::stdout;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use assert::{Assertions, Outcome};
pub use diff::Diff;
pub use model::{
    Audit, AuditDevice, AuditOpen, AuditPermit, AuditProgram, AuditRefusal, AuditRing,
    AuditSegment, AuditService, AuditTree, AuditWindow, MemoryTrust, SCHEMA, Trusted,
};
pub use net::{AuditNetwork, AuditReach, AuditSockets};
pub use reach::{AuditMemory, AuditQueue};
pub use read::of_image;
pub use why::AskNet;

/// Arguments of `cargo nexus audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The image to read; the one that `build` wrote when absent. With `--system`, it must be of that.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Print JSON (schema `nexus-audit/2`).
    #[arg(long)]
    json: bool,
    /// Print a drawing (SVG): devices, owners, who shares memory, and the lines of the policy.
    #[arg(long, conflicts_with = "json")]
    svg: bool,
    /// Print the same, and who may call whom, for Graphviz (DOT).
    #[arg(long, conflicts_with_all = ["json", "svg"])]
    dot: bool,
    /// Check the assertions in this file as well; it can be given more than once.
    #[arg(long, value_name = "FILE")]
    assert: Vec<PathBuf>,
    /// Say who gained or lost what between two images, or two systems that are built; exit code 1 when somebody did.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["system", "image", "svg", "dot", "assert"])]
    diff: Vec<PathBuf>,
}

/// Prints the audit, and whether the assertions hold.
///
/// # Errors
/// When the image cannot be read or is damaged, or an assertion file is malformed.
pub fn run(args: &AuditArgs) -> Result<Exit> {
    if let [old, new] = args.diff.as_slice() {
        return run_diff(old, new, args);
    }
    let assertions: Vec<Assertions> =
        args.assert.iter().map(|file| Assertions::read(file)).collect::<Result<_>>()?;
    let (path, image) = image_of(&args.system, args.image.as_ref())?;
    let audit = of_image(&image).with_context(|| format!("refusing {}", path.display()))?;
    if args.json {
        println_raw!("{}", audit.to_json()?);
    } else if args.svg {
        println_raw!("{}", audit.to_svg());
    } else if args.dot {
        print!("{}", audit.to_dot());
    } else {
        print!("{}", audit.to_text(columns::of(stdout()).unwrap_or(columns::USUAL)));
    }
    let mut exit = Exit::Pass;
    for file in &assertions {
        let outcome = file.check(&audit);
        eprint!("{outcome}");
        if !outcome.holds() {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Says what differs between two, each an image or the directory of a system that is built.
fn run_diff(old: &Path, new: &Path, args: &AuditArgs) -> Result<Exit> {
    let audit = |path: &Path| {
        let (path, image) = match path.is_dir() {
            true => {
                let system = SystemArgs { system: Some(path.to_owned()), ..args.system.clone() };
                build::image(&Place::tree()?, &system)?
            }
            false => image_of(&args.system, Some(&path.to_owned()))?,
        };
        of_image(&image).with_context(|| format!("refusing {}", path.display()))
    };
    let diff = Diff::of(&audit(old)?, &audit(new)?);
    if args.json {
        println_raw!("{}", diff.to_json()?);
    } else {
        print!("{}", diff.to_text(columns::of(stdout()).unwrap_or(columns::USUAL)));
    }
    Ok(if diff.is_empty() { Exit::Pass } else { Exit::Failed })
}

/// Arguments of `cargo nexus why`.
#[derive(Args, Debug)]
pub struct WhyArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The image to read, as with `audit`.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Name of a service.
    service: String,
    #[command(subcommand)]
    about: About,
}

/// What is asked about a service.
#[derive(Debug, Subcommand)]
enum About {
    /// The network: whom it may reach, and who may reach it
    Net {
        /// `tcp`, `udp` or `echo`.
        #[arg(value_parser = protocol)]
        protocol: NetProtocol,
        /// Port of whoever is connected to, and address of a peer; of an echo the address alone.
        #[arg(value_name = "PORT [ADDRESS]", num_args = 0..=2)]
        at: Vec<String>,
    },
}

fn protocol(word: &str) -> Result<NetProtocol, String> {
    let found = NetProtocol::ALL.into_iter().find(|protocol| protocol.name() == word);
    found.ok_or_else(|| String::from("choose from tcp, udp and echo"))
}

/// Says whether a service may do something, by which line of the policy, or what would have to change.
///
/// # Errors
/// When the image cannot be read or is damaged, or what is asked makes no sense.
pub fn run_why(args: &WhyArgs) -> Result<Exit> {
    let About::Net { protocol, at } = &args.about;
    let (port, peer) = match (protocol, at.as_slice()) {
        (_, []) => (None, None),
        (NetProtocol::Echo, [peer]) => (None, Some(peer)),
        (_, [port]) => (Some(port), None),
        (_, [port, peer, ..]) => (Some(port), Some(peer)),
    };
    let port = port.map(|port| {
        let number = port.parse::<u16>();
        number.map_err(|_| anyhow!("`{port}` is no port: write 1 to 65535"))
    });
    let peer = peer.map(|peer| {
        let address = peer.parse::<IpAddr>();
        address.map_err(|_| anyhow!("`{peer}` is no address: names decide nothing"))
    });
    let (port, peer) = (port.transpose()?, peer.transpose()?);
    let ask = AskNet { service: &args.service, protocol: *protocol, port, peer };
    let (path, image) = image_of(&args.system, args.image.as_ref())?;
    let audit = of_image(&image).with_context(|| format!("refusing {}", path.display()))?;
    print!("{}", audit.why_net(&ask, columns::of(stdout()).unwrap_or(columns::USUAL))?);
    Ok(Exit::Pass)
}

/// The image that is meant, and where it is: the one that `build` wrote, while it is of the system; or
/// any, which must be of the system only where one is named.
fn image_of(system: &SystemArgs, path: Option<&PathBuf>) -> Result<(PathBuf, Vec<u8>)> {
    let place = Place::tree()?;
    let Some(path) = path else { return build::image(&place, system) };
    let image = files::bytes(path);
    let image = image.map_err(|why| anyhow!("no image at {}: {why}", path.display()))?;
    if system.system.is_some() {
        let checked = place.load(system)?;
        build::is_of(&image, &checked).map_err(|why| anyhow!("{} {why:#}", path.display()))?;
    }
    Ok((path.clone(), image))
}
