//! virtionetd, which dies where it is told to.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use mortal::life::{Life, MortalBus, MortalServer};
use nexus_abi::Handle;
use nexus_rt::{StartError, drive, log, owner, startup};
use nexus_virtio::DeviceType;
use nexus_virtio::net::{self, config};
use nexus_virtio::owner::{description, take_by};
use virtionetd::receive::Receiver;
use virtionetd::server::Server;
use virtionetd::transmit::Transmitter;

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines and the same proofs again.
const NOBODY: Handle = Handle(u64::MAX);

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    let start = startup();
    let life = Life::begin()?;
    life.step();
    let description = description()?;
    let mut card =
        take_by(DeviceType::NETWORK, &description, |window| MortalBus::new(window, &life))?;
    let config = config::read(&card.regs, |feature| card.has(feature))
        .map_err(|unusable| owner::wrong_device(&unusable, card.identity.device_id.into()))?;
    let input = Receiver::new(card.queue(net::RECEIVE)?, config.mac, config.longest());
    let output = Transmitter::new(card.queue(net::TRANSMIT)?, config.longest());
    life.step();
    card.ready();
    let endpoint = start.serve()?;
    let line = owner::line(endpoint);
    life.step();
    let server = Server::new(card.regs, config, input, output, line.is_some(), description);
    Err(StartError::Kernel(drive(endpoint, line, &mut MortalServer::new(server, &life))))
}
