//! Owner of the network card: frames in and out, for whoever may have them.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_rt::{StartError, drive, owner, startup};
use nexus_virtio::DeviceType;
use nexus_virtio::net::{self, config};
use nexus_virtio::owner::{description, take_by};
use virtionetd::consumer::{Bell, Ringed};
use virtionetd::receive::Receiver;
use virtionetd::rings::Rings;
use virtionetd::server::Server;
use virtionetd::transmit::Transmitter;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let description = description()?;
    let mut card = take_by(DeviceType::NETWORK, &description, |window| window)?;
    let config = config::read(&card.regs, |feature| card.has(feature))
        .map_err(|unusable| owner::wrong_device(&unusable, card.identity.device_id.into()))?;
    let input = Receiver::new(card.queue(net::RECEIVE)?, config.mac, config.longest());
    let output = Transmitter::new(card.queue(net::TRANSMIT)?, config.longest());
    card.ready();
    let endpoint = start.serve()?;
    let line = owner::line(endpoint);
    let interrupts = line.is_some();
    let server = Server::new(card.regs, config, input, output, interrupts, description);
    let mut server = server.with_rings(rings());
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}

/// Its side of the rings with its consumer, if it was given memory that has room for both.
fn rings() -> Option<Ringed<SharedMemory<ReadWrite>>> {
    let (ring, memory) = owner::ring()?;
    let rings = Rings::halves(memory);
    let rings = rings.inspect_err(|error| nexus_rt::error!("no rings: {error}")).ok()?;
    Some(Ringed { owner: ring.peer(), rings, bell: Bell::new(ring.tell()) })
}
