//! The peer of the tests on the other end of a network: QEMU has it as `-netdev dgram`, over a pair of sockets.

use super::judge::Judgement;
use super::proofs;
use crate::desc::{Expect, Peer, Random};
use crate::protocol::Proof;
use anyhow::{Context, Result, bail};
use nexus_wire::{Findings, Line, Says, play};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use tempfile::TempDir;

/// How a board says that there is such a peer.
const BACKEND: &str = "dgram,";
/// Who proves what the peer has seen.
const WHO: &str = "peer";

/// A network with a peer.
#[derive(Debug)]
pub(super) struct Wire {
    /// Where the sockets are.
    place: TempDir,
    says: Says,
    sees: Vec<Proof>,
    /// What came of it.
    pub(super) told: Findings,
}

/// A peer that plays.
#[derive(Debug)]
pub(super) struct Played {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Findings>,
}

/// How many proofs the peer is to give.
pub(super) fn required(expect: &Expect) -> usize {
    peer_of(Some(expect)).map_or(0, |peer| peer.sees.len())
}

fn peer_of(expect: Option<&Expect>) -> Option<&Peer> {
    match expect {
        Some(Expect::Random(Random { peer, .. })) => peer.as_ref(),
        _ => None,
    }
}

impl Wire {
    /// The network of `board` that has a peer; QEMU is told where. `packets` is said for this run.
    ///
    /// # Errors
    /// Only one of the two has a peer: the board, or the description of how the run ends.
    pub(super) fn of(
        board: &mut [String],
        expect: Option<&Expect>,
        packets: Option<u32>,
        seed: u64,
    ) -> Result<Option<Wire>> {
        let peer = peer_of(expect);
        let backend = board.iter_mut().find(|word| word.starts_with(BACKEND));
        let (peer, backend) = match (peer, backend) {
            (None, None) => return Ok(None),
            (Some(peer), Some(backend)) => (peer, backend),
            (Some(_), None) => bail!("a peer without a network: the board has no `{BACKEND}`"),
            (None, Some(_)) => bail!("a network without a peer: expect.toml has no `peer`"),
        };
        let place = tempfile::tempdir().context("making a place for sockets")?;
        let [own, other] = ["nexus", "peer"].map(|name| place.path().join(name));
        let (own, other) = (own.display(), other.display());
        backend.push_str(&format!(
            ",local.type=unix,local.path={own},remote.type=unix,remote.path={other}"
        ));
        let proof = |(id, checks): &(String, u32)| Proof {
            service: WHO.to_owned(),
            id: id.clone(),
            checks: *checks,
        };
        let says = Says { seed, packets: packets.unwrap_or(peer.packets) };
        let sees = peer.sees.iter().map(proof).collect();
        Ok(Some(Wire { place, says, sees, told: Findings::default() }))
    }

    /// Has the peer play, from before QEMU begins.
    ///
    /// # Errors
    /// Its socket cannot be made.
    pub(super) fn play(&self) -> Result<Played> {
        let line = Line::bind(&self.place.path().join("peer"), &self.place.path().join("nexus"))?;
        let (over, says) = (line.over(), self.says);
        Ok(Played { over, thread: thread::spawn(move || play(line, says)) })
    }

    /// What the peer has seen is a part of the verdict.
    pub(super) fn judge(&self, judgement: &mut Judgement) {
        let given = self.told.proofs.iter().map(|(id, checks)| Proof {
            service: WHO.to_owned(),
            id: id.clone(),
            checks: *checks,
        });
        let given: Vec<Proof> = given.collect();
        let found = proofs::check(&self.sees, &given, false);
        judgement.passed += found.passed(&self.sees);
        let wrong = self.told.wrong.iter().map(|wrong| format!("peer: {wrong}"));
        judgement.and(wrong.chain(found.findings()).collect());
    }
}

impl Played {
    /// What came of it, once QEMU has ended.
    pub(super) fn end(self) -> Findings {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Findings {
            wrong: vec!["the peer has ended by a panic".to_owned()],
            ..Findings::default()
        })
    }
}
