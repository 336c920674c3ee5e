//! virtionetd, whose registers have random values.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use faults::lies::{LyingBus, begin};
use nexus_rt::{StartError, drive, owner, startup};
use nexus_virtio::DeviceType;
use nexus_virtio::net::{self, config};
use nexus_virtio::owner::{description, take_by};
use virtionetd::receive::Receiver;
use virtionetd::server::Server;
use virtionetd::transmit::Transmitter;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let seed = begin()?;
    let start = startup();
    let description = description()?;
    let mut card =
        take_by(DeviceType::NETWORK, &description, |window| LyingBus::new(window, seed))?;
    let config = config::read(&card.regs, |feature| card.has(feature))
        .map_err(|unusable| owner::wrong_device(&unusable, card.identity.device_id.into()))?;
    let input = Receiver::new(card.queue(net::RECEIVE)?, config.mac, config.longest());
    let output = Transmitter::new(card.queue(net::TRANSMIT)?, config.longest());
    card.ready();
    let endpoint = start.serve()?;
    let line = owner::line(endpoint);
    let mut server = Server::new(card.regs, config, input, output, line.is_some(), description);
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}
