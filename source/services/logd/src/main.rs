//! logd: joins the log to its endpoint.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use logd::Logd;
use nexus_abi::{Role, Sender};
use nexus_proto::log::{Log, Request};
use nexus_rt::{Answer, ReplyTo, Service, StartError, run, startup, ticks};
use nexus_sysdesc::Description;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let endpoint = start.serve()?;
    let memory = start.map_memory(Role::Description)?;
    let description = decode(memory.bytes())?;
    let block = start.block();

    let mut logd = Logd::new(&description, block.timebase_hz);
    let own = Sender { service_id: block.service_id, incarnation: block.incarnation };
    logd.begin(own, block.nonce, ticks());
    Err(StartError::Kernel(run(endpoint, &mut Server(logd))))
}

fn decode(bytes: &[u8]) -> Result<Description, StartError> {
    Description::decode(bytes).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })
}

struct Server(Logd);

impl Service for Server {
    type Protocol = Log;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        reply.message(self.0.handle(sender, &request, ticks()))
    }

    fn refused(&mut self, _sender: Sender) {
        self.0.refused();
    }
}
