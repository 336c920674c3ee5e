//! What is played, in this order, and what must be seen. Each tells how many checks it was.

mod attacks;
mod flood;
mod host;
mod packets;
mod stream;

use std::time::Instant;

use anyhow::{Context, Result};

use crate::client::{ASKS, Client};
use crate::line::Line;
use crate::peer::Peer;

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub struct Says {
    /// Where everything random comes from.
    pub seed: u64,
    /// Malformed packets that are sent.
    pub packets: u32,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Scenarios that went as they must, and by how many checks.
    pub proofs: Vec<(String, u32)>,
    /// What did not.
    pub wrong: Vec<String>,
    /// What was counted, for people.
    pub said: Vec<String>,
}

/// The stage: both machines at this end, and the connection by which the guest is asked for things.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) peer: Peer,
    pub(crate) asks: Client,
    pub(crate) packets: u32,
    pub(crate) said: Vec<String>,
}

impl Stage {
    /// Asks the guest for something.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String> {
        self.asks.ask(&mut self.peer, line)
    }
}

type Scenario = fn(&mut Stage) -> Result<u32>;

const SCENARIOS: &[(&str, Scenario)] = &[
    ("address", host::address),
    ("lease", host::lease),
    ("echo", host::echo),
    ("neighbours", host::neighbours),
    ("names", host::names),
    ("handshake", stream::handshake),
    ("lost-segments", stream::lost),
    ("window", stream::window),
    ("order", stream::order),
    ("reset", stream::reset),
    ("fragments", attacks::fragments),
    ("spoofed", attacks::spoofed),
    ("requests", flood::requests),
    ("flood", flood::flood),
    ("malformed", packets::malformed),
    ("after", host::after),
];

/// Plays all of it. The first that goes wrong is the last: what follows would be about a guest in an unknown state.
#[must_use]
pub fn play(line: Line, says: Says) -> Findings {
    let mut findings = Findings::default();
    let mut peer = Peer::new(line, says.seed);
    let asks = match Client::connect(&mut peer, ASKS).context("the guest does not come up") {
        Ok(asks) => asks,
        Err(why) => {
            findings.wrong.push(format!("{why:#}"));
            return findings;
        }
    };
    let mut stage = Stage { peer, asks, packets: says.packets, said: Vec::new() };
    for (name, scenario) in SCENARIOS {
        stage.peer.came.clear();
        let began = Instant::now();
        match scenario(&mut stage) {
            Ok(checks) => {
                let seconds = began.elapsed().as_secs_f32();
                stage.said.push(format!("{name}: {checks} checks, {seconds:.1} s"));
                findings.proofs.push(((*name).to_owned(), checks));
            }
            Err(why) => {
                findings.wrong.push(format!("{name}: {why:#}"));
                break;
            }
        }
    }
    if stage.peer.malformed > 0 {
        findings.wrong.push(format!("{} malformed frames of the guest", stage.peer.malformed));
    }
    // A guest that does not end by itself is ended by the time limit of the run.
    if let Err(why) = stage.ask("end") {
        findings.wrong.push(format!("end: {why:#}"));
    }
    findings.said = stage.said;
    findings
}
