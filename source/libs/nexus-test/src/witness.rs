//! What the host compares: ledger, capabilities and page-table roots of everybody who lives, and then
//! the memory of the guest itself.

use nexus_proto::init::{Caps, Init, ServiceState, Services, Stat};
use nexus_proto::log::{Log, ReadEntry, ReadStamp, Stats};
use nexus_proto::{Operation, Zero, ids};
use nexus_rt::{CallError, Client, Deadline, startup};

use crate::{Failed, Host, records};

/// Milliseconds that a service has to answer.
const ANSWER_MS: u64 = 2000;

impl Host {
    /// Shows everything, and waits until the host has read the memory, until `deadline` at most.
    /// Where instructions are counted as time there can be none: the host takes no instructions.
    ///
    /// # Errors
    /// init, logd or consoled does not answer, or the host does not.
    pub fn witness(&self, deadline: Deadline) -> Result<(), Failed> {
        let start = startup();
        self.show_ledger(start.client(ids::LOGD)?)?;
        let init = start.client(ids::INIT)?;
        let mut cursor = 0;
        loop {
            let info = ask(init, &Services { cursor })?;
            self.show_service(init, info.service.id)?;
            cursor = info.next;
            if cursor == 0 {
                break;
            }
        }
        self.record(records::WITNESS_READY)?;
        Ok(self.console.wait_for(records::WITNESS_DONE, deadline)?)
    }

    fn show_ledger(&self, logd: Client<Log>) -> Result<(), CallError> {
        for seq in 1..=ask(logd, &Stats {})?.records {
            let stamp = ask(logd, &ReadStamp { seq })?;
            self.record(&records::ledger(&stamp, &ask(logd, &ReadEntry { seq })?))?;
        }
        Ok(())
    }

    /// Capabilities, and the root page table; who has ended has none.
    fn show_service(&self, init: Client<Init>, service: u32) -> Result<(), CallError> {
        let stat = ask(init, &Stat { service, zero: Zero::ZERO })?;
        if stat.state == ServiceState::Ended {
            return Ok(());
        }
        let mut cursor = 0;
        loop {
            let cap = ask(init, &Caps { service, zero: Zero::ZERO, cursor })?;
            self.record(&records::capability(service, &cap))?;
            cursor = cap.next;
            if cursor == 0 {
                break;
            }
        }
        self.record(&records::root(service, stat.root))
    }
}

fn ask<O: Operation>(server: Client<O::Protocol>, request: &O) -> Result<O::Reply, CallError> {
    server.call(request, Deadline::after_ms(ANSWER_MS))
}
