//! Requests to the network stack: by its ring, and by messages.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::socket::ring::ENTRIES;
use nexus_proto::socket::{Attach, Socket};
use nexus_proto::{Operation, ids};
use nexus_ring::{Consumer, Submission};
use nexus_rt::{Client, Deadline, Ring, StartError, attach, startup};
use nexus_test::{Failed, SAFETY_MS};

/// Bytes of a request.
const BYTES: usize = 2048;

/// The way to the network stack.
pub(crate) struct Sockets {
    ring: Ring,
    side: Consumer<SharedMemory<ReadWrite>, ENTRIES>,
    stack: Client<Socket>,
}

impl Sockets {
    pub(crate) fn new() -> Result<Sockets, Failed> {
        let start = startup();
        let ring = start.ring(ids::NETSTACKD).ok_or(StartError::NoMemory)?;
        let side = Consumer::new(ring.map()?, start.block().incarnation);
        let mut side = side.map_err(|_| StartError::BadMemory)?;
        let stack = start.client(ids::NETSTACKD)?;
        attach(&stack, &Attach {}, [&mut side], Deadline::after_ms(SAFETY_MS))?;
        Ok(Sockets { ring, side, stack })
    }

    /// Calls it.
    pub(crate) fn call<O>(&self, ask: &O) -> Result<O::Reply, String>
    where
        O: Operation<Protocol = Socket>,
    {
        self.stack.call(ask, Deadline::after_ms(SAFETY_MS)).map_err(|why| format!("{why:?}"))
    }

    /// Asks by the ring, one request at a time; its status and the bytes of its answer.
    pub(crate) fn ask(
        &mut self,
        op: u8,
        socket: u64,
        bytes: &[u8],
    ) -> Result<(u8, Vec<u8>), String> {
        let error = |why: &dyn core::fmt::Debug| format!("operation {op}: {why:?}");
        self.side.write(0, bytes).map_err(|why| error(&why))?;
        let request = Submission { id: 0, op, len: BYTES as u32, offset: 0, arg: socket };
        self.side.submit(request).map_err(|why| error(&why))?;
        // Whoever cannot be told has ended, which the ring says.
        let _ = self.side.ring(|| self.ring.tell().tell());
        loop {
            if let Some(done) = self.side.pop().map_err(|why| error(&why))? {
                let mut answer = vec![0; done.len as usize];
                self.side.read(0, &mut answer).map_err(|why| error(&why))?;
                return Ok((done.status, answer));
            }
            if self.side.may_wait().map_err(|why| error(&why))? {
                let waited = self.ring.wait(Deadline::after_ms(SAFETY_MS));
                waited.map_err(|why| error(&why))?;
            }
        }
    }
}
