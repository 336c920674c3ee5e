//! What a ring with a driver takes: its memory, mapped once, and a wait for what it completes.

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_ring::{Completion, Consumer};
use nexus_rt::{Deadline, Ring, startup};
use nexus_test::SAFETY_MS;

use crate::check::Failure;

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
    Consumer::new(memory).map_err(Failure::new)
}

/// Tells the driver of what was submitted, if it wants to know.
pub(super) fn tell(ring: Ring, side: &mut Side) -> Result<(), Failure> {
    side.ring(|| ring.tell().tell())?;
    Ok(())
}

/// The next completion of one side of a ring.
pub(super) fn completed(ring: Ring, side: &mut Side) -> Result<Completion, Failure> {
    let deadline = Deadline::after_ms(SAFETY_MS);
    loop {
        if let Some(done) = side.pop().map_err(Failure::new)? {
            return Ok(done);
        }
        if side.may_wait().map_err(Failure::new)? {
            // By this ring or another, or late of what was seen meanwhile: the ring says.
            ring.wait(deadline)?;
        }
    }
}
