//! Connections of the network stack, as picoserve takes them: by the ring with netstackd (nexus-net).

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::net::SocketAddr;
use core::pin::pin;

use nexus_mmio::SharedMut;
use nexus_net::io::{Reader, Writer};
use nexus_net::{Connection, Error, Link, Listener, Net};
use nexus_rt::Deadline;
use picoserve::io::{BaseWrite, ErrorType, Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::time::Duration;
use picoserve::{Timeouts, Timer};

use crate::connection::rest;
use crate::serve::Door;

/// Connections that may wait at the stack.
const BACKLOG: u16 = 8;
/// Milliseconds that the stack has to listen, and after which it is asked again.
const LISTEN_MS: u64 = 1000;
/// Milliseconds after which a connection is waited for again, once one was over before it was there.
const AGAIN_MS: u64 = 20;
/// Failures one after the other after which it is listened anew: whose fault they are cannot be told.
const FAILURES: u32 = 8;
/// Most bytes that are written at once by who wants to see the room for them.
const LENT: usize = 256;

/// The runtime: futures that wait at one ring.
#[derive(Clone, Copy, Debug)]
pub enum Stack {}

/// Time, as the ring is waited at.
#[derive(Debug)]
pub struct Clock<'n, L, M>(pub &'n Net<L, M>);

impl<L: Link<M>, M: SharedMut> Timer<Stack> for Clock<'_, L, M> {
    fn delay(&self, duration: Duration) -> impl Future<Output = ()> {
        self.0.sleep(Deadline::after_ms(duration.as_millis()))
    }
}

/// A port at which connections come in. When netstackd ends, its next life is asked to listen.
#[derive(Debug)]
pub struct Port<'n, L: Link<M>, M: SharedMut> {
    net: &'n Net<L, M>,
    at: SocketAddr,
    listener: RefCell<Option<Listener<'n, L, M>>>,
    failures: Cell<u32>,
}

impl<'n, L: Link<M>, M: SharedMut> Port<'n, L, M> {
    /// At this port of these addresses. Listens once the first connection is waited for.
    #[must_use]
    pub fn new(net: &'n Net<L, M>, at: SocketAddr) -> Self {
        Port { net, at, listener: RefCell::new(None), failures: Cell::new(0) }
    }

    fn attempt(&self) -> Result<Option<Connection<'n, L, M>>, Error> {
        let mut listener = self.listener.borrow_mut();
        let listening = match listener.take() {
            Some(listening) => listening,
            None => self.net.listen(self.at, BACKLOG, Deadline::after_ms(LISTEN_MS))?,
        };
        let came = listening.try_accept();
        let failures = if came.is_err() { self.failures.get() + 1 } else { 0 };
        self.failures.set(failures);
        if !matches!(came, Err(Error::Gone)) && failures < FAILURES {
            *listener = Some(listening);
        }
        came
    }
}

impl<'n, L: Link<M>, M: SharedMut> Door for Port<'n, L, M> {
    type Socket = Served<'n, L, M>;

    async fn accept(&self) -> Served<'n, L, M> {
        loop {
            match self.net.ready(|| self.attempt()).await {
                Ok(connection) => return Served(connection),
                // Of a connection that is over already, or nobody listens, and it is tried again.
                Err(why) => {
                    let listens = self.listener.borrow().is_some();
                    if !listens {
                        nexus_rt::debug!("nobody listens: {why}");
                    }
                    let pause = if listens { AGAIN_MS } else { LISTEN_MS };
                    self.net.sleep(Deadline::after_ms(pause)).await;
                }
            }
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Served<'n, L: Link<M>, M: SharedMut>(Connection<'n, L, M>);

impl<L: Link<M>, M: SharedMut> Socket<Stack> for Served<'_, L, M> {
    type Error = Error;
    type ReadHalf<'a>
        = Reader<'a, L, M>
    where
        Self: 'a;
    type WriteHalf<'a>
        = Plain<Writer<'a, L, M>>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::ReadHalf<'_>, Self::WriteHalf<'_>) {
        let (reader, writer) = self.0.split();
        (reader, Plain(writer))
    }

    async fn abort<T: Timer<Stack>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Error>> {
        self.0.abort();
        Ok(())
    }

    /// Finishes, and takes what the client still sends until it does, too.
    async fn shutdown<T: Timer<Stack>>(
        mut self,
        timeouts: &Timeouts,
        timer: &T,
    ) -> Result<(), picoserve::Error<Error>> {
        let (mut reader, mut writer) = self.0.split();
        let writes = |asked: Result<Result<(), Error>, _>| {
            asked.map_err(picoserve::Error::WriteTimeout)?.map_err(picoserve::Error::Write)
        };
        writes(timer.run_with_timeout(timeouts.write, writer.finish()).await)?;
        let mut rest = pin!(rest(&mut reader));
        let read = || timeouts.read_request;
        if let Ok(ended) = timer.run_with_timeout(read(), rest.as_mut()).await {
            return ended.map_err(picoserve::Error::Read);
        }
        // It may not have been sent all yet: its time begins then.
        writes(timer.run_with_timeout(timeouts.write, writer.finished()).await)?;
        let rest = timer.run_with_timeout(read(), rest).await;
        rest.map_err(picoserve::Error::ReadTimeout)?.map_err(picoserve::Error::Read)
    }
}

/// Writes what it is given, when it is given it.
#[derive(Debug)]
pub struct Plain<W>(W);

impl<W: BaseWrite> ErrorType for Plain<W> {
    type Error = W::Error;
}

impl<W: BaseWrite> BaseWrite for Plain<W> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, W::Error> {
        self.0.write(buf).await
    }

    async fn flush(&mut self) -> Result<(), W::Error> {
        self.0.flush().await
    }
}

impl<W: BaseWrite> Write for Plain<W> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(
        &mut self,
        f: F,
    ) -> Result<R, W::Error> {
        let mut lent = [0; LENT];
        let mut lent = BorrowedBuffer::new(&mut lent);
        let result = f(lent.unfilled());
        self.0.write_all(lent.filled()).await?;
        Ok(result)
    }
}
