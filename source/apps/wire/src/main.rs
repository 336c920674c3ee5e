//! The client of the network stack whose peer is the tests': it sends back what comes to port 7, by TCP and by UDP, and
//! does what is asked of it in lines at port 7000, until it is asked to end the machine.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod asks;
mod echo;

use core::convert::Infallible;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use asks::Asks;
use echo::{Datagrams, Streams};
use nexus_net::{Error, System};
use nexus_rt::{Deadline, info};
use nexus_test::{Facts, Failed, Host, SAFETY_MS};

nexus_rt::entry!(main);

/// Where bytes come back from (RFC 862).
const ECHO: u16 = 7;
/// Where things are asked for.
const ASKS: u16 = 7000;

fn main() -> Result<Infallible, Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let served = match nexus_net::open() {
        Ok(net) => serve(&net, &mut facts),
        Err(why) => Err(why),
    };
    if let Err(why) = served {
        info!("the network is over: {why}");
        facts.tell("wire-served", &Err(alloc::format!("{why}")))?;
    }
    facts.end()
}

/// Serves until somebody asks for the end; an error is one that nobody should see.
fn serve(net: &System, facts: &mut Facts) -> Result<(), Error> {
    let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let soon = || Deadline::after_ms(SAFETY_MS);
    let mut streams = Streams::new(net.listen(at(ECHO), 4, soon())?);
    let mut datagrams = Datagrams::new(net.bind(ECHO, 2048, soon())?);
    let mut asks = Asks::new(net, net.listen(at(ASKS), 1, soon())?);
    loop {
        let mut more = streams.turn()?;
        more |= datagrams.turn()?;
        more |= asks.turn(facts)?;
        if asks.is_over() {
            return Ok(());
        }
        if more {
            net.poll();
            continue;
        }
        // Time alone changes nothing: a peer that is silent for so long has ended.
        net.wait(soon())?;
    }
}
