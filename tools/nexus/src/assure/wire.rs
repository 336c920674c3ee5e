//! Malformed packets by the wire, which end nothing; and what the guest sends meanwhile, read by somebody else: tshark finds
//! nothing malformed in it.

use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The guest's card, as QEMU numbers the first.
const OWN: &str = "eth.src == 52:54:00:12:34:56";
/// Each sum that tshark can check, in a field that says how it stands.
const SUMS: [&str; 5] = ["ip", "tcp", "udp", "icmp", "icmpv6"];
/// Malformed packets that come, unless `NEXUS_PACKETS` says how many.
const PACKETS: u32 = 1_000_000;
/// Longest time for them: a safety net.
const LIMIT: Duration = Duration::from_secs(7200);
/// Frames of the guest that there must be at least: else there was nothing to read.
const FRAMES: usize = 1000;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let system = Some(paths::root()?.join("tests/systems/wire"));
    let built = build::system(&SystemArgs { system, profile: "test".to_owned() })?;
    let seed = Some(seed.max(1));
    let from_environment = Options::from_environment()?;
    let packets = from_environment.packets.unwrap_or(PACKETS);
    let options =
        Options { seed, packets: Some(packets), limit: LIMIT, quiet: true, ..from_environment };
    let session = Session::run(&built, &options)?;
    session.report()?;
    let capture = built.directory.join("net0-link.pcap");
    let sent = frames(&capture, OWN)?;
    let wrong = frames(&capture, &malformed())?;
    wrong.iter().for_each(|line| println!("malformed: {line}"));
    let note = format!(
        "{packets} malformed packets; {} frames of the guest, {} of them malformed",
        sent.len(),
        wrong.len()
    );
    let good = session.judgement.exit == Exit::Pass && wrong.is_empty() && sent.len() >= FRAMES;
    Ok(Outcome::of(good, note))
}

/// Frames of the guest that something is wrong with.
fn malformed() -> String {
    let sums = SUMS.map(|name| format!("{name}.checksum.status == 0"));
    format!("{OWN} && (_ws.malformed || {})", sums.join(" || "))
}

/// Frames of a capture that a filter of tshark's takes, a line each.
fn frames(capture: &Path, filter: &str) -> Result<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-Y", filter]);
    for name in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{name}.check_checksum:TRUE")]);
    }
    let output = command.output().context("starting tshark")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tshark cannot read {}: {said}", capture.display());
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
