//! The load: each by messages in a thread of its own, each by rings in a process of its own, which is killed, too.

use nexus_abi::Handle;
use nexus_proto::ids;
use nexus_rt::{startup, sys, thread};
use nexus_test::Failed;

use crate::disk::Messages;
use crate::entropy::Bytes;
use crate::keeper::KEEPER;
use crate::net::Frames;
use crate::report::{BYTES, FRAMES, MESSAGES, RING};
use crate::side::Side;
use crate::tally::Tally;

/// Priority of the threads: below every service, so that load keeps none from anything.
const PRIORITY: u8 = 6;
/// Pages of a stack.
const STACK_PAGES: u64 = 8;

/// A load.
pub(crate) trait Load {
    /// Makes some calls, at least one.
    fn turn(&mut self, tally: &Tally);
}

/// Keeps the loads by messages going until the keeper has enough.
///
/// # Errors
/// What is missing.
pub fn by_messages() -> Result<(), Failed> {
    let start = startup();
    let (keeper, seed) = (start.service(KEEPER)?, start.block().nonce);
    begin(keeper, BYTES, Bytes::new)?;
    keep(keeper, MESSAGES, || Messages::new(seed));
    rest()
}

/// The same of the load by the ring that this process has, or the two.
///
/// # Errors
/// What is missing.
pub fn by_ring() -> Result<(), Failed> {
    let start = startup();
    let keeper = start.service(KEEPER)?;
    let block = start.block();
    let seed = block.nonce.rotate_left(32) ^ u64::from(block.incarnation);
    if start.ring(ids::VIRTIOBLKD).is_some() {
        keep(keeper, RING, || Side::new(seed));
    } else {
        keep(keeper, FRAMES, Frames::new);
    }
    rest()
}

/// What the loads have told stays as it is.
fn rest() -> Result<(), Failed> {
    let forever = sys::notification_create()?;
    // Nobody signals it.
    sys::wait(forever, nexus_abi::NO_DEADLINE, Handle::NONE)?;
    Ok(())
}

fn begin<L: Load>(
    keeper: Handle,
    number: usize,
    make: impl FnOnce() -> Result<L, Failed> + Send + 'static,
) -> Result<(), Failed> {
    let thread = thread::spawn(PRIORITY, STACK_PAGES, move || keep(keeper, number, make))?;
    // Nobody needs to name it.
    Ok(sys::cap_drop(thread)?)
}

/// Keeps one load going, and tells the keeper after each turn how its calls ended.
fn keep<L: Load>(keeper: Handle, number: usize, make: impl FnOnce() -> Result<L, Failed>) {
    let tally = Tally::default();
    match make() {
        Ok(mut load) => {
            while tally.report(false).tell(keeper, number) {
                load.turn(&tally);
            }
        }
        Err(why) => tally.is_wrong(format_args!("{why:?}")),
    }
    tally.report(true).tell(keeper, number);
}
