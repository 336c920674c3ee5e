//! policyd: joins the rules to their endpoint and to logd.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::{Role, Sender};
use nexus_proto::ids;
use nexus_proto::log::{Append, Entry, Log, Stamp};
use nexus_proto::policy::{Policy, Request};
use nexus_rt::{Answer, Client, Deadline, ReplyTo, Service, StartError, record, run, startup};
use nexus_sysdesc::Description;
use policyd::{Policyd, Recorder, Unread};

nexus_rt::entry!(main);

/// Milliseconds that a record may take. Shorter than the patience of whoever asks policyd, so
/// that a slow logd is a denial with its reason and not silence.
const RECORD_MS: u64 = 200;
/// Milliseconds that all of the ledger may take to be read. Twice, and a record, are still shorter.
const READ_MS: u64 = 500;

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let logd = start.client(ids::LOGD)?;
    let mut ledger = Ledger { logd, until: Deadline::after_ms(READ_MS) };
    let memory = start.map_memory(Role::Description)?;
    let description = decode(memory.bytes())?;
    drop(memory);

    let mut policyd = Policyd::new(description);
    policyd.read_history(&mut ledger);
    let mut server = Server { policyd, ledger };
    Err(StartError::Kernel(run(endpoint, &mut server)))
}

fn decode(bytes: &[u8]) -> Result<Description, StartError> {
    Description::decode(bytes).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })
}

struct Server {
    policyd: Policyd,
    ledger: Ledger,
}

impl Service for Server {
    type Protocol = Policy;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        reply.message(self.policyd.handle(sender, &request, &mut self.ledger))
    }
}

/// The ledger that logd keeps.
struct Ledger {
    logd: Client<Log>,
    /// Until when it may take to be read.
    until: Deadline,
}

impl Recorder for Ledger {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        let append = Append { entry: *entry };
        self.logd.call(&append, Deadline::after_ms(RECORD_MS)).ok().map(|appended| appended.seq)
    }

    fn read(&mut self, from: u64) -> Result<Option<(Stamp, Entry)>, Unread> {
        if from == 1 {
            self.until = Deadline::after_ms(READ_MS);
        }
        record(self.logd, from, self.until).map_err(|_| Unread)
    }
}
