//! The same by futures: many sockets in one thread, with nobody else to run them.
//!
//! Futures here are pending until something was done in the ring; then all that wait are woken, and each looks for
//! itself. [`Net::block_on`] runs one future, which can be many that are joined: it polls it, waits at the ring, and
//! polls it again. A future that is dropped before it is done leaves what it asked for where it is; the next
//! one of the same socket finds it: nothing is read or written by half.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use nexus_mmio::SharedMut;
use nexus_rt::Deadline;

use crate::connection::{Input, Output};
use crate::{Connection, Error, Link, Listener, Net, Socket};

/// Somebody is to be polled again, without anything that was done in the ring.
struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl<L: Link<M>, M: SharedMut> Net<L, M> {
    /// What `attempt` gives, which is tried now, and again whenever something was done.
    ///
    /// # Errors
    /// Its own.
    pub async fn ready<T>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        poll_fn(|context| match attempt() {
            Ok(None) => {
                self.with(|session| session.wakers.add(context.waker()));
                Poll::Pending
            }
            Ok(Some(done)) => Poll::Ready(Ok(done)),
            Err(why) => Poll::Ready(Err(why)),
        })
        .await
    }

    /// Done when that time has come.
    pub async fn sleep(&self, until: Deadline) {
        poll_fn(|context| {
            if until.has_passed() {
                return Poll::Ready(());
            }
            self.with(|session| {
                session.alarm = session.alarm.min(until);
                session.wakers.add(context.waker());
            });
            Poll::Pending
        })
        .await;
    }

    /// Runs a future until it is done. Whatever it waits for is of this ring, or a [`sleep`](Self::sleep).
    ///
    /// # Errors
    /// Of [`wait`](Self::wait), twice with nothing in between that would have helped: netstackd is gone for good.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        let again = Arc::new(Again(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&again));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        let mut failed = false;
        loop {
            again.0.store(false, Relaxed);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                self.with(crate::session::Session::tell);
                return Ok(output);
            }
            if again.0.load(Relaxed) {
                self.poll();
                self.ring_alarm();
                continue;
            }
            match self.wait(self.with(|session| session.alarm)) {
                Ok(_) | Err(Error::TimedOut) => failed = false,
                Err(why) if failed => return Err(why),
                Err(_) => failed = true,
            }
            self.ring_alarm();
        }
    }

    /// Wakes all, when the time has come for one of them: those that sleep on say so again.
    fn ring_alarm(&self) {
        self.with(|session| {
            if session.alarm.has_passed() {
                session.alarm = Deadline::NEVER;
                session.wakers.wake();
            }
        });
    }
}

impl<'n, L: Link<M>, M: SharedMut> Listener<'n, L, M> {
    /// As [`accept`](Self::accept).
    ///
    /// # Errors
    /// As there.
    pub async fn accepted(&self) -> Result<Connection<'n, L, M>, Error> {
        self.net.ready(|| self.try_accept()).await
    }
}

impl<L: Link<M>, M: SharedMut> Connection<'_, L, M> {
    /// Both directions, each on its own.
    pub fn split(&mut self) -> (Reader<'_, L, M>, Writer<'_, L, M>) {
        let (net, socket) = (self.net, self.socket());
        let reader = Reader { net, socket, input: &mut self.input };
        (reader, Writer { net, socket, output: &mut self.output })
    }

    /// As [`finish`](Self::finish).
    ///
    /// # Errors
    /// As there.
    pub async fn finished(&mut self) -> Result<(), Error> {
        let net = self.net;
        net.ready(|| self.try_finish()).await
    }
}

/// What comes of a connection.
#[derive(Debug)]
pub struct Reader<'c, L: Link<M>, M: SharedMut> {
    net: &'c Net<L, M>,
    socket: Socket,
    input: &'c mut Input,
}

/// What goes by a connection.
#[derive(Debug)]
pub struct Writer<'c, L: Link<M>, M: SharedMut> {
    net: &'c Net<L, M>,
    socket: Socket,
    output: &'c mut Output,
}

impl<L: Link<M>, M: SharedMut> Writer<'_, L, M> {
    /// Sends no more, behind what was written. That is asked for, and not waited for: who reads learns what became of
    /// the connection, and [`finished`](Self::finished) waits.
    ///
    /// # Errors
    /// As [`Connection::try_finish`].
    pub async fn finish(&mut self) -> Result<(), Error> {
        let Writer { net, socket, output } = self;
        net.ready(|| output.end(net, *socket)).await
    }

    /// As [`Connection::finish`].
    ///
    /// # Errors
    /// As there.
    pub async fn finished(&mut self) -> Result<(), Error> {
        let Writer { net, socket, output } = self;
        net.ready(|| output.finish(net, *socket)).await
    }
}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::TimedOut | Error::NoAnswer => ErrorKind::TimedOut,
            Error::PeerRefused => ErrorKind::ConnectionRefused,
            Error::Reset => ErrorKind::ConnectionReset,
            Error::Gone | Error::Garbled => ErrorKind::ConnectionAborted,
            Error::Denied => ErrorKind::PermissionDenied,
            Error::InUse => ErrorKind::AddrInUse,
            Error::Unreachable | Error::NoName => ErrorKind::AddrNotAvailable,
            Error::Closed => ErrorKind::BrokenPipe,
            Error::Malformed | Error::TooLong | Error::TooMuch => ErrorKind::InvalidInput,
            Error::NoRoom | Error::QuotaSockets | Error::QuotaBytes => ErrorKind::OutOfMemory,
            Error::NoSocket | Error::NoRequest => ErrorKind::NotConnected,
            Error::NoRing(_) | Error::Call(_) | Error::Already => ErrorKind::Other,
        }
    }
}

impl<L: Link<M>, M: SharedMut> ErrorType for Reader<'_, L, M> {
    type Error = Error;
}

impl<L: Link<M>, M: SharedMut> ErrorType for Writer<'_, L, M> {
    type Error = Error;
}

impl<L: Link<M>, M: SharedMut> Read for Reader<'_, L, M> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let Reader { net, socket, input } = self;
        net.ready(|| input.read(net, *socket, into)).await
    }
}

impl<L: Link<M>, M: SharedMut> Write for Writer<'_, L, M> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let Writer { net, socket, output } = self;
        net.ready(|| output.write(net, *socket, bytes)).await
    }

    /// What was written is on its way already: it needs nothing more than that the ring is polled. To wait until
    /// netstackd says that it has it would cost each answer of a server two switches more. Why it was not sent is told
    /// by the next call.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
