//! Floods: of requests for connections, and of everything.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use smoltcp::wire::{ArpOperation, Icmpv4Repr, IpProtocol, Ipv4Address};

use super::Stage;
use crate::client::{Client, ECHO, number};
use crate::peer::{GUEST, PEER_MAC, Peer, STRANGE, STRANGER_MAC};
use crate::raw::{self, ALL, Segment, Way, flag};

/// Requests for connections that are never gone on with.
const REQUESTS: u32 = 3000;
/// Sockets of the client in the guest, by its quota.
const QUOTA: u64 = 16;
/// Rounds of work of somebody below the stack, each of which asks the ledger and writes to the disk.
const ROUNDS: u32 = 60;
/// Frames that must have been taken while that was done.
const TAKEN: u64 = 1000;
/// Most instructions that a call of the ledger takes, and a value on the disk, however many frames come: of somebody
/// below the stack, whose turn and rest are in it.
const LEDGER: u64 = 5_000_000;
const DISK: u64 = 40_000_000;
/// Milliseconds of the guest in which somebody below the stack looks at the clock as often as it can.
const SHARE_MS: u32 = 100;
/// Frames that come again and again, made before: so they come faster than anybody takes them.
const FRAMES: usize = 1000;
/// Of these so many before the peer looks at what the guest sends.
const BURST: usize = 64;

/// Half-open connections are bounded, and who means it gets one.
pub(super) fn requests(stage: &mut Stage) -> Result<u32> {
    stage.peer.settle()?;
    let mut most = 0;
    for round in 0..10 {
        for _ in 0..REQUESTS / 10 {
            let request = request(&mut stage.peer);
            stage.peer.send(&request);
        }
        stage.peer.pump(Duration::ZERO)?;
        most = most.max(number(&stage.ask("network")?, "sockets")?);
        if round == 5 {
            // In the midst of it.
            let mut client = Client::connect(&mut stage.peer, ECHO)?;
            client.echo(&mut stage.peer, b"a client")?;
            client.close(&mut stage.peer);
        }
    }
    ensure!(most <= QUOTA, "{most} sockets");
    let mut client = Client::connect(&mut stage.peer, ECHO)?;
    client.echo(&mut stage.peer, b"after it")?;
    client.close(&mut stage.peer);
    stage.said.push(format!("{REQUESTS} requests for connections: {most} sockets at most"));
    Ok(3)
}

/// While as many frames come as the wire takes, who is below the stack goes on, and what it waits for comes in time.
pub(super) fn flood(stage: &mut Stage) -> Result<u32> {
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| anything(&mut stage.peer)).collect();
    let quiet = [stage.work(None)?, stage.share(None)?];
    // From here on all comes from outside.
    stage.ask("mark")?;
    let before = Taken::of(stage)?;
    let flooded = [stage.work(Some(&frames))?, stage.share(Some(&frames))?];
    let Taken { frames, turns } = Taken::of(stage)?.since(before);
    for (what, said) in [("in quiet", &quiet), ("in the flood", &flooded)] {
        stage.said.push(format!("{ROUNDS} rounds of work {what}: {}", said[0]));
        stage.said.push(format!("{SHARE_MS} ms {what}: {}", said[1]));
    }
    stage.said.push(format!("the flood: {frames} frames in {turns} turns"));
    ensure!(frames >= TAKEN, "{frames} frames are no flood");
    let (ledger, disk) = (number(&flooded[0], "ledger")?, number(&flooded[0], "disk")?);
    ensure!(ledger <= LEDGER, "the ledger answers after {ledger} instructions");
    ensure!(disk <= DISK, "a value is on the disk after {disk} instructions");
    let (looks, most) = (number(&flooded[1], "looks")?, number(&quiet[1], "looks")?);
    // What share that is depends on how fast the host is: `tests/systems/flood` bounds it where every turn is full.
    let share = 100 * looks / most.max(1);
    stage.said.push(format!("who is below the stack has {share} of 100 parts of the time"));
    Ok(3)
}

/// What the stack has taken, in how many turns.
#[derive(Clone, Copy)]
struct Taken {
    frames: u64,
    turns: u64,
}

impl Taken {
    fn of(stage: &mut Stage) -> Result<Taken> {
        let said = stage.ask("counts")?;
        Ok(Taken { frames: number(&said, "in")?, turns: number(&said, "turns")? })
    }

    const fn since(self, before: Taken) -> Taken {
        Taken { frames: self.frames - before.frames, turns: self.turns - before.turns }
    }
}

impl Stage {
    /// What the guest's work took.
    fn work(&mut self, flood: Option<&[Vec<u8>]>) -> Result<String> {
        self.while_flooded(&format!("work {ROUNDS}"), flood)
    }

    /// What share of the time the guest's program has.
    fn share(&mut self, flood: Option<&[Vec<u8>]>) -> Result<String> {
        self.while_flooded(&format!("share {SHARE_MS}"), flood)
    }

    /// The answer to `ask`, until which these frames come, again and again.
    fn while_flooded(&mut self, ask: &str, flood: Option<&[Vec<u8>]>) -> Result<String> {
        let Stage { peer, asks, .. } = self;
        ensure!(asks.ask(peer, ask)? == "begins", "it does not begin");
        let mut next = flood.map(|frames| frames.iter().cycle());
        let done = peer.until(&format!("no end of `{ask}`"), |peer| {
            if let Some(next) = &mut next {
                next.take(BURST).for_each(|frame| peer.send(frame));
                peer.pump(Duration::ZERO)?;
                peer.came.clear();
            }
            asks.line(peer)
        })?;
        if done.starts_with("error") {
            bail!("{ask}: {done}");
        }
        Ok(done)
    }
}

/// Asks for a connection, from where nobody answers, or from where its number is forgotten.
fn request(peer: &mut Peer) -> Vec<u8> {
    let way = match peer.random.bool() {
        true => STRANGE,
        false => Way { from: Ipv4Address::new(10, 0, 2, peer.random.u8(64..255)), ..STRANGE },
    };
    let (from, seq) = (peer.random.u16(1024..), peer.random.u32(..));
    let (flags, data) = (flag::SYN, Vec::new());
    let segment = Segment { from, to: ECHO, seq, ack: 0, flags, window: 1024, urgent: 0, data };
    raw::tcp(way, &segment)
}

/// A frame of a flood: some are answered, some are for nobody.
fn anything(peer: &mut Peer) -> Vec<u8> {
    let data = [0x5a; 1400];
    match peer.random.u8(0..5) {
        0 => request(peer),
        1 => {
            let len = peer.random.usize(0..data.len());
            let ask = Icmpv4Repr::EchoRequest { ident: 1, seq_no: 1, data: &data[..len] };
            raw::ipv4(STRANGE, IpProtocol::Icmp, &raw::icmp4(&ask))
        }
        2 => {
            let port = peer.random.u16(..);
            raw::udp(STRANGE, 9, port.max(100), &data)
        }
        3 => {
            let to = Ipv4Address::new(10, 0, 2, peer.random.u8(..));
            let from = (STRANGER_MAC, Ipv4Address::new(10, 0, 2, peer.random.u8(64..255)));
            raw::arp(ArpOperation::Request, from, (ALL, to))
        }
        _ => {
            // For many, of a protocol that is not spoken here.
            let way = Way { from_mac: PEER_MAC, to_mac: ALL, to: GUEST, ..STRANGE };
            raw::ipv4(way, IpProtocol::Igmp, &data[..64])
        }
    }
}
