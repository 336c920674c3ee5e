//! logd: joins the log to its endpoint.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use logd::Logd;
use logd::ledger::counts;
use logd::store::Store;
use logd::waiting::Waiting;
use nexus_abi::{Role, Sender};
use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::log::{Await, Log, Request};
use nexus_rt::{Answer, ReplyTo, Service, StartError, run, startup, ticks};
use nexus_sysdesc::Description;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let memory = start.map_memory(Role::Description)?;
    let description = decode(memory.bytes())?;
    let block = start.block();

    let mut store = Store::with_counts(start.map_record()?, counts(&description));
    let own = Sender { service_id: block.service_id, incarnation: block.incarnation };
    let now = (own, block.nonce, ticks());
    let logd = Logd::recover(&description, block.timebase_hz, &mut store, now);
    Err(StartError::Kernel(run(endpoint, &mut Server { logd, store, waiting: Waiting::default() })))
}

fn decode(bytes: &[u8]) -> Result<Description, StartError> {
    Description::decode(bytes).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })
}

struct Server {
    logd: Logd,
    store: Store<SharedMemory<ReadWrite>>,
    /// The archive.
    waiting: Waiting<(Await, ReplyTo)>,
}

impl Server {
    /// Tells the archive, if it waits for what there is now. It has stopped waiting when that fails.
    fn tell(&mut self) {
        if let Some((ask, reply)) = self.waiting.due(self.logd.ledger().records()) {
            let _gone = reply.send(&self.logd.awaited(&ask));
        }
    }
}

impl Service for Server {
    type Protocol = Log;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        if let Request::Await(ask) = request
            && self.logd.is_awaited(sender, &ask)
        {
            self.waiting.wait(ask.after, (ask, reply));
            return Answer::later();
        }
        let answer = self.logd.handle(sender, &request, ticks());
        self.logd.save(&mut self.store);
        self.tell();
        reply.message(answer)
    }

    fn refused(&mut self, _sender: Sender) {
        self.logd.refused();
    }
}
