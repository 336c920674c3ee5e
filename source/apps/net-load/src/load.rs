//! Does what the host asks for, one load after the other.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_net::RingLink;
use nexus_proto::ids;
use nexus_proto::socket::{Socket, Stats};
use nexus_rt::{Client, Deadline, ns_of_ticks, startup, ticks};
use nexus_test::{Host, SAFETY_MS, Waiter, records};

use crate::idle;
use net_load::{ASKED, Asked};

/// The port of the connection, and that of datagrams.
const PORT: u16 = 8001;
const DATAGRAMS: u16 = 8002;
/// The router of QEMU's user network, which answers echoes by itself.
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2));
/// What an echo carries: as much as that of `ping`.
const ECHO: [u8; 56] = [0; 56];
/// Bytes that are read or written at once.
const PIECE: usize = 64 << 10;
/// Milliseconds that the thread below everybody has before what it has seen is told.
const SEES_MS: u64 = 2;
/// Most bytes of a datagram.
const DATAGRAM: usize = 1472;

type Net = nexus_net::Net<RingLink, SharedMemory<ReadWrite>>;
type Connection<'n> = nexus_net::Connection<'n, RingLink, SharedMemory<ReadWrite>>;
type Datagrams<'n> = nexus_net::Datagrams<'n, RingLink, SharedMemory<ReadWrite>>;

/// Until the host ends it: how many loads there were.
///
/// # Errors
/// What did not go as it must, in words.
pub(crate) fn run(host: Host) -> Result<u32, String> {
    let net = nexus_net::open().map_err(said("the stack"))?;
    net.set_receive(PIECE as u32);
    let stack = startup().client(ids::NETSTACKD).map_err(said("the stack"))?;
    let listener = net
        .listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)), 1, deadline())
        .map_err(said("a port"))?;
    let datagrams = net.bind(DATAGRAMS, DATAGRAM, deadline()).map_err(said("a port"))?;
    let waiter = Waiter::new().map_err(said("waiting"))?;
    let piece = vec![0; PIECE];
    let mut load = Load { host, waiter, net: &net, stack, datagrams, piece, loads: 0 };
    loop {
        let connection = listener.accept(deadline()).map_err(said("a connection"))?;
        match load.serve(connection) {
            Ok(()) => return Ok(load.loads),
            // The host has given it up before it had an answer, and asks once more.
            Err(_) if load.loads == 0 => {}
            Err(why) => return Err(why),
        }
    }
}

fn deadline() -> Deadline {
    Deadline::after_ms(SAFETY_MS)
}

/// What failed, and why.
fn said<E: Debug>(what: &'static str) -> impl Fn(E) -> String {
    move |why| format!("{what}: {why:?}")
}

/// Reads all of these bytes.
fn read_all(connection: &mut Connection<'_>, mut into: &mut [u8]) -> Result<(), String> {
    while !into.is_empty() {
        let some = connection.read(into, deadline()).map_err(said("reading"))?;
        if some == 0 {
            return Err("the host sends no more".into());
        }
        into = into.get_mut(some..).unwrap_or_default();
    }
    Ok(())
}

fn write_all(connection: &mut Connection<'_>, bytes: &[u8]) -> Result<(), String> {
    connection.write_all(bytes, deadline()).map_err(said("writing"))
}

/// What loads are done with.
struct Load<'n> {
    host: Host,
    waiter: Waiter,
    net: &'n Net,
    stack: Client<Socket>,
    datagrams: Datagrams<'n>,
    piece: Vec<u8>,
    loads: u32,
}

impl Load<'_> {
    /// All loads that are asked for by this connection.
    fn serve(&mut self, mut connection: Connection<'_>) -> Result<(), String> {
        while self.step(&mut connection)? {
            self.loads += 1;
        }
        Ok(())
    }

    /// One load. False when it was the last.
    fn step(&mut self, connection: &mut Connection<'_>) -> Result<bool, String> {
        let mut asked = [0; ASKED];
        read_all(connection, &mut asked)?;
        match Asked::of(asked).ok_or("the host asks for something else")? {
            Asked::In(bytes) => self.takes(connection, bytes)?,
            Asked::Out(bytes) => self.sends(connection, bytes)?,
            Asked::Tcp(count) => echoes(self.net, connection, count)?,
            Asked::Udp(count) => self.datagrams(connection, count)?,
            Asked::Ping(count) => self.pings(connection, count)?,
            Asked::Mark(number) => self.mark(connection, number)?,
            Asked::Count => idle::watch().map_err(said("a thread"))?,
            Asked::End => return Ok(false),
        }
        Ok(true)
    }

    fn takes(&mut self, connection: &mut Connection<'_>, bytes: u64) -> Result<(), String> {
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let into = self.piece.get_mut(..most).unwrap_or_default();
            let some = connection.read(into, deadline()).map_err(said("reading"))?;
            if some == 0 {
                return Err("the host sends no more".into());
            }
            left -= some as u64;
        }
        write_all(connection, b".")
    }

    fn sends(&self, connection: &mut Connection<'_>, bytes: u64) -> Result<(), String> {
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            write_all(connection, self.piece.get(..most).unwrap_or_default())?;
            left -= most as u64;
        }
        Ok(())
    }

    fn datagrams(&mut self, connection: &mut Connection<'_>, count: u64) -> Result<(), String> {
        // The port is there: the host may begin.
        write_all(connection, b".")?;
        for _ in 0..count {
            let came = self.datagrams.receive_from(&mut self.piece, deadline());
            let came = came.map_err(said("a datagram"))?;
            let bytes = self.piece.get(..came.len).unwrap_or_default();
            self.datagrams.send_to(came.from, bytes, deadline()).map_err(said("a datagram"))?;
        }
        Ok(())
    }

    fn pings(&self, connection: &mut Connection<'_>, count: u64) -> Result<(), String> {
        let mut took = Vec::new();
        for _ in 0..count {
            let start = ticks();
            self.net.ping(ROUTER, &ECHO, deadline()).map_err(said("an echo"))?;
            took.extend(ns_of_ticks(ticks().saturating_sub(start)).to_le_bytes());
        }
        write_all(connection, &took)
    }

    /// Tells both sides what was counted until now.
    fn mark(&self, connection: &mut Connection<'_>, number: u64) -> Result<(), String> {
        self.waiter.pause(SEES_MS);
        let missed = idle::missed();
        let stats = self.stack.call(&Stats {}, deadline()).map_err(said("the stack"))?;
        let counted = [stats.frames_in, stats.frames_out, stats.turns, missed];
        self.host.record(&records::net_load(number)).map_err(said("the console"))?;
        let bytes: Vec<u8> = counted.into_iter().flat_map(u64::to_le_bytes).collect();
        write_all(connection, &bytes)
    }
}

/// Sends back each byte, alone. The stack is told of it, and that the next one is waited for, at once.
fn echoes(net: &Net, connection: &mut Connection<'_>, count: u64) -> Result<(), String> {
    for _ in 0..count {
        let mut byte = [0];
        read_all(connection, &mut byte)?;
        while connection.try_write(&byte).map_err(said("writing"))?.is_none() {
            net.wait(deadline()).map_err(said("writing"))?;
        }
    }
    Ok(())
}
