//! httpd: joins the page to the network stack.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::net::{Ipv6Addr, SocketAddr};

use httpd::ask::Messages;
use httpd::collect::Collector;
use httpd::hosts::Hosts;
use httpd::serve::serve;
use httpd::site::Site;
use httpd::stack::{Clock, Port};
use nexus_rt::StartError;

nexus_rt::entry!(main);

/// The port of the page, at every address of this machine. What leads here from outside is the board's matter.
const PORT: u16 = 80;

fn main() -> Result<(), StartError> {
    let net = nexus_net::open().map_err(|why| {
        nexus_rt::error!("{why}");
        StartError::BadMemory
    })?;
    let site = Site::new(Collector::new(Messages), Hosts::new(Hosts::LOOPBACK));
    let port = Port::new(&net, SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)));
    let clock = Clock(&net);
    let why = match net.block_on(serve(&port, &site, &clock)) {
        Ok(()) => "nothing is served any more",
        Err(_) => "the network stack is gone",
    };
    // Whether another life follows is in the service file.
    nexus_rt::error!("{why}");
    Err(StartError::BadMemory)
}
