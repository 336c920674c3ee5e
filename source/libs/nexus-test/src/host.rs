//! The host that runs the tests.

use core::convert::Infallible;

use nexus_abi::{Error, Handle};
use nexus_proto::init::{Init, Readiness, Ready, Report, ReportState};
use nexus_proto::power::{Exit, Power};
use nexus_proto::{ServiceError, Zero, ids};
use nexus_rt::{CallError, Client, Deadline, StartError, startup, sys};

use crate::console::Console;
use crate::records;

/// Exit code of QEMU when all tests passed.
const PASSED: u16 = 33;
/// Exit code of QEMU when the first of two boots is over.
const FIRST_BOOT: u16 = 34;
/// Exit code of QEMU when one did not.
const FAILED: u16 = 35;
/// Milliseconds for the last line to leave the serial port.
const LAST_LINE_MS: u64 = 50;
/// Milliseconds after which a service counts as silent: a safety net for runs that hang, long enough for
/// a host that lets the guest stand still for seconds, and no part of what a proof says. Who has ended
/// is told at once.
pub const SAFETY_MS: u64 = 60_000;
/// Milliseconds between two looks at how far the owners are.
const LOOK_MS: u64 = 5;
/// Looks until they are: not time, of which they may have had none.
const LOOKS: u32 = 4000;

/// Lets others run for a while.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    /// Nobody signals it.
    never: Handle,
}

impl Waiter {
    /// With a notification of its own.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new() -> Result<Waiter, Error> {
        Ok(Waiter { never: sys::notification_create()? })
    }

    /// For some milliseconds.
    pub fn pause(&self, ms: u64) {
        // It ends by its deadline, and by nothing else.
        let _ = sys::wait(self.never, Deadline::after_ms(ms).ticks(), Handle::NONE);
    }
}

/// The way to the host.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Lines that are no records.
    pub console: Console,
    nonce: u64,
    init: Client<Init>,
    powerd: Client<Power>,
    waiter: Waiter,
}

impl Host {
    /// From the startup block: needs consoled, init and powerd.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Host, StartError> {
        let start = startup();
        Ok(Host {
            console: Console::new(start.client(ids::CONSOLED)?),
            nonce: start.block().nonce,
            init: start.client(ids::INIT)?,
            powerd: start.client(ids::POWERD)?,
            waiter: Waiter::new()?,
        })
    }

    /// Shows one record.
    ///
    /// # Errors
    /// consoled did not take it in time.
    pub fn record(&self, what: &str) -> Result<(), CallError> {
        self.console.line(&records::line(self.nonce, what))
    }

    /// Tells init that this owner of a window is there, waits for all services, and tells the
    /// host how many owners are ready.
    ///
    /// # Errors
    /// `BadState` as soon as one is not to come any more; `TimedOut` when they are not ready after many
    /// looks.
    pub fn wait_until_ready(&self) -> Result<(), CallError> {
        let report = Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 0 };
        self.init.call(&report, Deadline::after_ms(SAFETY_MS))?;
        self.wait_for_owners()
    }

    /// The same for a program that owns no window.
    ///
    /// # Errors
    /// As [`wait_until_ready`](Self::wait_until_ready).
    pub fn wait_for_owners(&self) -> Result<(), CallError> {
        for _ in 0..LOOKS {
            let ready = self.init.call(&Ready {}, Deadline::after_ms(SAFETY_MS))?;
            if everybody(&ready) {
                return self.record(&records::ready(ready.owners));
            }
            if somebody_is_lost(&ready) {
                return Err(CallError::Service(ServiceError::BadState));
            }
            self.waiter.pause(LOOK_MS);
        }
        Err(CallError::Service(ServiceError::TimedOut))
    }

    /// Tells the head of the ledger once more, how the tests came out, and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn end(&self, passed: u32, failed: u32) -> Result<Infallible, CallError> {
        self.show_rest_of_ledger()?;
        self.record(&records::verdict(passed, failed))?;
        self.exit(if failed == 0 { PASSED } else { FAILED })
    }

    /// Tells the head of the ledger once more, and ends the machine. The host boots it again, with the same
    /// number of the run and the same disk, for the verdict.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn end_first_boot(&self) -> Result<Infallible, CallError> {
        self.show_rest_of_ledger()?;
        self.exit(FIRST_BOOT)
    }

    fn exit(&self, code: u16) -> Result<Infallible, CallError> {
        self.waiter.pause(LAST_LINE_MS);
        self.powerd.call(&Exit { code, zero: Zero::ZERO }, Deadline::after_ms(SAFETY_MS))?;
        Err(CallError::Service(ServiceError::BadState))
    }
}

/// An owner has ended, cannot work or is not started, or another service is not.
const fn somebody_is_lost(ready: &Readiness) -> bool {
    ready.owners_lost > 0 || (ready.distributed && ready.services_started < ready.services)
}

const fn everybody(ready: &Readiness) -> bool {
    ready.owners_ready == ready.owners && ready.services_started == ready.services
}
