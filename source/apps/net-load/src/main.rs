//! The guest's end of `cargo nexus bench --net`: one connection, by which the host asks for each load; a Linux guest
//! beside it has the same (tests/peers/network/net-load.c).
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod idle;
mod load;

use alloc::format;
use core::convert::Infallible;

use nexus_test::{Failed, Host};

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let (passed, failed) = match load::run(host) {
        Ok(loads) => (loads, 0),
        Err(failed) => {
            host.console.line(&format!("net-load: {failed}"))?;
            (0, 1)
        }
    };
    Ok(host.end(passed, failed)?)
}
