//! policyd: joins the rules to their endpoint and to logd.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::{Role, Sender};
use nexus_proto::ids;
use nexus_proto::log::{Append, Entry, Log};
use nexus_proto::policy::{Policy, Request};
use nexus_rt::{Answer, Client, Deadline, ReplyTo, Service, StartError, run, startup};
use nexus_sysdesc::Description;
use policyd::{Policyd, Recorder};

nexus_rt::entry!(main);

/// Milliseconds that a record may take. Shorter than the patience of whoever asks policyd, so
/// that a slow logd is a denial with its reason and not silence.
const RECORD_MS: u64 = 200;

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let ledger = Ledger(start.client(ids::LOGD)?);
    let memory = start.map_memory(Role::Description)?;
    let description = decode(memory.bytes())?;
    drop(memory);

    let mut server = Server { policyd: Policyd::new(description), ledger };
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
struct Ledger(Client<Log>);

impl Recorder for Ledger {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        let append = Append { entry: *entry };
        self.0.call(&append, Deadline::after_ms(RECORD_MS)).ok().map(|appended| appended.seq)
    }
}
