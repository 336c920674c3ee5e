//! A consumer and its driver at a ring, whichever of the two is another life.

use nexus_abi::Error;
use nexus_mmio::SharedMut;
use nexus_proto::{Operation, Protocol};
use nexus_ring::Consumer;

use crate::client::MOST;
use crate::{CallError, Client, Deadline};

/// Has the driver join the attachment that each of these sides has begun, by the operation of its protocol that
/// does so, until `deadline` at most. Afterwards they are in use. When the driver ends meanwhile, its next
/// life joins.
///
/// Whoever calls this has taken from each side what was in flight there ([`Consumer::begin`]).
///
/// # Errors
/// As [`Client::call`]; `PeerGone`, too, when the driver ended each time after it answered.
pub fn attach<O, M, const N: usize, const SIDES: usize>(
    client: &Client<O::Protocol>,
    operation: &O,
    mut sides: [&mut Consumer<M, N>; SIDES],
    deadline: Deadline,
) -> Result<(), CallError>
where
    O: Operation<Reply = (), Protocol: Protocol>,
    M: SharedMut,
{
    for _ in 0..MOST {
        client.call(operation, deadline)?;
        if sides.iter_mut().all(|side| side.attached().is_ok()) {
            return Ok(());
        }
        // Nothing was in flight yet.
        sides.iter_mut().for_each(|side| drop(side.begin()));
        if deadline.has_passed() {
            break;
        }
    }
    Err(CallError::Kernel(Error::PeerGone))
}
