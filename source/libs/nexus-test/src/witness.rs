//! What the host compares: ledger, capabilities and page-table roots of everybody who lives, and then
//! the memory of the guest itself.

use core::sync::atomic::{AtomicU64, Ordering};

use nexus_proto::init::{Caps, Init, Irqs, Services, Stat};
use nexus_proto::log::{Head, Log};
use nexus_proto::{Operation, ServiceError, Zero, ids};
use nexus_rt::{CallError, Client, Deadline, record_in_chain, startup};

use crate::{Failed, Host, SAFETY_MS, records};

/// Records of the ledger that the host has been shown.
static SHOWN: AtomicU64 = AtomicU64::new(0);

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
        self.show_lines(init)?;
        // Before the host is told: it answers at once.
        self.console.take_lines()?;
        self.record(records::WITNESS_READY)?;
        Ok(self.console.wait_for(records::WITNESS_DONE, deadline)?)
    }

    /// Shows what has come to the ledger since it was shown last, and then its head.
    fn show_ledger(&self, logd: Client<Log>) -> Result<(), CallError> {
        let mut shown = SHOWN.load(Ordering::Relaxed);
        loop {
            let deadline = Deadline::after_ms(SAFETY_MS);
            if let Some((stamp, entry, hashes)) = record_in_chain(logd, shown + 1, deadline)? {
                if stamp.seq > shown + 1 {
                    self.record(&records::hole(stamp.seq - 1, &hashes.previous))?;
                }
                self.record(&records::ledger(&stamp, &entry, &hashes.own))?;
                shown = stamp.seq;
                SHOWN.store(shown, Ordering::Relaxed);
                continue;
            }
            // What has come since is shown, too: the head is that of the last record.
            let head = ask(logd, &Head {})?;
            if head.records <= shown {
                return self.record(&records::head(&head));
            }
        }
    }

    /// The same once more, where it was shown.
    ///
    /// # Errors
    /// logd or consoled does not answer.
    pub(crate) fn show_rest_of_ledger(&self) -> Result<(), CallError> {
        if SHOWN.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let logd = startup().client(ids::LOGD);
        logd.map_or(Ok(()), |logd| self.show_ledger(logd))
    }

    /// The interrupt lines that are given; where none is, init has nothing to tell.
    fn show_lines(&self, init: Client<Init>) -> Result<(), CallError> {
        let mut cursor = 0;
        loop {
            let line = match ask(init, &Irqs { cursor }) {
                Err(CallError::Service(ServiceError::NotFound)) if cursor == 0 => return Ok(()),
                answer => answer?,
            };
            self.record(&records::irq(&line))?;
            cursor = u64::from(line.next);
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Capabilities, and the root page table; who has ended has none.
    fn show_service(&self, init: Client<Init>, service: u32) -> Result<(), CallError> {
        let stat = ask(init, &Stat { service, zero: Zero::ZERO })?;
        if !stat.state.lives() {
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
    server.call(request, Deadline::after_ms(SAFETY_MS))
}
