//! Uses the network by sockets, and says what came of it: its address, echoes, and what is denied.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod asks;

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use asks::Sockets;
use nexus_proto::init::{Init, Kill};
use nexus_proto::socket::ring::{self as wire, Echo, Target};
use nexus_proto::socket::{Address, Info, Link, Source, Stats};
use nexus_proto::{Zero, ids, read_payload};
use nexus_ring::DONE;
use nexus_rt::{Client, Deadline, startup};
use nexus_test::{Check, Facts, Host, SAFETY_MS, Waiter};
use zerocopy::IntoBytes;

nexus_rt::entry!(main);

/// As QEMU's user network has it.
const OWN: [u8; 4] = [10, 0, 2, 15];
const ROUTER: [u8; 4] = [10, 0, 2, 2];
/// Echoes that are asked for, one after the other.
const ECHOES: u32 = 32;

fn main() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let mut sockets = Sockets::new()?;
    let waiter = Waiter::new()?;
    facts.tell("net-address", &address(&sockets, &waiter))?;
    facts.tell("net-echo", &echoes(&mut sockets, ECHOES))?;
    facts.tell("net-denied", &denied(&mut sockets))?;
    facts.tell("net-driver-dies", &driver_dies(&mut sockets))?;
    facts.host.witness(Deadline::NEVER)?;
    facts.end()
}

/// An address of IPv4 as IPv6 maps it.
const fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = v4;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

const fn to(v4: [u8; 4], port: u16, len: u32) -> Target {
    Target { address: mapped(v4), port, n: 0, len }
}

fn so(is: bool, what: &str) -> Result<(), String> {
    is.then_some(()).ok_or_else(|| what.into())
}

/// The address comes by DHCP.
fn address(sockets: &Sockets, waiter: &Waiter) -> Check {
    let until = Deadline::after_ms(SAFETY_MS);
    let info = loop {
        let info = sockets.call(&Info {})?;
        if info.link == Link::Up {
            break info;
        }
        so(!until.has_passed(), "no address in time")?;
        waiter.pause(20);
    };
    let own = sockets.call(&Address { index: 0 })?;
    so((own.address, own.prefix) == (mapped(OWN), 24), "another address")?;
    so(own.source == Source::Dhcp, "the address is not given")?;
    // With `restrict=on` QEMU names neither router nor server of names: there is no way out.
    so(info.gateway4 == [0; 4], "there is a router")?;
    so(info.lease > 0, "the address holds no more")?;
    Ok(4)
}

/// The router answers.
fn echoes(sockets: &mut Sockets, count: u32) -> Check {
    let data = [to(ROUTER, 0, 56).as_bytes(), &[7; 56]].concat();
    for number in 0..count {
        let (status, answer) = sockets.ask(wire::PING, 0, &data)?;
        let echo = read_payload::<Echo>(&answer).map(|(echo, _)| echo);
        let whole = echo.is_some_and(|echo| echo.len == 56);
        so(status == DONE && whole, &format!("echo {number} ends with {status}"))?;
    }
    Ok(count)
}

/// What no line lets is denied, and so is this machine.
fn denied(sockets: &mut Sockets) -> Check {
    let asks = [
        (wire::CONNECT, to(ROUTER, 80, 0)),
        (wire::CONNECT, to([192, 0, 2, 1], 8000, 0)),
        (wire::CONNECT, to(OWN, 8000, 0)),
        (wire::CONNECT, to([127, 0, 0, 1], 8000, 0)),
        (wire::PING, to(OWN, 0, 0)),
        (wire::LISTEN, Target { n: 80, ..Target::default() }),
        (wire::BIND, Target::default()),
        (wire::RESOLVE, Target { len: 1, ..Target::default() }),
    ];
    for (op, head) in asks {
        let (status, _) = sockets.ask(op, 0, head.as_bytes())?;
        so(status == wire::DENIED, &format!("operation {op} ends with {status}"))?;
    }
    let stats = sockets.call(&Stats {})?;
    so(stats.denied as usize >= asks.len(), "denials are not counted")?;
    Ok(asks.len() as u32)
}

/// The driver of the card ends, and echoes go on.
fn driver_dies(sockets: &mut Sockets) -> Check {
    const DEATHS: u32 = 3;
    let init: Client<Init> = startup().client(ids::INIT).map_err(|why| format!("{why:?}"))?;
    for death in 0..DEATHS {
        let kill = Kill { service: ids::VIRTIONETD, zero: Zero::ZERO };
        let killed = init.call(&kill, Deadline::after_ms(SAFETY_MS));
        so(killed.is_ok(), &format!("death {death}: {killed:?}"))?;
        echoes(sockets, 8)?;
    }
    let stats = sockets.call(&Stats {})?;
    so(stats.lives >= DEATHS, "the driver did not die")?;
    Ok(DEATHS * 8)
}
