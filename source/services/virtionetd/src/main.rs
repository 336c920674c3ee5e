//! Owner of the network card: maps its window, checks what is in it, and answers for it. Data comes with
//! DMA (RFC-0004).
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_rt::StartError;
use nexus_virtio::DeviceType;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    nexus_virtio::owner::run(DeviceType::NETWORK)
}
