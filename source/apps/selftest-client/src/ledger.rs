//! The security ledger: read whole, and its chain computed anew.

use alloc::vec::Vec;

use nexus_proto::Holes;
use nexus_proto::log::{Entry, Hashes, Stamp, Stats, Verify};
use nexus_rt::{Deadline, record_in_chain};
use nexus_test::SAFETY_MS;
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use crate::check::{Check, Failure, ensure, same};
use crate::context::Context;

/// One record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) stamp: Stamp,
    pub(crate) entry: Entry,
    hashes: Hashes,
}

/// How many records there are.
pub(crate) fn count(context: &Context) -> Result<u64, Failure> {
    Ok(context.ask(context.logd, &Stats {})?.records)
}

/// Record number `seq`.
pub(crate) fn read(context: &Context, seq: u64) -> Result<Record, Failure> {
    match from(context, seq)?.filter(|record| record.stamp.seq == seq) {
        Some(record) => Ok(record),
        None => Err(Failure::new(format_args!("no record {seq}"))),
    }
}

/// The first record with this number or a higher one.
fn from(context: &Context, seq: u64) -> Result<Option<Record>, Failure> {
    let found = record_in_chain(context.logd, seq, Deadline::after_ms(SAFETY_MS));
    let found = found.map_err(|error| Failure::from(error).at(format_args!("record {seq}")))?;
    Ok(found.map(|(stamp, entry, hashes)| Record { stamp, entry, hashes }))
}

/// All records that there are now.
pub(crate) fn read_all(context: &Context) -> Result<Vec<Record>, Failure> {
    let mut all: Vec<Record> = Vec::new();
    while let Some(record) = from(context, all.last().map_or(1, |last| last.stamp.seq + 1))? {
        all.push(record);
    }
    Ok(all)
}

/// That each record is chained to the one before, by hashes computed here, and that as many are missing as
/// were folded away.
pub(crate) fn verify(records: &[Record]) -> Check {
    let mut previous = [0; 32];
    let mut verified = 0;
    let (mut seq, mut holes) = (0, Holes::NONE);
    for record in records {
        let Record { stamp, entry, hashes } = record;
        seq += 1;
        if stamp.seq > seq && verified > 0 {
            (seq, previous) = (stamp.seq, hashes.previous);
        }
        holes.take(stamp.seq, entry);
        let own: [u8; 32] = Sha256::new()
            .chain_update(previous)
            .chain_update(stamp.as_bytes())
            .chain_update(entry.hashed())
            .finalize()
            .into();
        ensure!(stamp.seq == seq, "record {} stands where {seq} must", stamp.seq);
        ensure!(hashes.previous == previous, "record {seq} is chained to another one");
        ensure!(hashes.own == own, "record {seq} does not have its own hash");
        previous = own;
        verified += 1;
    }
    same("number missing without a fold", &holes.wrong(), &None)?;
    same("records verified", &verified, &records.len())
}

/// That logd finds its own chain whole.
pub(crate) fn verified_by_logd(context: &Context) -> Check {
    let mut from = 0;
    loop {
        let piece = context.ask(context.logd, &Verify { from })?;
        ensure!(piece.first_bad == 0, "logd finds record {} changed", piece.first_bad);
        if piece.next == 0 {
            return Ok(());
        }
        from = piece.next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::Subject;
    use nexus_proto::log::{Event, Outcome};

    fn chain(count: u64) -> Vec<Record> {
        let mut previous = [0; 32];
        let subject = Subject { id: 7, incarnation: 1 };
        let record = |seq| {
            let stamp = Stamp { seq, ticks: seq * 10, unix_ns: 0, reporter: subject };
            let entry = Entry {
                device: 1,
                rights: 7,
                rule: 1,
                base: 0x1000,
                len: 0x1000,
                epoch: 1,
                reason: 1,
                detail: seq,
                ..Entry::about(Event::Decision, Outcome::Allow, subject)
            };
            let own = Sha256::new()
                .chain_update(previous)
                .chain_update(stamp.as_bytes())
                .chain_update(entry.hashed())
                .finalize()
                .into();
            let hashes = Hashes { previous, own };
            previous = own;
            Record { stamp, entry, hashes }
        };
        (1..=count).map(record).collect()
    }

    #[test]
    fn a_whole_chain_is_whole() {
        assert_eq!(verify(&chain(5)), Ok(()));
        assert_eq!(verify(&[]), Ok(()));
    }

    #[test]
    fn a_record_that_was_changed_removed_or_moved_shows() {
        let mut changed = chain(5);
        changed[2].entry.outcome = Outcome::Deny;
        let mut removed = chain(5);
        removed.remove(2);
        let mut moved = chain(5);
        moved.swap(1, 2);
        let mut renumbered = chain(5);
        renumbered.remove(4);
        renumbered[3].stamp.seq = 5;
        for broken in [changed, removed, moved, renumbered] {
            assert!(verify(&broken).is_err());
        }
    }
}
