//! Keeps the store: a tree of keys and values for each service, on the disk of virtioblkd.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::ids;
use nexus_rt::abi::Role;
use nexus_rt::refusals::{Logd, ToLedger};
use nexus_rt::{Client, Deadline, Inbox, StartError, drive, owner, startup};
use nexus_store::Engine;
use nexus_sysdesc::{Description, Profile};
use statefsd::disk::OwnDisk;
use statefsd::open::{Wanted, Why, open};
use statefsd::reason;
use statefsd::road::SharedInbox;
use statefsd::server::Server;
use statefsd::session::{Session, side};
use statefsd::trees::Trees;

nexus_rt::entry!(main);

/// Calls that are kept while the disk is waited for; others are told that this process is busy.
const KEPT: usize = 32;
/// Milliseconds that the source of random numbers has.
const RANDOM_MS: u64 = 20_000;
/// What a test run must see once the store is open.
const PROOF: &str = "store-opens";

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let description = description()?;
    // Without it nobody tells of a ring, and there is none to serve.
    owner::listen(endpoint).ok_or(StartError::NoMemory)?;
    let inbox = SharedInbox::new(Inbox::new(endpoint, KEPT));
    let trees = Trees::new(&description);
    // Before the store, whose memory may be all that there is.
    let sessions = sessions(&trees);
    let guid = description.store().map(|(_, guid)| guid).unwrap_or_default();
    inbox.opening(guid, u32::try_from(sessions.len()).unwrap_or(u32::MAX));
    let store = opened(&description, inbox.clone());
    inbox.opened();
    tell(&store);
    let store = store.map_err(reason::failed);
    let mut server = Server::new(store, guid, trees, sessions, ToLedger::new(Logd), Some(inbox));
    Err(StartError::Kernel(drive(endpoint, None, &mut server)))
}

fn description() -> Result<Description, StartError> {
    let memory = startup().map_memory(Role::Description)?;
    Description::decode(memory.bytes()).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })
}

/// The store that the description names.
fn opened(description: &Description, inbox: SharedInbox) -> Result<Engine<OwnDisk>, Why> {
    let (_, guid) = description.store().ok_or(Why::Unnamed)?;
    let disk = OwnDisk::own(inbox).map_err(Why::Disk)?;
    let write = disk.is_writable();
    let format = description.profile == Profile::Test;
    open(disk, &Wanted { guid, write, format, random: random() })
}

/// Numbers that nobody who could change the disk knows. Without them sums are still sums: they tell a page that is
/// damaged, or old, and not one that was made by whoever knows them.
fn random() -> [u64; 4] {
    let mut numbers = [0; 4];
    let drawn = startup().client::<Entropy>(ids::RNGD).ok().and_then(|rngd: Client<Entropy>| {
        rngd.call(&Random { len: 32 }, Deadline::after_ms(RANDOM_MS)).ok()
    });
    match &drawn {
        Some(text) => {
            let (words, _) = text.as_bytes().as_chunks::<8>();
            numbers.iter_mut().zip(words).for_each(|(to, from)| *to = u64::from_le_bytes(*from));
        }
        None => nexus_rt::error!("no random numbers: the sums of pages can be guessed"),
    }
    numbers
}

/// Tells how the store stands, once in each boot.
fn tell(store: &Result<Engine<OwnDisk>, Why>) {
    match store {
        Ok(store) => {
            let (used, pages) = store.log_pages();
            let (trees, bytes) = (store.trees().count(), store.bytes() >> 20);
            match store.read_only() {
                None => nexus_rt::info!(
                    "ready: {trees} trees, {bytes} MiB, {used} of {pages} pages of log"
                ),
                Some(why) => nexus_rt::warn!("read-only: {why}"),
            }
            // Only a test run keeps it, and only a test run misses it.
            let _ = nexus_rt::proof(PROOF, 1);
        }
        Err(why) => nexus_rt::error!("no store: {why}"),
    }
}

/// One for each ring whose consumer is a client.
fn sessions(trees: &Trees) -> Vec<Session<nexus_mmio::SharedMemory<nexus_mmio::ReadWrite>>> {
    let clients = startup().rings().filter(|ring| ring.peer() != ids::VIRTIOBLKD);
    let sessions = clients.filter_map(|ring| {
        let memory = ring.map().inspect_err(|why| nexus_rt::error!("no ring: {why:?}")).ok()?;
        let side = side(memory).inspect_err(|why| nexus_rt::error!("no ring: {why}")).ok()?;
        Some(Session::new(ring.peer(), side, ring.tell(), trees.access(ring.peer())))
    });
    sessions.collect()
}
