//! What comes goes back: by connections, each as fast as its peer takes it, and by datagrams.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_net::{Connection, Datagrams as Socket, Error, Listener, RingLink};
use nexus_rt::Deadline;
use nexus_test::SAFETY_MS;

/// The memory of the ring.
pub(crate) type Memory = SharedMemory<ReadWrite>;
/// A connection.
pub(crate) type Stream<'n> = Connection<'n, RingLink, Memory>;

/// Whose datagrams go back. One may say that it is from this machine, or from no port: to send there is denied, and on record.
const PEERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 2, 2), Ipv4Addr::new(10, 0, 2, 64)];
/// Bytes of a connection that are on their way back at one time.
const BYTES: usize = 2048;

/// Connections whose bytes go back.
pub(crate) struct Streams<'n> {
    listener: Listener<'n, RingLink, Memory>,
    all: Vec<Echo<'n>>,
}

struct Echo<'n> {
    stream: Stream<'n>,
    bytes: Vec<u8>,
    /// Of those, how many have gone.
    gone: usize,
}

/// What a turn of a connection came to.
enum Turn {
    Waits,
    Did,
    Over,
}

impl<'n> Streams<'n> {
    pub(crate) fn new(listener: Listener<'n, RingLink, Memory>) -> Self {
        Streams { listener, all: Vec::new() }
    }

    /// Takes connections, and what each has. True when something was done.
    pub(crate) fn turn(&mut self) -> Result<bool, Error> {
        let mut did = false;
        while let Some(stream) = accepted(self.listener.try_accept())? {
            self.all.push(Echo { stream, bytes: Vec::new(), gone: 0 });
            did = true;
        }
        let mut all = core::mem::take(&mut self.all);
        for mut echo in all.drain(..) {
            let turn = echo.turn();
            did |= !matches!(turn, Ok(Turn::Waits));
            match turn {
                Ok(Turn::Waits | Turn::Did) => self.all.push(echo),
                // The peer has finished: so does this side, with what was written.
                Ok(Turn::Over) => drop(echo),
                // Whatever a peer does is its own.
                Err(Error::Gone | Error::Garbled) => return Err(Error::Gone),
                Err(_) => echo.stream.abort(),
            }
        }
        Ok(did)
    }
}

impl Echo<'_> {
    fn turn(&mut self) -> Result<Turn, Error> {
        if let Some(rest) = self.bytes.get(self.gone..).filter(|rest| !rest.is_empty()) {
            let Some(taken) = self.stream.try_write(rest)? else { return Ok(Turn::Waits) };
            self.gone += taken;
            return Ok(Turn::Did);
        }
        self.bytes.resize(BYTES, 0);
        let read = self.stream.try_read(&mut self.bytes);
        let came = read.as_ref().ok().copied().flatten().unwrap_or(0);
        self.bytes.truncate(came);
        self.gone = 0;
        Ok(match read? {
            None => Turn::Waits,
            Some(0) => Turn::Over,
            Some(_) => Turn::Did,
        })
    }
}

/// A connection whose peer has ended it before it was taken is none.
pub(crate) fn accepted<'n>(
    outcome: Result<Option<Stream<'n>>, Error>,
) -> Result<Option<Stream<'n>>, Error> {
    match outcome {
        Err(Error::Reset | Error::Closed) => Ok(None),
        outcome => outcome,
    }
}

/// Datagrams that go back.
pub(crate) struct Datagrams<'n> {
    socket: Socket<'n, RingLink, Memory>,
    bytes: Vec<u8>,
}

impl<'n> Datagrams<'n> {
    pub(crate) fn new(socket: Socket<'n, RingLink, Memory>) -> Self {
        Datagrams { socket, bytes: vec![0; BYTES] }
    }

    /// Sends one back. True when there was one.
    pub(crate) fn turn(&mut self) -> Result<bool, Error> {
        let Some(came) = self.socket.try_receive_from(&mut self.bytes)? else { return Ok(false) };
        let answers = came.from.port() > 0 && PEERS.iter().any(|peer| came.from.ip() == *peer);
        if !answers {
            return Ok(true);
        }
        let bytes = self.bytes.get(..came.len).unwrap_or_default();
        // One that is not sent is lost like a packet.
        match self.socket.send_to(came.from, bytes, Deadline::after_ms(SAFETY_MS)) {
            Err(why @ (Error::Gone | Error::Garbled)) => Err(why),
            _ => Ok(true),
        }
    }
}
