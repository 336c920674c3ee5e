//! policyd as it is, but for its first answer, which comes too late.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::{Handle, Role, Sender};
use nexus_proto::ids;
use nexus_proto::log::{Append, Entry, Log, Stamp};
use nexus_proto::policy::{Policy, Request};
use nexus_rt::{Answer, Client, Deadline, ReplyTo, Service, StartError, record, run, startup, sys};
use nexus_sysdesc::Description;
use policyd::{Policyd, Recorder, Unread};

nexus_rt::entry!(main);

/// Milliseconds that the first answer takes: more than init waits.
const STALL_MS: u64 = 2500;
/// Milliseconds that a record may take.
const RECORD_MS: u64 = 200;

fn main() -> Result<(), StartError> {
    let start = startup();
    let memory = start.map_memory(Role::Description)?;
    let description = Description::decode(memory.bytes()).map_err(|_| StartError::BadMemory)?;
    let ledger = Ledger(start.client(ids::LOGD)?);
    let mut server = Server { policyd: Policyd::new(description), ledger, stalled: false };
    Err(StartError::Kernel(run(start.serve()?, &mut server)))
}

struct Server {
    policyd: Policyd,
    ledger: Ledger,
    stalled: bool,
}

impl Service for Server {
    type Protocol = Policy;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        if !self.stalled {
            self.stalled = true;
            stall();
        }
        reply.message(self.policyd.handle(sender, &request, &mut self.ledger))
    }
}

/// Nobody signals it: the wait ends by its deadline.
fn stall() {
    if let Ok(never) = sys::notification_create() {
        let _ = sys::wait(never, Deadline::after_ms(STALL_MS).ticks(), Handle::NONE);
    }
}

/// The ledger that logd keeps.
struct Ledger(Client<Log>);

impl Recorder for Ledger {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        let append = Append { entry: *entry };
        self.0.call(&append, Deadline::after_ms(RECORD_MS)).ok().map(|appended| appended.seq)
    }

    fn read(&mut self, from: u64) -> Result<Option<(Stamp, Entry)>, Unread> {
        record(self.0, from, Deadline::after_ms(RECORD_MS)).map_err(|_| Unread)
    }
}
