//! One request, as picoserve sees it: a connection that has its head and no more, and whose end is not that of the
//! real one.

use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt::{Arguments, Write as _};

use picoserve::io::{BaseWrite, ErrorType, Read, Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::{Timeouts, Timer};

use crate::room::Seat;

/// Bytes of an answer that are gathered before some are sent: a small answer is one piece.
pub(crate) const GATHERED: usize = 4096;
/// Most bytes that are written at once by who wants to see the room for them.
const LENT: usize = 512;

/// A head, and where its answer goes.
pub(crate) struct One<'a, 's, W> {
    pub(crate) head: &'a [u8],
    pub(crate) writer: &'a mut Gather<'s, W>,
    /// Set when picoserve looks for another request: it has told the client that there can be one.
    pub(crate) goes_on: &'a Cell<bool>,
}

impl<'s, R, W: BaseWrite> Socket<R> for One<'_, 's, W>
where
    W::Error: 'static,
{
    type Error = W::Error;
    type ReadHalf<'b>
        = Head<'b, W>
    where
        Self: 'b;
    type WriteHalf<'b>
        = &'b mut Gather<'s, W>
    where
        Self: 'b;

    fn split(&mut self) -> (Self::ReadHalf<'_>, Self::WriteHalf<'_>) {
        let head =
            Head { left: self.head, goes_on: self.goes_on, errors: core::marker::PhantomData };
        (head, self.writer)
    }

    async fn abort<T: Timer<R>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Self::Error>> {
        Ok(())
    }

    async fn shutdown<T: Timer<R>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Self::Error>> {
        Ok(())
    }
}

/// A head that is read; behind it is the end.
pub(crate) struct Head<'a, W> {
    left: &'a [u8],
    goes_on: &'a Cell<bool>,
    errors: core::marker::PhantomData<fn() -> W>,
}

impl<W: BaseWrite> ErrorType for Head<'_, W> {
    type Error = W::Error;
}

impl<W: BaseWrite> Read for Head<'_, W> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let len = buf.len().min(self.left.len());
        let (now, later) = self.left.split_at(len);
        self.goes_on.set(now.is_empty());
        for (to, from) in buf.iter_mut().zip(now) {
            *to = *from;
        }
        self.left = later;
        Ok(len)
    }
}

/// Gathers what is written, and sends it in few pieces.
pub(crate) struct Gather<'a, W> {
    writer: W,
    gathered: Vec<u8>,
    /// Bytes that were sent since the connection got on.
    sent: usize,
    seat: &'a Seat<'a>,
}

impl<'a, W: BaseWrite> Gather<'a, W> {
    /// Tells `seat` each time that so many bytes are sent as are gathered at most.
    pub(crate) fn new(writer: W, seat: &'a Seat<'a>) -> Gather<'a, W> {
        Gather { writer, gathered: Vec::new(), sent: 0, seat }
    }

    /// Sends what is gathered, and all that was before.
    pub(crate) async fn send(&mut self) -> Result<(), W::Error> {
        self.send_gathered().await?;
        self.writer.flush().await
    }

    async fn send_gathered(&mut self) -> Result<(), W::Error> {
        self.writer.write_all(&self.gathered).await?;
        self.count(self.gathered.len());
        self.gathered.clear();
        Ok(())
    }

    fn count(&mut self, sent: usize) {
        self.sent += sent;
        if self.sent >= GATHERED {
            self.sent = 0;
            self.seat.gets_on();
        }
    }
}

impl<W: BaseWrite> ErrorType for Gather<'_, W> {
    type Error = W::Error;
}

impl<W: BaseWrite> BaseWrite for Gather<'_, W> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        if self.gathered.len() + buf.len() <= GATHERED {
            self.gathered.extend_from_slice(buf);
            return Ok(buf.len());
        }
        // What is first goes first, and with it as much as there is room for.
        let len = match self.gathered.len() {
            0 => 0,
            gathered => GATHERED.saturating_sub(gathered),
        };
        self.gathered.extend_from_slice(buf.get(..len).unwrap_or_default());
        self.send_gathered().await?;
        if len > 0 {
            return Ok(len);
        }
        // To have written nothing would be an error.
        let len = self.writer.write(buf).await?;
        self.count(len);
        Ok(len)
    }

    /// Nothing: head and body are one piece, and [`Gather::send`] sends the last.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<W: BaseWrite> Write for Gather<'_, W> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(
        &mut self,
        f: F,
    ) -> Result<R, Self::Error> {
        let mut lent = [0; LENT];
        let mut lent = BorrowedBuffer::new(&mut lent);
        let result = f(lent.unfilled());
        self.write_all(lent.filled()).await?;
        Ok(result)
    }

    async fn write_fmt(&mut self, args: Arguments<'_>) -> Result<(), Self::Error> {
        let mut text = alloc::string::String::new();
        // A string takes everything, and what is written here are headers.
        let _ = text.write_fmt(args);
        self.write_all(text.as_bytes()).await
    }
}
