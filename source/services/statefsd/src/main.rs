//! Keeps the store: a tree of keys and values for each service, on the disk of virtioblkd.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::entropy::{Draw, Entropy};
use nexus_proto::ids;
use nexus_rt::abi::Role;
use nexus_rt::{Client, Deadline, Inbox, StartError, drive, owner, startup};
use nexus_sysdesc::{Description, Profile};
use statefsd::disk::OwnDisk;
use statefsd::open::{Opened, Wanted, open};
use statefsd::refusals::ToLog;
use statefsd::road::SharedInbox;
use statefsd::server::Server;
use statefsd::session::{Session, side};
use statefsd::trees::Trees;

nexus_rt::entry!(main);

/// Calls that are kept while the disk is waited for; others are told that it is busy.
const KEPT: usize = 32;
/// Milliseconds that the source of random numbers has.
const RANDOM_MS: u64 = 20_000;

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let description = description()?;
    // Without it nobody tells of a ring, and there is none to serve.
    owner::listen(endpoint).ok_or(StartError::NoMemory)?;
    let inbox = SharedInbox::new(Inbox::new(endpoint, KEPT));
    Ok(())
}
