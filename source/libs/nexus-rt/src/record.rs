//! Reading the ledger that logd keeps, over the holes that folds leave.

use nexus_proto::ServiceError;
use nexus_proto::log::{Entry, Hashes, Log, ReadEntry, ReadHashes, ReadStamp, Stamp};

use crate::{CallError, Client, Deadline};

/// The first record with this number or a higher one; `None` past the end. A record that is folded away
/// while it is read is none: the next one is read instead.
///
/// # Errors
/// logd does not answer until `deadline`, or refuses.
pub fn record(
    logd: Client<Log>,
    seq: u64,
    deadline: Deadline,
) -> Result<Option<(Stamp, Entry)>, CallError> {
    loop {
        let Some(stamp) = found(logd.call(&ReadStamp { seq }, deadline))? else { return Ok(None) };
        if let Some(entry) = found(logd.call(&ReadEntry { seq: stamp.seq }, deadline))? {
            return Ok(Some((stamp, entry)));
        }
    }
}

/// The same, with the hashes.
///
/// # Errors
/// As there.
pub fn record_in_chain(
    logd: Client<Log>,
    seq: u64,
    deadline: Deadline,
) -> Result<Option<(Stamp, Entry, Hashes)>, CallError> {
    while let Some((stamp, entry)) = record(logd, seq, deadline)? {
        if let Some(hashes) = found(logd.call(&ReadHashes { seq: stamp.seq }, deadline))? {
            return Ok(Some((stamp, entry, hashes)));
        }
    }
    Ok(None)
}

fn found<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::Service(ServiceError::NotFound)) => Ok(None),
        Err(error) => Err(error),
    }
}
