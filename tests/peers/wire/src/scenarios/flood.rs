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

/// Half-open connections are bounded, and who means it gets one.
pub(super) fn requests(stage: &mut Stage) -> Result<u32> {
    stage.peer.settle()?;
    let mut most = 0;
    for round in 0..10 {
        for _ in 0..REQUESTS / 10 {
            request(&mut stage.peer);
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
    let quiet = work(stage, false)?;
    // From here on all comes from outside.
    stage.ask("mark")?;
    let before = number(&stage.ask("counts")?, "in")?;
    let flooded = work(stage, true)?;
    let taken = number(&stage.ask("counts")?, "in")? - before;
    stage.said.push(format!("{ROUNDS} rounds of work in quiet: {quiet}"));
    stage.said.push(format!("with {taken} frames meanwhile: {flooded}"));
    ensure!(taken >= TAKEN, "{taken} frames are no flood");
    let (ledger, disk) = (number(&flooded, "ledger")?, number(&flooded, "disk")?);
    ensure!(ledger <= LEDGER, "the ledger answers after {ledger} instructions");
    ensure!(disk <= DISK, "a value is on the disk after {disk} instructions");
    Ok(3)
}

/// What the guest's work took.
fn work(stage: &mut Stage, flooded: bool) -> Result<String> {
    let Stage { peer, asks, .. } = stage;
    ensure!(asks.ask(peer, &format!("work {ROUNDS}"))? == "begins", "it does not begin");
    let done = peer.until("the work below the stack is never done", |peer| {
        if flooded {
            (0..64).for_each(|_| anything(peer));
            peer.pump(Duration::ZERO)?;
            peer.came.clear();
        }
        asks.line(peer)
    })?;
    if done.starts_with("error") {
        bail!("the work fails: {done}");
    }
    Ok(done)
}

/// Asks for a connection, from where nobody answers, or from where its number is forgotten.
fn request(peer: &mut Peer) {
    let way = match peer.random.bool() {
        true => STRANGE,
        false => Way { from: Ipv4Address::new(10, 0, 2, peer.random.u8(64..255)), ..STRANGE },
    };
    let (from, seq) = (peer.random.u16(1024..), peer.random.u32(..));
    let (flags, data) = (flag::SYN, Vec::new());
    let segment = Segment { from, to: ECHO, seq, ack: 0, flags, window: 1024, urgent: 0, data };
    peer.send(&raw::tcp(way, &segment));
}

/// A frame of a flood: some are answered, some are for nobody.
fn anything(peer: &mut Peer) {
    let data = [0x5a; 1400];
    match peer.random.u8(0..5) {
        0 => request(peer),
        1 => {
            let len = peer.random.usize(0..data.len());
            let ask = Icmpv4Repr::EchoRequest { ident: 1, seq_no: 1, data: &data[..len] };
            peer.send(&raw::ipv4(STRANGE, IpProtocol::Icmp, &raw::icmp4(&ask)));
        }
        2 => {
            let port = peer.random.u16(..);
            peer.send(&raw::udp(STRANGE, 9, port.max(100), &data));
        }
        3 => {
            let to = Ipv4Address::new(10, 0, 2, peer.random.u8(..));
            let from = (STRANGER_MAC, Ipv4Address::new(10, 0, 2, peer.random.u8(64..255)));
            peer.send(&raw::arp(ArpOperation::Request, from, (ALL, to)));
        }
        _ => {
            // For many, of a protocol that is not spoken here.
            let way = Way { from_mac: PEER_MAC, to_mac: ALL, to: GUEST, ..STRANGE };
            peer.send(&raw::ipv4(way, IpProtocol::Igmp, &data[..64]));
        }
    }
}
