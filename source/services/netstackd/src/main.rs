//! Gives services connections and datagrams, over the frames of virtionetd.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use netstackd::card::Card;
use netstackd::numbers::{Numbers, Rngd};
use netstackd::road::OwnRoad;
use netstackd::rules::Rules;
use netstackd::server::Server;
use netstackd::session::{Session, side};
use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::ids;
use nexus_rt::abi::Role;
use nexus_rt::refusals::{Logd, ToLedger};
use nexus_rt::{StartError, drive, owner, startup};
use nexus_sysdesc::Description;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let description = description()?;
    // Without it nobody tells of a ring, and there is none to serve.
    owner::listen(endpoint).ok_or(StartError::NoMemory)?;
    let ring = start.ring(ids::VIRTIONETD).ok_or(StartError::NoMemory)?;
    let road = OwnRoad::new(ring, start.client(ids::VIRTIONETD)?);
    let life = start.block().incarnation;
    let card = Card::new(ring.map()?, life, road).map_err(|_| StartError::BadMemory)?;
    let says = description.network.clone().ok_or(StartError::BadMemory)?;
    let rules = Rules::new(description);
    let sessions = sessions(&rules);
    let numbers = Numbers::new(Rngd);
    let mut server = Server::new(card, says, rules, numbers, sessions, ToLedger::new(Logd));
    Err(StartError::Kernel(drive(endpoint, None, &mut server)))
}

fn description() -> Result<Description, StartError> {
    let memory = startup().map_memory(Role::Description)?;
    Description::decode(memory.bytes()).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })
}

/// One for each ring whose consumer is a client.
fn sessions(rules: &Rules) -> Vec<Session<SharedMemory<ReadWrite>>> {
    let clients = startup().rings().filter(|ring| ring.peer() != ids::VIRTIONETD);
    let sessions = clients.filter_map(|ring| {
        let memory = ring.map().inspect_err(|why| nexus_rt::error!("no ring: {why:?}")).ok()?;
        let side = side(memory).inspect_err(|why| nexus_rt::error!("no ring: {why}")).ok()?;
        Some(Session::new(ring.peer(), side, ring.tell(), rules))
    });
    sessions.collect()
}
