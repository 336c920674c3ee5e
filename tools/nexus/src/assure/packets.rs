//! Frames that were changed at random, by the real network stack over the rings of its card.

use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::cargo;
use anyhow::Result;

/// Frames.
const FRAMES: u64 = 1_000_000;

/// What the test says before the number of frames that came, of which something was made or nothing.
const SAYS: &str = "packets ";

/// Fails when the stack ends, and when it has not seen each of them.
pub(super) fn check(seed: u64) -> Result<Outcome> {
    let mut command = cargo(&["test", "--package", "netstackd", "--lib"])?;
    command.args(["frames_at_random_end_nothing", "--", "--nocapture"]);
    command.env("NEXUS_PACKETS", FRAMES.to_string()).env("NEXUS_PACKETS_SEED", seed.to_string());
    let (good, text) = capture::run(&mut command)?;
    let told = text.lines().find_map(|line| Some(&line[line.find(SAYS)?..]));
    let came = told.and_then(|told| told[SAYS.len()..].split(' ').next()?.parse::<u64>().ok());
    let note = told.unwrap_or("nothing came").to_owned();
    Ok(Outcome { note, ..Outcome::of(good && came >= Some(FRAMES), "") })
}
