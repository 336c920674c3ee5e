//! What a ring with a driver takes: its memory, mapped once, an attachment, and a wait for what it completes.

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::Operation;
use nexus_ring::{Completion, Consumer, Ended};
use nexus_rt::{Client, Deadline, Ring, attach, startup};
use nexus_test::SAFETY_MS;

use crate::check::{Check, Failure};

/// Memory that is shared with a driver.
pub(super) type Memory = SharedMemory<ReadWrite>;
/// This side of a ring of 64 entries.
pub(super) type Side = Consumer<Memory, 64>;

/// The ring with the service of this id, and its memory.
pub(super) fn with(peer: u32) -> Result<(Ring, Memory), Failure> {
    let none = || Failure::new(format_args!("no ring with service {peer}"));
    let ring = startup().ring(peer).ok_or_else(none)?;
    Ok((ring, ring.map()?))
}

/// This side of a ring in all of `memory`.
pub(super) fn side(memory: Memory) -> Result<Side, Failure> {
    Consumer::new(memory, startup().block().incarnation).map_err(Failure::new)
}

/// What these sides have begun is in use, with whichever life of the driver lasts.
pub(super) fn attached<O: Operation<Reply = ()>, const SIDES: usize>(
    driver: &Client<O::Protocol>,
    operation: &O,
    sides: [&mut Side; SIDES],
) -> Check {
    Ok(attach(driver, operation, sides, Deadline::after_ms(SAFETY_MS))?)
}

/// Tells the driver of what was submitted, if it wants to know.
pub(super) fn tell(ring: Ring, side: &mut Side) -> Result<(), Failure> {
    side.ring(|| ring.tell().tell())?;
    Ok(())
}

/// The next completion of one side of a ring; `None` when the driver is another life, which is to be attached
/// to: nobody knows what became of what was in flight.
pub(super) fn completed(ring: Ring, side: &mut Side) -> Result<Option<Completion>, Failure> {
    let deadline = Deadline::after_ms(SAFETY_MS);
    loop {
        let Some(done) = unless_gone(side.pop())? else { return Ok(None) };
        if done.is_some() {
            return Ok(done);
        }
        let Some(waits) = unless_gone(side.may_wait())? else { return Ok(None) };
        if waits {
            // By this ring or another, or late of what was seen meanwhile: the ring says.
            ring.wait(deadline)?;
        }
    }
}

fn unless_gone<T>(result: Result<T, Ended>) -> Result<Option<T>, Failure> {
    match result {
        Ok(seen) => Ok(Some(seen)),
        Err(Ended::PeerGone) => Ok(None),
        Err(why) => Err(Failure::new(why)),
    }
}
