//! The load: each in a thread of its own.

use nexus_abi::Handle;
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

/// Keeps all loads going until the keeper has enough.
///
/// # Errors
/// What is missing.
pub fn run() -> Result<(), Failed> {
    let start = startup();
    let (keeper, seed) = (start.service(KEEPER)?, start.block().nonce);
    begin(keeper, BYTES, Bytes::new)?;
    begin(keeper, MESSAGES, move || Messages::new(seed))?;
    begin(keeper, FRAMES, Frames::new)?;
    keep(keeper, RING, || Side::new(seed.rotate_left(32)));
    let forever = sys::notification_create()?;
    // Nobody signals it: what the threads have told stays as it is.
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
