//! What the ledger says of the lives that ended and began.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nexus_proto::log::{Entry, Event, Head, Log, ReadEntry, Stats};
use nexus_proto::{ServiceError, ids};
use nexus_rt::{CallError, Client, startup};
use nexus_test::Failed;

use crate::tally::soon;

/// Reads on where it has read to.
#[derive(Debug)]
pub(crate) struct Journal {
    logd: Client<Log>,
    seen: u64,
}

/// Lives of one service that the ledger tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lives {
    /// That have ended.
    pub(crate) ended: u32,
    /// That have begun: with a device, which was given, or without.
    pub(crate) begun: u32,
}

impl Journal {
    /// From here on.
    pub(crate) fn new() -> Result<Journal, Failed> {
        let logd: Client<Log> = startup().client(ids::LOGD)?;
        let seen = logd.call(&Head {}, soon())?.records;
        Ok(Journal { logd, seen })
    }

    /// What came since about this service. There is room for more.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn news(&mut self, service: u32) -> Result<Lives, String> {
        let records = self.read().map_err(|error| format!("the ledger: {error:?}"))?;
        let room = self.logd.call(&Stats {}, soon()).map_or(0, |counts| counts.room);
        if room == 0 {
            return Err(String::from("the ledger is full"));
        }
        Ok(lives(&records, service))
    }

    fn read(&mut self) -> Result<Vec<Entry>, CallError> {
        let head = self.logd.call(&Head {}, soon())?.records;
        let mut records = Vec::new();
        for seq in self.seen + 1..=head {
            match self.logd.call(&ReadEntry { seq }, soon()) {
                Ok(entry) => records.push(entry),
                // It was folded away: those who read it counted it then.
                Err(CallError::Service(ServiceError::NotFound)) => {}
                Err(error) => return Err(error),
            }
        }
        self.seen = head;
        Ok(records)
    }
}

fn lives(records: &[Entry], service: u32) -> Lives {
    let count = |events: &[Event]| {
        let of_it = |one: &&Entry| events.contains(&one.event) && one.subject.id == service;
        u32::try_from(records.iter().filter(of_it).count()).unwrap_or(u32::MAX)
    };
    Lives { ended: count(&[Event::Exit]), begun: count(&[Event::Grant, Event::Start]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::Subject;
    use nexus_proto::log::Outcome;

    #[test]
    fn lives_of_one_service_are_counted() {
        let entry = |event, id| Entry::about(event, Outcome::None, Subject { id, incarnation: 3 });
        let records = [
            entry(Event::Exit, 7),
            entry(Event::Decision, 7),
            entry(Event::Grant, 7),
            entry(Event::Exit, 8),
            entry(Event::Start, 8),
            entry(Event::Exit, 7),
        ];
        assert_eq!(lives(&records, 7), Lives { ended: 2, begun: 1 });
        assert_eq!(lives(&records, 8), Lives { ended: 1, begun: 1 });
        assert_eq!(lives(&[], 7), Lives::default());
    }
}
